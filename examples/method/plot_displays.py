"""
What a model looks like
=======================

Four pictures of one group lasso of hourly bike rentals, whose strength was chosen by cross-validation: how good each
strength is on days left out, which covariates are in at each, what the hour does to the rate, and how much each
covariate matters.
"""

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
model = make_pipeline(covariates, GroupLassoPoissonCV(alphas=40, cv=KFold(10), selection="1se")).fit(X, y)

# %%
# Each display draws into the axes that it is given.

fig, ((deviance, path), (effect, importance)) = plt.subplots(2, 2, figsize=(11, 8), layout="constrained")
DevianceCurveDisplay.from_estimator(model, ax=deviance)
RegularizationPathDisplay.from_estimator(model, ax=path)
GroupEffectDisplay.from_estimator(model, X, "hr", ax=effect)
GroupImportanceDisplay.from_estimator(model, X, y, kind="deviance", ax=importance)
fig.savefig("displays.png", dpi=120)

# %%
# The same as a table. The share of the variance of the linear predictor needs the columns that the last step sees.

print(model[-1].summary(model[:-1].transform(X)).round(3))
