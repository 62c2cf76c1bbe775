"""DeepCCA against known factors, LinearCCA and regressions on its encodings."""

import copy
import io
import pickle
import pickletools
import warnings

import joblib
import numpy as np
import pytest
import torch
from _deep_models import LOSS_NAMES, Flat, Sizes, small, two_views
from _programs import run_program
from _views import scaled_views
from numpy.testing import assert_allclose
from scipy.linalg import subspace_angles
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV
from torch import nn

from skdcca import DeepCCA, LinearCCA
from skdcca.encoders import MLP
from skdcca.losses import CCALoss, InfoNCELoss
from skdcca.metrics import chance, mrr_scorer


@pytest.mark.parametrize("loss", ["cca", "ey"])
def test_a_nonlinear_factor_is_found_where_linear_cca_finds_none(loss):
    rng = np.random.default_rng(0)
    factor = rng.uniform(-3, 3, size=3000)
    X = np.column_stack([np.sin(2 * factor), np.cos(2 * factor), rng.normal(size=3000)])
    y = np.column_stack([np.exp(-(factor**2)), rng.normal(size=(3000, 2))])
    X += 0.05 * rng.normal(size=X.shape)
    y += 0.02 * rng.normal(size=y.shape)
    X[:, 0] *= np.sign(rng.normal(size=3000))  # a random sign removes the linear part
    X[:, 1] = X[:, 1] ** 2
    train, test = slice(0, 2000), slice(2000, None)
    linear = LinearCCA(1, reg=0).fit(X[train], y[train]).score(X[test], y[test])
    encoder = MLP((64, 64), dropout=0)
    deep = small(1, loss=loss, x_encoder=encoder, y_encoder=encoder, lr=0.01, max_epochs=40)
    deep.fit(X[train], y[train])
    assert deep.score(X[test], y[test]) > linear + 0.3
    # Correlations on held-out rows predict those on test rows.
    assert abs(deep.validation_correlations_.sum() - deep.score(X[test], y[test])) < 0.1


def test_linear_encoders_span_the_linear_solution():
    X, y = two_views(n=2000)
    deep = DeepCCA(
        2,
        x_encoder=MLP(()),
        y_encoder=MLP(()),
        loss="cca",
        reg=0.0,
        batch_size=2000,
        lr=0.1,
        weight_decay=0.0,
        max_epochs=400,
        validation_fraction=0,
        projection="whitened",
        random_state=0,
    ).fit(X, y)
    linear = LinearCCA(2, reg=0).fit(X, y)
    np.testing.assert_allclose(
        deep.canonical_correlations_, linear.canonical_correlations_, atol=1e-3
    )
    for ours, theirs in zip(deep.transform(X, y), linear.transform(X, y), strict=True):
        assert np.rad2deg(subspace_angles(ours, theirs).max()) < 3


@pytest.mark.parametrize("loss", LOSS_NAMES)
def test_every_loss_learns_a_shared_factor(loss):
    X, y = two_views(n=1200)
    model = small(loss=loss, max_epochs=25, batch_size=200, lr=0.01)
    fits = [clone(model).set_params(random_state=i).fit(X[:900], y[:900]) for i in range(3)]
    linear = LinearCCA(2, reg=0).fit(X[:900], y[:900])
    correlation = np.median([fitted.score(X[900:], y[900:]) for fitted in fits])
    assert correlation > linear.score(X[900:], y[900:]) - 0.15
    found = np.median([mrr_scorer(fitted, X[900:], y[900:]) for fitted in fits])
    assert found > 2.5 * chance(300)["mrr"]


def test_unrelated_views_show_it_on_the_held_out_rows_only():
    rng = np.random.default_rng(0)
    fitted = small(
        3,
        x_encoder=MLP((64,)),
        y_encoder=MLP((64,)),
        lr=0.01,
        batch_size=50,
        max_epochs=60,
        patience=None,
        validation_fraction=0.3,
        lr_schedule="constant",
    ).fit(rng.normal(size=(300, 10)), rng.normal(size=(300, 10)))
    last = fitted.history_[-1]
    assert last["train_correlation"] > 1.5
    assert abs(last["valid_correlation"]) < 0.7


