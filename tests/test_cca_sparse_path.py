"""Paths of thresholds, folds and single regressions of SparseCCA against refits and scikit-learn."""

from functools import partial

import numpy as np
import pytest
from _views import few_related_views
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import ElasticNet
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.utils import check_random_state

from skdcca import SparseCCA
from skdcca._cca import sparse as sparse_module
from skdcca._cca import sparse_regression
from skdcca._cca.sparse_columns import Columns
from skdcca._cca.sparse_correlation import held_out_correlation
from skdcca._cca.sparse_path import PairFit, Point, Settings, _is_over, _way_to, begin_component
from skdcca._cca.sparse_regression import Alternation, Regression
from skdcca._utils.labels import halves

related_views = partial(few_related_views, n=60, p=80, q=70, noise=0.5)
X, Y = related_views()


def refitted(X, y, n_folds, component, **parameters):
    """Return the correlation of held-out variates of models that are fitted to each fold."""
    zx, zy = np.empty(len(X)), np.empty(len(X))
    for train, test in KFold(n_folds).split(X):
        model = SparseCCA(component + 1, **parameters).fit(X[train], y[train])
        zx[test], zy[test] = (z[:, component] for z in model.transform(X[test], y[test]))
    return zx @ zy / np.linalg.norm(zx) / np.linalg.norm(zy)


def test_views_go_down_together_and_one_goes_on_alone():
    together = [(0.8, 0.8), (0.7, 0.7), (0.6, 0.6), (0.5, 0.5)]
    assert _way_to((0.42, 0.42)) == together
    assert _way_to((0.5, 0.3)) == [*together, (0.5, 0.42), (0.5, 0.36)]
    assert _way_to((0.5, 0.0))[:4] == [(0.8, 0.0), (0.7, 0.0), (0.6, 0.0), (0.5, 0.0)]
    assert _way_to((0.0, 0.0)) == []


@pytest.mark.parametrize("l1", [("cv", 0.15), (0.2, "cv")], ids=str)
def test_folds_beside_a_fixed_threshold_go_the_way_of_the_fit(l1):
    size = {"n": 40, "p": 25, "q": 24, "n_true": 2, "noise": 0.4}  # 20 rows in a fold
    X, y = related_views(**size, seed=1)
    cca = SparseCCA(l1=l1, cv=2).fit(X, y)
    results = cca.cv_results_
    for x_l1, y_l1, correlation in zip(
        results["x_l1"][::5], results["y_l1"][::5], results["correlation"][::5], strict=True
    ):
        expected = refitted(X, y, 2, 0, l1=(x_l1, y_l1))
        assert correlation == pytest.approx(expected, abs=1e-3)
    # The fixed threshold is too small beside one of 0.8, which does not end the path.
    assert results["correlation"][:4].max() < 0.8 < cca.held_out_correlations_[0]
    assert cca.score(*related_views(**size)) > 0.9


def test_second_component_is_held_out_behind_the_first_one_that_was_chosen():
    rng = np.random.default_rng(2)
    factors, (X, y) = rng.normal(size=(80, 2)), rng.normal(size=(2, 80, 10))
    for view in (X, y):
        view[:, :3] += 2 * factors[:, :1]
        view[:, 4:6] += 2 * factors[:, 1:]
    cca = SparseCCA(2, cv=2).fit(X, y)
    results, first = cca.cv_results_, cca.l1_[0, 0]
    assert first < 0.8
    (i,) = np.flatnonzero((results["component"] == 1) & (results["x_l1"] == first))
    expected = refitted(X, y, 2, 1, l1=first)
    assert results["correlation"][i] == pytest.approx(expected, abs=1e-3)


def test_path_ends_three_points_behind_the_best_one():
    found = SparseCCA(reg=np.inf, cv=2).fit(X, Y).cv_results_["correlation"]
    assert len(found) == np.argmax(found) + 4


