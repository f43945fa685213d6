r"""
Weights that leave an encoding under L1
=======================================

A neural network is rewarded for representing a feature, and pays an L1 penalty for each weight that it does so with.
At first a hundred thousand small weights share the work. All of them pay the same rent, so the small ones can't keep
up: one after the other they reach zero, until a single weight carries the feature. How long does that take, and what
does the crowd look like on the way?

The simulation is that of Lecomte et al. [1]_: :math:`dw_i/dt = (1 - \|w\|_2^2)\, w_i - \alpha`, in steps of 0.5, with
m = 10⁵ weights drawn as :math:`|N(0, 0.9/\sqrt m)|` and :math:`\alpha = 10^{-5}`. The weights are those of their
script, from the same random numbers.

.. [1] Lecomte, Thaman, Schaeffer, Bashkansky, Chow and Koyejo (2023), "What causes polysemanticity? An
   alternative origin story of mixed selectivity from incidental causes", arXiv:2312.03096.
"""

# %%
# The simulation
# --------------
# Weight by weight, with arrays of NumPy, the same steps take about two seconds, and end at the same time.

from time import perf_counter

import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import norm
from sklearn.utils import check_random_state

from skprox.dynamics import simulate_sparsification

m, alpha = 100_000, 1e-5
weights = np.sort(abs(check_random_state(0).normal(0, 0.9 / np.sqrt(m), m)))[::-1]
simulate_sparsification(10, alpha=0.1, random_state=0)  # compiles
start = perf_counter()
result = simulate_sparsification(weights, alpha=alpha)
took, time = perf_counter() - start, result.time
print(
    f"one weight is left at t = {time[-1]:.0f}, after {2 * time[-1]:.0f} steps in {took:.3f} s"
)

# %%
# Beside the theory
# -----------------
# Theory expects :math:`1/(1/\sqrt m + \alpha t)` of the L1 norm, and the square of that of the number of weights. It
# gets the slopes right, -1 and -2 on logarithmic axes, and that one weight is left after a time of the order of
# :math:`1/\alpha` (here 1.8 times that). It is off by a factor, up to 3 for the number of weights and 1.5 for the norm,
# since it takes the variance of the weights to be the square of their mean. Weights from a normal distribution vary
# less, and come near that only when few are left. The norm starts at 0.72 of what theory says, which is
# :math:`0.9 \sqrt{2/\pi}`: the standard deviation has a factor of 0.9, and its theory none.

frame = result.to_frame()
columns = list(frame.columns[:6])
rows = np.searchsorted(time, [0, 10, 100, 1000, 10_000, 100_000, time[-1]])
print(frame.iloc[rows][columns].to_string(float_format="{:.3g}".format))

# %%
# Bounds from ideal weights
# -------------------------
# The weights left are always the largest initial ones, shifted and scaled. This bounds their relative variance, by the
# initial weights as drawn (`relative_variance_bounds`) or, as here, by the quantiles of their distribution.

ideal = norm.isf((np.arange(m) + 0.5) / (2 * m))
sizes = np.arange(1, m + 1)
means = np.cumsum(ideal) / sizes
variances = np.cumsum(ideal**2) / sizes - means**2
several = result.weights_left > 1
left = result.weights_left[several]
ideal_low = variances[left - 1] / (means[left - 1] - np.append(ideal, 0)[left]) ** 2
ideal_high = variances[left - 1] / (means[left - 1] - ideal[left - 1]) ** 2

# %%
# Pictures
# --------
# Top left is the main figure of the script, on its axes: m' and :math:`\|w\|_1`, with the theory dashed. It differs in
# one thing: the script records m' after a step beside the time before it; here all is recorded at one time.
#
# Top right, other curves that the script has for these axes. The benefit that is left falls at once to where it
# balances the penalty on all weights, :math:`\alpha \|w\|_1`, and follows it down.
#
# Bottom left, the relative variance within its bounds. It keeps to the theory while there are enough weights. The peak
# is the luck of the draw: 31 weights are left there, and four of them were drawn far ahead of the rest.
#
# Bottom right, weights as a share of the largest one, by their rank. One minus the gap by its own law,
# :math:`d\gamma/dt = \alpha \gamma / w_1`, is the second one's share to a relative error of 0.0004.

fig, axes = plt.subplots(2, 2, figsize=(8, 7.5), layout="constrained")
window, theory = (1, np.sqrt(10) / alpha), result.theory

ax = result.plot(ax=axes[0, 0])
ax.set(
    xlim=window, ylim=(1 / np.sqrt(10), m * np.sqrt(10)), title="m = 10⁵, alpha = 10⁻⁵"
)
ax.legend(loc="lower left", fontsize="small")
ax.grid(True)

ax = axes[0, 1]
ax.loglog(
    time,
    result.total_squared_deviation,
    color="C2",
    label=r"$\Sigma_i (w_i - \bar w)^2$",
)
ax.loglog(
    time, theory["total_squared_deviation"], "--", color="C2", label="deviation, theory"
)
ax.loglog(time, result.feature_benefit, color="C4", label=r"benefit, $1 - \|w\|_2^2$")
ax.loglog(time, theory["feature_benefit"], "--", color="C4", label="benefit, theory")
ax.loglog(time, alpha * result.one_norm, ":", color="k", label=r"alpha $\|w\|_1$")
ax.set(
    xlim=window,
    ylim=(3e-6, 1e6),
    xlabel="time",
    ylabel="deviation, benefit",
    title="Deviation and benefit",
)
ax.grid(True)
ax.legend(ncols=2, loc="upper left", fontsize="small")

ax = axes[1, 0]
ax.semilogx(time, result.relative_variance, label="relative variance")
ax.fill_between(
    time,
    *result.relative_variance_bounds.T,
    color="C0",
    alpha=0.3,
    lw=0,
    label="bounds, weights as drawn",
)
ax.fill_between(
    time[several],
    ideal_low,
    ideal_high,
    color="C3",
    alpha=0.3,
    lw=0,
    label="bounds, ideal weights",
)
ax.semilogx(time, theory["relative_variance"], "k--", lw=1, label="theory")
ax.set(
    xlim=window,
    ylim=(0, 2),
    xlabel="time",
    ylabel="variance / mean²",
    title="Relative variance",
)
ax.legend(loc="upper left", fontsize="small")

ax = axes[1, 1]
for rank in (2, 4, 10, 100, 1000, 10_000):
    shares = 1 - result.gap[several] * (weights[0] - weights[rank - 1]) / (
        weights[0] - weights[1]
    )
    (line,) = ax.semilogx(time[several], np.where(shares > 0, shares, np.nan))
    ax.text(1.3, shares[0] + 0.01, f"rank {rank}", color=line.get_color())
ax.semilogx(time, 1 - theory["gap"], "k--", lw=1, label="rank 2 by the law of the gap")
ax.set(
    xlim=window,
    ylim=(-0.15, 1.02),
    xlabel="time",
    ylabel="share of the largest weight",
    title="Weights by rank",
)
ax.legend(loc="lower left", fontsize="small")
fig.savefig("sparsification_dynamics.png", dpi=120)
plt.show()

# %%
# The crowd thins out as theory says, to a constant factor, and a single weight is left after a time of about
# :math:`1.8 / \alpha`.