def test_correlations_are_those_of_the_variates():
    X, y = two_views()
    fitted = small(projection="whitened", validation_fraction=0, reg=0).fit(X, y)
    zx, zy = fitted.transform(X, y)
    measured = [np.corrcoef(a, b)[0, 1] for a, b in zip(zx.T, zy.T, strict=True)]
    np.testing.assert_allclose(measured, fitted.canonical_correlations_, atol=1e-5)
    np.testing.assert_allclose(np.cov(zx.T), np.eye(2), atol=1e-3)
    assert fitted.score(X, y) == pytest.approx(np.sum(measured), abs=1e-5)


def test_projections_are_one_model_seen_in_three_ways():
    X, y = two_views(n=400)
    by_name = {name: small(projection=name).fit(X, y) for name in ("whitened", "weighted", "raw")}
    whitened, weighted, raw = (by_name[name].transform(X) for name in by_name)
    held_out = by_name["weighted"].validation_correlations_
    np.testing.assert_allclose(weighted, whitened * np.clip(held_out, 0, None) ** 2, rtol=1e-6)
    np.testing.assert_allclose(by_name["raw"].linear_.transform(raw), whitened, atol=1e-5)
    assert len({fitted.score(X, y) for fitted in by_name.values()}) == 1
    assert len({mrr_scorer(fitted, X, y) for fitted in by_name.values()}) == 3


def test_auto_projection_follows_the_loss():
    X, y = two_views(n=100)
    assert small(loss="infonce").fit(X, y).projection_ == "raw"
    assert small(loss="cca").fit(X, y).projection_ == "whitened"
    assert small(loss=InfoNCELoss(0.5), projection="whitened").fit(X, y).projection_ == "whitened"


def test_negative_held_out_correlations_have_no_weight():
    rng = np.random.default_rng(1)
    X, y = rng.normal(size=(2, 200, 3))
    unrelated = small(3, max_epochs=1, projection="weighted")
    measured, weights = [], []
    for seed in range(10):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            unrelated.set_params(random_state=seed).fit(X, y)
        measured.append(unrelated.validation_correlations_)
        weights.append(unrelated.component_weights_)
    measured, weights = np.array(measured), np.array(weights)
    assert (measured < -0.1).any()
    np.testing.assert_array_equal(weights[measured < 0], 0)
    np.testing.assert_allclose(weights[measured > 0], measured[measured > 0] ** 2)


def test_both_views_are_weighted_and_without_held_out_rows_by_the_training_ones():
    X, y = two_views(n=400)
    whitened = small(projection="whitened", validation_fraction=0).fit(X, y)
    weighted = small(projection="weighted", validation_fraction=0).fit(X, y)
    correlations = weighted.canonical_correlations_
    np.testing.assert_array_equal(weighted.component_weights_, correlations**2)
    for view in (0, 1):
        np.testing.assert_allclose(
            weighted.transform(X, y)[view],
            whitened.transform(X, y)[view] * correlations**2,
            rtol=1e-6,
        )


def test_the_ridge_reaches_the_linear_model():
    X, y = two_views()
    correlations = [
        small(reg=reg, validation_fraction=0).fit(X, y).canonical_correlations_[0]
        for reg in (0.0, 1.0)
    ]
    # The networks are equal, as "ey" has no ridge here: r becomes r v / (v + reg mean(v)).
    assert correlations[1] < 0.8 * correlations[0]


