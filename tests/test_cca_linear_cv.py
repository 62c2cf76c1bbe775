"""LinearCCACV against GridSearchCV, and against loops of plain fits where that has no counterpart."""

import inspect

import numpy as np
import pandas as pd
import pytest
import sklearn
from _contract import each_check, run_check
from _views import shared_views, sparse_views
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    KFold,
    LeaveOneOut,
    RepeatedKFold,
    ShuffleSplit,
    TimeSeriesSplit,
    cross_validate,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import skdcca
from skdcca import CrossModalIndex, LinearCCA, LinearCCACV
from skdcca._cca.linear_cv_retrieval import retrieval_metric
from skdcca._cca.linear_cv_search import HELD_OUT, Grid, Search
from skdcca.exceptions import ComponentSearchWarning
from skdcca.metrics import (
    mrr_scorer,
    mrr_x_to_y,
    mrr_y_to_x,
    ranks,
    recall_at_k_scorer,
    reciprocal_rank,
    similarity,
    total_correlation_scorer,
)

X, Y = shared_views(n=60, n_shared=3)
REGS = ["auto", 0, 0.1, 2.0]
perfect = pytest.mark.filterwarnings("ignore::skdcca.exceptions.PerfectCorrelationWarning")


@pytest.mark.slow
@parametrize_with_checks([LinearCCACV(), LinearCCACV(1, scoring="r2", similarity="auto")])
def test_scikit_learn_contract(estimator, check):
    check(estimator)


@each_check
def test_scikit_learn_contract_without_a_fit(check):
    run_check(check, LinearCCACV(1, regs=[0.1, 1.0]))


def both(X, y, regs=REGS, *, counts=(2, None), kinds=("weighted",), cv=3, scoring=None, **params):
    """Return a fitted GridSearchCV and a fitted LinearCCACV with the same candidates."""
    grid = {"n_components": list(counts), "reg": regs, "similarity": list(kinds)}
    theirs = GridSearchCV(
        LinearCCA(**params), grid, cv=cv, scoring=scoring, error_score="raise"
    ).fit(X, y)
    ours = LinearCCACV(
        list(counts), regs=regs, similarity=list(kinds), cv=cv, scoring=scoring, **params
    )
    return theirs, ours.fit(X, y)


def assert_same_search(theirs, ours, atol=1e-10):
    assert ours.cv_results_["params"] == theirs.cv_results_["params"]
    for name, values in theirs.cv_results_.items():
        if "test_score" in name and not name.startswith("rank"):
            assert_allclose(ours.cv_results_[name], values, atol=atol, err_msg=name)
    assert ours.best_params_ == theirs.best_params_
    assert_allclose(ours.best_score_, theirs.best_score_, atol=atol)
    best = theirs.best_estimator_
    assert_allclose(ours.x_weights_, best.x_weights_, atol=atol * np.abs(best.x_weights_).max())
    assert_allclose(ours.coef_, best.coef_, atol=atol * np.abs(best.coef_).max())


def constant_when_held_out():
    constant = X[:, :1].copy()
    constant[:20] = 0.1
    return constant, Y[:, :1]


def with_constant_columns():
    constant = X.copy()
    constant[:, 1] = 7.0
    constant[:, 2] = 0.0
    constant[:4, 2] = 1.0  # constant in the training rows of one fold
    return constant, Y


def dependent():
    return np.hstack([X, X[:, :2] @ [[1.0, 2.0], [3.0, -1.0]]]), Y


@pytest.mark.parametrize(
    ("views", "regs"),
    [
        ((X, Y), [*REGS, "oas", "ledoit_wolf"]),
        ((1e6 + X * np.geomspace(1e-8, 1e8, 6), Y * 1e-170), REGS),
        ((X[:, :1], Y[:, 0]), [0.0]),
        (constant_when_held_out(), [0.0]),
        (with_constant_columns(), REGS),
        (dependent(), REGS),
        (shared_views(30, 50, 40), ["auto", "ledoit_wolf", 0.1, 2.0]),
        (shared_views(40, 3, 50), ["auto", 0.1, 2.0]),
    ],
    ids=["tall", "units", "one column", "held out", "constant", "dependent", "wide", "one wide"],
)
def test_scores_equal_a_grid_search(views, regs):
    counts = (1,) if views[0].shape[1] == 1 else (2, None)
    assert_same_search(*both(*views, regs, counts=counts))