@pytest.mark.parametrize(
    ("l1", "is_over"),
    [(("cv", "cv"), True), (("cv", 0.0), True), (("cv", 0.6), True), (("cv", 0.2), False)],
    ids=str,
)
def test_path_does_not_end_above_a_fixed_threshold(l1, is_over):
    fold = PairFit(X, Y, np.arange(60), Settings(l1, (0.0, 0.0), 1e-6, 500))
    points = [
        Point((step, step if l1[1] == "cv" else l1[1]), 0.1 - step / 100, 0.1, 0.1, (1, 1), [])
        for step in (0.1, 0.8, 0.7, 0.6)  # the first one is the best
    ]
    assert _is_over(points, [fold]) == is_over


def test_path_ends_where_a_regression_has_many_columns_for_its_rows():
    X, y = related_views(noise=0.7, seed=1)
    results = SparseCCA(cv=2).fit(X, y).cv_results_
    assert len(results["correlation"]) < np.argmax(results["correlation"]) + 4
    n_selected = np.maximum(results["x_selected"], results["y_selected"])
    assert n_selected[-1] > 30 / 4
    assert (n_selected[:-1] <= 30 / 4).all()


def test_path_of_a_tall_table_ends_at_classical_cca():
    rng = np.random.default_rng(0)
    factor = 2 * rng.normal(size=(60, 1))
    X, y = factor + rng.normal(size=(60, 4)), factor + rng.normal(size=(60, 3))
    assert SparseCCA(cv=2).fit(X, y).cv_results_["x_l1"][-1] == 0
    assert SparseCCA(l1=("cv", 0), cv=2).fit(X, y).cv_results_["x_l1"][-1] == 0
    assert SparseCCA(l1=("cv", 0.8), cv=2).fit(X, y).cv_results_["x_l1"][-1] > 0


def test_standard_error_is_that_of_a_jackknife_of_groups():
    groups = np.repeat(np.arange(20), 5)
    rng = np.random.default_rng(0)
    zx = rng.normal(size=20)[groups] + 0.3 * rng.normal(size=100)
    zy = zx + rng.normal(size=20)[groups]
    _, error, _ = held_out_correlation(zx, zy, 100, groups)
    without = []
    for group in range(20):
        x, y = zx[groups != group], zy[groups != group]
        without.append(x @ y / np.linalg.norm(x) / np.linalg.norm(y))
    # As many training rows as held-out rows double the variance, after Nadeau and Bengio.
    assert error == pytest.approx(np.std(without) * np.sqrt(19 * 2), rel=0.1)


def test_copies_of_rows_in_one_group_are_no_new_evidence():
    zx, zy = np.random.default_rng(0).normal(size=(2, 30))
    expected = held_out_correlation(zx, zy, 24, np.arange(30))
    groups = np.repeat(np.arange(30), 4)
    assert_allclose(held_out_correlation(zx[groups], zy[groups], 96, groups), expected)


def test_chance_is_two_standard_errors_where_few_rows_decide():
    rng = np.random.default_rng(0)
    zx = rng.normal(size=200) ** 3
    zy = zx * rng.choice([-1, 1], size=200)
    _, error, chance = held_out_correlation(zx, zy, 160, np.arange(200))
    assert chance == pytest.approx(2 * error)


def test_unrelated_groups_are_reported():
    groups = np.repeat(np.arange(20), 10)
    for seed in range(2):
        rng = np.random.default_rng(seed)
        X, y = (rng.normal(size=(20, 30))[groups] for _ in range(2))
        X, y = (view + 0.3 * rng.normal(size=(200, 30)) for view in (X, y))
        with pytest.warns(match="unrelated views may reach"):
            SparseCCA(cv=2).fit(X, y, groups=groups)


def test_random_state_of_numpy_is_not_used():
    shared = check_random_state(None)
    before = shared.get_state(legacy=False)["state"]
    SparseCCA(l1=0.3, reg=0.1).fit(X, Y)
    after = shared.get_state(legacy=False)["state"]
    assert after["pos"] == before["pos"]
    assert_array_equal(after["key"], before["key"])


def begun(X=X, y=Y, reg=1.0):
    settings = Settings((0.02, 0.02), (reg, reg), 1e-8, 500)
    fit = PairFit(X - X.mean(axis=0), y - y.mean(axis=0), np.arange(60), settings)
    begin_component([fit])
    return fit


