"""Kinds of model that `fit` offers besides the default."""

from functools import partial

import pytest
from _cli_files import write_folder

from skdcca import DeepCCA
from skdcca._cli import main
from skdcca._cli.song_models import fit_parameters, song_model
from skdcca.persistence import load, read_header


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_folder(tmp_path_factory.mktemp("songs"))


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.mark.parametrize("kind", ["kernel", "deep", "joint"])
def test_other_kinds_of_model_can_be_fitted(folder, cache, kind, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("SKDCCA_CACHE", str(cache))
    monkeypatch.setattr("skdcca._cli.song_models.DeepCCA", partial(DeepCCA, max_epochs=2))
    model = str(tmp_path / "model.skdcca")
    assert main(["fit", str(folder), "-o", model, "--model", kind, "--quiet"]) == 0
    said, noted = capsys.readouterr()
    assert {"kernel": "KernelCCA"}.get(kind, "DeepCCA") in said
    assert noted == ""
    decision = read_header(model)["notes"].get("decision")
    assert decision == getattr(load(model)["cca"], "decision_", None)
    assert said.count("\nLinear model kept: ") == (kind == "deep")
    assert said.count("\nNetworks kept, without a comparison: ") == (kind == "joint")
    assert main(["evaluate", model, str(folder), "--quiet"]) == 0
    assert "optimistic: they include training songs" in capsys.readouterr().out


def test_songs_of_one_group_are_held_out_at_random():
    assert fit_parameters(song_model("deep", 20), ["a"] * 20) == {}
    assert list(fit_parameters(song_model("deep", 20), ["a", "b"] * 10)) == ["cca__groups"]
    assert fit_parameters(song_model("linear", 20), ["a", "b"] * 10) == {}