@pytest.mark.parametrize(
    "cv",
    [
        KFold(4, shuffle=True, random_state=0),
        ShuffleSplit(3, random_state=0),
        TimeSeriesSplit(3),
        RepeatedKFold(n_splits=2, n_repeats=2, random_state=0),
        25,
    ],
    ids=lambda cv: type(cv).__name__,
)
def test_any_splits_equal_a_grid_search(cv):
    outlying = X.copy()
    outlying[7, 0] *= 1e6  # most of the variance is in one row, which one fold subtracts
    assert_same_search(*both(outlying, Y, [0, "auto"], counts=(2,), cv=cv))


@pytest.mark.parametrize(
    "scoring", [mrr_scorer, mrr_x_to_y, mrr_y_to_x, recall_at_k_scorer(3), total_correlation_scorer]
)
def test_retrieval_scores_equal_a_grid_search(scoring):
    kinds = ["weighted", "cosine", 4.0, "likelihood"]
    kinds = kinds[:1] if scoring is total_correlation_scorer else kinds
    assert_same_search(*both(X, Y, [0, 0.1], counts=(2,), kinds=kinds, scoring=scoring))


def test_tied_pairs_share_their_average_rank():
    scores = np.random.default_rng(0).integers(0, 3, (9, 9)).astype(float)
    x_to_y, y_to_x = (reciprocal_rank(ranks(one)) for one in (scores, scores.T))
    found = [retrieval_metric(one)(scores) for one in (mrr_x_to_y, mrr_y_to_x, mrr_scorer)]
    assert_allclose(found, [x_to_y, y_to_x, (x_to_y + y_to_x) / 2])


@pytest.mark.parametrize("views", [(X, Y), dependent(), shared_views(30, 40, 35)])
@pytest.mark.parametrize("transformer", [None, PCA(3)])
def test_other_scorers_see_models_that_equal_plain_fits(views, transformer):
    def scoring(model, X, y):
        return model.score(X, y) + model.predict(X).sum() + model.x_loadings_[0, 0] + model.reg_[0]

    assert_same_search(
        *both(*views, ["auto", 0.1], scoring=scoring, y_transformer=transformer, counts=(2,))
    )


@pytest.mark.parametrize("scoring", [None, mrr_scorer])
def test_the_transformer_of_y_sees_training_rows_only(scoring):
    theirs, ours = both(X, Y, ["auto", 0.1], y_transformer=PCA(2), scoring=scoring)
    assert_same_search(theirs, ours)
    assert_allclose(ours.y_transformer_.components_, PCA(2).fit(Y).components_)


def test_unscaled_columns_equal_a_grid_search():
    assert_same_search(*both(X * np.geomspace(1e-6, 1, 6), Y, scale=False))


def test_sparse_views_equal_a_grid_search():
    S, y = sparse_views(60, 12)
    assert_same_search(*both(S, y, ["auto", 0.1], scoring=mrr_scorer))
    wide, y = sparse_views(30, 40)
    assert_same_search(*both(wide, y, ["auto", 0.1]))


@pytest.mark.parametrize("views", [(X, Y), dependent(), shared_views(30, 40, 35)])
def test_weights_equal_a_grid_search_with_routing(views):
    weight = np.random.default_rng(0).integers(0, 4, len(views[0])).astype(float)
    with sklearn.config_context(enable_metadata_routing=True):
        model = LinearCCA().set_fit_request(sample_weight=True)
        model.set_score_request(sample_weight=True)
        grid = {"n_components": [2, None], "reg": [0.1, "auto"], "similarity": ["weighted"]}
        theirs = GridSearchCV(model, grid, cv=3).fit(*views, sample_weight=weight)
    ours = LinearCCACV([2, None], regs=[0.1, "auto"], cv=3).fit(*views, weight)
    assert_same_search(theirs, ours)


