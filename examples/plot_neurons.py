"""
Neurons: which listen to what
=============================

Thirty neurons fire while an animal runs back and forth. Each may respond to its position, to its speed, to the size of
its pupil, to the light, and to earlier spikes of any neuron. A group lasso finds, for each neuron, which of these it
listens to. Another selects for all neurons together.
"""

# %%
# A simulated recording
# ---------------------
# Eighty runs of 100 bins, and twenty more for a test. Half of the neurons have a place that they fire at, some follow
# the speed, all follow the pupil a little and none the light, each is quiet after its own spikes, and each is driven by
# two others that were drawn at random.

# sphinx_gallery_thumbnail_number = 4
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.model_selection import GroupKFold

from skprox import (
    DevianceCurveDisplay,
    GroupLassoPoissonCV,
    LagTransformer,
    PopulationDisplay,
    RaisedCosineTransformer,
)

rng = np.random.default_rng(0)
n_neurons, n_runs, n_bins = 30, 100, 100
names = [f"n{k:02}" for k in range(n_neurons)]
decay = np.exp(-np.arange(1, 11) / 2)  # over ten bins
listens = np.zeros((n_neurons, n_neurons), dtype=bool)  # rows to columns
for k in range(n_neurons):
    others = np.delete(np.arange(n_neurons), k)
    listens[k, rng.choice(others, 2, replace=False)] = True
drive = 0.7 * listens - 1.5 * np.eye(n_neurons)
place, width = rng.uniform(0, 1, n_neurons), 0.12
has_place = np.arange(n_neurons) < 15
has_speed = np.arange(n_neurons) % 3 == 0

runs = []
for run in range(n_runs):
    position = np.linspace(0, 1, n_bins)[:: 1 if run % 2 else -1]
    speed = 1 + 0.5 * np.cumsum(rng.normal(size=n_bins)) / np.sqrt(n_bins)
    pupil, light = rng.normal(size=(2, n_bins))
    spikes = np.zeros((n_bins, n_neurons))
    for t in range(n_bins):
        past = spikes[max(t - 10, 0) : t][::-1]
        log_rate = -2.2 + drive @ (decay[: len(past)] @ past)
        log_rate += has_place * 1.5 * np.exp(-(((position[t] - place) / width) ** 2))
        log_rate += has_speed * 0.8 * (speed[t] - 1)
        log_rate += 0.08 * pupil[t]
        spikes[t] = rng.poisson(np.exp(np.minimum(log_rate, 1.5)))
    frame = pd.DataFrame({"run": run, "position": position, "speed": speed})
    frame = frame.assign(pupil=pupil, light=light)
    runs.append(frame.assign(**dict(zip(names, spikes.T, strict=True))))
recording = pd.concat(runs[:80], ignore_index=True)
test = pd.concat(runs[80:], ignore_index=True)
spikes = recording[names]
print(f"{len(recording)} bins, {spikes.to_numpy().sum():.0f} spikes")

# %%
# Covariates and histories to columns
# -----------------------------------
# Bumps over position and speed, and three bumps over the lags of each neuron. No lag crosses from one run to the next.

bumps = RaisedCosineTransformer(3, spacing="log")
history = LagTransformer(10, min_lag=1, basis=bumps, epoch="run")
transformer = make_column_transformer(
    (RaisedCosineTransformer(8), ["position"]),
    (RaisedCosineTransformer(4), ["speed"]),
    ("passthrough", ["pupil", "light"]),
    (history, [*names, "run"]),
    verbose_feature_names_out=False,
).set_output(transform="pandas")
columns = transformer.fit_transform(recording)
print(f"{columns.shape[1]} columns")

# %%
# One model of all neurons
# ------------------------
# The counts of all neurons are one target. A busy neuron has larger slopes, and so have columns that vary more:
# strengths are in proportion to the mean count of the neuron and to the spread of the group. The level is chosen by
# cross-validation over whole runs.

groups = ["position", "speed", "pupil", "light", *names]
starts = np.cumsum([0, 8, 4, 1, 1, *[3] * (n_neurons - 1)])
spread = np.sqrt(np.add.reduceat(columns.var().to_numpy(), starts))
weights = pd.DataFrame(
    np.outer(spikes.mean(), spread), index=spikes.columns, columns=groups
)
folds = list(GroupKFold(4).split(columns, groups=recording["run"]))
model = GroupLassoPoissonCV(
    group_weights=weights,
    alphas=12,
    alpha_min_ratio=0.03,
    cv=folds,
    selection="1se",
    tol=1e-4,
).fit(columns, spikes)
DevianceCurveDisplay.from_estimator(model)
plt.show()

# %%
# Who listens to whom
# -------------------
# Norms of the groups, a row for each neuron, beside the connections of the simulation.

norms = model.summary()["norm"].unstack("group", sort=False)
found = norms[names].to_numpy() > 0
truth = listens | np.eye(n_neurons, dtype=bool)
print(f"connections: {(found & truth).sum()} of {truth.sum()} found, ", end="")
print(f"{(found & ~truth).sum()} of {(~truth).sum()} others selected")
for name, real in [("position", has_place), ("speed", has_speed)]:
    selected = norms[name].to_numpy() > 0
    print(f"{name}: {(selected & real).sum()} of {real.sum()} found, ", end="")
    print(f"{(selected & ~real).sum()} of {(~real).sum()} others selected")

