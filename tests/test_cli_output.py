"""Answers of an index as the commands print them."""

import json

import pytest
from _cli_files import write_index

from skdcca._cli import main
from skdcca.persistence import load, save


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    return write_index(tmp_path_factory.mktemp("index") / "songs.index")


def test_printed_results_are_compared_with_chance(index, capsys):
    assert main(["search", index, "the night and a storm", "-n", "100"]) == 0
    shown = capsys.readouterr().out
    places = [line.split()[0] for line in shown.splitlines() if line[:3].strip().isdecimal()]
    assert places == [f"{place}." for place in range(1, 31)]
    level = load(index).chance_score("y")
    best = float(shown.split()[1])
    assert ("No result is above the chance level" in shown) == (best <= level)
    assert f"{level:.3f}" in shown


def test_metadata_of_any_type_are_shown(index, capsys, tmp_path):
    made, changed = load(index), str(tmp_path / "i")
    about = [{"score": "4 stars", "id": 7, "lyrics": None, "title": 1827, "group": "\x1b[2J"}] * 29
    made.metadata_ = dict(zip(made.ids_.tolist(), about, strict=False))
    save(made, changed)
    assert main(["search", changed, "the night", "-n", "30"]) == 0
    shown = capsys.readouterr().out
    assert shown.count("1827") == 29
    assert "\x1b" not in shown  # would control the terminal
    assert main(["search", changed, "the night", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["results"]
    assert {type(result["score"]) for result in found} == {float}
    assert len({result["id"] for result in found}) == 10
