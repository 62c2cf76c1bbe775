"""Pipelines and searches as people build them: they save, or the error says what to do."""

from functools import partial

import numpy as np
import pandas as pd
import pytest
from _saved_models import N, fitted_linear, round_trip, same, two_views
from scipy import sparse
from scipy.stats import loguniform, norm, randint
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.cluster import FeatureAgglomeration, KMeans
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.decomposition import TruncatedSVD
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import RandomForestRegressor, StackingRegressor, VotingRegressor
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.feature_selection import SelectKBest, f_regression
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import Ridge, SGDClassifier
from sklearn.metrics.pairwise import laplacian_kernel, polynomial_kernel
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    OneHotEncoder,
    SplineTransformer,
    StandardScaler,
    TargetEncoder,
)
from sklearn.random_projection import SparseRandomProjection
from sklearn.svm import SVR, LinearSVC

from skdcca import KernelCCA, LinearCCA
from skdcca.exceptions import UntrustedTypeError
from skdcca.persistence import _rebuilt, load, save

LABELS = np.arange(N) % 3


@pytest.fixture(scope="module")
def views():
    return two_views()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.skdcca"


def fitted_on_labels(model):
    """Return a transformer fitted on labels, as a step that the second view does not fit again."""
    return FrozenEstimator(model.fit(two_views()[0], LABELS))


@pytest.mark.parametrize(
    "step",
    [
        SplineTransformer(n_knots=3),
        SplineTransformer(n_knots=5, extrapolation="periodic"),
        SplineTransformer(n_knots=3, sparse_output=True),
        SparseRandomProjection(3, random_state=0),
        FeatureAgglomeration(2),
        FeatureAgglomeration(2, pooling_func=np.max),
        KMeans(3, n_init=1, random_state=0),
        FunctionTransformer(np.nan_to_num),
        fitted_on_labels(SelectKBest(f_regression, k=2)),
        fitted_on_labels(TargetEncoder(target_type="continuous", cv=2)),
        make_pipeline(
            KBinsDiscretizer(3, quantile_method="linear"), TruncatedSVD(2, random_state=0)
        ),
    ],
    ids=lambda step: type(step).__name__,
)
def test_steps_before_a_model(step, views, path):
    X, y = views
    model = make_pipeline(step, LinearCCA(1, reg=0.1)).fit(X, y)
    assert same(round_trip(model, path).transform(X), model.transform(X))


def test_columns_that_a_selector_or_an_index_names(path):
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {"a": rng.normal(size=N), "b": rng.normal(size=N), "kind": 20 * ["u", "v"]}
    )
    y = table[["a"]] + rng.normal(size=(N, 1))
    selectors = [
        (make_column_selector(dtype_include=np.number), make_column_selector(pattern="kind")),
        (make_column_selector(dtype_exclude=[object, "str"]), ["kind"]),
        (table.columns[:2], table.columns[2:]),
    ]
    for numbers, texts in selectors:
        columns = ColumnTransformer(
            [("numbers", StandardScaler(), numbers), ("texts", OneHotEncoder(), texts)]
        )
        model = make_pipeline(columns, LinearCCA(1, reg=0.1)).fit(table, y)
        again = round_trip(model, path)
        assert same(again.transform(table), model.transform(table))
        assert same(again.fit(table, y).transform(table), model.transform(table))


@pytest.mark.parametrize(
    "kernel", [laplacian_kernel, partial(polynomial_kernel, degree=2)], ids=["function", "partial"]
)
@pytest.mark.parametrize("approximation", [None, "nystroem"])
def test_kernels_of_scikit_learn(kernel, approximation, views, path):
    X, y = views
    model = KernelCCA(2, kernel=kernel, approximation=approximation, n_landmarks=9, random_state=0)
    assert same(round_trip(model.fit(X, y), path).transform(X), model.transform(X))


@pytest.mark.parametrize("method", _rebuilt._STR_METHODS)
def test_methods_of_str_are_the_same_objects(method, path):
    vectorizer = TfidfVectorizer(tokenizer=getattr(str, method))
    assert round_trip(vectorizer, path).tokenizer is getattr(str, method)


def test_random_searches_draw_the_same_candidates(views, path):
    space = {"reg": loguniform(1e-3, 10), "n_components": randint(1, 4)}
    search = RandomizedSearchCV(LinearCCA(), space, n_iter=3, cv=2, random_state=0).fit(*views)
    again = round_trip(search, path)
    assert again.best_params_ == search.best_params_
    assert again.param_distributions["reg"].kwds == space["reg"].kwds
    drawn = again.fit(*views).cv_results_["params"]
    assert drawn == search.cv_results_["params"]


@pytest.mark.parametrize("prior", [norm(1, scale=np.float64(2)), randint(low=1, high=np.int64(9))])
def test_distributions_are_rebuilt(prior, path):
    search = RandomizedSearchCV(LinearCCA(), {"reg": [prior]})
    again = round_trip(search, path).param_distributions["reg"][0]
    assert type(again) is type(prior)
    assert same(again.rvs(5, random_state=0), prior.rvs(5, random_state=0))


