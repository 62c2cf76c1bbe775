"""Answers of an index as the commands print them."""

import json
from typing import NamedTuple

import numpy as np
import pytest
from _cli_files import write_index
from sklearn.utils import Bunch

from skdcca import CrossModalIndex, DeepCCA, LinearCCA
from skdcca._cli import main
from skdcca._cli.output import answer_as_json, describe_decision, print_answer
from skdcca.persistence import load, save


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    return write_index(tmp_path_factory.mktemp("index") / "songs.index")


def test_printed_results_are_compared_with_chance(index, capsys):
    assert main(["search", index, "the night and a storm", "-n", "100"]) == 0
    _, _, shown = capsys.readouterr().out.partition("Sounds like it")
    places = [line.split()[0] for line in shown.splitlines() if line[:3].strip().isdecimal()]
    assert places == [f"{place}." for place in range(1, 31)]
    assert shown.count(" in 100 unrelated lines score as high") == 30
    level = load(index).chance_score("y", like="the night and a storm")
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
    words, _, results = shown.partition("Sounds like it")
    assert results.count("1827") == 29
    assert words.count("1827") == words.count("night*") > 3
    assert "\x1b" not in shown  # would control the terminal
    assert main(["search", changed, "the night", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["results"]
    assert {type(result["score"]) for result in found} == {float}
    assert len({result["id"] for result in found}) == 10


class Transcript(NamedTuple):
    segments: list


@pytest.fixture(scope="module")
def heard_index():
    """Return an index of two songs, one with the seconds of its words."""
    segments = [
        (70.4, 74.0, "Row, row, row your boat"),
        (74.0, 78.5, "gently down the stream\x1b[2J"),
    ]
    X = np.random.default_rng(0).normal(size=(30, 2))
    index = CrossModalIndex(LinearCCA(2).fit(X, X))
    texts = [Transcript(segments), "Row your bark along", *28 * [None]]
    titles = [{"title": title} for title in ("Row\x1b[2J", "Bark", *28 * ["-"])]
    return index.fit(X, metadata=titles, texts=texts)


def printed(index, query, capsys, n=2, view="y"):
    print_answer(index, ask_words(index, query, n), view)
    return capsys.readouterr().out


def ask_words(index, query, n=2, **changes):
    """Return an answer with the words of a text; nothing else is searched."""
    about = {"ids": [], "scores": [], "p": [], "above": None, "level": None, "understood": True}
    given = {"words": index.find_words(query, n), "heard": None, "far": False, "notes": []}
    return Bunch(**about | given | changes)


def test_lines_are_shown_with_their_words_and_seconds(heard_index, capsys):
    shown = printed(heard_index, "row your boat gently", capsys)
    assert shown.splitlines()[:5] == [
        "These words are in",
        "  1. Row\N{REPLACEMENT CHARACTER}[2J, 1:10",
        "     Row, row, *row your boat / gently* down the stream\N{REPLACEMENT CHARACTER}[2J",
        "  2. Bark",
        "     *Row your* bark along",
    ]


def test_songs_without_the_words_are_not_shown(heard_index, capsys):
    shown = printed(heard_index, "qwertz uiop", capsys)
    assert shown.split("\n")[0] == (
        "No song has these words. Try other words of the song, or check their spelling."
    )


@pytest.mark.parametrize(
    ("heard", "view", "expected"),
    [
        (
            "row your boat\x1b",
            "x",
            'Words heard in the clip: "row your boat\N{REPLACEMENT CHARACTER}"',
        ),
        ("", "x", "No words were understood in the clip."),
        (None, "x", ""),
        (None, "y", "These words are in"),
    ],
)
def test_what_was_heard_is_shown(heard_index, capsys, heard, view, expected):
    words = {} if (heard != "" and view == "y") or heard else {"words": []}
    print_answer(heard_index, ask_words(heard_index, "row your boat", heard=heard, **words), view)
    assert capsys.readouterr().out.split("\n")[0] == expected


def test_rare_scores_and_far_queries_are_told(heard_index, capsys):
    found = {"ids": [0, 1, 2], "scores": [0.9, 0.5, 0.1], "p": [0.004, 0.128, None], "far": True}
    print_answer(heard_index, ask_words(heard_index, "boat", **found), "x")
    shown = capsys.readouterr().out
    assert "fewer than 1 in 100 unrelated clips score as high" in shown
    assert "13 in 100 unrelated clips score as high" in shown
    assert shown.count("score as high") == 2
    assert "unlike the songs of this index, so its scores mean little. Try a longer or" in shown


def test_answers_as_json(heard_index):
    found = {"ids": [1], "scores": [0.5], "p": [0.25], "above": [True], "level": 0.25}
    answer = answer_as_json(heard_index, ask_words(heard_index, "your boat", 1, **found))
    written = json.loads(json.dumps(answer))
    assert written["results"] == [
        {"title": "Bark", "id": 1, "score": 0.5, "p": 0.25, "above_chance": True}
    ]
    (words,) = written["words"]
    assert words["title"] == "Row\x1b[2J"
    assert (words["id"], words["start"], words["end"], words["exact"]) == (0, 70.4, 74.0, True)
    assert [words["line"][begin:end] for begin, end in words["marks"]] == ["your", "boat"]
    assert (written["chance_score"], written["heard"], written["far"]) == (0.25, None, False)


def test_the_decision_of_a_deep_model_is_one_line():
    model = DeepCCA()
    assert describe_decision(model) == ""
    model.decision_ = {"model": "networks", "reason": "labels are given"}
    assert describe_decision(model) == "Networks kept, without a comparison: labels are given."
    figures = {"networks": 2.5, "linear": 1.25, "difference": 1.25, "standard_error": 0.333}
    model.decision_ |= figures | {"n_rows": 70}
    assert describe_decision(model) == (
        "Networks kept: the networks are clearly better than a linear model (sum of correlations of 70 "
        "held-out songs: networks 2.50, linear 1.25, standard error of the difference 0.33)."
    )
