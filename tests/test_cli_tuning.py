"""The grids of `fit --search`."""

from functools import wraps

import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV, GroupKFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import Bunch

from skdcca import DeepCCA, LinearCCA, LyricsForm
from skdcca._cli.parser import MODELS
from skdcca._cli.song_models import song_model
from skdcca._cli.training import train
from skdcca._cli.tuning import GRIDS, SIMILARITIES, limit_components, tune
from skdcca.encoders import MLP
from skdcca.metrics import mrr_scorer


def test_every_kind_of_model_can_be_fitted_and_tuned():
    assert set(MODELS) == set(GRIDS)
    for kind in MODELS:
        parameters = song_model(kind, 100).get_params()
        prefix = "sound__" if kind == "words" else ""  # words have nothing to tune
        similarity = "similarity" if kind == "views" else "cca__similarity"  # no pipeline
        assert {prefix + name for name in [*GRIDS[kind], similarity]} <= set(parameters)


def test_networks_are_tuned_for_correlation_and_for_retrieval():
    for kind in ("deep", "joint"):
        assert {"ey", "infonce", "ey_infonce"} <= set(GRIDS[kind]["cca__loss"])


def folds(*sizes):
    return [(np.arange(size), None) for size in sizes]


@pytest.mark.parametrize(
    ("size", "wanted", "allowed"), [(9, [2, 8], [2, 8]), (5, [2, 8, 9], [2, 4]), (2, [2, 8], [1])]
)
def test_components_are_limited_by_the_smallest_fold(size, wanted, allowed, capsys):
    model = Pipeline([("cca", LinearCCA(3))])
    grid = {"cca__reg": [1], "cca__n_components": wanted}
    model, grid = limit_components(model, grid, folds(20, size, 30))
    assert grid == {"cca__reg": [1], "cca__n_components": allowed}
    assert model["cca"].n_components == min(3, size - 1)
    said = capsys.readouterr().out
    expected = (
        f"Components: at most {size - 1}, not {max(wanted)}, because one fold trains on {size}"
    )
    assert said.startswith(expected) == (wanted != allowed)


def test_a_search_with_one_large_group(capsys):
    """Two of three folds train on 12 songs and more, and one on 3."""
    rng = np.random.default_rng(0)
    audio = rng.normal(size=(15, 4))
    lyrics = [" ".join(rng.choice(["la", "lo", "sunny day\n"], size=9)) for _ in audio]
    songs = Bunch(audio=audio, lyrics=lyrics, groups=np.repeat([0, 1, 2], [12, 2, 1]))
    form = make_pipeline(LyricsForm(), StandardScaler())
    model = Pipeline([("scale", StandardScaler()), ("cca", LinearCCA(4, y_transformer=form))])
    fitted, result = tune(model, songs, "linear", quiet=True)
    assert (
        "Components: at most 2, not 4, because one fold trains on 3 songs."
        in capsys.readouterr().out
    )
    assert fitted["cca"].n_components_ == 2
    assert 0 < result["mrr"] <= 1


def test_similarities_are_compared_without_further_fits(capsys):
    """The best candidate and its score are those of a grid over both."""
    rng = np.random.default_rng(0)
    hidden = rng.normal(size=(60, 6)) * [3, 2, 1, 0.5, 0.2, 0.1]
    audio, other = (hidden + rng.normal(size=hidden.shape) for _ in "Xy")
    songs = Bunch(audio=audio, lyrics=other, groups=np.arange(60) // 4)
    scale = Pipeline([("scale", StandardScaler())])
    model = Pipeline([("scale", StandardScaler()), ("cca", LinearCCA(6, y_transformer=scale))])
    fitted, result = tune(model, songs, "linear", quiet=True)
    grid = {**GRIDS["linear"], "cca__similarity": SIMILARITIES}
    search = GridSearchCV(model, grid, scoring=mrr_scorer, cv=GroupKFold(3))
    search.fit(audio, other, groups=songs.groups)
    assert result["mrr"] == pytest.approx(search.best_score_)
    assert {f"cca__{key}": value for key, value in result["best"].items()} == search.best_params_
    assert fitted["cca"].similarity == result["best"]["similarity"] != "weighted"
    assert capsys.readouterr().out.startswith("Best of 9 candidates: reg=")


@pytest.mark.filterwarnings("ignore::skdcca.exceptions.LinearFallbackWarning")
@pytest.mark.parametrize(("search", "sizes"), [(False, [24]), (True, [16, 16, 16, 24])])
def test_deep_models_hold_out_the_groups_of_songs(search, sizes, monkeypatch, capsys):
    """The inner fits of a search do so as well."""
    original, calls = DeepCCA.fit, []

    @wraps(original)
    def fit(self, X, y, **parameters):
        calls.append((X[:, 0].tolist(), parameters["groups"].tolist()))
        return original(self, X, y, **parameters)

    monkeypatch.setattr(DeepCCA, "fit", fit)
    monkeypatch.setitem(GRIDS, "deep", {"cca__loss": ["ey"]})
    songs = Bunch(groups=np.arange(24) // 2)
    songs.lyrics = np.random.default_rng(0).normal(size=(24, 2))
    songs.audio = np.column_stack([songs.groups, songs.lyrics])
    encoders = {"x_encoder": MLP(()), "y_encoder": MLP(()), "y_transformer": make_pipeline(None)}
    deep = DeepCCA(1, **encoders, n_networks=2, max_epochs=1, verbose=1, random_state=0)
    model = Pipeline([("same", None), ("cca", deep)])
    fitted, notes = train(model, "deep", songs, Bunch(search=search, quiet=True))
    assert [len(groups) for _, groups in calls] == sizes
    assert all(rows == groups for rows, groups in calls)
    assert notes["decision"] == fitted["cca"].decision_
    assert "DeepCCA keeps" not in capsys.readouterr().out  # the command prints it, of songs