fig, axes = plt.subplots(1, 2, figsize=(8, 4), layout="constrained", sharey=True)
panels = [(np.abs(drive), "simulated", "|drive|"), (norms[names], "estimated", "norm")]
for ax, (table, title, label) in zip(axes, panels, strict=True):
    image = ax.imshow(table, cmap="Blues", vmin=0)
    ax.set(title=title, xlabel="from neuron")
    label = f"{label} of the filter, log rate"
    fig.colorbar(image, ax=ax, label=label, location="bottom")
axes[0].set_ylabel("to neuron")
fig.savefig("neurons.png", dpi=120)
plt.show()

# %%
# The shape of a filter, and of a place
# -------------------------------------
# A filter is the basis at each lag times its coefficients. The penalty shrinks it, and the bumps smooth it.

lags = transformer.named_transformers_["lagtransformer"]
basis = lags.basis_.transform(lags.lags_[:, None])
k = int(np.argmax(has_place))
fig, axes = plt.subplots(1, 2, figsize=(8, 3.6), layout="constrained")
for source, label, color in [
    (k, "itself", "C1"),
    (np.flatnonzero(listens[k])[0], "another", "C0"),
]:
    filter_ = basis @ model.split_coef()[names[source]][k]
    axes[0].plot(lags.lags_, filter_, "o-", ms=4, color=color, label=label)
    axes[0].plot(lags.lags_, drive[k, source] * decay, "--", color=color)
axes[0].axhline(0, color="0.5", lw=0.8, ls=":")
axes[0].set(xlabel="lag, bins", ylabel="log rate for a spike")
axes[0].set_title(f"What {names[k]} hears, dashed: simulated")
axes[0].legend(loc="lower right")

position = np.linspace(0, 1, 100)
field = transformer.named_transformers_["raisedcosinetransformer-1"]
curve = field.transform(pd.DataFrame({"position": position}))
curve = curve.to_numpy() @ model.split_coef()["position"][k]
true_curve = 1.5 * np.exp(-(((position - place[k]) / width) ** 2))
axes[1].plot(position, curve - curve.mean(), color="C0", label="estimated")
axes[1].plot(position, true_curve - true_curve.mean(), "k--", label="simulated")
axes[1].set(xlabel="position, share of the track", ylabel="log rate", title="Its place")
axes[1].set_ylim(None, 1.9)
axes[1].legend(loc="upper right")
plt.show()

# %%
# All connections and all places are found, beside some that are not there: cross-validation is for prediction, and lets
# a few in. Filters are shrunken, and have the right sign and shape.

# %%
# Joint against separate selection
# --------------------------------
# With ``multi_output="joint"`` a covariate enters for all neurons or for none. The data terms are balanced, lest busy
# neurons decide alone.

joint = GroupLassoPoissonCV(
    multi_output="joint",
    output_weights="balanced",
    group_weights=dict(zip(groups, spread, strict=True)),
    alphas=12,
    alpha_min_ratio=0.03,
    cv=folds,
    selection="1se",
    tol=1e-4,
).fit(columns, spikes)

real = np.column_stack(
    [has_place, has_speed, np.full(n_neurons, True), np.full(n_neurons, False), truth]
)
kinds = [*groups[:4], *["spikes of a neuron"] * n_neurons]
models = {"separate": model, "joint": joint}
table = pd.DataFrame({"true": real.sum(axis=0)})
for name, each in models.items():
    selected = each.summary()["norm"].unstack("group", sort=False).to_numpy() > 0
    table[f"{name}: found"] = (selected & real).sum(axis=0)
    table[f"{name}: others"] = (selected & ~real).sum(axis=0)
print(table.groupby(kinds, sort=False).sum().to_string())
for name, each in models.items():
    score = each.score(transformer.transform(test), test[names])
    error = np.sqrt(np.mean((each.split_coef()["pupil"] - 0.08) ** 2))
    print(f"{name}: D² {score:.3f} on the runs held out, ", end="")
    print(f"error of the pupil's effects {error:.3f}")

most = norms.to_numpy().max()
for name, each in models.items():
    _, ax = plt.subplots(figsize=(8, 6.5), layout="constrained")
    kwargs = {"vmax": most}
    display = PopulationDisplay.from_estimator(each, ax=ax, im_kwargs=kwargs)
    ax.set(title=f"{name} selection", xlabel="covariate", ylabel="neuron")
    for labels in (ax, display.counts_axis_):
        labels.tick_params(labelsize="small")
plt.show()

# %%
# Joint selection helps where a covariate matters a little to all: it finds the pupil for all neurons, separate
# selection for most of them, and with effects further from the true ones. Both leave out the light. Joint selection
# does not help with what few neurons use: each neuron drives itself and a few others, and so its spikes enter for all
# thirty. The runs held out are predicted worse.
