"""scikit-learn's contract for sparse models and for models of several views, where files come in too."""

import joblib
import numpy as np
import pytest
from _contract import each_check, run_check
from _many_views import multi, named_views, three_views
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import GridSearchCV, HalvingGridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from skdcca import DeepMultiCCA, MultiCCA, SparseCCA
from skdcca._cca import sparse_path
from skdcca.encoders import MLP

X = three_views(40)
PAIR = X[:, :5], X[:, 5:9]
BOTH = [("a", "passthrough", slice(0, 1)), ("b", "passthrough", slice(1, None))]


def deep(views=None, **parameters):
    fast = {"encoders": MLP((4,)), "max_epochs": 2, "n_networks": 1, "fallback": None}
    return DeepMultiCCA(views or named_views(), 1, random_state=0, **fast | parameters)


def sparse(**parameters):
    return SparseCCA(l1=0.3, reg=0.1, **parameters)


@each_check
@pytest.mark.parametrize(
    "model", [deep(), multi().fit(X).pair("audio", "tags")], ids=["deep", "pair"]
)
def test_scikit_learn_contract_without_fit(model, check):
    if check == "parameters_default_constructible":
        pytest.skip("needs an instance without parameters")
    run_check(check, model)


def expected_failures(estimator):
    return {
        "check_estimators_pickle": "it sets parts of a view to NaN, which is an error",
        "check_sample_weight_equivalence_on_dense_data": "weighted rows come in other batches",
    }


@pytest.mark.slow
@parametrize_with_checks([deep(BOTH)], expected_failed_checks=expected_failures)
def test_scikit_learn_contract_of_deep_models(estimator, check):
    check(estimator)


@pytest.mark.parametrize(
    ("model", "grid"),
    [
        (multi(1), {"reg": [0.1, 1.0]}),
        pytest.param(deep(), {"max_epochs": [1, 2]}, marks=pytest.mark.slow),
    ],
    ids=["multi", "deep"],
)
def test_searches_of_several_views(model, grid):
    halving = HalvingGridSearchCV(model, grid, cv=2, min_resources=20, random_state=0).fit(X)
    assert set(halving.best_params_) == set(grid)
    assert halving.transform(X).shape == (40, 3)


@pytest.mark.parametrize("n_jobs", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_searches_of_sparse_models(n_jobs):
    model = make_pipeline(StandardScaler(), sparse(y_transformer=StandardScaler()))
    grid = {"sparsecca__l1": [0.1, 0.6], "sparsecca__y_transformer__with_std": [True]}
    search = GridSearchCV(model, grid, cv=2, n_jobs=n_jobs).fit(*PAIR)
    assert search.best_score_ > 0.3
    halving = HalvingGridSearchCV(model, grid, cv=2, min_resources=20, random_state=0).fit(*PAIR)
    assert halving.transform(PAIR[0]).shape == (40, 1)
    copied = clone(model).set_params(sparsecca__y_transformer__with_std=False)
    assert not copied[-1].y_transformer.with_std
    assert model[-1].y_transformer.with_std


@pytest.mark.parametrize(
    ("model", "views"),
    [(multi(1), (X,)), (sparse(), PAIR), pytest.param(deep(), (X,), marks=pytest.mark.slow)],
    ids=["multi", "sparse", "deep"],
)
def test_joblib_files_are_read_into_memory_or_mapped(model, views, tmp_path):
    fitted = clone(model).fit(*views)
    joblib.dump(fitted, tmp_path / "model.joblib")
    for mode in (None, "r"):
        again = joblib.load(tmp_path / "model.joblib", mmap_mode=mode)
        assert_array_equal(again.transform(views[0]), fitted.transform(views[0]))


def test_a_pair_of_a_joblib_file(tmp_path):
    pair = multi(1).fit(X).pair(("audio", "lyrics"), "tags")
    joblib.dump(pair, tmp_path / "pair.joblib")
    again = joblib.load(tmp_path / "pair.joblib", mmap_mode="r")
    assert_array_equal(again.transform(X[:, :9]), pair.transform(X[:, :9]))


def test_an_interrupted_fit_of_a_sparse_model_changes_nothing(monkeypatch):
    cca = SparseCCA(cv=2).fit(*PAIR)
    before, z = dict(vars(cca)), cca.transform(PAIR[0])

    def interrupted(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(sparse_path, "_point", interrupted)
    with pytest.raises(KeyboardInterrupt):
        cca.fit(PAIR[0][:30], PAIR[1][:30])
    assert vars(cca).keys() == before.keys()
    assert_array_equal(cca.transform(PAIR[0]), z)


@pytest.mark.parametrize("n_rows", [20, 50])
def test_defaults_answer_on_small_wide_and_unscaled_tables(n_rows):
    rng = np.random.default_rng(0)
    table = three_views(n_rows, (60, 30, 1)) * rng.choice([1e-6, 1.0, 1e6], size=91)
    table[:, 4] = 7.0
    model = MultiCCA(named_views((60, 30, 1))).fit(table)
    assert np.isfinite(model.transform(table)).all()
    assert model.n_components_ == 1
