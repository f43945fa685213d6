r"""
A ReLU network under L1 and L2
==============================

A teacher is a network with one hidden layer of 10 ReLU units on 100 features. The student doesn't know that, comes
with 100 hidden units, and sees 60 examples. It fits them whatever penalty it pays. Does an L1 penalty find out how
small the teacher is, and is that of use on new examples?

The sizes are those of a blog post on toy models of generalisation [1]_. It reports that L1 set about 89 % of the
weights of the hidden layer to zero, next to the 90 units that the student has too many, while L2 kept all; and that L1
did better on new examples, but negligibly so. Steps, strengths and the scale of teacher and student are not given, so
these are ours.

.. [1] Nadav (2023), "Generalization toy models - II", blog post, code at https://github.com/Nadav-out/Blog_related
"""

# %%
# Loss on new examples
# --------------------
# For features from a standard normal distribution it has a closed form [2]_. With :math:`\theta` the angle between u
# and v,
#
# .. math:: E[(u^\top x)_+ (v^\top x)_+] = \|u\| \|v\| (\sin\theta + (\pi - \theta) \cos\theta) / 2\pi
#
# .. [2] Cho and Saul (2009), "Kernel methods for deep learning", NeurIPS 22.

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

n_features, n_teacher, n_student, n_samples = 100, 10, 100, 60
rate, n_epochs, every, n_draws = 0.05, 8000, 50, 5


def moments(U, V):
    """E[relu(U x) relu(V x)'] over normal x."""
    norms = np.outer(np.linalg.norm(U, axis=1), np.linalg.norm(V, axis=1))
    cosine = np.divide(U @ V.T, norms, out=np.zeros_like(norms), where=norms > 0).clip(
        -1, 1
    )
    angle = np.arccos(cosine)
    return norms * (np.sin(angle) + (np.pi - angle) * cosine) / (2 * np.pi)


def expected_loss(W, v, teacher_W, teacher_v):
    """Half the expected square of the difference between student and teacher."""
    layers, outputs = np.vstack([W, teacher_W]), np.append(v, -teacher_v)
    return outputs @ moments(layers, layers) @ outputs / 2


# %%
# Learning
# --------
# Steps down the gradient in both layers, and after each the proximal step of the penalty on all weights.


def soft_threshold(weights, threshold):
    return np.sign(weights) * np.maximum(np.abs(weights) - threshold, 0)


def shrink(weights, threshold):
    return weights * (1 - threshold)


