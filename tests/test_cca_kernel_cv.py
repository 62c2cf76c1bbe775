"""KernelCCACV against GridSearchCV, and against loops of plain fits where that has no counterpart."""

import numpy as np
import pytest
from _contract import each_check, run_check
from _views import circle_views, narrow_views, sparse_views
from numpy.testing import assert_allclose, assert_array_equal
from scipy import linalg
from sklearn.decomposition import PCA
from sklearn.model_selection import GridSearchCV, GroupKFold, KFold, LeaveOneOut
from sklearn.utils.estimator_checks import parametrize_with_checks

import skdcca
from skdcca import KernelCCA, KernelCCACV
from skdcca._cca.kernel_cv_leading import leading_of_many
from skdcca.metrics import mrr_scorer

X, Y = narrow_views(n=60)
NYSTROEM = {"approximation": "nystroem", "n_landmarks": 15, "random_state": 0}
FOURIER = {"approximation": "rff", "n_landmarks": 20, "random_state": 0}


@pytest.mark.slow
@parametrize_with_checks(
    [KernelCCACV(), KernelCCACV(1, approximation="nystroem", n_landmarks=5, random_state=0)]
)
def test_scikit_learn_contract(estimator, check):
    check(estimator)


@each_check
def test_scikit_learn_contract_without_a_fit(check):
    run_check(check, KernelCCACV(1, regs=[0.01]))


def both(X, y, *, counts=(1, 3), gammas=("distance",), kinds=("weighted",), scoring=None, **params):
    """Return a fitted GridSearchCV and a fitted KernelCCACV with the same candidates."""
    counts, regs = list(counts), [0.01, 0.3]
    grid = {"n_components": counts, "reg": regs, "similarity": list(kinds), "gamma": list(gammas)}
    theirs = GridSearchCV(KernelCCA(**params), grid, cv=3, scoring=scoring, error_score="raise")
    ours = KernelCCACV(
        counts,
        regs=regs,
        similarity=list(kinds),
        gamma=list(gammas),
        cv=3,
        scoring=scoring,
        **params,
    )
    return theirs.fit(X, y), ours.fit(X, y)


def assert_same_search(theirs, ours, atol=1e-10):
    assert ours.cv_results_["params"] == theirs.cv_results_["params"]
    assert ours.cv_results_.keys() == theirs.cv_results_.keys()
    for name, values in theirs.cv_results_.items():
        if "test_score" in name and not name.startswith("rank"):
            assert_allclose(ours.cv_results_[name], values, atol=atol, err_msg=name)
    assert ours.best_params_ == theirs.best_params_
    assert_allclose(ours.x_coefs_, theirs.best_estimator_.x_coefs_, atol=1e-8)


@pytest.mark.parametrize(
    "params",
    [
        {"gammas": [0.05, "distance"]},
        {"kernel": "poly", "y_kernel": "linear", "scale": False},
        {"kernel": "laplacian"},
        {"y_transformer": PCA(2)},
        NYSTROEM | {"gammas": [0.05, "scale"]},
        NYSTROEM | {"y_transformer": PCA(2)},
        FOURIER,
    ],
)
def test_scores_equal_a_grid_search(params):
    assert_same_search(*both(X, Y, **params))


@pytest.mark.parametrize("params", [{}, NYSTROEM], ids=["exact", "nystroem"])
def test_retrieval_scores_equal_a_grid_search(params):
    kinds = ["weighted", "cosine", 4.0, "likelihood"]
    assert_same_search(*both(X, Y, counts=(3,), kinds=kinds, scoring=mrr_scorer, **params))


@pytest.mark.parametrize("params", [{}, NYSTROEM, FOURIER], ids=["exact", "nystroem", "rff"])
def test_other_scorers_see_models_that_equal_plain_fits(params):
    def scoring(model, X, y):
        return (
            model.score(X, y) + model.predict(X).sum() + model.predict_x(y).sum() + model.x_gamma_
        )

    assert_same_search(*both(X, Y, scoring=scoring, **params))


def test_sparse_views_equal_a_grid_search():
    assert_same_search(*both(*sparse_views(60, 8), **NYSTROEM))


def test_a_pair_of_sequences_is_their_product():
    ours = KernelCCACV(2, regs=([0.01, 0.1], [0.05]), cv=3).fit(X, Y)
    assert [p["reg"] for p in ours.cv_results_["params"]] == [(0.01, 0.05), (0.1, 0.05)]
    plain = [
        KernelCCA(2, reg=(0.1, 0.05)).fit(X[train], Y[train]).score(X[test], Y[test])
        for train, test in KFold(3).split(X)
    ]
    assert_allclose(ours.cv_results_["mean_test_score"][1], np.mean(plain), atol=1e-10)


