"""Removing confounds from both views, inside the folds."""

import numpy as np
import pandas as pd
import pytest
from _saved_models import round_trip
from scipy import linalg, sparse
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder
from sklearn.utils.estimator_checks import parametrize_with_checks

from skdcca import LinearCCA, Residualizer, canonical_correlation_test
from skdcca.metrics import embed

NAMES = ["age", "v1", "site", "v2", "v3"]


def table(n=50, seed=0):
    """Return a table whose columns depend on age and site."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(n, 5))
    values[:, 0] = rng.uniform(20, 80, n)
    values[:, 2] = rng.integers(0, 2, n)
    values[:, [1, 3, 4]] += 0.1 * values[:, [0]] - values[:, [2]]
    return pd.DataFrame(values, columns=NAMES)


def regression_residuals(train, test, confounds):
    """Return the residuals of test rows by the regression of scikit-learn."""
    others = [i for i in range(train.shape[1]) if i not in confounds]
    fit = LinearRegression().fit(train[:, confounds], train[:, others])
    return test[:, others] - fit.predict(test[:, confounds])


@parametrize_with_checks([Residualizer([0])])
def test_scikit_learn_contract(estimator, check):
    check(estimator)


def test_residuals_of_new_rows_are_those_of_a_regression_on_training_rows():
    X, new = table(), table(20, seed=1)
    step = Residualizer(["age", "site"])
    expected = regression_residuals(X.to_numpy(), X.to_numpy(), [0, 2])
    np.testing.assert_allclose(step.fit_transform(X), expected, atol=1e-10)
    expected = regression_residuals(X.to_numpy(), new.to_numpy(), [0, 2])
    np.testing.assert_allclose(step.transform(new), expected, atol=1e-10)
    # One row alone, which a regression fitted on the new rows would make 0.
    np.testing.assert_allclose(step.transform(new[:1]), expected[:1], atol=1e-10)


@pytest.mark.parametrize(
    "confounds",
    [
        ["site", "age"],
        pd.Index(["age", "site"]),
        [0, -3],
        np.array([2, 0]),
        slice(0, 3, 2),
        [True, False, True, False, False],
        np.array([True, False, True, False, False]),
    ],
    ids=repr,
)
def test_columns_are_chosen_as_by_a_column_transformer(confounds):
    X = table()
    expected = regression_residuals(X.to_numpy(), X.to_numpy(), [0, 2])
    step = Residualizer(confounds).fit(X)
    np.testing.assert_allclose(step.transform(X), expected, atol=1e-10)
    assert sorted(step.confounds_) == [0, 2]
    assert list(step.get_feature_names_out()) == ["v1", "v2", "v3"]


def test_a_single_name_and_a_slice_of_names():
    X = table()
    assert list(Residualizer("site").fit(X).confounds_) == [2]
    assert list(Residualizer(slice("age", "site")).fit(X).confounds_) == [0, 1, 2]


def test_arrays_without_names():
    X = table().to_numpy()
    step = Residualizer([1]).fit(X)
    assert list(step.get_feature_names_out()) == ["x0", "x2", "x3", "x4"]
    assert list(step.get_feature_names_out(NAMES)) == ["age", "site", "v2", "v3"]
    assert step.transform(X.astype(np.float32)).dtype == np.float32


def test_output_is_a_data_frame_on_request():
    X = table().set_index(np.arange(50) + 7)
    out = Residualizer(["age"]).set_output(transform="pandas").fit_transform(X)
    assert list(out.columns) == ["v1", "site", "v2", "v3"]
    assert out.index.equals(X.index)


def test_partial_cca_has_the_correlations_of_the_partial_correlation_matrix():
    rng = np.random.default_rng(0)
    Z = rng.normal(size=(100, 2))
    X, y = (Z @ rng.normal(size=(2, 3)) + rng.normal(size=(100, 3)) for _ in range(2))
    y[:, 0] += X[:, 0]
    covariance = np.cov(np.hstack([X, y, Z]).T)
    of_views, of_both, of_confounds = covariance[:6, :6], covariance[:6, 6:], covariance[6:, 6:]
    partial = of_views - of_both @ linalg.solve(of_confounds, of_both.T)
    cross = partial[:3, 3:]
    squares = linalg.eigvals(
        linalg.solve(partial[:3, :3], cross) @ linalg.solve(partial[3:, 3:], cross.T)
    )
    step = Residualizer(slice(0, 2))
    model = make_pipeline(step, LinearCCA(reg=0, y_transformer=step))
    model.fit(np.hstack([Z, X]), np.hstack([Z, y]))
    expected = np.sort(np.sqrt(squares.real))[::-1]
    np.testing.assert_allclose(model[-1].canonical_correlations_, expected, atol=1e-10)


def test_dependent_and_constant_confounds_do_no_harm():
    X = table()
    with_all = X.assign(other=1 - X["site"], constant=1e15 / 3, months=12 * X["age"])
    confounds = ["age", "site", "other", "constant", "months"]
    found = Residualizer(confounds).fit_transform(with_all)
    expected = Residualizer(["age", "site"]).fit_transform(X)
    np.testing.assert_allclose(found, expected, atol=1e-10)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_what_the_confounds_explain_is_zero(dtype):
    """Standardized rounding errors would be the same in both views, with a correlation of 1."""
    X = table().assign(months=lambda t: 12 * t["age"] + 0.3, constant=1e5 / 3).astype(dtype)
    step = Residualizer(["age", "site"]).fit(X[:40])
    out = step.transform(X)
    assert (out[:, 3:] == 0).all()
    assert (out[:, :3].std(axis=0) > 0.5).all()


def test_units_do_not_matter():
    X = table()
    large = X.assign(age=1e12 + 1e6 * X["age"], v1=1e-9 * X["v1"])
    found = Residualizer(["age", "site"]).fit_transform(large) * [1e9, 1, 1]
    np.testing.assert_allclose(found, Residualizer(["age", "site"]).fit_transform(X), atol=1e-6)


def test_encoded_categories():
    X = table().assign(site=np.resize(["Boston", "Turin", "Lyon"], 50))
    encode = make_column_transformer(
        (OneHotEncoder(sparse_output=False), ["site"]),
        remainder="passthrough",
        verbose_feature_names_out=False,
    ).set_output(transform="pandas")
    step = make_pipeline(encode, Residualizer(slice("site_Boston", "site_Turin")))
    out = step.fit_transform(X)
    assert list(step.get_feature_names_out()) == ["age", "v1", "v2", "v3"]
    for site in range(3):  # residuals of indicators have mean 0 in each category
        np.testing.assert_allclose(out[site::3].mean(axis=0), 0, atol=1e-10)


def test_a_search_residualizes_both_views_inside_the_folds():
    X, y = table(60), table(60, seed=1)
    y[["age", "site"]] = X[["age", "site"]]
    cca = LinearCCA(1, y_transformer=Residualizer(["age"]))
    model = Pipeline([("residual", Residualizer(["age"])), ("cca", cca)])
    grid = {
        "residual__confounds": [["age"], ["age", "site"]],
        "cca__y_transformer__confounds": [["age"], ["age", "site"]],
    }
    search = GridSearchCV(model, grid, cv=3).fit(X, y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    train, test = slice(20, 60), slice(0, 20)
    first = {name: values[0] for name, values in grid.items()}
    fitted = clone(model).set_params(**first).fit(X[train], y[train])
    score = fitted.score(X[test], y[test])
    assert search.cv_results_["split0_test_score"][0] == pytest.approx(score)


def test_residuals_inside_the_folds_do_not_leak():
    inside, before = [], []
    step = Residualizer(slice(0, 36))
    partial = make_pipeline(step, LinearCCA(1, reg=0, y_transformer=step))
    for seed in range(8):
        rng = np.random.default_rng(seed)
        Z = rng.normal(size=(60, 36))
        X, y = (np.hstack([Z, Z[:, :5] + rng.normal(size=(60, 5))]) for _ in range(2))
        inside.append(cross_val_score(partial, X, y).mean())
        residuals = step.fit_transform(X), step.fit_transform(y)
        before.append(cross_val_score(LinearCCA(1, reg=0), *residuals).mean())
    assert abs(np.mean(inside)) < 0.15
    assert np.mean(before) > 0.3


def test_saved_model_answers_the_same(tmp_path):
    X, y = table(), table(seed=1)
    step = Residualizer(["age", "site"])
    model = make_pipeline(step, LinearCCA(1, y_transformer=step)).fit(X, y)
    again = round_trip(model, tmp_path / "model.skdcca")
    for ours, theirs in zip(embed(model, X, y), embed(again, X, y), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize(
    ("confounds", "message"),
    [
        (
            ["height"],
            r"`confounds` must be names .* got 'height'. The columns are \['age', .*'v3'\]",
        ),
        (slice("age", "height"), "`confounds` must be names of columns of X, got 'height'"),
        (slice(None), "must leave a column to residualize, got all of X"),
        ([9], "`confounds` must be names.*\\[9\\]"),
        ([True, False], "`confounds` must be names"),
        (["age", 1], "`confounds` must be names"),
        ([1.5], "`confounds` must be names"),
        (None, "`confounds` must be names, positions, .* got None. X has 5 column"),
        ([], "`confounds` must contain a column of X, got \\[\\]. Leave the step out"),
        ([False] * 5, "`confounds` must contain"),
        (NAMES, "must leave a column to residualize, got all of X, which has 5 feature"),
    ],
)
def test_unusable_confounds_are_refused(confounds, message):
    with pytest.raises(ValueError, match=message):
        Residualizer(confounds).fit(table())


def test_names_need_a_table_with_names():
    X = table().to_numpy()
    message = (
        "`confounds` must be positions or a mask if X has no column names, got 'age'. Pass posi"
    )
    for confounds in (["age"], "age", slice("age", None)):
        with pytest.raises(ValueError, match=message):
            Residualizer(confounds).fit(X)
    with pytest.raises(ValueError, match=r"`confounds` must be names, .* got None. X has 5 col"):
        Residualizer(None).fit(X)
    with pytest.raises(ValueError, match="must leave a column to residualize, got all of X"):
        Residualizer(slice(None)).fit(X)
    every_other = Residualizer(slice(None, None, 2)).fit(X)
    assert list(every_other.confounds_) == [0, 2, 4]


def test_repeated_names_are_refused():
    X = table()
    X.columns = ["age", "v", "site", "v", "v"]
    for confounds in (["age"], [0]):
        with pytest.raises(ValueError, match=r"unique column names, got 3 columns 'v'. .*to_numpy"):
            Residualizer(confounds).fit(X)


def test_unusable_tables_are_refused():
    X, step = table(), Residualizer(["age", "site"])
    with pytest.raises(ValueError, match="contains NaN"):
        step.fit(X.assign(age=np.nan))
    named = X.assign(site=np.resize(["Boston", "Turin"], 50))
    with pytest.raises(ValueError, match=r"text in the column 'site', such as 'Boston'.*OneHotEnc"):
        step.fit(named)
    dated = X.assign(age=pd.date_range("2020-01-01", periods=50))
    with pytest.raises(ValueError, match=r"X contains dates in the column 'age'.*days"):
        step.fit(dated)
    coded = X.assign(site=pd.Categorical(np.resize([1, 2, 3], 50)))
    with pytest.raises(ValueError, match=r"The confound 'site' must be numeric, got categ.*OneHot"):
        step.fit(coded)
    with pytest.raises(
        ValueError, match=r"needs more rows than independent confounds \+ 1, got 3 "
    ):
        step.fit(X[:3])
    with pytest.raises(TypeError, match=r"X must be dense for Residualizer.*toarray"):
        step.fit(sparse.csr_array(X))


def test_other_columns_than_in_fit_are_refused():
    step = Residualizer(["age", "site"])
    with pytest.raises(NotFittedError):
        step.transform(table())
    step.fit(table())
    with pytest.raises(ValueError, match="feature names should match"):
        step.transform(table()[NAMES[::-1]])
    with pytest.raises(ValueError, match="feature names should match"):
        step.transform(table()[NAMES[:4]])


@pytest.mark.parametrize("method", ["permutation", "wilks"])
def test_a_test_of_residuals_needs_their_confounds(method):
    """The rows of residuals are not exchangeable."""
    X, y, step = table(), table(seed=1), Residualizer(["age"])
    for model in (
        make_pipeline(step, LinearCCA(reg=0)),
        LinearCCA(reg=0, y_transformer=make_pipeline(step)),
        GridSearchCV(make_pipeline(step, LinearCCA(reg=0)), {"linearcca__reg": [0]}),
    ):
        with pytest.raises(ValueError, match=r"must not contain a Residualizer.*as `confounds`"):
            canonical_correlation_test(model, X, y, method=method, n_permutations=1)


def test_a_constant_confound_counts_for_nothing():
    """Its mean has a rounding error, so that it is not 0 after centering."""
    X = table()[["age", "v1"]][:3].assign(constant=1e14 / 7)
    step = Residualizer(["age", "constant"]).fit(X)
    assert step.coef_[0, 1] == 0