def test_a_pair_of_sequences_is_their_product():
    ours = LinearCCACV(2, regs=([0.1, 1.0], [0, 0.5, "oas"])).fit(X, Y)
    pairs = [(a, b) for a in (0.1, 1.0) for b in (0, 0.5, "oas")]
    grid = {"n_components": [2], "reg": pairs, "similarity": ["weighted"]}
    assert_same_search(GridSearchCV(LinearCCA(), grid).fit(X, Y), ours)
    assert list(ours.cv_results_["param_reg"]) == pairs


def test_results_have_the_form_of_a_grid_search():
    theirs, ours = both(X, Y)
    assert ours.cv_results_.keys() == theirs.cv_results_.keys()
    for name, values in theirs.cv_results_.items():
        assert len(ours.cv_results_[name]) == len(values)
    for name in ("param_reg", "param_n_components"):
        assert isinstance(ours.cv_results_[name], np.ma.MaskedArray)
        assert_array_equal(ours.cv_results_[name], theirs.cv_results_[name])
    assert ours.cv_results_["rank_test_score"][ours.best_index_] == 1
    assert ours.n_splits_ == theirs.n_splits_
    assert (ours.cv_results_["mean_fit_time"] > 0).all()


@perfect
def test_leave_one_out_pools_the_variates_of_all_rows():
    small = X[:22, :3].copy(), Y[:22, :2]
    small[0][5, 0] *= 1e5  # a value that holds nearly all of the variance is not subtracted
    ours = LinearCCACV([1, 2], regs=[0, 0.5], cv=LeaveOneOut()).fit(*small)
    expected = []
    for params in ours.cv_results_["params"]:
        rows = []
        for train, test in LeaveOneOut().split(small[0]):
            model = LinearCCA(**params).fit(*(view[train] for view in small))
            rows.append(model.transform(*(view[test] for view in small)))
        zx, zy = (np.concatenate(z) for z in zip(*rows, strict=True))
        pooled = (zx * zy).sum(0) / np.sqrt((zx**2).sum(0) * (zy**2).sum(0))
        expected.append(pooled.sum())
    assert_allclose(ours.cv_results_["mean_test_score"], expected, atol=1e-10)
    assert ours.n_splits_ == 22
    likelihood = LinearCCACV(2, regs=[0.5], cv=LeaveOneOut(), similarity=HELD_OUT).fit(*small)
    measured = likelihood.comparison()  # of the last candidate, whose variates are still known
    assert_allclose(measured["correlations"], pooled, atol=1e-10)
    for deviations, z in zip(measured["deviations"], (zx, zy), strict=True):
        assert_allclose(deviations, np.sqrt((z**2).mean(0)), atol=1e-10)


def test_groups_stay_together():
    groups = np.repeat(np.arange(12), 5)
    ours = LinearCCACV(2, cv=3).fit(X, Y, groups=groups)
    splitter = GroupKFold(3)
    with_splitter = LinearCCACV(2, cv=splitter).fit(X, Y, groups=groups)
    grid = {"n_components": [2], "reg": list(ours.regs), "similarity": ["weighted"]}
    theirs = GridSearchCV(LinearCCA(), grid, cv=splitter).fit(X, Y, groups=groups)
    for one in (ours, with_splitter):
        assert_same_search(theirs, one)


def test_groups_are_routed_by_default():
    groups = np.repeat(np.arange(12), 5)
    splitter, search = GroupKFold(3), LinearCCACV(2, regs=[0.1, 1.0], cv=GroupKFold(2))
    expected = []
    for train, test in splitter.split(X, Y, groups):
        fitted = clone(search).fit(X[train], Y[train], groups=groups[train])
        expected.append(fitted.score(X[test], Y[test]))
    for model in (search, make_pipeline(StandardScaler(), search)):
        with sklearn.config_context(enable_metadata_routing=True):
            found = cross_validate(model, X, Y, cv=splitter, params={"groups": groups})
        assert_allclose(found["test_score"], expected)