def test_only_a_copy_goes_on_to_a_fixed_threshold(monkeypatch):
    steps = {}
    step = Alternation.step
    monkeypatch.setattr(
        Alternation,
        "step",
        lambda self, l1, *args: steps.setdefault(self, []).append(l1) or step(self, l1, *args),
    )
    fit = begun()
    fit.visit(0.8, (0.8, 0.6))
    fit.visit(0.7, (0.7, 0.6))
    fit.visit(0.6, (0.6, 0.6))
    fit.visit(0.5, (0.5, 0.6))
    together = [(0.8, 0.8), (0.7, 0.7), (0.6, 0.6), (0.5, 0.6)]
    assert list(steps.values()) == [together, [(0.8, 0.7), (0.8, 0.6)], [(0.7, 0.6)]]


def test_a_copy_changes_nothing_of_its_origin():
    alternation = begun().alternation
    alternation.step((0.3, 0.3), 1e-4, 100)
    before = alternation.x.weights()
    alternation.copy().step((0.3, 0.1), 1e-4, 100)
    assert_array_equal(alternation.x.weights(), before)


def test_maximum_holds_for_all_alternations_of_a_threshold(monkeypatch):
    fits = []
    fit = Regression.fit
    monkeypatch.setattr(
        Regression, "fit", lambda self, *args: fits.append(self) or fit(self, *args)
    )
    alternation = begun().alternation
    assert alternation.step((0.1, 0.1), 1e-8, 500)
    assert len(fits) == 2 * alternation.n_iter
    enough = alternation.n_iter
    assert alternation.step((0.1, 0.1), 1e-8, 500)
    assert alternation.n_iter == 1
    fits.clear()
    alternation = begun().alternation
    assert not alternation.step((0.1, 0.1), 1e-8, enough - 1)
    assert len(fits) == 2 * alternation.n_iter == 2 * (enough - 1)


def test_number_of_alternations_is_at_most_the_maximum():
    with pytest.warns(ConvergenceWarning, match="max_iter=3 alternations"):
        cca = SparseCCA(l1=0.05, max_iter=3).fit(X, Y)
    assert_array_equal(cca.n_iter_, [3])


def test_columns_that_no_threshold_foresaw_are_found():
    X, y = related_views(noise=1.5)
    alternation = begun(X, y).alternation
    assert alternation.step((0.2, 0.2), 1e-9, 5000)
    columns, z = X - X.mean(axis=0), alternation.zy
    columns = columns / columns.std(axis=0, ddof=1)
    threshold = 0.2 * np.abs(columns.T @ z).max() / 59
    net = ElasticNet(
        alpha=(threshold + 1) * 59 / 60,
        l1_ratio=threshold / (threshold + 1),
        fit_intercept=False,
        tol=1e-12,
        max_iter=10_000,
    ).fit(columns, z)
    weights = alternation.x.weights()
    assert_array_equal(weights != 0, net.coef_ != 0)
    assert_allclose(weights, net.coef_ / np.std(columns @ net.coef_, ddof=1), atol=1e-5)


def test_variate_without_covariance_has_no_weights():
    regression = Regression(Columns(X - X.mean(axis=0), np.arange(60)), 0.0)
    z = X[:, 0] - X[:, 0].mean()
    regression.check(z, 1.0)
    assert regression.fit(z, 0.5).any()
    assert not regression.fit(np.zeros(60), 0.5).any()
    assert not regression.weights().any()


def test_columns_that_vary_by_rounding_errors_are_constant():
    view = X[:, :8].copy()
    view[:, 4] = np.where(np.arange(60) % 2, 0.3, 0.1 + 0.2)
    cca = SparseCCA(l1=0).fit(view, Y[:, :5])
    assert cca.x_scale_[4] == 1
    assert cca.x_weights_[4] == cca.x_loadings_[4] == 0


def test_columns_that_are_constant_in_the_rows_of_a_fold_are_never_selected():
    values = np.random.default_rng(0).normal(size=(20, 2))
    values[:12, 1] = 0.1
    assert values[:12].std(axis=0)[1] > 0  # a rounding error
    assert_array_equal(Columns(values, np.arange(12)).inverse > 0, [True, False])


