"""DeepMultiCCA against DeepCCA, MultiCCA and known factors."""

import pickle
import warnings

import numpy as np
import pytest
import torch
from _deep_models import DieAfter, assert_same_states, without_time
from _many_views import NAMES, named_views, random_presence, sides, three_views, without
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.model_selection import GridSearchCV
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from skorch.callbacks import Callback

from skdcca import DeepCCA, DeepMultiCCA, MelSpectrogram, MultiCCA, load, save
from skdcca._deep import checkpoint as _checkpoint
from skdcca._deep import steps
from skdcca._deep.decision import compare
from skdcca._deep.pair_losses import PairLosses
from skdcca._deep.several_held_out import SeveralHeldOut
from skdcca.encoders import MLP, ImageCNN, MelCNN
from skdcca.exceptions import (
    FewSamplesWarning,
    LinearFallbackWarning,
    RankWarning,
    TrainingInterruptedWarning,
)
from skdcca.losses import EYLoss
from skdcca.metrics import similarity, variate_correlations

ENCODER = MLP((8,), dropout=0)
NET = {"encoders": ENCODER, "max_epochs": 3, "random_state": 0, "fallback": None, "loss": "ey"}
NET |= {"n_networks": 1, "batch_size": 64, "validation_fraction": 0.25}
X = three_views(160)
SOME = without(X, random_presence(160, 0.3))
AUDIO, LYRICS, TAGS = sides()


@pytest.fixture(autouse=True)
def _short_training(monkeypatch):
    monkeypatch.setattr(steps, "FEWEST_STEPS", 1)


def deep(n_components=2, views=None, **parameters):
    """Return an unfitted model that trains in a moment."""
    return DeepMultiCCA(views or named_views(), n_components, **NET | parameters)


@pytest.fixture(scope="module")
def fitted():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(steps, "FEWEST_STEPS", 1)
        return deep().fit(SOME)


def bent_views(n, seed):
    """Return three views of two factors, of their squares, and of their absolute values."""
    rng, mixing = np.random.default_rng(seed), np.random.default_rng(99)
    factors = rng.normal(size=(n, 2))
    bent = factors, (factors**2 - 1) / np.sqrt(2), (np.abs(factors) - 0.8) / 0.6
    parts = [f @ mixing.normal(size=(2, p)) for f, p in zip(bent, (5, 4, 3), strict=True)]
    return np.hstack(parts) + 0.2 * rng.normal(size=(n, 12))


# Against other models


