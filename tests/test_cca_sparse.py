"""SparseCCA against scikit-learn's ElasticNet, LinearCCA, dense searches and known columns."""

import pickle
import tracemalloc

import numpy as np
import pandas as pd
import pytest
from _views import few_related_views, shared_views
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import norm
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.linear_model import ElasticNet
from sklearn.model_selection import GridSearchCV, GroupKFold, KFold, ShuffleSplit
from sklearn.preprocessing import StandardScaler

from skdcca import LinearCCA, SparseCCA, load, save
from skdcca._cca import sparse_start
from skdcca._cca.sparse_columns import Columns, Standardized
from skdcca._cca.sparse_correlation import held_out_correlation
from skdcca._cca.sparse_start import starting_weights
from skdcca.exceptions import ChanceCorrelationWarning, PerfectCorrelationWarning, RankWarning

N_TRUE = 3
X, Y = few_related_views(n_true=N_TRUE)


def true_support(p, k=N_TRUE):
    return np.arange(p) < k


def test_true_columns_are_found_and_correlate_on_new_rows():
    cca = SparseCCA().fit(X, Y)
    assert_array_equal(cca.x_support_[:, 0], true_support(150))
    # The columns of y are almost copies, so that some of them are enough.
    assert cca.y_support_[:N_TRUE].any()
    assert not cca.y_support_[N_TRUE:].any()
    held_out = cca.score(*few_related_views(seed=1))
    assert held_out > 0.95
    assert cca.held_out_correlations_[0] == pytest.approx(held_out, abs=0.05)


@pytest.mark.parametrize("reg", [0.0, 0.5])
def test_each_view_is_the_elastic_net_of_scikit_learn(reg):
    cca = SparseCCA(l1=0.3, reg=reg, tol=1e-8).fit(X, Y)
    n = len(X)
    for view, weights, scale, z in [
        (X, cca.x_weights_, cca.x_scale_, cca.transform_y(Y)[:, 0]),
        (Y, cca.y_weights_, cca.y_scale_, cca.transform(X)[:, 0]),
    ]:
        columns = (view - view.mean(axis=0)) / view.std(axis=0, ddof=1)
        threshold = 0.3 * np.abs(columns.T @ z).max() / (n - 1)
        net = ElasticNet(
            alpha=(threshold + reg) * (n - 1) / n,
            l1_ratio=threshold / (threshold + reg),
            fit_intercept=False,
            tol=1e-12,
            max_iter=10_000,
        ).fit(columns, z)
        own = weights[:, 0] * scale
        assert_array_equal(own != 0, net.coef_ != 0)
        expected = net.coef_ / np.std(columns @ net.coef_, ddof=1)
        assert_allclose(own, expected, atol=1e-5)


def test_infinite_ridge_soft_thresholds_the_covariances():
    cca = SparseCCA(l1=0.4, reg=np.inf, tol=1e-9).fit(X, Y)
    columns = StandardScaler().fit_transform(X)
    covariance = columns.T @ cca.transform_y(Y)[:, 0]
    size = np.maximum(np.abs(covariance) - 0.4 * np.abs(covariance).max(), 0)
    expected = np.sign(covariance) * size
    own = cca.x_weights_[:, 0] * cca.x_scale_
    assert_allclose(own / np.linalg.norm(own), expected / np.linalg.norm(expected), atol=1e-7)


@pytest.mark.parametrize("reg", [0.0, 0.3])
def test_without_thresholds_it_is_canonical_ridge(reg):
    X, y = shared_views(n=100, p=5, q=4)
    linear = LinearCCA(4, reg=reg).fit(X, y)
    cca = SparseCCA(4, l1=0, reg=reg).fit(X, y)
    zx, zy = linear.transform(X, y)
    own_x, own_y = cca.transform(X, y)
    for k in range(4 if reg == 0 else 1):  # later ones are deflated in another metric
        assert abs(np.corrcoef(zx[:, k], own_x[:, k])[0, 1]) == pytest.approx(1, abs=1e-8)
        assert abs(np.corrcoef(zy[:, k], own_y[:, k])[0, 1]) == pytest.approx(1, abs=1e-8)
    if reg == 0:
        assert_allclose(cca.canonical_correlations_, linear.canonical_correlations_, atol=1e-9)
        assert_allclose(np.abs(cca.x_loadings_), np.abs(linear.x_loadings_), atol=1e-6)
        assert_allclose(cca.predict(X), linear.predict(X), atol=1e-6)
        assert_allclose(cca.predict_x(y), linear.predict_x(y), atol=1e-6)
        assert_allclose(cca.inverse_transform_y(own_y), y, atol=1e-6)


