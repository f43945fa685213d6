"""What fits cost, in passes over X, Hessians and steps, which is the same on every machine but for rounding."""

from dataclasses import dataclass

import numpy as np
import pytest
from scipy import sparse
from sklearn.preprocessing import SplineTransformer

from skprox import GroupLassoPoisson, GroupLassoPoissonCV, PoissonGLMRegressor, regularization_path
from skprox.designs.memory import Design
from skprox.objectives.poisson import PoissonObjective


def draw(n, p, *, active=5, base=0.3, n_outputs=None, density=None):
    """Columns, the one before each a part of it, and counts that a few of them decide."""
    rng = np.random.default_rng([n, p])
    X = rng.normal(size=(n, p))
    if density is not None:
        X *= rng.uniform(size=X.shape) < density
    else:
        X[:, 1:] += 0.3 * X[:, :-1]
    coef = np.zeros((n_outputs or 1, p))
    coef[:, rng.permutation(p)[:active]] = rng.normal(size=(n_outputs or 1, active))
    eta = X @ coef.T
    y = rng.poisson(np.exp(base + 0.7 * (eta - eta.mean(axis=0)) / eta.std(axis=0)))
    return X, y if n_outputs else y[:, 0]


def groups(p, size):
    return [f"g{j // size}" for j in range(p)]


def ridge():
    X, y = draw(2000, 20)
    return PoissonGLMRegressor(alpha=1e-3).fit(X, y).n_iter_


def unpenalised_without_intercept():
    X, y = draw(1000, 10)
    return PoissonGLMRegressor(alpha=0, fit_intercept=False).fit(X, y).n_iter_


def lasso_path():
    X, y = draw(2000, 30)
    return regularization_path(PoissonGLMRegressor(l1_ratio=1), X, y, n_alphas=30).n_iter


def elastic_net_of_busy_counts():
    X, y = draw(1000, 30, base=7.0)
    return regularization_path(PoissonGLMRegressor(l1_ratio=0.5), X, y, n_alphas=20).n_iter


def group_path():
    X, y = draw(2000, 60)
    return regularization_path(GroupLassoPoisson(groups=groups(60, 6)), X, y, n_alphas=30).n_iter


def sparse_group_path():
    X, y = draw(1000, 40)
    return regularization_path(GroupLassoPoisson(groups=groups(40, 4), l1_ratio=0.3), X, y, n_alphas=20).n_iter


def splines():
    positions = np.random.default_rng(0).uniform(size=(2000, 4))
    X = SplineTransformer(n_knots=8, include_bias=False).fit_transform(positions)
    y = np.random.default_rng(1).poisson(np.exp(np.sin(6 * positions[:, 0]) + positions[:, 1]))
    return regularization_path(GroupLassoPoisson(groups=groups(36, 9)), X, y, n_alphas=20).n_iter


def wide_lasso():
    X, y = draw(100, 1000)
    return regularization_path(PoissonGLMRegressor(l1_ratio=1), X, y, n_alphas=20, alpha_min_ratio=0.1).n_iter


def sparse_population():
    X, y = draw(1500, 40, n_outputs=6, density=0.05)
    return PoissonGLMRegressor(alpha=0.01, l1_ratio=1).fit(sparse.csr_array(X), y).n_iter_


def cross_validation():
    X, y = draw(600, 20)
    return GroupLassoPoissonCV(groups=groups(20, 4), alphas=20, alpha_min_ratio=0.01, cv=3).fit(X, y).n_iter_


@dataclass
class Work:
    """Visits of the rows of X, Hessians or factors of one, and steps."""

    passes: int = 0
    hessians: int = 0
    steps: int = 0


@pytest.fixture
def work(monkeypatch):
    """Counts what is done from here on, steps aside."""
    done = Work()

    def count(owner, method, name):
        original = getattr(owner, method)

        def counted(*args, **kwargs):
            setattr(done, name, getattr(done, name) + 1)
            return original(*args, **kwargs)

        monkeypatch.setattr(owner, method, counted)

    count(Design, "reduce", "passes")
    count(PoissonObjective, "factor", "passes")
    for method in ("hessian", "factor"):
        count(PoissonObjective, method, "hessians")
    return done


# What was counted, in lockstep and, of steps alone, by compiled descents.
COUNTED = {
    ridge: (Work(8, 2, 4), 4),
    unpenalised_without_intercept: (Work(11, 4, 5), 5),
    lasso_path: (Work(20, 7, 113), 87),
    elastic_net_of_busy_counts: (Work(15, 6, 69), 44),
    group_path: (Work(14, 5, 101), 99),
    sparse_group_path: (Work(15, 5, 88), 65),
    splines: (Work(19, 7, 107), 71),
    wide_lasso: (Work(54, 20, 164), 164),
    sparse_population: (Work(47, 33, 50), 62),
    cross_validation: (Work(42, 25, 3), 4),
}


def most(counted):
    """What another order of sums may make of a count."""
    return counted + 1 + counted // 10


@pytest.mark.parametrize("problem", COUNTED, ids=lambda problem: problem.__name__)
def test_lockstep_takes_no_more_than_was_counted(problem, work, lockstep, sparse_stays):
    work.steps = int(np.sum(problem()))
    counted, _ = COUNTED[problem]
    assert work.passes <= most(counted.passes)
    assert work.hessians <= most(counted.hessians)
    assert work.steps <= most(counted.steps)
    assert min(work.passes, work.hessians, work.steps) > 0


@pytest.mark.parametrize("problem", COUNTED, ids=lambda problem: problem.__name__)
def test_compiled_descents_take_no_more_steps_than_were_counted(problem, compiled):
    assert np.sum(problem()) <= most(COUNTED[problem][1])