@pytest.mark.parametrize(
    "params",
    [
        {"loss": "ey_infonce"},
        {"n_networks": 5, "fallback": "linear"},
        {"loss": "infonce", "validation_fraction": 0},
    ],
    ids=["one network", "five networks", "raw"],
)
def test_two_views_are_those_of_deep_cca(params):
    weight = np.random.default_rng(1).uniform(0.5, 2, 160)
    groups = np.arange(160) // 4
    table, settings = X[:, :9], {k: v for k, v in (NET | params).items() if k != "encoders"}
    two = DeepCCA(2, x_encoder=ENCODER, y_encoder=ENCODER, **settings)
    several = deep(2, named_views()[:2], **params)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LinearFallbackWarning)
        two.fit(X[:, AUDIO], X[:, LYRICS], weight, groups=groups)
        several.fit(table, None, weight, groups=groups)
    zx, zy = two.transform(X[:, AUDIO], X[:, LYRICS])
    assert_allclose(several.transform(table), np.hstack([zx, zy]), atol=1e-9)
    assert_allclose(several.canonical_correlations_, two.canonical_correlations_, atol=1e-9)
    assert several.score(table) == pytest.approx(two.score(X[:, AUDIO], X[:, LYRICS]))
    assert several.decision_["model"] == two.decision_["model"]
    for name in ("networks", "linear", "standard_error"):
        if name in two.decision_:
            assert several.decision_[name] == pytest.approx(two.decision_[name], rel=1e-6)
    if params.get("n_networks", 1) == 1:  # five are linear here
        assert_same_states(several.states_["audio"], two.x_state_)
        assert_same_states(several.states_["lyrics"], two.y_state_)
    if two.validation_correlations_ is not None:
        assert_allclose(several.validation_correlations_, two.validation_correlations_)
        scores = several.compare(zx, zy, pair=("audio", "lyrics"))
        assert_allclose(scores, two.compare(zx, zy), rtol=1e-6, atol=1e-5)
        assert_allclose(several.compare(zy, zx, pair=("lyrics", "audio")), scores.T, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("rate", [0, 0.3])
def test_networks_find_factors_that_no_linear_model_finds(rate):
    train, test = bent_views(1500, 0), bent_views(1000, 1)
    train = without(train, random_presence(1500, rate))
    model = DeepMultiCCA(named_views(), 2, encoders=MLP((64,)), random_state=0).fit(train)
    assert model.decision_["model"] == "networks"
    assert MultiCCA(named_views(), 2).fit(train).score(test) < 1
    assert model.score(test) > 1.7


def test_a_linear_truth_keeps_the_linear_model():
    model = deep(fallback="linear", n_networks=3, max_epochs=1)
    with pytest.warns(LinearFallbackWarning, match="DeepMultiCCA keeps a linear model"):
        model.fit(SOME)
    expected = MultiCCA(named_views(), 2, reg="ledoit_wolf").fit(SOME)
    assert_allclose(model.transform(SOME), expected.transform(SOME))
    assert model.decision_["model"] == "linear"
    assert model.decision_["linear"] > 1
    assert model.n_networks_ == 0
    assert model.states_["tags"] is None
    assert model.validation_correlations_.sum() == pytest.approx(model.decision_["linear"])
    assert_allclose(
        model.pair_correlations_["audio", "tags"], expected.pair_correlations_["audio", "tags"]
    )


def test_components_beyond_the_rank_of_a_view_are_zero():
    rank = "n_components=4 exceeds the rank of a view, which is 3"
    with pytest.warns(RankWarning, match=rank), pytest.warns(LinearFallbackWarning):
        model = deep(4, fallback="linear", n_networks=2, max_epochs=1).fit(X)
    assert model.n_components_ == 4
    assert_allclose(model.transform(X)[:, 3::4], 0, atol=1e-12)
    assert model.canonical_correlations_[3] == 0


# The loss of all pairs


def test_the_loss_is_the_mean_over_pairs_of_the_rows_that_have_both():
    rng = np.random.default_rng(0)
    present = random_presence(30, 0.4)
    whole = rng.normal(size=(3, 30, 2)).astype(np.float32)
    encodings = [torch.from_numpy(z[has]) for z, has in zip(whole, present.T, strict=True)]
    found = PairLosses([EYLoss().build() for _ in range(3)], 3)(
        *encodings, present=torch.from_numpy(present)
    )
    total, n = 0, 0
    for i, j in [(0, 1), (0, 2), (1, 2)]:
        both = present[:, i] & present[:, j]
        pair = torch.from_numpy(whole[i, both]), torch.from_numpy(whole[j, both])
        total += both.sum() * EYLoss()(*pair).item()
        n += both.sum()
    assert found.item() == pytest.approx(total / n)


class Fails(torch.nn.Module):
    def forward(self, zx, zy):
        raise AssertionError


def test_a_pair_with_too_few_rows_in_a_batch_is_skipped():
    present = torch.tensor([[True, True, False], [True, True, True], [True, True, False]])
    z = torch.arange(6.0, requires_grad=True).reshape(3, 2)
    losses = PairLosses([EYLoss().build(), Fails(), Fails()], 3)
    assert losses(z, z, z[:1], present=present).item() == EYLoss()(z, z).item()
    none = losses(z[:1], z[:1], z[:1], present=present[1:2])
    none.backward()
    assert none.item() == 0


@pytest.mark.parametrize(
    "loss", ["barlow_twins", "cca", "ey", "ey_infonce", "infonce", "vicreg", EYLoss(reg=0.1)]
)
def test_every_loss_runs_with_missing_views(loss):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a batch that is small for "cca"
        model = deep(loss=loss, max_epochs=1).fit(SOME)
    z = model.transform(SOME)
    assert np.isnan(z).any()
    assert_array_equal(np.isnan(z[:, model.output_indices_["tags"]][:, 0]), np.isnan(SOME[:, 9]))
    assert np.isfinite(model.history_[0]["train_loss"])


def test_labels_are_those_of_the_rows_of_a_pair():
    seen = []

    class Recorded(EYLoss):
        def _compute(self, zx, zy, group, labels=None):
            seen.append((len(zx), len(labels)))
            return super()._compute(zx, zy, group, labels)

    deep(loss=Recorded(), max_epochs=1).fit(SOME, labels=np.arange(160) % 5)
    assert seen
    assert all(n == n_labels for n, n_labels in seen)
    with pytest.raises(ValueError, match="`labels` must be None with loss='cca'"):
        deep(loss="cca").fit(SOME, labels=np.arange(160))


# Missing views


def test_rows_without_a_view_never_reach_its_network():
    rows = []

    class Rows(Callback):
        def on_batch_begin(self, net, batch=None, **kwargs):
            views, target = batch
            rows.append(([len(view) for view in views.values()], target.present.sum(dim=0)))

    deep(callbacks=[Rows()], max_epochs=1).fit(SOME)
    assert all(n == total.tolist() for n, total in rows)
    # No rows are left out beside the held-out ones.
    n_present = (~np.isnan(SOME[:, [0, 5, 9]])).sum()
    assert np.sum([n for n, _ in rows]) > 0.7 * n_present


def test_the_correlations_of_a_pair_are_those_of_its_held_out_rows(fitted):
    z = fitted.transform(SOME)
    z = [z[:, fitted.output_indices_[name]] for name in NAMES]
    table = SeveralHeldOut(np.array(z), np.arange(160))
    both = ~np.isnan(SOME[:, 0]) & ~np.isnan(SOME[:, 9])
    expected = variate_correlations(z[0][both], z[2][both])
    assert_allclose(table.pair_correlations()[0, 2], expected)
    assert fitted.score(SOME) == pytest.approx(table.correlations().sum())
    # The influences of rows are the derivatives of the sum with respect to their weights.
    weight = np.full(160, 1 / 160)
    total, influence = table.influences(weight)
    assert total == pytest.approx(table.correlations().sum())
    for row in (0, 7):
        more = weight.copy()
        more[row] += 1e-7
        slope = (table.correlations(more).sum() - total) / 1e-7
        assert slope == pytest.approx(influence[row], rel=1e-3, abs=1e-4)
    assert compare(table, table)["difference"] == 0


def test_consensus_trusts_held_out_correlations(fitted):
    model = clone(fitted).fit(SOME).set_params(output="consensus")
    factors = model.transform(SOME)
    assert factors.shape == (160, 2)
    assert np.isfinite(factors).all()
    held_out = model.validation_pair_correlations_
    assert held_out
    for pair, r in held_out.items():
        index = list(model.pair_correlations_).index(pair)
        assert_array_equal(model._factor_correlations()[index], r)
    assert list(model.get_feature_names_out()) == ["consensus0", "consensus1"]


def test_consensus_of_the_linear_model_is_that_of_multi_cca():
    rows = X[:9]  # too few for networks, and for rows that are held out
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = deep(1, fallback="linear", output="consensus").fit(rows)
        expected = MultiCCA(named_views(), 1, reg="ledoit_wolf", output="consensus").fit(rows)
    assert not model.validation_pair_correlations_
    assert_allclose(model.transform(SOME), expected.transform(SOME), atol=1e-9)
    two = model.pair(("audio", "tags"), "lyrics"), expected.pair(("audio", "tags"), "lyrics")
    assert_allclose(two[0].canonical_correlations_, two[1].canonical_correlations_)


def test_pairs_that_hardly_meet():
    present = np.ones((160, 3), dtype=bool)
    present[:, 2] = np.arange(160) < 90
    present[:80, 0] = False  # audio and tags meet in 10 rows
    with pytest.warns(FewSamplesWarning, match="'audio' and 'tags' meet in . rows only") as caught:
        model = deep(max_epochs=2).fit(without(X, present))
    assert len(caught) == 1  # not in each epoch
    assert ("audio", "tags") not in model.validation_pair_correlations_
    za, zb = model.transform_view("audio", X[:3, AUDIO]), model.transform_view("tags", X[:, TAGS])
    r = model.pair_correlations_["audio", "tags"]
    assert_array_equal(
        model.compare(za, zb, pair=("audio", "tags")), similarity(za, zb, correlations=r)
    )
    present[82:90, 2] = False  # and now in two
    model = deep(max_epochs=1, validation_fraction=0.8, random_state=1)
    with pytest.raises(ValueError, match="'audio' and 'tags' must meet in at least two training"):
        model.fit(without(X, present))


def test_rows_with_weight_0_are_ignored():
    weight = (np.arange(160) < 120) * 1.0
    groups, bad = np.arange(160) // 2, SOME.copy()
    bad[120:] = 1e6
    model = deep(max_epochs=1).fit(bad, sample_weight=weight, groups=groups)
    expected = deep(max_epochs=1).fit(SOME[:120], sample_weight=weight[:120], groups=groups[:120])
    assert_array_equal(model.transform(SOME), expected.transform(SOME))


def test_rows_with_only_a_dropped_view_are_ignored():
    views, table = [*named_views()[:2], ("tags", "drop", TAGS)], X.copy()
    table[:30, :9] = np.nan
    model = deep(views=views, max_epochs=1).fit(table, labels=np.arange(160) % 5)
    expected = deep(views=views, max_epochs=1).fit(X[30:], labels=np.arange(30, 160) % 5)
    assert_array_equal(model.transform(X), expected.transform(X))


def test_a_view_may_be_rarer_than_batches_are():
    present = np.ones((160, 3), dtype=bool)
    present[6:, 2] = False
    with pytest.warns(FewSamplesWarning, match="meet in . rows only"):
        model = deep(1, batch_size=8, max_epochs=1).fit(without(X, present))
    assert np.isfinite(model.history_[0]["train_correlation"])


# Views with more axes, and encoders


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    """Return a table with paths of sounds, a text and an image for each; some rows lack some."""
    import soundfile

    folder, rng = tmp_path_factory.mktemp("sounds"), np.random.default_rng(0)
    table = np.full((24, 18), None, dtype=object)
    for i in range(24):
        pitch = 200 + 40 * (i % 6)
        wave = np.sin(2 * np.pi * pitch * np.arange(4000) / 8000) + 0.1 * rng.normal(size=4000)
        soundfile.write(folder / f"{i}.wav", 0.5 * wave, 8000)
        table[i, 0], table[i, 1] = str(folder / f"{i}.wav"), "la " * (1 + i % 6) + "di"
        table[i, 2:] = list(rng.normal(size=16) + i % 6)
    table[:3, 0] = None
    table[3:5, 2:] = None
    return table


def test_paths_become_spectrograms_that_convolutions_read(recordings):
    mel = MelSpectrogram(sample_rate=8000, n_mels=8, duration=0.5)
    tfidf = TfidfVectorizer()
    views = [
        ("audio", mel, 0),
        ("lyrics", FunctionTransformer(lambda t: tfidf.fit_transform(t).toarray()), 1),
        (
            "cover",
            FunctionTransformer(lambda t: t.astype(float).reshape(-1, 1, 4, 4)),
            slice(2, 18),
        ),
    ]
    encoders = {"audio": MelCNN(2, n_layers=1), "cover": ImageCNN(2, n_units=4)}
    model = deep(1, views, encoders=encoders, max_epochs=1, batch_size=8).fit(recordings)
    assert model.shapes_["audio"][0] == 8
    assert model.shapes_["cover"] == (1, 4, 4)
    assert isinstance(model.encoders_["lyrics"], MLP)
    z = model.transform(recordings)
    assert_array_equal(np.flatnonzero(np.isnan(z[:, 0])), [0, 1, 2])
    alone = model.transform_view("audio", list(recordings[5:7, 0]))
    assert_allclose(alone, z[5:7, :1], atol=1e-6)
    assert model.decision_["reason"] == "fallback=None"
    default = model.set_params(fallback="linear").fit(recordings).decision_
    assert default == {"model": "networks", "reason": "samples have more than one axis"}


def test_encoders_and_transformers_are_parameters():
    views = [("audio", StandardScaler(), AUDIO), *named_views()[1:]]
    model = deep(views=views, encoders={"audio": MLP((4,)), "tags": ENCODER})
    copied = clone(model).set_params(
        encoders__audio__dropout=0.3,
        encoders__lyrics=MLP((2,)),
        encoders__lyrics__dropout=0.4,
        audio__with_std=False,
        tags="drop",
    )
    assert model.encoders["audio"].dropout != 0.3
    params = copied.get_params()
    assert params["encoders__audio__dropout"] == 0.3
    assert repr(params["encoders__lyrics"]) == "MLP(dropout=0.4, hidden_layer_sizes=(2,))"
    assert params["audio__with_std"] is False
    with pytest.raises(ValueError, match="has no encoder 'cover'"):
        copied.set_params(encoders__cover__dropout=0.1)
    two = copied.fit(X)
    assert list(two.encoders_) == ["audio", "lyrics"]
    assert "encoders__dropout" in deep().get_params()  # one for all
    assert clone(deep()).set_params(encoders__dropout=0.4).encoders.dropout == 0.4


def test_grid_search():
    grid = {"encoders__tags__hidden_layer_sizes": [(4,), (2,)], "audio": ["passthrough", "drop"]}
    model = deep(1, encoders={"tags": ENCODER}, max_epochs=1, validation_fraction=0)
    search = GridSearchCV(model, grid, cv=2).fit(X)
    assert set(search.best_params_) == set(grid)
    assert search.transform(X).shape[0] == 160


@pytest.mark.parametrize(
    ("params", "error", "message"),
    [
        ({"encoders": {"cover": ENCODER}}, ValueError, "`encoders` must have names of the views"),
        ({"encoders": {"tags": MLP}}, ValueError, r"`encoders\['tags'\]` must be an encoder"),
        ({"encoders": 3}, ValueError, "`encoders` must be an encoder"),
        ({"output": "both"}, ValueError, "`output` must be one of"),
        ({"n_components": 160}, ValueError, "`n_components` must be <= 159"),
        ({"loss": "mse"}, ValueError, "`loss` must be"),
        ({"encoders": torch.nn.Linear(5, 2)}, ValueError, "encoders.'lyrics'.*fails"),
        ({"views": named_views()[:1]}, ValueError, "at least two views"),
        ({"augmentation": lambda *views: views[:2]}, ValueError, "must return three tensors"),
        ({"loss": lambda zx, zy: zx}, ValueError, "must return a tensor of shape"),
    ],
)
def test_wrong_parameters(params, error, message):
    with pytest.raises(error, match=message):
        deep().set_params(**params).fit(X)


def test_wrong_views():
    sparse = deep(views=[("t", TfidfVectorizer(), 0), ("n", "passthrough", [1])])
    with pytest.raises(TypeError, match=r"view 't' must be dense .* TruncatedSVD"):
        sparse.fit(np.array([["oh la", 1.0], ["la di", 2.0]] * 10, dtype=object))
    constant = X.copy()
    constant[:, TAGS] = 1
    with pytest.raises(ValueError, match="Every column of the view 'tags' is constant"):
        deep().fit(constant)
    with pytest.raises(ValueError, match="Row 3 has none of the views"):
        deep().fit(np.where(np.arange(160)[:, None] == 3, np.nan, X))


def test_an_augmentation_changes_all_views():
    shapes = []

    def shifted(*views):
        shapes.append([view.shape[1] for view in views])
        return tuple(view + 1 for view in views)

    deep(augmentation=shifted, max_epochs=1).fit(SOME)
    assert shapes[0] == [5, 4, 3]


# State


def test_a_killed_training_resumes_to_the_same_weights(tmp_path, monkeypatch, fitted):
    monkeypatch.setattr(_checkpoint, "_SHARE", 1)
    with pytest.raises(RuntimeError, match="killed"):
        deep(checkpoint=tmp_path, callbacks=[DieAfter(1)]).fit(SOME)
    again = deep(checkpoint=tmp_path).fit(SOME)
    for name in NAMES:
        assert_same_states(again.states_[name], fitted.states_[name])
    assert without_time(again.history_) == without_time(fitted.history_)
    for other, table in [
        ({"encoders__dropout": 0.5}, SOME),
        ({}, X),
        ({"loss": "cca"}, SOME),
    ]:
        with pytest.raises(ValueError, match="other data or other parameters"):
            clone(deep(checkpoint=tmp_path)).set_params(**other).fit(table)


def test_an_interrupted_training_keeps_the_best_so_far():
    with pytest.warns(TrainingInterruptedWarning):
        model = deep(callbacks=[DieAfter(1, KeyboardInterrupt)]).fit(SOME)
    assert model.n_epochs_ == 1
    assert np.isfinite(model.set_params(output="consensus").transform(SOME)).all()


@pytest.mark.parametrize("projection", ["raw", "weighted", "whitened"])
def test_pairs_of_views(projection, fitted):
    model = clone(fitted).set_params(projection=projection).fit(SOME)
    # The projection does not change the score.
    assert model.score(SOME) == pytest.approx(fitted.score(SOME))
    units = model._standard_variates(SOME)
    for name, of_view in zip(NAMES, units, strict=True):
        z = model.transform(SOME)[:, model.output_indices_[name]]
        assert_allclose(model._standardized(name, z), of_view, atol=1e-6)
    one, both = model.pair("audio", "lyrics"), model.pair(("audio", "tags"), "lyrics")
    scores = one.compare(one.transform(X[:4, AUDIO]), one.transform_y(X[:, LYRICS]))
    za, zb = (
        model.transform_view("audio", X[:4, AUDIO]),
        model.transform_view("lyrics", X[:, LYRICS]),
    )
    assert_array_equal(scores, model.compare(za, zb, pair=("audio", "lyrics")))
    zx, zy = both.transform(np.hstack([X[:, AUDIO], X[:, TAGS]]), X[:, LYRICS])
    assert variate_correlations(zx, zy)[0] > 0.3
    if projection != "whitened":
        assert_allclose(scores, similarity(za, zb), atol=1e-9)
    if projection == "weighted":
        assert_allclose(model.component_weights_, fitted.validation_correlations_.clip(0) ** 2)


def test_files_and_pickles(tmp_path, fitted):
    save(fitted, tmp_path / "model.skdcca")
    for again in (load(tmp_path / "model.skdcca"), pickle.loads(pickle.dumps(fitted))):
        assert_array_equal(again.transform(SOME), fitted.transform(SOME))
        for pair in fitted.pair_correlations_:
            assert str(again.comparison(pair)) == str(fitted.comparison(pair))
        consensus = again.set_params(output="consensus").transform(SOME)
        assert_array_equal(consensus, clone_output(fitted).transform(SOME))
    assert len(pickle.dumps(fitted)) < 60_000  # no rows, no optimizer


def clone_output(model):
    return pickle.loads(pickle.dumps(model)).set_params(output="consensus")


def test_names_and_tables(fitted):
    pd = pytest.importorskip("pandas")
    assert list(fitted.get_feature_names_out())[::2] == ["audio__0", "lyrics__0", "tags__0"]
    table = pickle.loads(pickle.dumps(fitted)).set_output(transform="pandas").transform(SOME)
    assert isinstance(table, pd.DataFrame)
    assert fitted.transform(SOME.astype(np.float32)).dtype == np.float32
    with pytest.raises(ValueError, match="view 'tags' must have 3 columns, got 2"):
        fitted.transform_view("tags", X[:, :2])