@pytest.mark.parametrize("kind", _rebuilt._SPARSE)
def test_sparse_matrices_are_rebuilt(kind, path):
    model = fitted_linear()
    model.extra_ = _rebuilt._SPARSE[kind](sparse.random(20, 5, 0.3, random_state=0))
    again = round_trip(model, path).extra_
    assert type(again) is type(model.extra_)
    assert (again != model.extra_).nnz == 0


def test_sparse_matrices_and_splines_with_numbers_out_of_bounds_are_refused():
    one, places = np.ones(1), np.array([0, 1])
    for indices, indptr in [([9], places), ([-1], places), ([0], np.array([0, 10**6]))]:
        with pytest.raises(ValueError, match="ind"):
            _rebuilt.sparse_rows("csr_matrix", one, np.array(indices), indptr, (1, 1))
    knots = np.arange(8.0)
    for bad in [(knots[::-1], np.ones(4), 3), (knots, np.ones(3), 3), (knots, np.ones(4), 10**9)]:
        with pytest.raises(ValueError, match=r"[Kk]nots|degree"):
            _rebuilt.bspline(*bad, True)
    with pytest.raises(TypeError, match="not an array"):
        _rebuilt.bspline(knots.astype(object), np.ones(4), 3, True)


@pytest.mark.parametrize(
    "model",
    [
        StackingRegressor([("a", Ridge()), ("b", DummyRegressor())], final_estimator=Ridge(), cv=2),
        VotingRegressor([("a", Ridge()), ("b", DummyRegressor())]),
        SGDClassifier(random_state=0),
        LinearSVC(random_state=0),
    ],
    ids=lambda model: type(model).__name__,
)
def test_predictors_after_a_model(model, views, path):
    X, y = views
    variates = LinearCCA(2).fit(X, y)
    whole = make_pipeline(FrozenEstimator(variates), model).fit(X, LABELS)
    assert same(round_trip(whole, path).predict(X), whole.predict(X))


class Doubled(TransformerMixin, BaseEstimator):
    def __init__(self, inner=None):
        self.inner = inner

    def fit(self, X, y=None):
        self.inner_ = self.inner
        return self

    def transform(self, X):
        return 2 * X


def tripled(X):
    return 3 * X


def test_an_error_lists_all_names_to_trust_at_once(views, path):
    """The names inside an object that is not trusted are found too."""
    steps = Doubled(SVR()), FunctionTransformer(tripled), LinearCCA(1)
    model = make_pipeline(*steps).fit(*views)
    names = [f"{__name__}.Doubled", "sklearn.svm._classes.SVR", f"{__name__}.tripled"]
    with pytest.raises(UntrustedTypeError) as raised:
        save(model, path)
    assert raised.value.names == names
    assert f"pass trusted={names} to save and load" in str(raised.value)
    save(model, path, trusted=raised.value.names)
    with pytest.raises(UntrustedTypeError) as raised:
        load(path)
    assert sorted(raised.value.names) == sorted(names)
    assert f"pass trusted={raised.value.names} to load" in str(raised.value)
    assert same(
        load(path, trusted=raised.value.names).transform(views[0]), model.transform(views[0])
    )


def test_a_search_over_untrusted_parts_offers_its_best_model(views, path):
    grid = {"functiontransformer__func": [np.tanh, tripled]}
    model = make_pipeline(FunctionTransformer(), LinearCCA(1))
    scores = {"mean": lambda estimator, X, y: 1.0}
    search = GridSearchCV(model, grid, cv=2, scoring=scores, refit="mean").fit(*views)
    with pytest.raises(UntrustedTypeError, match=r"skdcca\.save\(search\.best_estimator_, path\)"):
        save(search, path)
    assert same(round_trip(search.best_estimator_, path).transform(views[0]),
                search.transform(views[0]))  # fmt: skip
    search.best_estimator_[0].func = tripled
    with pytest.raises(UntrustedTypeError) as raised:
        save(search, path)
    assert "best_estimator_, path" not in str(raised.value)


@pytest.mark.parametrize(
    ("model", "named"),
    [
        (RandomForestRegressor(2), r"sklearn\.tree\._tree\.Tree"),
        (KNeighborsRegressor(), r"sklearn\.neighbors\._kd_tree\.KDTree"),
        (Doubled(dict.fromkeys([True])), r"dict with keys of builtins\.bool"),
        (Doubled(lambda x: x), "<lambda>"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_no_file_can_hold_is_not_offered_as_trusted(model, named, views, path):
    model.fit(views[0], views[1])
    with pytest.raises(UntrustedTypeError, match=rf"no file can hold .*{named}") as raised:
        save(model, path)
    assert "trusted=" not in str(raised.value)
    remedy = "top level of a module" if "lambda" in named else "or use joblib.dump"
    assert remedy in str(raised.value)


def test_dict_subclasses_do_not_lose_their_content(path):
    from collections import OrderedDict

    model = fitted_linear()
    model.extra_ = OrderedDict(a=1)
    with pytest.raises(UntrustedTypeError, match=r"no file can hold .*OrderedDict"):
        save(model, path, trusted=[OrderedDict])
