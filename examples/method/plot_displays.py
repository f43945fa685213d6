"""
Displays: four pictures of a model
==================================

Four pictures of one group lasso of hourly bike rentals, whose strength was chosen by cross-validation: how good each
strength is on days left out, which covariates are in at each, what the hour does to the rate, and how much each
covariate matters.
"""

# sphinx_gallery_thumbnail_number = 2
import matplotlib.pyplot as plt
import numpy as np
from sklearn.model_selection import KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, SplineTransformer

from skprox import (
    DevianceCurveDisplay,
    GroupEffectDisplay,
    GroupImportanceDisplay,
    GroupLassoPoissonCV,
    RegularizationPathDisplay,
    make_grouped_column_transformer,
)
from skprox.datasets import load_bike_rentals

X, y = load_bike_rentals(as_frame=True, return_X_y=True)
X = X.assign(noise=np.random.default_rng(0).uniform(size=len(X)))
covariates = make_grouped_column_transformer(
    (SplineTransformer(12, include_bias=False), ["hr"]),
    (SplineTransformer(include_bias=False), ["temp", "hum", "windspeed", "noise"]),
    (OneHotEncoder(), ["mnth", "weekday"]),
)
model = make_pipeline(
    covariates, GroupLassoPoissonCV(alphas=40, cv=KFold(10), selection="1se")
).fit(X, y)

# %%
# How good is each strength?
# --------------------------
# Deviance on days held out, with the least, and the strongest penalty within one standard error of it, which is chosen.

DevianceCurveDisplay.from_estimator(model)
plt.show()

# %%
# Which covariates are in?
# ------------------------
# Norms of the groups at each strength: they enter from left to right.

RegularizationPathDisplay.from_estimator(model)
plt.show()

# %%
# What does the hour do?
# ----------------------

display = GroupEffectDisplay.from_estimator(model, X, "hr", reference=12)
display.ax_.set(xlabel="hour of the day", ylabel="rate as a multiple of that at noon")
plt.show()

# %%
# How much does each covariate matter?
# ------------------------------------
# The rise in mean deviance without it.

GroupImportanceDisplay.from_estimator(model, X, y, kind="deviance").figure_.savefig(
    "displays.png", dpi=120
)
plt.show()

# %%
# The same as a table. The share of the variance of the linear predictor needs the columns that the last step sees.

print(model[-1].summary(model[:-1].transform(X)).round(3))

# %%
# The hour matters most by far, then temperature, month and humidity; the noise is out.
