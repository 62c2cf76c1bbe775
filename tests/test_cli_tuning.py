"""The grids of `fit --search`."""

import numpy as np
import pytest
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import Bunch

from skdcca import LinearCCA, LyricsForm
from skdcca._cli.parser import MODELS
from skdcca._cli.song_models import song_model
from skdcca._cli.tuning import GRIDS, limit_components, tune


def test_every_kind_of_model_can_be_fitted_and_tuned():
    assert set(MODELS) == set(GRIDS)
    for kind in MODELS:
        parameters = song_model(kind, 100).get_params()
        prefix = "sound__" if kind == "words" else ""  # words have nothing to tune
        assert {prefix + name for name in GRIDS[kind]} <= set(parameters)


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
