"""
Two kinds of riders: one model of two responses
===============================================

Bikes in Washington D.C. are rented by registered riders and by casual ones. Both see the same clock, weather and
calendar, so they are two outputs of one model: a 2-D target. Each output has coefficients, a certificate and, if one
likes, strengths of its own, and is solved as if it were alone. What drives the one kind and not the other?
"""

# %%
# Data
# ----
# Every fourth week is for testing, the one before it for choosing strengths. The hour means something else on working
# days than on days off, so there is one periodic spline for each; further covariates have splines or one-hot columns.
# A covariate of pure noise shows whether the selection can be trusted. Columns with two levels are grouped by the
# first.

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.metrics import d2_tweedie_score
from sklearn.preprocessing import OneHotEncoder, SplineTransformer

from skprox import GroupLassoPoisson, regularization_path
from skprox.datasets import load_bike_rentals

frame = load_bike_rentals(as_frame=True).frame
frame["weathersit"] = frame["weathersit"].replace(
    "heavy rain/snow", "light rain/snow"
)  # there is one such hour
frame["noise"] = np.random.default_rng(0).uniform(size=len(frame))
riders = frame[["casual", "registered"]]
week = frame["day"] // 7
testing, choosing = week % 4 == 3, week % 4 == 2
print(riders[testing].sum().to_string())

hour = SplineTransformer(
    n_knots=13, knots=np.linspace(0, 24, 13)[:, None], extrapolation="periodic"
)
transformers = {"hr": hour}
transformers |= {
    name: SplineTransformer(n_knots=6, include_bias=False)
    for name in ("temp", "hum", "windspeed", "noise")
}
transformers |= {
    name: OneHotEncoder(drop="first", sparse_output=False)
    for name in ("mnth", "weathersit", "holiday")
}
blocks = {
    name: transformer.set_output(transform="pandas").fit_transform(frame[[name]])
    for name, transformer in transformers.items()
}
hours = blocks.pop("hr")
blocks["hour, working day"] = hours.mul(frame["workingday"], axis=0)
blocks["hour, day off"] = hours.mul(1 - frame["workingday"], axis=0)
X = pd.concat(blocks, axis=1)

# %%
# One path for both
# -----------------
# Both outputs follow the same strengths. Casual riders rent a fifth of the bikes, so that their log-likelihood, and
# with it the strength that suits them, is smaller.

learning = ~(testing | choosing)
path = regularization_path(
    GroupLassoPoisson(),
    X[learning],
    riders[learning],
    alphas=np.geomspace(10, 0.01, 40),
)
rates = np.exp(
    path.intercepts[:, None] + X[choosing].to_numpy() @ path.coefs.transpose(0, 2, 1)
)
alphas = []
for k, kind in enumerate(riders):
    counts = riders[kind][choosing]
    scores = [d2_tweedie_score(counts, rate[:, k], power=1) for rate in rates]
    good = np.array(scores) >= max(scores) - 0.01
    alphas.append(path.alphas[good.argmax()])
    print(f"{kind}: strength {alphas[-1]:.2g}, the largest within 0.01 of the best D²")

# %%
# A strength for each output
# --------------------------
# A frame of strengths has a row for each output and a column for each group. Each output is the same as if it were
# fitted alone.

strengths = pd.DataFrame(dict.fromkeys(blocks, alphas), index=riders.columns)
model = GroupLassoPoisson(alpha=strengths, tol=1e-10)
model.fit(X[~testing], riders[~testing])
for k, kind in enumerate(riders):
    alone = GroupLassoPoisson(alpha=alphas[k], tol=1e-10).fit(
        X[~testing], riders[kind][~testing]
    )
    print(f"{kind}: {np.abs(model.coef_[k] - alone.coef_).max():.0e} from its own fit")

predicted = model.predict(X[testing])
for k, kind in enumerate(riders):
    score = d2_tweedie_score(riders[kind][testing], predicted[kind], power=1)
    certificate = f"certificate {model.optimality_[k]:.0e}"
    print(f"{kind}: D² = {score:.3f} on the weeks held out, {certificate}")

# %%
# What drives whom
# ----------------
# Noise is dropped for both. Registered riders go by the clock of working days; temperature, humidity and wind mean more
# to casual ones, who ride in the afternoon, and most of all on days off.

norms = pd.DataFrame(model.group_norms_, index=riders.columns).T
print(norms.to_string(float_format="{:.3f}".format))


def effect(group, transformer, values):
    """What a group adds to the log rates of both outputs, at values of its covariate."""
    frame = pd.DataFrame({transformer.feature_names_in_[0]: values})
    return transformer.transform(frame).to_numpy() @ model.split_coef()[group].T


fig, axes = plt.subplots(2, 2, figsize=(8, 7), layout="constrained")
for k, (ax, kind) in enumerate(zip(axes[0], riders, strict=True)):
    for group, norm in zip(path.groups, path.group_norms[:, k].T, strict=True):
        ax.plot(path.alphas, norm, "k:" if group == "noise" else "-", label=group)
    ax.axvline(alphas[k], color="k", lw=0.8, ls="--", label="strength chosen")
    ax.set(xscale="log", xlabel="alpha", ylim=(0, 6), title=f"{kind} riders")
axes[0, 0].set_ylabel("norm of the coefficients")
fig.legend(
    *axes[0, 1].get_legend_handles_labels(),
    loc="outside upper center",
    ncols=4,
    fontsize="small",
)

ax = axes[1, 0]
clock = np.linspace(0, 23.9, 240)
others = X.drop(columns=["hour, working day", "hour, day off"], level=0).mean()
places = X.columns.get_indexer(others.index)
typical = model.intercept_ + model.coef_[:, places] @ others
for kind_of_day, style in [("working day", "-"), ("day off", "--")]:
    rates = np.exp(typical + effect(f"hour, {kind_of_day}", hour, clock)).T
    for k, kind in enumerate(riders):
        label = f"{kind}, {kind_of_day}"
        ax.plot(clock, rates[k], style, color=f"C{k}", label=label)
ax.set(xlabel="hour of the day", ylabel="bikes an hour", title="Expected rentals")
ax.set(xticks=range(0, 25, 6), ylim=(0, 520))
ax.legend(ncols=2, fontsize="x-small", loc="upper center")

ax = axes[1, 1]
celsius = np.linspace(-5, 37, 100)
temp, reference = (
    effect("temp", transformers["temp"], (degrees + 8) / 47)
    for degrees in (celsius, np.array([15]))
)
for k, kind in enumerate(riders):
    ratio = np.exp(temp - reference)[:, k]
    ax.plot(celsius, ratio, color=f"C{k}", label=kind)
ax.axhline(1, color="k", lw=0.8, ls=":")
ax.set(xlabel="temperature, °C", ylabel="rentals, relative to 15 °C", ylim=(0, None))
ax.set_title("Casual riders mind the cold")
ax.legend()
fig.savefig("population.png", dpi=120)
plt.show()

# %%
# Registered riders commute, casual ones ride in the afternoon and mind the weather more; each of the two is the same
# as if it were fitted alone.