def test_variates_are_white_and_weights_belong_to_the_columns_of_x():
    cca = SparseCCA(3, l1=0.5).fit(X, Y)
    zx, zy = cca.transform(X, Y)
    for z in (zx, zy):
        assert_allclose(np.cov(z.T), np.eye(3), atol=1e-9)
    assert_allclose((X - cca.x_mean_) @ cca.x_weights_, zx, atol=1e-12)
    pairs = [np.corrcoef(zx[:, k], zy[:, k])[0, 1] for k in range(3)]
    assert_allclose(cca.canonical_correlations_, pairs, atol=1e-12)
    loadings = np.corrcoef(X.T, zx.T)[:150, 150:]
    assert_allclose(cca.x_loadings_, loadings, atol=1e-12)
    assert (cca.x_loadings_[np.abs(cca.x_loadings_).argmax(axis=0), range(3)] > 0).all()
    # Later weights may only add the columns of earlier components.
    earlier = np.cumsum(cca.x_support_, axis=1) > 0
    assert not (cca.x_weights_ != 0)[~earlier].any()


@pytest.mark.parametrize("l1", [0.4, ("cv", 0.5)], ids=str)
def test_units_order_and_signs_change_nothing(l1):
    X, Y = few_related_views(p=40, q=30)
    rng = np.random.default_rng(0)
    order, unit = rng.permutation(40), rng.uniform(0.01, 1e4, size=40)
    unit[::2] *= -1
    first = SparseCCA(l1=l1).fit(X, Y)
    other = SparseCCA(l1=l1).fit((X * unit + 5)[:, order], 1e-3 * Y)
    assert_array_equal(other.x_support_, first.x_support_[order])
    weights = other.x_weights_ * unit[order, None]
    sign = np.sign(weights[:, 0] @ first.x_weights_[order, 0])
    assert_allclose(sign * weights, first.x_weights_[order], atol=1e-4)
    assert_allclose(other.l1_, first.l1_)


def test_fits_are_deterministic():
    first, second = (SparseCCA(2, l1=0.3).fit(X, Y) for _ in range(2))
    assert_array_equal(first.x_weights_, second.x_weights_)


@pytest.mark.parametrize("rows", [np.arange(100), np.arange(80), np.arange(30)], ids=len)
@pytest.mark.parametrize("n_deflated", [0, 2])
def test_start_is_that_of_a_dense_search(monkeypatch, rows, n_deflated):
    monkeypatch.setattr(sparse_start, "_TILE", 37)
    monkeypatch.setattr(sparse_start, "_KEPT", 2)
    # A trend, so that the means of the rows differ from those of all rows.
    views = [view + np.linspace(0, 2, 100)[:, None] * view[0] for view in (X, Y)]
    x, y = (Columns(Standardized(view, "X").values, rows) for view in views)
    rng = np.random.default_rng(0)
    dense = [StandardScaler().fit_transform(view[rows]) for view in views]
    for _ in range(n_deflated):
        for columns, own in zip((x, y), dense, strict=True):
            weights = rng.normal(size=own.shape[1])
            z = own @ weights
            z /= np.std(z, ddof=1)
            columns.deflate(weights / np.std(columns.variate(weights), ddof=1))
            own -= np.outer(z, own.T @ z) / (z @ z)
    covariance = dense[0].T @ dense[1]
    sizes = np.sort(np.abs(covariance).ravel())[::-1]
    kept = np.maximum(np.abs(covariance) - sizes[2 * 150], 0) * np.sign(covariance)
    left, _, right = np.linalg.svd(kept)
    ((x_weights, y_weights),) = starting_weights([(x, y)])
    assert abs(x_weights @ left[:, 0]) == pytest.approx(1, abs=1e-4)
    assert abs(y_weights @ right[0]) == pytest.approx(1, abs=1e-4)