def test_one_standard_error_prefers_few_components_and_large_ridges():
    regs = [0.001, 0.1, 1.0, 10.0, 100.0]
    best = LinearCCACV(2, regs=regs).fit(X, Y)
    simple = LinearCCACV(2, regs=regs, refit="1se").fit(X, Y)
    scores = np.array([best.cv_results_[f"split{i}_test_score"] for i in range(5)])
    mean, error = scores.mean(0), scores.std(0, ddof=1) / np.sqrt(5)
    top = np.argmax(mean)
    expected = max(np.flatnonzero(mean >= mean[top] - error[top]))
    assert simple.best_params_["reg"] == regs[expected] > best.best_params_["reg"]
    assert simple.best_score_ == mean[expected]
    counts = LinearCCACV([4, 3, 2, 1], regs=[0.1, 1.0], refit="1se", scoring=mrr_scorer).fit(X, Y)
    results = counts.cv_results_
    top = np.argmax(results["mean_test_score"])
    scores = [results[f"split{i}_test_score"][top] for i in range(5)]
    least = np.mean(scores) - np.std(scores, ddof=1) / np.sqrt(5)
    good = [
        p for p, m in zip(results["params"], results["mean_test_score"], strict=True) if m >= least
    ]
    assert counts.best_params_ == min(good, key=lambda p: (p["n_components"], -p["reg"]))


def test_one_standard_error_of_known_scores():
    search = Search(Grid(("", [None]), [None, 2, 1], [0.1, 1.0], ["weighted"]), folds=[None] * 3)
    # The best candidate has the scores 1, 2 and 3, and so the standard error 1 / sqrt(3) = 0.577.
    means = np.array([[2.0, 1.9], [1.3, 1.43], [1.41, 1.42]])
    search.scores = (means[..., None] + [-1.0, 0.0, 1.0])[None, :, :, None]
    for reg, cell in enumerate([(0, 0), (0, 1)]):
        search.ridges[cell] = [(float(reg), float(reg))]
    assert search.best_index("best") == 0
    assert search.best_index("1se") == 3  # two components, the larger ridge; one component is worse
    search.scores[0, 2, 0] += 0.05
    assert search.best_index("1se") == 4


def held_out_variates(reg, k, n_folds=5):
    folds = []
    for train, test in KFold(n_folds).split(X):
        model = LinearCCA(k, reg=reg).fit(X[train], Y[train])
        folds.append((model, *model.transform(X[test], Y[test])))
    return folds


def test_held_out_correlations_and_deviations():
    ours = LinearCCACV(3, regs=[0.3], similarity=HELD_OUT).fit(X, Y)
    folds = held_out_variates(0.3, 3)
    pairs = [np.diag(np.corrcoef(zx.T, zy.T)[:3, 3:]) for _, zx, zy in folds]
    assert_allclose(ours.validation_correlations_, np.mean(pairs, axis=0), atol=1e-10)
    arguments = ours.comparison()
    assert_allclose(arguments["correlations"], ours.validation_correlations_)
    for view, deviations in enumerate(arguments["deviations"]):
        variances = [fold[1 + view].var(axis=0) for fold in folds]
        assert_allclose(deviations, np.sqrt(np.mean(variances, axis=0)), atol=1e-10)
    assert_allclose(ours.score(X, Y), LinearCCA(3, reg=0.3).fit(X, Y).score(X, Y))


def mrr(scores):
    return np.mean(
        [np.mean(1 / (1 + (s > np.diag(s)[:, None]).sum(1))) for s in (scores, scores.T)]
    )


