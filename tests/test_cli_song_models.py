"""Kinds of model that `fit` offers besides the default."""

import pytest
from _cli_files import write_folder

from skdcca._cli import main


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_folder(tmp_path_factory.mktemp("songs"))


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.mark.parametrize("kind", ["kernel", "deep", "joint"])
def test_other_kinds_of_model_can_be_fitted(folder, cache, kind, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("SKDCCA_CACHE", str(cache))
    monkeypatch.setattr("skdcca._cli.song_models.MAX_EPOCHS", 2)
    model = str(tmp_path / "model.skdcca")
    assert main(["fit", str(folder), "-o", model, "--model", kind, "--quiet"]) == 0
    assert {"kernel": "KernelCCA"}.get(kind, "DeepCCA") in capsys.readouterr().out
    assert main(["evaluate", model, str(folder), "--quiet"]) == 0
    assert "optimistic: they include training songs" in capsys.readouterr().out