def learn(proximal_step, strength, seed):
    """What happens every 50 epochs, and the hidden layers by then."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_samples, n_features))
    teacher = (
        rng.normal(scale=n_features**-0.5, size=(n_teacher, n_features)),
        rng.normal(scale=n_teacher**-0.5, size=10),
    )
    y = np.maximum(X @ teacher[0].T, 0) @ teacher[1]
    W, v = (
        rng.normal(scale=0.1, size=(n_student, n_features)),
        rng.normal(scale=0.1, size=n_student),
    )
    nothing = expected_loss(np.zeros_like(W), np.zeros_like(v), *teacher)
    history, layers = [], []
    for epoch in range(n_epochs + 1):
        hidden = np.maximum(X @ W.T, 0)
        error = hidden @ v - y
        if epoch % every == 0:
            loss, units = (
                expected_loss(W, v, *teacher) / nothing,
                np.count_nonzero(W.any(axis=1) & (v != 0)),
            )
            history.append(
                {"epoch": epoch, "loss": loss, "zeros": np.mean(W == 0), "units": units}
            )
            layers.append(W[np.argsort(-np.abs(v) * np.linalg.norm(W, axis=1))])
        gradient_v, gradient_W = (
            hidden.T @ error,
            (np.outer(error, v) * (hidden > 0)).T @ X,
        )
        W = proximal_step(W - rate * gradient_W / n_samples, rate * strength)
        v = proximal_step(v - rate * gradient_v / n_samples, rate * strength)
    return pd.DataFrame(history), layers


with threadpool_limits(1):  # matrices are too small for threads to be of use
    runs = {
        name: [learn(step, strength, seed) for seed in range(n_draws)]
        for name, step, strength in [
            ("L1", soft_threshold, 0.001),
            ("L2", shrink, 0.01),
        ]
    }

# %%
# In numbers
# ----------
# Means over five draws; the loss is a share of that of a student that always says zero.

stages = {
    "L1, 89 % zeros": [
        history.iloc[(history["zeros"] >= 0.89).argmax()] for history, _ in runs["L1"]
    ],
    "L1, at the end": [history.iloc[-1] for history, _ in runs["L1"]],
    "L1, at its best": [
        history.loc[history["loss"].idxmin()] for history, _ in runs["L1"]
    ],
    "L2, at the end": [history.iloc[-1] for history, _ in runs["L2"]],
    "L2, at its best": [
        history.loc[history["loss"].idxmin()] for history, _ in runs["L2"]
    ],
}
table = pd.DataFrame(
    {name: pd.DataFrame(rows).mean() for name, rows in stages.items()}
).T
print(
    table.to_string(
        formatters={"epoch": "{:.0f}".format, "units": "{:.0f}".format},
        float_format="{:.3f}".format,
    )
)
ends = pd.DataFrame(stages["L1, at the end"])
print(
    "L1 at the end, draw by draw: units",
    ends["units"].astype(int).tolist(),
    "loss",
    ends["loss"].round(2).tolist(),
)

# %%
# Beside the post:
#
# * *About 89 % zeros.* We come past 89 % after some 3500 epochs, near where the loss of L1 is at its best. But these
#   zeros don't make 90 units idle: they are spread over all of them, and half of the units are still in use.
# * *Next to the size of the teacher.* That comes later: in the end 9 to 18 units are left, and 98 % zeros. It is not
#   where it has to end, either. A strength of 0.003 leaves 4 to 6 units at that time: 60 examples don't need ten.
# * *L2 keeps all.* So it is.
# * *L1 is negligibly better.* In the end it is, 0.59 against 0.61 of the loss of saying nothing. With each stopped at
#   its best L2 is, 0.51 against 0.54. Both are small beside the differences between draws.
#
# Pictures
# --------
# The matrices of the hidden layer are those of the first draw.

history, layers = runs["L1"][0]
at = (history["zeros"] >= 0.89).argmax()
panels = [
    (layers[at], f"L1, {every * at} epochs"),
    (layers[-1], f"L1, {n_epochs} epochs"),
    (runs["L2"][0][1][-1], f"L2, {n_epochs} epochs"),
]
fig, axes = plt.subplots(1, 3, figsize=(8, 3.6), layout="constrained", sharey=True)
for ax, (W, title) in zip(axes, panels, strict=True):
    shares = np.abs(W) / np.abs(W).max()
    options = {"aspect": "auto", "cmap": "magma_r", "interpolation": "nearest"}
    image = ax.imshow(shares, vmin=0, vmax=1 / 3, **options)
    ax.set(title=title, xlabel="feature")
axes[0].set_ylabel("hidden unit, by size")
fig.colorbar(image, ax=axes, label="|weight|, share of the largest", extend="max")
plt.show()

# %%
# Loss and size of the hidden layer, means of the draws.

fig, axes = plt.subplots(1, 2, figsize=(8, 4), layout="constrained")
for name in runs:
    mean = sum(history for history, _ in runs[name]) / n_draws
    axes[0].plot(mean["epoch"], mean["loss"], label=name)
    axes[1].semilogy(mean["epoch"], mean["units"], label=f"{name}, units in use")
mean = sum(history for history, _ in runs["L1"]) / n_draws
shares = 100 * (1 - mean["zeros"])
axes[1].semilogy(mean["epoch"], shares, "C0:", label="L1, % of weights in use")
axes[1].axhline(n_teacher, color="k", lw=0.8, ls="--", label="units of the teacher")
axes[0].set(xlabel="epoch", ylim=(0.4, 1), ylabel="loss, share of that of zero")
axes[1].set(xlabel="epoch", ylabel="units, or per cent", ylim=(1, 900))
axes[0].legend()
axes[1].legend(fontsize="small", loc="upper right", ncols=2)
fig.savefig("overparametrized_relu.png", dpi=120)
plt.show()

# %%
# L1 finds out about how small the teacher is, in the end; on new examples that is worth next to nothing.