def test_score_uses_sample_weights():
    X, y = two_views()
    fitted = small().fit(X, y)
    kept = np.arange(300) % 3 == 0
    assert fitted.score(X, y, kept.astype(float)) == pytest.approx(fitted.score(X[kept], y[kept]))
    assert fitted.score(X, y) != pytest.approx(fitted.score(X[kept], y[kept]))


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"loss": "ccca"}, r"`loss` must be one of \['barlow_twins', .*'vicreg'\].*got 'ccca'\.$"),
        ({"loss": 3}, "`loss` must be one of .*got 3"),
        ({"projection": "white"}, "`projection` must be one of .*'whitened'.*got 'white'"),
        ({"lr_schedule": "linear"}, "`lr_schedule` must be one of .*got 'linear'"),
        ({"optimizer": "adamm"}, "`optimizer` must be one of .*torch.optim.*got 'adamm'"),
        ({"lr": 0}, "`lr` must be a finite number > 0, or None, got 0"),
        ({"lr": float("nan")}, "`lr` must be .*got nan"),
        ({"reg": -1}, "`reg` must be a finite number >= 0, got -1"),
        ({"weight_decay": "a"}, "`weight_decay` must be .*got 'a'"),
        ({"batch_size": 1}, "`batch_size` must be an integer >= 2, or None, got 1"),
        ({"max_epochs": 0}, "`max_epochs` must be an integer >= 1, or None, got 0"),
        ({"patience": 0}, "`patience` must be an integer >= 1, or None, got 0"),
        (
            {"validation_fraction": 1.0},
            r"`validation_fraction` must be a finite number in \[0, 1\), got 1.0",
        ),
        ({"device": "gpu"}, "`device` must be the name of a torch device.*got 'gpu'"),
        ({"device": None}, "`device` must be .*got None"),
        ({"device": "mps"}, "`device` must be a device of this machine, .* no 'mps'"),
        ({"device": "meta"}, "`device` must be a device of this machine, .* no 'meta'"),
        ({"random_state": "a"}, "'a' cannot be used to seed"),
        ({"loss": CCALoss}, "`loss` must be .*an instance, not a class.*got <class"),
        ({"loss": InfoNCELoss(temperature=-1)}, "`temperature` must be .*>= 0.01, got -1"),
        ({"loss": CCALoss(reg=-1)}, "`reg` must be .*>= 0, got -1"),
        ({"optimizer": nn.Linear}, "`optimizer` must be .*got <class"),
        ({"x_encoder": MLP}, "`x_encoder` must be .*got <class.*an instance, .*not a class"),
        ({"x_encoder": nn.Linear}, "`x_encoder` must be .*got <class.*an instance, .*not a class"),
        ({"callbacks": ["print"]}, "`callbacks` must be a list .*contains 'print'"),
        (
            {"validation_fraction": 0.999},
            "`validation_fraction` must .*got 0.999, which holds out 300 of 300",
        ),
        ({"y_encoder": "mlp"}, "`y_encoder` must be .*torch.nn.Module.*got 'mlp'"),
        ({"n_components": 0}, "`n_components` must be .*got 0"),
        ({"n_components": 500}, "`n_components` must be <= 269 .*, got 500"),
    ],
)
def test_bad_parameters_are_refused_before_the_second_view_is_transformed(parameters, message):
    class Hours(TransformerMixin, BaseEstimator):
        def fit_transform(self, y):
            raise AssertionError("hours of work")

        transform = fit = fit_transform

    X, y = two_views()
    with pytest.raises(ValueError, match=message):
        small(y_transformer=Hours()).set_params(**parameters).fit(X, y)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_missing_gpu_is_refused():
    X, y = two_views()
    with pytest.raises(
        ValueError, match=r"`device` must be a device of this machine, .* no 'cuda:0'"
    ):
        small(device="cuda:0").fit(X, y)


def test_pickles_hold_arrays_and_no_tensors(tmp_path):
    X, y = two_views()
    fitted = small(loss="infonce", callbacks=[Sizes()]).fit(X, y)
    fitted.transform(X)  # networks are rebuilt, not pickled
    fitted.set_params(callbacks=None)
    data = pickle.dumps(fitted)
    names = [str(value) for _, value, _ in pickletools.genops(io.BytesIO(data)) if value]
    assert not [name for name in names if name.startswith(("torch", "skorch"))]
    joblib.dump(fitted, tmp_path / "model.joblib")
    mapped = joblib.load(tmp_path / "model.joblib", mmap_mode="r")
    for again in (pickle.loads(data), mapped, copy.deepcopy(fitted)):
        np.testing.assert_array_equal(again.transform(X), fitted.transform(X))
        np.testing.assert_array_equal(again.transform_y(y), fitted.transform_y(y))
        assert again.score(X, y) == fitted.score(X, y)
    assert len(data) < 50_000, "training data or optimizer state is kept"


