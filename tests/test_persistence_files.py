"""Files of models: header, versions, paths, failed writes, and files that are not of skdcca."""

import errno
import os
import pickle
import shutil
import warnings
import zipfile

import joblib
import numpy as np
import pytest
import sklearn
import skops.io
from _nodes import items, node, set_attribute, tampered
from _saved_models import (
    FORMAT_1,
    deep,
    fitted_linear,
    round_trip,
    same,
    synthetic_songs,
    two_views,
)
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import skdcca
from skdcca import Doc2VecLyrics, KernelCCA, LinearCCA
from skdcca.exceptions import DamagedFileError, FileVersionError, VersionWarning
from skdcca.metrics import embed, similarity
from skdcca.persistence import load, read_header, save


@pytest.fixture(scope="module")
def songs():
    return synthetic_songs()


@pytest.fixture(scope="module")
def views():
    return two_views()


@pytest.fixture
def linear():
    return fitted_linear()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.skdcca"


def test_the_header_describes_the_file(linear, path):
    save(linear, path, notes={"songs": 12, "measured": {"mrr": 0.5}})
    assert read_header(path) == {
        "format": 1,
        "skdcca": skdcca.__version__,
        "scikit-learn": sklearn.__version__,
        "class": "skdcca.LinearCCA",
        "notes": {"songs": 12, "measured": {"mrr": 0.5}},
    }


def test_skops_itself_reads_the_file(linear, views, path):
    save(linear, path)
    names = skops.io.get_untrusted_types(file=path)
    assert names == ["numpy.dtype", "skdcca.LinearCCA"]
    assert same(skops.io.load(path, trusted=names).transform(views[0]), linear.transform(views[0]))


