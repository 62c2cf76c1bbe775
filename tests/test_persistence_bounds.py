"""Numbers of a model that compiled code would follow out of bounds."""

from functools import partial

import numpy as np
import pytest
from _harmful_files import BEYOND, changed, write_evil_module
from _nodes import node, set_attribute, tampered
from _saved_models import fitted_linear, synthetic_songs
from sklearn.metrics import make_scorer
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skdcca import Doc2VecLyrics
from skdcca.persistence import load, save


@pytest.fixture(scope="module")
def songs():
    return synthetic_songs()


@pytest.fixture
def linear():
    return fitted_linear()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.skdcca"


@pytest.fixture
def evil(tmp_path, monkeypatch):
    """Return the path of the file that `evil_module` leaves if it is imported."""
    folder = tmp_path / "path"
    folder.mkdir()
    marker = write_evil_module(folder)
    monkeypatch.syspath_prepend(folder)
    return marker


@pytest.mark.parametrize("kind", BEYOND)
def test_numbers_out_of_bounds_are_refused(path, kind):
    with pytest.raises(ValueError, match=r"numbers out of bounds|damaged"):
        save(BEYOND[kind], path)


def test_doc2vec_arrays_of_other_shapes_are_refused(songs):
    fitted = Doc2VecLyrics(6, epochs=2, random_state=0).fit(songs.lyrics)
    state = fitted.__getstate__()["model_"]
    for name in ("vectors", "outputs", "cum_table", "sample_int", "count"):
        with pytest.raises(ValueError, match=f"{name} of a Doc2Vec has shape"):
            Doc2VecLyrics().__setstate__({"model_": state | {name: state[name][:-1]}})
    with pytest.raises(ValueError, match="cum_table of a Doc2Vec must rise"):
        Doc2VecLyrics().__setstate__({"model_": state | {"cum_table": 0 * state["cum_table"]}})


def test_methods_that_a_file_names_are_not_called(linear, path, evil):
    """Scorers and classifiers can call a method by its name when a model transforms or scores."""
    scorer = changed(make_scorer(np.add), {"_response_method": "fit"})
    pretrained = Doc2VecLyrics(pretrained=str(evil))
    for harm in (scorer, make_pipeline(FunctionTransformer(partial(scorer, pretrained)), linear)):
        search = GridSearchCV(linear, {"reg": [1]}, scoring=harm)
        with pytest.raises(
            ValueError,
            match=r"_Scorer has numbers out of bounds, or a method that is not allowed",
        ):
            save(search, path)
    for name in ("FixedThresholdClassifier", "TunedThresholdClassifierCV"):
        save(linear, path)
        attack = node("ObjectNode", f"sklearn.model_selection.{name}")
        with pytest.raises(ValueError, match=name):
            load(tampered(path, lambda schema, attack=attack: set_attribute(schema, "reg", attack)))
