"""Who solves it: each system takes a `Problem` and returns coefficients and intercepts, an entry a strength.

With folds these are of the strength that the system chose, which comes third. None means that the system has no
such model. Tolerances are set so that kkt is alike where a system allows it.
"""

import numpy as np
import scipy.sparse as sp


def skprox(problem):
    from skprox import GroupLassoPoisson, GroupLassoPoissonCV, PoissonGLMRegressor, regularization_path

    labels = np.repeat(np.arange(len(problem.sizes)), problem.sizes).astype(str).tolist()
    if problem.folds:
        model = GroupLassoPoissonCV(groups=labels, alphas=problem.alphas, cv=problem.folds).fit(problem.X, problem.y)
        return model.coef_, model.intercept_, model.alpha_
    if problem.ridge or problem.lasso:
        model = PoissonGLMRegressor(l1_ratio=0 if problem.ridge else 1)
    else:
        model = GroupLassoPoisson(groups=labels)
    if len(problem.alphas) == 1:
        model.set_params(alpha=problem.alphas[0]).fit(problem.X, problem.y)
        return model.coef_, model.intercept_
    path = regularization_path(model, problem.X, problem.y, alphas=problem.alphas)
    return path.coefs, path.intercepts


def adelie(problem, **tolerances):
    import adelie as ad

    if problem.ridge:
        return None
    X = ad.matrix.sparse(problem.X, n_threads=2) if sp.issparse(problem.X) else problem.X
    common = {"groups": problem.starts, "penalty": problem.weights, "n_threads": 2, **tolerances}
    if problem.folds:  # it makes the grid itself, of as many strengths
        states = [_cross_validated(X, ad.glm.poisson(y), problem, common) for y in problem.Y.T]
        coefs, intercepts, alphas = zip(
            *[(state.betas.toarray()[-1], state.intercepts[-1], state.lmdas[-1]) for state in states], strict=True
        )
        return np.array(coefs), np.array(intercepts), np.array(alphas)
    coefs, intercepts = [], []
    for y, critical in zip(problem.Y.T, problem.critical, strict=True):
        weakest, single = problem.alphas[-1], len(problem.alphas) == 1
        # it needs the way down to a single strength
        alphas = np.geomspace(max(critical, weakest), weakest, 10) if single else problem.alphas
        state = ad.grpnet(
            X,
            ad.glm.poisson(y),
            lmda_path=alphas,
            early_exit=False,
            progress_bar=False,
            **common,
        )
        keep = slice(-1 if single else 0, None)
        coefs.append(state.betas.toarray()[keep])
        intercepts.append(state.intercepts[keep])
    return np.stack(coefs, axis=1), np.stack(intercepts, axis=1)


def _cross_validated(X, counts, problem, common):
    from adelie.cv import cv_grpnet

    search = cv_grpnet(
        X,
        counts,
        n_folds=problem.folds,
        lmda_path_size=len(problem.alphas),
        min_ratio=0.01,
        early_exit=False,
        seed=0,
        progress_bar=False,
        **common,
    )
    return search.fit(X, counts, **common)


def adelie_tight(problem):
    return adelie(problem, tol=1e-10, irls_tol=1e-9)


def adelie_exact(problem):
    if problem.X.shape[0] > problem.X.shape[1]:
        return None  # tight tolerances will do
    return adelie(problem, tol=1e-13, irls_tol=1e-11)


def glum(problem):
    from glum import GeneralizedLinearRegressor

    if not (problem.ridge or problem.lasso):
        return None
    if len(problem.alphas) > 1:
        model = GeneralizedLinearRegressor(
            family="poisson",
            l1_ratio=1,
            alpha_search=True,
            alphas=problem.alphas,
            gradient_tol=1e-5,
            max_iter=300,
        ).fit(problem.X, problem.y)
        return model.coef_path_, model.intercept_path_
    model = GeneralizedLinearRegressor(
        family="poisson", l1_ratio=0 if problem.ridge else 1, alpha=problem.alphas[0], gradient_tol=1e-6
    )
    pairs = [(model.fit(problem.X, y).coef_, model.intercept_) for y in problem.Y.T]
    return tuple(map(np.array, zip(*pairs, strict=True)))