def test_likelihood_of_a_fold_uses_the_other_folds():
    ours = LinearCCACV(3, regs=[0.3], similarity=[HELD_OUT], scoring=mrr_scorer).fit(X, Y)
    folds = held_out_variates(0.3, 3)
    for number, (_, *variates) in enumerate(folds):
        others = [fold[1:] for i, fold in enumerate(folds) if i != number]
        pairs = [np.diag(np.corrcoef(zx.T, zy.T)[:3, 3:]) for zx, zy in others]
        deviations = [
            np.sqrt(np.mean([fold[view].var(axis=0) for fold in others], axis=0)) for view in (0, 1)
        ]
        measured = {"correlations": np.mean(pairs, axis=0), "deviations": deviations}
        expected = mrr(similarity(*variates, **measured))
        assert_allclose(ours.cv_results_[f"split{number}_test_score"], expected)


@pytest.mark.parametrize("scoring", [None, mrr_scorer])
def test_auto_similarity_has_the_best_mrr(scoring):
    kinds = ["weighted", "cosine", 4.0, "likelihood", HELD_OUT]
    ours = LinearCCACV(3, regs=[0.3], similarity="auto", scoring=scoring).fit(X, Y)
    if scoring is None:
        scores = ours.similarity_scores_
        assert list(scores) == kinds
    else:
        assert ours.similarity_scores_ is None
        results = ours.cv_results_
        scores = dict(zip(results["param_similarity"], results["mean_test_score"], strict=True))
    found = []
    for model, zx, zy in held_out_variates(0.3, 3):
        model.similarity = "likelihood"
        found.append(mrr(model.compare(zx, zy)))
    assert_allclose(scores["likelihood"], np.mean(found))
    assert ours.best_params_["similarity"] == max(scores, key=scores.get)


def test_it_is_a_linear_cca_after_fit(tmp_path):
    table, other = pd.DataFrame(X, columns=list("abcdef")), pd.DataFrame(Y, columns=list("uvwx"))
    ours = LinearCCACV(3, similarity="auto").fit(table, other)
    plain = LinearCCA(3, reg=ours.best_params_["reg"]).fit(table, other)
    fitted = {name for name in vars(plain) if name.endswith("_")}
    assert fitted <= set(vars(ours))
    assert_allclose(ours.transform(table), plain.transform(table), atol=1e-10)
    assert_allclose(ours.predict_x(other), plain.predict_x(other), atol=1e-10)
    assert_array_equal(ours.y_feature_names_in_, list("uvwx"))
    assert not hasattr(ours, "partial_fit")
    assert_allclose(skdcca.redundancy(ours, table, other), skdcca.redundancy(plain, table, other))
    index = CrossModalIndex(ours).fit(table, other)
    skdcca.save(index, tmp_path / "index")
    again = skdcca.load(tmp_path / "index")
    assert_array_equal(again.query(y=other)[1], index.query(y=other)[1])


def test_a_permutation_test_repeats_the_search():
    search = LinearCCACV(1, regs=[0.1, 1.0], cv=2)
    found = skdcca.canonical_correlation_test(search, X, Y, n_permutations=19, random_state=0)
    assert found.p_values[0] == 0.05
    with pytest.raises(TypeError, match="got a LinearCCACV"):
        skdcca.canonical_summary(search, X, Y)
    search.set_params(n_components=[1, 2])
    with pytest.warns(ComponentSearchWarning):
        skdcca.canonical_correlation_test(search, X, Y, n_permutations=19, random_state=0)


def blocks(weight=None, size=17):
    views = (X, Y) if weight is None else (X, Y, weight)
    return [tuple(view[i : i + size] for view in views) for i in range(0, len(X), size)]


def test_blocks_equal_whole_arrays():
    whole = LinearCCACV([2, None], regs=REGS).fit(X, Y)
    ours = LinearCCACV([2, None], regs=REGS).fit_blocks(blocks())
    assert_same_search_of(ours, whole)
    weight = np.random.default_rng(0).integers(0, 3, len(X)).astype(float)
    weight[17:34] = 0.0
    weighted = LinearCCACV(2, cv=3).fit(X, Y, weight)
    assert_same_search_of(LinearCCACV(2, cv=3).fit_blocks(lambda: iter(blocks(weight))), weighted)


def assert_same_search_of(ours, whole):
    for name in ("mean_test_score", "std_test_score"):
        assert_allclose(ours.cv_results_[name], whole.cv_results_[name], atol=1e-10)
    assert ours.best_params_ == whole.best_params_
    assert_allclose(ours.x_weights_, whole.x_weights_, atol=1e-10)