def test_a_model_loads_in_another_process(tmp_path):
    X, y = two_views()
    fitted = small().fit(X, y)
    joblib.dump(fitted, tmp_path / "model.joblib")
    np.save(tmp_path / "X.npy", X)
    code = (
        "import joblib, numpy as np; model = joblib.load('model.joblib');"
        "np.save('z.npy', model.transform(np.load('X.npy')))"
    )
    run_program(code, cwd=tmp_path)
    np.testing.assert_array_equal(np.load(tmp_path / "z.npy"), fitted.transform(X))


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_model_of_a_gpu_works_without_one():
    X, y = two_views()
    fitted = small().fit(X, y)
    expected = fitted.transform(X)
    fitted.device = "cuda:0"
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(fitted)).transform(X), expected)


def test_clone_and_set_params_after_fitting():
    X, y = two_views()
    fitted = small().fit(X, y)
    before = fitted.transform(X)
    again = clone(fitted)
    assert not hasattr(again, "x_state_")
    np.testing.assert_array_equal(again.fit(X, y).transform(X), before)
    # Parameters for the next fit do not touch what is fitted.
    fitted.set_params(x_encoder__hidden_layer_sizes=(99,), n_components=4, projection="raw")
    np.testing.assert_array_equal(fitted.transform(X), before)
    refitted = fitted.fit(X, y)
    assert refitted.transform(X).shape == (300, 4)


def test_search_over_its_own_keys():
    grid = {
        "x_encoder__hidden_layer_sizes": [(4,), (8,)],
        "loss": [CCALoss(), InfoNCELoss()],
        "lr": [1e-3, 1e-2],
    }
    search = GridSearchCV(small(), grid, cv=2).fit(*two_views())
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert len(set(search.cv_results_["mean_test_score"])) == 8
    search = GridSearchCV(small(loss=InfoNCELoss()), {"loss__temperature": [0.05, 1.0]}, cv=2)
    assert len(set(search.fit(*two_views()).cv_results_["mean_test_score"])) == 2


@pytest.mark.parametrize("params", [{"callbacks": 5}, {"lr": True}, {"reg": True}])
def test_parameters_of_a_wrong_type_are_named(params):
    (name,) = params
    with pytest.raises(ValueError, match=f"`{name}` must be .*got {params[name]}"):
        DeepCCA(**params).fit(np.eye(20), np.eye(20))


# Predictions


@pytest.mark.parametrize("projection", ["whitened", "weighted", "raw"])
def test_predict_is_the_regression_on_the_encodings(projection):
    X, y = scaled_views(n=400)
    settings = {"fallback": None, "max_epochs": 3, "validation_fraction": 0}
    model = DeepCCA(3, x_encoder=MLP((16,)), reg=0, projection=projection, **settings)
    model.set_params(random_state=0).fit(X, y)
    encodings = model._encode("x", X)
    expected = LinearRegression().fit(encodings, y).predict(encodings)
    assert_allclose(model.predict(X), expected, rtol=1e-3, atol=1e-3)


def test_predict_samples_of_any_shape():
    X, y = scaled_views(n=300, q=6)
    model = DeepCCA(2, y_encoder=Flat(), reg=0, max_epochs=2, validation_fraction=0)
    model.set_params(random_state=0).fit(X, y.reshape(300, 2, 3))
    encodings = model.linear_.transform(model._encode("x", X))
    expected = LinearRegression().fit(encodings, y).predict(encodings)
    assert_allclose(model.predict(X), expected.reshape(300, 2, 3), rtol=1e-3, atol=1e-3)