def test_exact_copies_stay_together():
    cca = SparseCCA(l1=1).fit(X[:, [0, 0, 1, 2, 3]], X[:, 0])
    assert_array_equal(cca.x_support_[:, 0], [True, True, False, False, False])


def test_huge_ridge_counts_as_infinite():
    expected = SparseCCA(l1=0.3, reg=np.inf).fit(X, Y)
    cca = SparseCCA(l1=0.3, reg=(1e300, 1e13)).fit(X, Y)
    assert_array_equal(cca.x_weights_, expected.x_weights_)
    large = SparseCCA(l1=0.3, reg=1e12, tol=1e-9).fit(X, Y)
    assert_allclose(large.x_weights_, expected.x_weights_, atol=1e-5)


def test_stability_is_that_of_models_of_the_halves():
    X, y = related_views(noise=1.5)
    cca = SparseCCA(l1=0.15).fit(X, y)
    expected = np.zeros(80)
    for seed in check_random_state(0).randint(np.iinfo(np.int32).max, size=2):
        for half in halves(np.arange(60), np.random.default_rng(seed)):
            expected += SparseCCA(l1=0.15).fit(X[half], y[half]).x_support_[:, 0] / 4
    result = cca.stability(X, y, n_splits=2, random_state=0)
    assert_allclose(result.x_frequencies[:, 0], expected)


def test_refit_without_cross_validation_forgets_its_results():
    cca = SparseCCA(cv=2).fit(X, Y)
    cca.set_params(l1=0.5).fit(X, Y)
    assert not hasattr(cca, "cv_results_")
    assert not hasattr(cca, "held_out_correlations_")


def test_filters_of_warnings_are_set_once(monkeypatch):
    calls = []
    monkeypatch.setattr(sparse_regression, "_SWEEPS", 1)  # so that scikit-learn warns
    simplefilter = sparse_module.warnings.simplefilter
    monkeypatch.setattr(
        sparse_module.warnings,
        "simplefilter",
        lambda *args, **options: calls.append(args) or simplefilter(*args, **options),
    )
    cca = SparseCCA(l1=0.3).fit(X, Y)
    cca.stability(X, Y, n_splits=1, random_state=0)
    assert calls.count(("ignore", ConvergenceWarning)) == 2


STRATIFIED = StratifiedKFold(3)
ROWS = np.arange(60)


@pytest.mark.parametrize(
    ("cv", "message"),
    [
        (STRATIFIED, r"`cv` must not need classes, got StratifiedKFold.*cv=list\(splitter"),
        ([(ROWS, ROWS)], "`cv` must have splits without repeated rows, got row 0 twice in split 0"),
        ([(ROWS[:40], ROWS[40:]), (ROWS[:41], ROWS[40:])], "got row 40 twice in split 1"),
        ([([0, 0, 1], [2])], "got row 0 twice in split 0"),
        (
            [(ROWS[:40], [60])],
            "`cv` must have splits that are pairs .* among the 60 rows: index 60",
        ),
        ([(ROWS[:40], [0.5])], "`cv` must have splits that are pairs"),
        ([1, 2], "`cv` must have splits that are pairs"),
        ([(ROWS[:1], ROWS[1:])], "`cv` must have splits with at least two training rows"),
    ],
)
def test_bad_splits_are_refused(cv, message):
    with pytest.raises(ValueError, match=message):
        SparseCCA(cv=cv).fit(X, Y)


def test_list_of_stratified_splits_is_the_remedy():
    classes = Y[:, 0] > 0
    cca = SparseCCA(l1=("cv", 0.5), cv=list(STRATIFIED.split(X, classes))).fit(X, Y)
    assert np.isfinite(cca.cv_results_["correlation"]).all()


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"l1": np.ones((2, 2))}, "`l1` must be 'cv', a number"),
        ({"reg": np.ones((2, 2))}, "`reg` must be a number >= 0"),
        ({"l1": [["cv"], 0.5]}, "`l1` must be 'cv', a number"),
        ({"tol": 10}, r"`tol` must be a finite number in \(0, 1\), got 10"),
    ],
    ids=str,
)
def test_bad_parameters_are_refused(parameters, message):
    with pytest.raises(ValueError, match=message):
        SparseCCA(**parameters).fit(X, Y)