@pytest.mark.parametrize("scoring", [None, lambda model, X, y: model.score(X, y)])
def test_precomputed_kernels(scoring):
    x, y = X - X.mean(0), Y - Y.mean(0)
    plain = KernelCCACV(2, kernel="linear", scale=False, cv=3, scoring=scoring).fit(x, y)
    ours = KernelCCACV(2, kernel="precomputed", cv=3, scoring=scoring).fit(x @ x.T, y @ y.T)
    for name in ("mean_test_score", "std_test_score"):
        assert_allclose(ours.cv_results_[name], plain.cv_results_[name], atol=1e-10)
    assert_allclose(ours.transform(x[:5] @ x.T), plain.transform(x[:5]), atol=1e-8)


def test_leave_one_out_pools_the_variates_of_all_rows():
    x, y = X[:12], Y[:12]
    ours = KernelCCACV(2, regs=[0.1], cv=LeaveOneOut()).fit(x, y)
    rows = []
    for train, test in LeaveOneOut().split(x):
        rows.append(KernelCCA(2, reg=0.1).fit(x[train], y[train]).transform(x[test], y[test]))
    zx, zy = (np.concatenate(z) for z in zip(*rows, strict=True))
    pooled = (zx * zy).sum(0) / np.sqrt((zx**2).sum(0) * (zy**2).sum(0))
    assert_allclose(ours.best_score_, pooled.sum(), atol=1e-10)


def test_groups_stay_together():
    groups = np.repeat(np.arange(12), 5)
    ours = KernelCCACV(2, regs=[0.1], cv=3).fit(X, Y, groups=groups)
    plain = [
        KernelCCA(2, reg=0.1).fit(X[train], Y[train]).score(X[test], Y[test])
        for train, test in GroupKFold(3).split(X, Y, groups)
    ]
    assert_allclose(ours.best_score_, np.mean(plain), atol=1e-10)


def test_auto_similarity_and_saved_model(tmp_path):
    ours = KernelCCACV(2, similarity="auto", gamma=["distance", 0.1]).fit(*circle_views(100))
    scores = ours.similarity_scores_
    assert ours.best_params_["similarity"] == max(scores, key=scores.get)
    skdcca.save(ours, tmp_path / "model")
    again = skdcca.load(tmp_path / "model")
    views = circle_views(20, seed=1)
    variates = ours.transform(*views)
    assert_array_equal(again.compare(*again.transform(*views)), ours.compare(*variates))
    assert not hasattr(ours, "fit_blocks")


def test_leading_components_of_many_equal_a_full_decomposition():
    rng = np.random.default_rng(0)
    left, right = (linalg.qr(rng.normal(size=(300, 300)))[0] for _ in range(2))
    values = np.concatenate([[0.9, 0.8, 0.7, 0.65, 0.6], np.linspace(0.5, 0.0, 295)])
    x, found, y = leading_of_many(left * values @ right, 5)
    assert_allclose(found, values[:5], atol=1e-12)
    assert_allclose(np.abs(np.sum(x * left[:, :5], axis=0)), 1.0, atol=1e-12)
    assert_allclose(np.abs(np.sum(y * right[:5].T, axis=0)), 1.0, atol=1e-12)


def test_equal_components_are_not_missed():
    rng = np.random.default_rng(0)
    left, right = (linalg.qr(rng.normal(size=(300, 300)))[0] for _ in range(2))
    values = np.repeat([0.9, 0.8, 0.1], [3, 4, 293])
    assert_allclose(leading_of_many(left * values @ right, 6)[1], values[:6], atol=1e-12)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"regs": ["auto"]}, "`regs` must be a sequence of finite numbers >= 0"),
        ({"gamma": []}, "`gamma` must have one value or more"),
        ({"gamma": [0.1, "wide"]}, "`gamma` must be one of"),
        ({"n_components": [2, 60]}, "`n_components` must be <= 59"),
        ({"n_components": 16, **NYSTROEM}, "`n_components` must be <= 15"),
        ({"kernel": "none"}, "`kernel` must be one of"),
    ],
)
def test_bad_parameters(parameters, message):
    with pytest.raises(ValueError, match=message):
        KernelCCACV(**parameters).fit(X, Y)