def skglm(problem):
    from skglm.datafits import Poisson, PoissonGroup
    from skglm.penalties import L1, WeightedGroupL2
    from skglm.solvers import GroupProxNewton, ProxNewton
    from skglm.utils.jit_compilation import compiled_clone

    if problem.ridge or problem.Y.shape[1] > 1:
        return None
    X, y, tol = problem.X, problem.y, 1e-5 * problem.alphas[0]
    if problem.lasso:
        datafit, penalty = compiled_clone(Poisson()), compiled_clone(L1(1.0))
        if sp.issparse(X):
            datafit.initialize_sparse(X.data, X.indptr, X.indices, y)
        else:
            datafit.initialize(X, y)
        solver = ProxNewton(tol=tol, max_iter=100, fit_intercept=True, warm_start=True)
    else:  # its group solver has no intercept: a column of ones without a penalty stands for it
        X = np.asfortranarray(np.column_stack([X, np.ones(len(y))]))
        indptr, indices = np.append(problem.starts, [X.shape[1] - 1, X.shape[1]]), np.arange(X.shape[1])
        groups = indptr.astype(np.int32), indices.astype(np.int32)
        datafit = compiled_clone(PoissonGroup(*groups))
        penalty = compiled_clone(WeightedGroupL2(1.0, np.append(problem.weights, 0.0), *groups))
        solver = GroupProxNewton(tol=tol, max_iter=50, warm_start=True)
    coef, width, path = np.zeros(problem.X.shape[1] + 1), problem.X.shape[1], []
    for penalty.alpha in problem.alphas:
        eta = X @ coef[: X.shape[1]] + (coef[-1] if problem.lasso else 0.0)
        coef = solver.solve(X, y, datafit, penalty, coef.copy(), eta)[0]  # it overwrites the start
        path.append(coef)
    path = np.array(path)
    return path[:, :width], path[:, width]


def sklearn(problem):
    from sklearn.linear_model import PoissonRegressor

    if not problem.ridge:
        return None
    # the solver that is faster: of many columns a Hessian is not worth its time
    how = {"solver": "lbfgs", "tol": 1e-7} if sp.issparse(problem.X) else {"solver": "newton-cholesky", "tol": 1e-5}
    model = PoissonRegressor(alpha=problem.alphas[0], max_iter=1000, **how).fit(problem.X, problem.y)
    return model.coef_, model.intercept_


def nemos(problem):
    import jax

    jax.config.update("jax_enable_x64", True)
    from nemos.glm import GLM, PopulationGLM
    from nemos.regularizer import GroupLasso

    if sp.issparse(problem.X) or len(problem.alphas) > 1:
        return None
    regularizer = "Ridge" if problem.ridge else "Lasso"
    if not (problem.ridge or problem.lasso):
        regularizer = GroupLasso(mask=np.repeat(np.eye(len(problem.sizes)), problem.sizes, axis=1))
    model = (GLM if problem.y.ndim == 1 else PopulationGLM)(
        regularizer=regularizer,
        regularizer_strength=float(problem.alphas[0]),
        solver_name="BFGS" if problem.ridge else None,
        solver_kwargs={"tol": 1e-7, "maxiter": 20_000},
    ).fit(problem.X, problem.y)
    return np.asarray(model.coef_).T, np.asarray(model.intercept_)


SYSTEMS = {
    "skprox": skprox,
    "adelie": adelie,
    "adelie_tight": adelie_tight,
    "adelie_exact": adelie_exact,
    "glum": glum,
    "skglm": skglm,
    "sklearn": sklearn,
    "nemos": nemos,
}
CROSS_VALIDATED = ("skprox", "adelie", "adelie_tight")  # that have cross-validation of groups
MODULES = {system: system.partition("_")[0] for system in SYSTEMS}