def test_dask_and_memory_maps_are_read_in_blocks(tmp_path):
    array = pytest.importorskip("dask.array")
    groups = np.repeat(np.arange(12), 5)
    whole = LinearCCACV(2, cv=3).fit(X, Y, groups=groups)
    views = array.from_array(X, chunks=(19, 3)), array.from_array(Y, chunks=(23, 4))
    assert_same_search_of(LinearCCACV(2, cv=3).fit(*views, groups=groups), whole)
    mapped = np.memmap(tmp_path / "x", dtype=float, mode="w+", shape=X.shape)
    mapped[:] = X
    assert_same_search_of(LinearCCACV(2, cv=3).fit(mapped, Y, groups=groups), whole)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"regs": 0.1}, "`regs` must be a sequence .* got 0.1"),
        ({"regs": []}, "`regs` must be a sequence"),
        ({"regs": ([0.1], ["x"])}, "`regs` must be a sequence"),
        ({"regs": [-1.0]}, "`regs` must be a sequence"),
        ({"n_components": []}, "`n_components` must have one value"),
        ({"similarity": ["auto", "cosine"]}, "`similarity` must be one of"),
        (
            {"n_components": 3, "cv": [(np.arange(3), np.arange(3, 9))]},
            "`n_components` must be < 3",
        ),
        ({"n_components": [1, 5]}, "`n_components` must be <= 4"),
        ({"similarity": "dot"}, "`similarity` must be one of"),
        ({"similarity": [HELD_OUT], "scoring": "r2"}, "`similarity` must not be"),
        ({"refit": "lowest"}, "`refit` must be one of"),
        ({"scoring": ["r2"]}, "`scoring` must be None"),
        ({"scoring": "nothing"}, "`scoring` must be None"),
        ({"scoring": lambda *_: {}}, "`scoring` must return one"),
        ({"cv": 61}, "`cv` must be at most 60"),
        ({"cv": 40}, "`cv` must hold out two or more rows in each fold, got 1 in fold 20"),
        ({"cv": LeaveOneOut(), "refit": "1se"}, "more than one row at a time"),
        ({"cv": [(np.arange(1), np.arange(2, 9))]}, "`cv` must leave two or more training rows"),
        ({"cv": [(np.arange(9), np.arange(9, 19))], "refit": "1se"}, "two or more folds"),
    ],
)
def test_bad_parameters(parameters, message):
    with pytest.raises(ValueError, match=message):
        LinearCCACV(**parameters).fit(X, Y)


def test_errors_name_the_fold():
    constant = X.copy()
    constant[12:] = 1.0
    with pytest.raises(ValueError, match=r"Fold 0 of `cv`: Every column of X is constant"):
        LinearCCACV().fit(constant, Y)


def test_bad_blocks():
    with pytest.raises(ValueError, match="got a generator"):
        LinearCCACV().fit_blocks(iter(blocks()))
    for parameters in ({"scoring": mrr_scorer}, {"similarity": "auto"}, {"regs": ["ledoit_wolf"]}):
        with pytest.raises(ValueError, match="only moments are kept"):
            LinearCCACV(**parameters).fit_blocks(blocks())
    with pytest.raises(ValueError, match="`cv` must hold out each row once"):
        LinearCCACV(cv=ShuffleSplit(9, random_state=0)).fit_blocks(blocks())


def test_a_failed_fit_keeps_the_fitted_model():
    model = LinearCCACV(2, regs=[0.1]).fit(X, Y)
    before = model.transform(X)
    with pytest.raises(ValueError, match="regs"):
        model.set_params(regs=[]).fit(X, Y)
    assert_array_equal(model.transform(X), before)


def test_the_parameters_are_those_of_the_model():
    ours = inspect.signature(LinearCCACV).parameters
    shared = set(inspect.signature(LinearCCA).parameters) - {"reg", "y_reg"}
    assert shared <= set(ours)