@pytest.mark.filterwarnings("ignore::skdcca.exceptions.ChanceCorrelationWarning")
def test_cross_validation_repeats_start_and_path_in_each_fold():
    # A trend, so that the means of the folds differ.
    X, Y = (view + np.linspace(0, 1, 100)[:, None] * view[0] for view in few_related_views())
    cca = SparseCCA(2, cv=KFold(4)).fit(X, Y)
    results = pd.DataFrame(cca.cv_results_)
    first = results[results.component == 0]
    row = first.iloc[4]
    zx, zy = np.empty(100), np.empty(100)
    for train, test in KFold(4).split(X):
        model = SparseCCA(l1=row.x_l1).fit(X[train], Y[train])
        zx[test], zy[test] = (z[:, 0] for z in model.transform(X[test], Y[test]))
    correlation = zx @ zy / np.linalg.norm(zx) / np.linalg.norm(zy)
    assert correlation == pytest.approx(row.correlation, abs=1e-3)
    # The chosen threshold is the largest within one standard error of the best.
    best = first.loc[first.correlation.idxmax()]
    good = first[first.correlation >= best.correlation - best.standard_error]
    assert cca.l1_[0, 0] == good.x_l1.max()
    assert cca.held_out_correlations_[0] == good.correlation.iloc[0]
    again = SparseCCA(l1=cca.l1_[0]).fit(X, Y)
    assert_array_equal(again.x_weights_[:, 0], cca.x_weights_[:, 0])


def test_standard_error_is_that_of_a_jackknife():
    cca = SparseCCA(l1="cv", cv=[(np.arange(50), np.arange(50, 100))]).fit(X, Y)
    error = cca.cv_results_["standard_error"][0]
    model = SparseCCA(l1=0.8).fit(X[:50], Y[:50])
    zx, zy = (z[:, 0] for z in model.transform(X[50:], Y[50:]))
    without = [np.corrcoef(np.delete(zx, i), np.delete(zy, i))[0, 1] for i in range(50)]
    # As many training rows as held-out rows double the variance, after Nadeau and Bengio.
    assert error == pytest.approx(np.std(without) * np.sqrt(49 * 2), rel=0.1)


def test_unrelated_views_are_reported():
    X, y = np.random.default_rng(0).normal(size=(2, 40, 80))
    with pytest.warns(ChanceCorrelationWarning, match="unrelated views may reach .* by chance"):
        SparseCCA().fit(X, y)


def test_unrelated_views_with_few_columns_are_reported():
    # The best correlation of 50 rows is more than two of its estimated standard errors above 0.
    rng = np.random.default_rng([25, 50, 5])
    X, y = rng.standard_normal((50, 5)), rng.standard_normal((50, 5))
    cca = SparseCCA()
    with pytest.warns(ChanceCorrelationWarning, match="may reach 0.46 by chance"):
        cca.fit(X, y)
    results = pd.DataFrame(cca.cv_results_)
    best = results.loc[results.correlation.idxmax()]
    assert best.correlation > 2 * best.standard_error
    # Fisher's transformation has this error with 50 held-out rows, and 40 training rows in each fold.
    assert best.correlation < np.tanh(norm.isf(0.01) * np.sqrt(1 / 50 + 1 / 40))