def test_files_of_format_1_still_load():
    answers = np.load(FORMAT_1 / "answers.npz")
    X, y = answers["X"], answers["y"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", VersionWarning)
        models = {file.stem: load(file) for file in FORMAT_1.glob("*.skdcca")}
    assert sorted(models) == ["deep", "index", "kernel", "landmarks", "linear"]
    scores, ids = models.pop("index").query(y=y, n_neighbors=3)
    np.testing.assert_allclose(scores, answers["scores"], atol=1e-4)
    np.testing.assert_array_equal(ids, answers["ids"])
    for name, model in models.items():
        found = embed(model, X, answers["lyrics"].tolist() if name == "linear" else y)
        # Other processors and libraries round differently, most of all in doc2vec.
        np.testing.assert_allclose(found[0], answers[f"{name}_zx"], atol=1e-4)
        np.testing.assert_allclose(found[1], answers[f"{name}_zy"], atol=1e-3)


@pytest.mark.parametrize(
    ("name", "scale"), [("kernel", False), ("landmarks", False), ("linear", True)]
)
def test_models_of_format_1_have_the_parameters_of_today(name, scale):
    answers = np.load(FORMAT_1 / "answers.npz")
    X, y = answers["X"], answers["lyrics"].tolist() if name == "linear" else answers["y"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", VersionWarning)
        model = load(FORMAT_1 / f"{name}.skdcca")
    model = model[-1] if name == "linear" else model  # of a Pipeline
    assert "n_components" in repr(model)
    found = {key: model.get_params()[key] for key in ("scale", "y_reg")}
    assert found == {"scale": scale, "y_reg": None}  # what they were fitted with
    assert clone(model).fit(X, y).transform(X).shape == (len(X), model.n_components_)


def test_a_deep_model_of_format_1_keeps_its_network():
    answers = np.load(FORMAT_1 / "answers.npz")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", VersionWarning)
        model = load(FORMAT_1 / "deep.skdcca")
    assert "fallback=None" in repr(model)
    zx, zy = model.transform(answers["X"], answers["y"])
    np.testing.assert_array_equal(model.compare(zx, zy), similarity(zx, zy))
    assert clone(model).fit(answers["X"], answers["y"]).decision_["reason"] == "fallback=None"


def test_stored_files_are_small():
    assert sum(file.stat().st_size for file in FORMAT_1.iterdir()) < 300_000


def test_other_versions_warn_once(views, path, monkeypatch):
    model = make_pipeline(StandardScaler(), deep())
    search = GridSearchCV(model, {"deepcca__reg": [1e-3]}, cv=2).fit(*views)
    save(search, path)
    monkeypatch.setattr("skdcca.persistence._files.__version__", "99.0")
    monkeypatch.setattr("skdcca._utils.state.__version__", "99.0")
    monkeypatch.setattr("sklearn.__version__", "98.0")
    monkeypatch.setattr("sklearn.base.__version__", "98.0")
    with pytest.warns(VersionWarning, match="was saved with") as caught:
        load(path)
    assert len(caught) == 1
    message = str(caught[0].message)
    assert f"was saved with skdcca {skdcca.__version__} and scikit-learn" in message
    assert "is loaded with skdcca 99.0 and scikit-learn 98.0" in message
    assert caught[0].filename == __file__


def test_joblib_and_pickle_still_work(songs, tmp_path):
    model = LinearCCA(2, y_transformer=Doc2VecLyrics(4, epochs=4, random_state=0))
    model.fit(songs.audio_mood, songs.lyrics)
    joblib.dump(model, tmp_path / "model.joblib")
    mapped = joblib.load(tmp_path / "model.joblib", mmap_mode="r")
    for again in (pickle.loads(pickle.dumps(model)), mapped, round_trip(mapped, tmp_path / "m")):
        assert same(again.transform_y(songs.lyrics), model.transform_y(songs.lyrics))


@pytest.mark.parametrize("notes", [[1], {"array": np.ones(2)}, {1: 2}, "words"])
def test_notes_must_be_json(linear, path, notes):
    with pytest.raises(ValueError, match=r"`notes` must be a dict of str to JSON values, got ."):
        save(linear, path, notes=notes)
    assert not path.exists()


@pytest.mark.parametrize("obj", [LinearCCA, [1], None, np.ones(2)])
def test_only_estimators_are_saved(path, obj):
    with pytest.raises(TypeError, match="`obj` must be an estimator"):
        save(obj, path)


@pytest.mark.parametrize("path", [None, 5, b"model"])
def test_invalid_paths_are_refused(path):
    model = LinearCCA().fit(np.eye(4), np.eye(4)[::-1])
    for call in (lambda: save(model, path), lambda: load(path), lambda: read_header(path)):
        with pytest.raises(TypeError, match=r"`path` must be a str or path-like, got"):
            call()


def test_invalid_notes_and_trusted_leave_no_file(tmp_path):
    model = LinearCCA().fit(np.eye(4), np.eye(4)[::-1])
    with pytest.raises(ValueError, match="`notes` must be a dict"):
        save(model, tmp_path / "model", notes={"a": np.nan})
    with pytest.raises(ValueError, match=r"`trusted` must be a list .* got 5"):
        save(model, tmp_path / "model", trusted=5)
    assert not list(tmp_path.iterdir())


def test_a_failed_write_leaves_the_old_file(linear, views, path, monkeypatch):
    save(linear, path)
    before = path.read_bytes()

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    for target in ("os.replace", "os.fsync", "pathlib.Path.write_bytes"):
        with monkeypatch.context() as patch:
            patch.setattr(target, full)
            with pytest.raises(OSError, match=r"No space left.*model\.skdcca") as raised:
                save(KernelCCA(2).fit(*views), path)
            assert raised.value.errno == errno.ENOSPC
        assert path.read_bytes() == before
        assert os.listdir(path.parent) == [path.name]


def test_file_and_folder_are_synced_to_disk(linear, path, monkeypatch):
    events = []
    sync, replace = os.fsync, os.replace
    monkeypatch.setattr(
        "os.fsync", lambda f: (events.append(os.path.isdir(f"/proc/self/fd/{f}")), sync(f))
    )
    monkeypatch.setattr("os.replace", lambda a, b: (events.append("replace"), replace(a, b)))
    save(linear, path)
    assert events == [False, "replace", True]


def test_missing_folders_and_paths_of_folders_are_refused(linear, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere/model"):
        save(linear, tmp_path / "nowhere" / "model")
    with pytest.raises(OSError, match=str(tmp_path)):
        save(linear, tmp_path)
    for read in (load, read_header):
        with pytest.raises(FileNotFoundError, match="nowhere"):
            read(tmp_path / "nowhere")
        with pytest.raises(IsADirectoryError, match=str(tmp_path)):
            read(tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ({"format": 2, "skdcca": "3.1"}, r"format 2, written by skdcca 3\.1.*install a newer"),
        ({"format": 0}, "not a header of skdcca.save"),
        ({"format": "1"}, "not a header of skdcca.save"),
        ({"notes": 3}, "not a header of skdcca.save"),
        ({"class": None}, "not a header of skdcca.save"),
        ({"skdcca": "1\x1b[0m"}, "not a header of skdcca.save"),
        ({"scikit-learn": [1]}, "not a header of skdcca.save"),
    ],
)
def test_invalid_headers_are_refused(linear, path, header, message):
    save(linear, path)
    tampered(path, header=header)
    error_class = FileVersionError if header.get("format") == 2 else DamagedFileError
    for read in (load, read_header):
        with pytest.raises(error_class, match=message):
            read(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "it is empty"),
        (b"\x89PNG\r\n\x1a\n123", "a PNG image"),
        (b"some words", "not a file of skdcca.save"),
        (b"\x78\x9c1234", r"compressed pickle.*joblib\.load"),
        (b"PK\x03\x04" + 100 * b"x", "truncated or damaged zip file"),
    ],
)
def test_other_kinds_of_file_are_refused(path, content, message):
    path.write_bytes(content)
    for read in (load, read_header):
        with pytest.raises(DamagedFileError, match=message) as raised:
            read(path)
        assert str(path) in str(raised.value)