def test_copies_of_rows_in_one_group_count_once():
    rng = np.random.default_rng(0)
    zx = rng.normal(size=50)
    zy = 0.5 * zx + rng.normal(size=50)
    single = held_out_correlation(zx, zy, 40, np.arange(50))
    copies = (np.repeat(values, 2) for values in (zx, zy))
    assert_allclose(held_out_correlation(*copies, 80, np.repeat(np.arange(50), 2)), single)
    # Groups whose rows do not resemble each other change little.
    assert_allclose(held_out_correlation(zx, zy, 40, np.arange(50) // 2)[2], single[2], rtol=0.1)


def test_groups_of_similar_rows_are_no_relation():
    groups = np.repeat(np.arange(12), 5)
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(12, 2, 6)).transpose(1, 0, 2)[:, groups] + 0.1 * rng.normal(
        size=(2, 60, 6)
    )
    with pytest.warns(ChanceCorrelationWarning):
        SparseCCA().fit(X, y, groups=groups)


def test_second_component_that_is_chance_is_reported():
    with pytest.warns(ChanceCorrelationWarning, match="component 1"):
        SparseCCA(2, cv=3, l1=("cv", 0.5)).fit(*few_related_views(noise=0.1, p=40, q=30, seed=3))


def frame():
    columns = [f"gene {i}" for i in range(40)]
    return pd.DataFrame(X[:, :40], columns=columns), pd.DataFrame(Y[:, :3], columns=list("abc"))


@pytest.mark.filterwarnings("ignore::skdcca.exceptions.ChanceCorrelationWarning")
@pytest.mark.parametrize(
    ("view", "other"),
    [
        (X[:10], Y[:10]),
        (X[:50], Y[:50, 0]),
        (X[:50, :1], Y[:50, :1]),
        (X[:50] * np.geomspace(1e-150, 1e150, 150), Y[:50]),
        (np.column_stack([X[:, :9], np.full(100, 7.3)]), Y[:, :9]),
        (X.astype(np.float32), Y.astype(np.float32)),
        frame(),
    ],
    ids=["ten rows", "vector", "one column", "units", "constant", "float32", "frame"],
)
def test_tables_of_every_kind(view, other):
    cca = SparseCCA().fit(view, other)
    zx, zy = cca.transform(view, other)
    assert np.isfinite(zx).all()
    assert np.isfinite(zy).all()
    assert zx.dtype == (np.float32 if np.asarray(view).dtype == np.float32 else np.float64)
    assert cca.predict(view).shape == np.shape(other)
    assert cca.x_support_.any()
    assert not cca.x_weights_[np.ptp(np.asarray(view), axis=0) == 0].any()


def test_float32_agrees_with_float64():
    single = SparseCCA(l1=0.4).fit(X.astype(np.float32), Y.astype(np.float32))
    assert_allclose(single.x_weights_, SparseCCA(l1=0.4).fit(X, Y).x_weights_, atol=1e-4)


def test_column_that_is_constant_in_a_fold_is_not_selected_there():
    view = X[:, :10].copy()
    view[:, 4] = 0
    view[:20, 4] = 1 + np.arange(20)
    cca = SparseCCA().fit(view, Y[:, :5])
    assert np.isfinite(cca.cv_results_["correlation"]).all()


def test_largest_threshold_keeps_one_column():
    cca = SparseCCA(l1=1).fit(X, Y)
    assert cca.x_support_.sum() == cca.y_support_.sum() == 1


def test_pair_keeps_all_columns_of_a_small_view():
    cca = SparseCCA(l1=("cv", 0)).fit(X, Y[:, :4])
    assert cca.y_support_.all()
    assert cca.x_support_.sum() < 10
    assert cca.l1_[0, 1] == 0


def test_components_without_covariance_are_zero():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(30, 1)) @ rng.normal(size=(1, 5))
    with pytest.warns(RankWarning, match="after 1 components. The last 2 components"):
        cca = SparseCCA(3, l1=0.1).fit(X, X[:, :3])
    assert cca.x_weights_.shape == (5, 3)
    assert not cca.x_weights_[:, 1:].any()
    assert_allclose(cca.canonical_correlations_, [1, 0, 0], atol=1e-12)
    assert cca.score(X, X[:, :3]) == pytest.approx(1)
    frequencies = cca.stability(X, X[:, :3], n_splits=2, random_state=0).x_frequencies
    assert frequencies.shape == (5, 3)
    assert not frequencies[:, 1:].any()


def test_wide_views_without_threshold_or_ridge_are_reported():
    with pytest.warns(PerfectCorrelationWarning, match="Set l1='cv'"):
        SparseCCA(l1=0).fit(X[:20], Y[:20])
    SparseCCA(l1=0, reg=0.1).fit(X[:20], Y[:20])


def test_unstable_variates_are_reported():
    with pytest.warns(ConvergenceWarning, match="max_iter=1 alternations"):
        SparseCCA(l1=0.1, max_iter=1).fit(X, Y)


def test_groups_stay_in_one_fold():
    groups = np.repeat([str(i) for i in range(25)], 4)
    by_number = SparseCCA(l1=("cv", 0.5)).fit(X[:, :20], Y[:, :9], groups=groups)
    by_splitter = SparseCCA(l1=("cv", 0.5), cv=GroupKFold(5)).fit(
        X[:, :20], Y[:, :9], groups=groups
    )
    assert_array_equal(by_number.cv_results_["correlation"], by_splitter.cv_results_["correlation"])
    rows = SparseCCA(l1=("cv", 0.5)).fit(X[:, :20], Y[:, :9])
    assert not np.allclose(
        rows.cv_results_["correlation"][0], by_number.cv_results_["correlation"][0]
    )


def test_other_splitters():
    cca = SparseCCA(l1=("cv", 0.5), cv=ShuffleSplit(2, random_state=0)).fit(X, Y)
    assert cca.held_out_correlations_[0] > 0.8