def test_pickles_are_refused(path, tmp_path):
    marker = tmp_path / "it ran"

    class Harm:
        def __reduce__(self):
            return os.system, (f"touch '{marker}'",)

    for protocol in range(2, 6):
        path.write_bytes(pickle.dumps(Harm(), protocol=protocol))
        for read in (load, read_header):
            with pytest.raises(ValueError, match=r"a pickle.*joblib\.load.*only if you trust"):
                read(path)
    assert not marker.exists()


def test_files_of_skops_are_refused(linear, path):
    skops.io.dump(StandardScaler(), path)
    with pytest.raises(DamagedFileError, match=r"a zip file without skdcca\.json"):
        load(path)


def test_truncated_files_are_refused(linear, path):
    save(linear, path)
    whole = path.read_bytes()
    for length in range(0, len(whole), 97):
        path.write_bytes(whole[:length])
        with pytest.raises(DamagedFileError, match=str(path)):
            load(path)


def test_changed_bytes_raise_or_load_the_same_class(linear, path):
    save(linear, path)
    whole = path.read_bytes()
    for place in range(0, len(whole), 53):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :])
        try:
            assert type(load(path)) is LinearCCA
        except (ValueError, OSError) as error:
            assert str(path) in str(error)  # noqa: PT017


def rewritten(path, compression=zipfile.ZIP_STORED, extra=()):
    with zipfile.ZipFile(path) as archive:
        contents = [(name, archive.read(name)) for name in archive.namelist()]
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in [*contents, *extra]:
            archive.writestr(name, content)
    return path


def test_zip_bombs_are_refused(linear, path):
    save(linear, path)
    bomb = bytes(10**8)
    with pytest.raises(ValueError, match="compressed or encrypted"):
        load(rewritten(path, zipfile.ZIP_DEFLATED, [("bomb", bomb)]))
    save(linear, path)
    with pytest.warns(UserWarning, match="Duplicate name"):
        rewritten(path, extra=[("schema.json", b"{}")])
    with pytest.raises(ValueError, match="two members with the same name"):
        load(path)
    # A directory that declares larger members than there are.
    for sizes in [(10**9, 10**9), (10, 10**9)]:
        save(linear, path)
        content = bytearray(path.read_bytes())
        at = content.rindex(b"PK\x01\x02") + 20
        content[at : at + 8] = b"".join(size.to_bytes(4, "little") for size in sizes)
        path.write_bytes(content)
        with pytest.raises(ValueError, match="larger than the file"):
            load(path)


def test_members_with_paths_elsewhere_are_never_written(linear, path, tmp_path):
    save(linear, path)
    load(rewritten(path, extra=[("../../out", b"x"), ("/tmp/out", b"x")]))
    assert os.listdir(tmp_path) == [path.name]


def test_deep_nesting_is_an_error(linear, path):
    save(linear, path)
    shutil.copy(path, f"{path}.copy")
    nested = "[" * 100_000 + "]" * 100_000
    with pytest.raises(ValueError, match="nested too deeply"):
        load(tampered(path, **{"schema.json": nested}))


def test_missing_trusted_modules_are_named(linear, path):
    save(linear, path)
    tampered(path, lambda s: set_attribute(s, "reg", node("ObjectNode", "no_such_module.Thing")))
    with pytest.raises(ValueError, match="No module named 'no_such_module'"):
        load(path, trusted=["no_such_module.Thing"])


def test_files_that_hold_a_list_are_refused(linear, path):
    save(linear, path)
    tampered(path, lambda s: s.update(items()), header={"class": "builtins.list"})
    with pytest.raises(ValueError, match=r"contains a builtins\.list"):
        load(path)