def test_selection_frequencies_tell_true_columns_from_others():
    cca = SparseCCA(l1=0.4).fit(X, Y)
    result = cca.stability(X, Y, n_splits=5, random_state=0)
    assert result.x_frequencies.shape == (150, 1)
    assert (result.x_frequencies[:N_TRUE] >= 0.9).all()
    assert result.x_frequencies[N_TRUE:].mean() < 0.05
    again = cca.stability(X, Y, n_splits=5, random_state=0)
    assert_array_equal(result.y_frequencies, again.y_frequencies)


def test_selection_frequencies_match_the_components_of_halves():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 20))
    y = rng.normal(size=(200, 15))
    y[:, :2] = X[:, :2] + 0.3 * y[:, :2]  # of equal strength, so that halves exchange them
    cca = SparseCCA(2, l1=0.6).fit(X, y)
    result = cca.stability(X, y, n_splits=8, groups=np.arange(200) // 2, random_state=0)
    assert (result.x_frequencies[cca.x_support_] > 0.9).all()


def test_selection_frequencies_refuse_bad_input():
    cca = SparseCCA(l1=0.4)
    with pytest.raises(NotFittedError):
        cca.stability(X, Y)
    cca.fit(X, Y)
    with pytest.raises(ValueError, match="at least four rows and two groups"):
        cca.stability(X[:3], Y[:3])
    with pytest.raises(ValueError, match="`n_splits` must be an integer >= 1"):
        cca.stability(X, Y, n_splits=0)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"n_components": None}, "`n_components` must be an integer >= 1, got None"),
        ({"l1": 1.5}, r"`l1` must be 'cv', a number in \[0, 1\], or a pair of them, got 1.5"),
        ({"l1": "best"}, "`l1` must be .*, got 'best'"),
        ({"l1": (0.1, 0.2, 0.3)}, "`l1` must be"),
        ({"reg": -1}, "`reg` must be a number >= 0, np.inf, or a pair of them, got -1"),
        ({"reg": float("nan")}, "`reg` must be"),
        ({"tol": 0}, r"`tol` must be a finite number in \(0, 1\), got 0"),
        ({"max_iter": 0}, "`max_iter` must be an integer >= 1, got 0"),
        ({"cv": 1}, "`cv` must be an integer >= 2, got 1"),
        ({"cv": "five"}, "`cv` must be an integer >= 2, a splitter"),
        ({"cv": []}, "`cv` must have splits"),
    ],
    ids=str,
)
def test_bad_parameters_are_refused(parameters, message):
    with pytest.raises(ValueError, match=message):
        SparseCCA(**parameters).fit(X, Y)


def test_constant_view_is_refused():
    with pytest.raises(ValueError, match="Every column of y is constant"):
        SparseCCA().fit(X, np.ones((100, 2)))


def test_search_and_tables():
    X, y = frame()
    search = GridSearchCV(SparseCCA(), {"l1": [0.9, 0.5], "reg": [0.0, np.inf]}, cv=2).fit(X, y)
    model = search.best_estimator_.set_output(transform="pandas")
    assert list(model.transform(X).columns) == ["sparsecca0"]
    assert list(model.predict(X).columns) == ["a", "b", "c"]
    assert_allclose(model.predict(X), X @ model.coef_.T + model.intercept_)


def test_saved_model_answers_the_same_and_keeps_no_rows(tmp_path):
    cca = SparseCCA(l1=("cv", 0.5), reg=(0.1, np.inf), cv=2).fit(X, Y)
    save(cca, tmp_path / "model.skdcca")
    again = load(tmp_path / "model.skdcca")
    assert_array_equal(again.transform(X), cca.transform(X))
    assert_array_equal(again.cv_results_["correlation"], cca.cv_results_["correlation"])
    assert again.get_params()["reg"] == (0.1, np.inf)
    assert len(pickle.dumps(cca)) < X.nbytes / 3


def test_cross_covariance_is_never_stored():
    X, y = np.random.default_rng(0).normal(size=(2, 12, 4000))
    tracemalloc.start()
    SparseCCA(l1=0.7).fit(X, y)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4000**2 * 4 / 2


def test_failed_fit_leaves_the_model_as_it_was():
    cca = SparseCCA(l1=0.4).fit(X, Y)
    before = cca.x_weights_
    with pytest.raises(ValueError, match="NaN"):
        cca.fit(np.where(X > 2, np.nan, X), Y)
    assert cca.x_weights_ is before
