"""The commands with songs that have audio, lyrics and tags, or lack some of them."""

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from _cli_files import write_songs
from _songs import write_table
from sklearn.base import clone
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.model_selection import GridSearchCV
from sklearn.utils import Bunch

import skdcca
from skdcca import LinearCCA, MultiCCA, save
from skdcca._cli import main
from skdcca._cli.song_views import components_of, song_table, split_tags
from skdcca._cli.songs import select_songs, songs_to_evaluate
from skdcca._cli.tuning import GRIDS
from skdcca._cli.views_evaluation import rows_table
from skdcca.datasets import load_songs
from skdcca.persistence import read_header
from skdcca.retrieval import CrossModalIndex, tag_groups

COLUMNS = ("id", "audio", "lyrics", "group", "tags")
# Tags for the low and the high end of each mood of the synthetic songs.
MOODS = (("calm", "wild"), ("dark", "bright"), ("sad", "happy"), ("rough", "smooth"))
N_SONGS = 26


def tags_of(moods):
    return "; ".join(ends[int(value > 0)] for ends, value in zip(MOODS, moods, strict=True))


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Return a folder with songs and their table: some lack lyrics, some tags, and one lacks both."""
    place = tmp_path_factory.mktemp("songs")
    songs = write_songs(place, N_SONGS, duration=2.5, sample_rate=8000)
    rows = [
        [name, f"{name}.wav", text, f"artist {i // 2}", tags_of(moods)]
        for i, (name, text, moods) in enumerate(
            zip(songs.ids, songs.lyrics, songs.lyrics_mood, strict=True)
        )
    ]
    for i in (2, 9, 20, 23):
        rows[i][2] = ""
    for i in (5, 17, 23):
        rows[i][4] = " "
    write_table(place / "songs.csv", rows, COLUMNS)
    write_table(place / "wordless.csv", [[*row[:2], "", *row[3:]] for row in rows], COLUMNS)
    whole = [row for row in rows if row[2]]
    write_table(place / "whole.csv", whole, COLUMNS)
    write_table(place / "untagged.csv", [row[:4] for row in rows], COLUMNS[:4])
    few = [[*row[:4], row[4] if i < 9 else ""] for i, row in enumerate(rows)]
    write_table(place / "few.csv", few, COLUMNS)
    apart = [[*row] for row in rows]
    for i, row in enumerate(apart):
        row[4 if i % 2 else 2] = ""
    write_table(place / "apart.csv", apart, COLUMNS)
    return place


@pytest.fixture(autouse=True)
def surroundings(place, monkeypatch):
    monkeypatch.setenv("SKDCCA_CACHE", str(place / "cache"))
    monkeypatch.setattr("skdcca._cli.hearing.find_whisper", lambda: None)


@pytest.fixture(scope="module")
def made(place):
    """Return a model and an index that the commands made, and what `fit` printed."""
    model, index = str(place / "m.skdcca"), str(place / "songs.index")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SKDCCA_CACHE", str(place / "cache"))
        patch.setattr("skdcca._cli.hearing.find_whisper", lambda: None)
        patch.setattr("skdcca.retrieval._background._LENGTHS_OF_LINES", (8,))  # takes less time
        table = str(place / "songs.csv")
        fit = ["fit", table, "-o", model, "--model", "views", "--hold-out", "0.3", "--quiet"]
        assert main(fit) == 0
        assert main(["index", model, table, "-o", index, "--quiet"]) == 0
    return Bunch(model=model, index=index, table=table)


def run(capsys, *arguments):
    assert main(list(arguments)) == 0
    return capsys.readouterr().out


def found_by(capsys, made, *arguments, n=3):
    return json.loads(run(capsys, "search", made.index, *arguments, "-n", str(n), "--json"))


def test_tags_of_a_table(place):
    songs = load_songs(place / "songs.csv", require_lyrics=False)
    assert songs.tags[5] == songs.tags[23] == ""
    assert len(songs.tags) == N_SONGS
    assert len(songs.tags[0].split("; ")) == 4
    assert load_songs(place / "untagged.csv", require_lyrics=False).tags is None
    assert load_songs(place, require_lyrics=False).tags is None
    rows = [["song00.wav", "la", " ; ,"], ["song01.wav", "lo", "a, b"]]
    table = write_table(place / "separators.csv", rows, ("audio", "lyrics", "TAGS"))
    assert load_songs(table).tags == ["", "a, b"]


def test_a_tag_is_what_stands_between_semicolons_or_commas():
    assert split_tags("Slow; very sad ,Rock'n'Roll;;, 80s ;é") == [
        "slow",
        "very sad",
        "rock'n'roll",
        "80s",
        "é",
    ]


def test_components_are_limited_by_songs_and_by_tags():
    def number(lyrics, tags):
        songs = Bunch(audio=["a"] * len(tags), lyrics=lyrics, tags=tags)
        return components_of(songs)

    many = [f"t{i}" for i in range(60)]
    assert number(["la"] * 60, many) == 10
    assert number(["la"] * 25 + [""] * 35, many) == 5
    assert number([""] * 60, many[:20] + [""] * 40) == 4
    assert number(["la"] * 60, ["sad", "happy"] * 30) == 1  # one says the opposite of the other
    assert number(["la"] * 60, ["sad", "happy", "calm"] * 20) == 2


def test_fit_uses_the_views_that_songs_have(made):
    header = read_header(made.model)
    songs = load_songs(made.table, require_lyrics=False)
    songs = select_songs(songs, np.arange(N_SONGS) != 23)  # it has audio only
    n_views = header["notes"]["n_songs_of_views"]
    assert header["notes"]["n_songs"] == n_views["audio"]
    assert n_views["lyrics"] < n_views["audio"] > n_views["tags"]
    held_out, kind, n_training = songs_to_evaluate(songs, header, Bunch(all=False))
    assert kind == "held out"
    assert n_training == n_views["audio"] == 25 - len(held_out.audio)
    training = select_songs(songs, ~np.isin(songs.groups, held_out.groups))
    assert len(training.audio) == n_training
    fitted = skdcca.load(made.model)
    again = clone(fitted).fit(song_table(training))
    for pair, correlations in again.pair_correlations_.items():
        np.testing.assert_allclose(fitted.pair_correlations_[pair], correlations, atol=1e-6)


def by_hand(z, pair, correlations):
    """Return the mean reciprocal ranks of the first view as queries, and of the second one."""
    known = ~np.isnan(z[pair[0]][:, 0]) & ~np.isnan(z[pair[1]][:, 0])
    left, right = (z[name][known] * np.abs(correlations) for name in pair)
    left, right = (rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (left, right))
    cosine = (left @ right.T).round(9)
    ranks = []
    for scores in (cosine, cosine.T):
        own = np.diag(scores)[:, None]
        ranks.append(1 + (scores > own).sum(axis=1) + ((scores == own).sum(axis=1) - 1) / 2)
    return [np.mean(1 / of) for of in ranks], int(known.sum())


def test_evaluate_has_a_row_for_every_way_to_search(made, capsys):
    figures = json.loads(
        run(capsys, "evaluate", made.model, made.table, "--quiet", "--all", "--json")
    )
    assert figures["songs"] == "partly training songs"
    assert {row["query"] for row in figures["queries"]} > {"whole lyrics", "whole song"}
    rows = {(" + ".join(row["view"]), row["find"]): row for row in figures["rows"]}
    assert len(rows) == 8
    for row in rows.values():
        level = np.mean(1 / np.arange(1, row["n_gallery"] + 1))
        assert row["chance"]["mrr"] == pytest.approx(level)
    for ways in (("audio", "tags"), ("tags", "audio"), ("lyrics + tags", "audio")):
        assert rows[ways]["mrr"] > 1.5 * rows[ways]["chance"]["mrr"]  # they share their moods
    assert rows["audio", "lyrics"]["n_gallery"] == 22
    assert rows["audio", "tags"]["n_gallery"] == 23
    assert rows["audio + tags", "lyrics"]["n_gallery"] == 20

    model, songs = skdcca.load(made.model), load_songs(made.table, require_lyrics=False)
    z = {}
    for name, column in {"audio": songs.audio, "lyrics": songs.lyrics, "tags": songs.tags}.items():
        has = np.array([bool(value) for value in column])
        z[name] = np.full((N_SONGS, model.n_components_), np.nan)
        z[name][has] = model.transform_view(name, [value for value in column if value])
    for pair, correlations in model.pair_correlations_.items():
        weights = correlations ** model.comparison(pair)["power"]
        found, n_gallery = by_hand(z, pair, weights)
        assert found == pytest.approx([rows[pair]["mrr"], rows[pair[::-1]]["mrr"]], abs=1e-6)
        assert n_gallery == rows[pair]["n_gallery"]

    lines = rows_table(figures["rows"])
    for line, row in zip(lines[1:], figures["rows"], strict=True):
        assert line.startswith(f"{' + '.join(row['view'])} -> {row['find']} ")
        shown = line[28:].split()
        assert shown[:2] == [str(row["n_gallery"]), f"{row['mrr']:.3f}"]
        assert shown[5] == f"{row['chance']['mrr']:.3f}"


def test_held_out_songs_only(made, capsys):
    shown = run(capsys, "evaluate", made.model, made.table, "--quiet")
    assert int(shown.split()[0]) == 8
    assert "songs, held out (training songs in the manifest: " in shown
    assert "optimistic" not in shown
    assert "Songs with one view only: 1. They are not scored." in shown
    assert "\naudio + tags -> lyrics  " in shown
    assert "different sets of tags: " in shown
    assert "\n  whole lyrics" in shown


def test_search_gives_the_results_of_the_index(made, capsys):
    index = skdcca.load(made.index)
    songs = load_songs(made.table, require_lyrics=False)
    clip, text, tags = songs.audio[4], songs.lyrics[4], "WILD; happy"
    both = np.array([[clip, tags]], dtype=object)
    cases = [
        (["--tags", tags], "tags", [tags], "audio"),
        (["--tags", tags, "--find", "lyrics"], "tags", [tags], "lyrics"),
        ([text], "lyrics", [text], "audio"),
        (["--text", text, "--find", "tags"], "lyrics", [text], "tags"),
        (["--audio", clip], "audio", [clip], "lyrics"),
        (["--audio", clip, "--find", "tags"], "audio", [clip], "tags"),
        (["--audio", clip, "--tags", tags], ("audio", "tags"), both, "lyrics"),
    ]
    for arguments, view, V, find in cases:
        found = found_by(capsys, made, *arguments)
        scores, ids = index.query(view=view, V=V, find=find, n_neighbors=3)
        assert [result["id"] for result in found["results"]] == ids[0].tolist(), arguments
        assert [result["score"] for result in found["results"]] == pytest.approx(scores[0].tolist())
        assert bool(found["words"]) == (view == "lyrics")
    pair, results = (
        index.pair("audio", "tags"),
        found_by(capsys, made, "--tags", tags, n=26)["results"],
    )
    scores, ids = ([result[key] for result in results] for key in ("score", "id"))
    p_values = pair.p_values("y", scores, ids, groups=tag_groups(index))
    assert [result["p"] for result in results] == p_values
    assert p_values != pair.p_values("y", scores, ids)
    found = found_by(capsys, made, "--tags", tags, "--text", text, n=40)
    assert len(found["results"]) == N_SONGS  # all have audio
    assert found["words"][0]["id"] == songs.ids[4]
    assert len(found_by(capsys, made, "--audio", clip, "--find", "tags", n=40)["results"]) == 23


@pytest.mark.filterwarnings("always")
def test_lyrics_of_unknown_words_are_left_out_of_a_query_by_two_views(made, capsys):
    clip = load_songs(made.table, require_lyrics=False).audio[4]
    for known in (["--tags", "wild", "--find", "audio"], ["--audio", clip, "--find", "tags"]):
        expected = found_by(capsys, made, *known)["results"]
        assert main(["search", made.index, *known, "--text", "qwertz", "-n", "3", "--json"]) == 0
        printed = capsys.readouterr()
        assert json.loads(printed.out)["results"] == expected
        assert "knows none of these words, so they were left out" in printed.err
    assert main(["search", made.index, "qwertz uiop"]) == 0  # nothing else is left
    assert "left out" not in capsys.readouterr().err


def test_accents_that_are_written_apart(made, tmp_path):
    clip = Path(load_songs(made.table, require_lyrics=False).audio[0])
    (tmp_path / "a.wav").write_bytes(clip.read_bytes())
    write_table(tmp_path / "songs.csv", [["a", "a.wav", "la", "x", "scho\u0308n"]], COLUMNS)
    assert load_songs(tmp_path / "songs.csv").tags == ["sch\u00f6n"]


def test_the_recognizer_of_an_audio_query_is_chosen(made, capsys, monkeypatch):
    asked = []
    for module in ("views_search", "views_evaluation"):
        monkeypatch.setattr(
            f"skdcca._cli.{module}.use_recognizer",
            lambda model, whisper, must_hear: asked.append((whisper, must_hear)),
        )
    run(capsys, "search", made.index, "--tags", "wild", "--whisper", "tiny")
    assert asked == []
    clip = load_songs(made.table, require_lyrics=False).audio[4]
    run(capsys, "search", made.index, "--audio", clip, "--whisper", "tiny")
    assert asked == [("tiny", True)]


def test_results_show_tags(made, capsys):
    index = skdcca.load(made.index)
    shown = run(capsys, "search", made.index, "--tags", "wild; happy", "-n", "40")
    assert shown.count("\n              tags: ") == 23
    assert shown.count(".wav") == N_SONGS
    assert " unrelated tags score as high" in shown
    assert "These words" not in shown
    shown = run(capsys, "search", made.index, "--text", "the night", "--find", "tags", "-n", "2")
    assert "Tags that fit\n  1. " in shown
    assert ".wav" not in shown
    assert "tags" not in index.metadata_["song05"]
    assert Counter("tags" in about for about in index.metadata_.values()) == {True: 23, False: 3}


def test_songs_with_the_same_tags_are_related():
    about = ["Sad; slow", "slow,sad", "sad", "", "", None, ";"]
    metadata = [{"tags": tags} if tags is not None else {} for tags in about]
    cca = skdcca.LinearCCA(1).fit(*np.random.default_rng(0).normal(size=(2, 20, 1)))
    rows = np.random.default_rng(0).normal(size=(len(about), 1))
    groups = tag_groups(CrossModalIndex(cca).fit(rows, rows, metadata=metadata)).tolist()
    assert groups[0] == groups[1]
    assert len(set(groups)) == len(about) - 1


@pytest.mark.filterwarnings("always")
def test_unknown_tags(made, capsys):
    assert main(["search", made.index, "--tags", "funky, Happyy"]) == 2
    error = capsys.readouterr().err
    assert "a tag that a training song has, got 'funky, Happyy'. Similar ones: happy." in error
    assert main(["search", made.index, "--tags", "xylophone"]) == 2
    assert "Some of 8: bright, calm, dark, happy, rough." in capsys.readouterr().err
    assert main(["search", made.index, "--tags", "funky; happy"]) == 0
    assert capsys.readouterr().err == "skdcca: note: No training song has these tags: funky.\n"


def test_inspect_describes_views(made, capsys):
    for file in (made.model, made.index):
        shown = run(capsys, "inspect", file)
        assert "audio: MelSpectrogram -> TemporalSummary -> StandardScaler" in shown
        assert (
            "lyrics: Doc2VecLyrics + LyricsForm -> StandardScaler\ntags: CountVectorizer" in shown
        )
        assert "\n  lyrics - tags: " in shown
        assert str(made.table) not in shown
    assert "index of 26 items (audio 26, lyrics 22, tags 23)" in shown


def test_models_made_in_python(tmp_path, capsys):
    """A search over a model of other views can be inspected, but not used for songs."""
    X = np.random.default_rng(0).normal(size=(30, 1)) + np.random.default_rng(1).normal(
        size=(30, 4)
    )
    views = [("left", "passthrough", [0, 1]), ("right", "passthrough", [2, 3])]
    search = GridSearchCV(skdcca.MultiCCA(views, 1), {"reg": [0.1, 1.0]}, cv=3).fit(X)
    model, index = str(tmp_path / "m"), str(tmp_path / "i")
    skdcca.save(search, model)
    skdcca.save(CrossModalIndex(search).fit(X), index)
    assert "MultiCCA\nleft: passthrough\n" in run(capsys, "inspect", model)
    assert "index of 30 items (left 30, right 30)\nMultiCCA\nleft: passthrough\n" in run(
        capsys, "inspect", index
    )
    assert main(["evaluate", model, str(tmp_path / "songs.csv")]) == 2
    assert "has the views left, right, which are not those of songs" in capsys.readouterr().err
    assert main(["search", index, "the night"]) == 2
    assert "has no lyrics, only left, right" in capsys.readouterr().err


def test_songs_without_any_lyrics(place, capsys, tmp_path):
    model, index, table = str(tmp_path / "m"), str(tmp_path / "i"), str(place / "wordless.csv")
    shown = run(capsys, "fit", table, "-o", model, "--model", "views", "--quiet")
    assert "Songs with no tags: 3. They are not used for training." in shown
    assert "lyrics: " not in shown
    figures = json.loads(run(capsys, "evaluate", model, table, "--all", "--quiet", "--json"))
    assert [(row["view"], row["find"]) for row in figures["rows"]] == [
        (["audio"], "tags"),
        (["tags"], "audio"),
    ]
    assert figures["queries"] == []
    assert figures["songs"] == "training songs"  # known by their ids
    assert "--tags " in run(capsys, "index", model, table, "-o", index, "--quiet")
    assert "(audio 26, tags 23)" in run(capsys, "inspect", index)
    assert ".wav" in run(capsys, "search", index, "--tags", "calm")
    assert main(["search", index, "the night"]) == 2
    assert "has no lyrics, only audio, tags" in capsys.readouterr().err


def test_search_for_hyperparameters(place, capsys, monkeypatch, tmp_path):
    monkeypatch.setitem(GRIDS, "views", {"reg": [1.0]})
    model = str(tmp_path / "m")
    fit = ["fit", str(place / "whole.csv"), "-o", model, "--model", "views", "--search", "--quiet"]
    assert "Best of 3 candidates: reg=1.0, similarity=" in run(capsys, *fit)
    result = read_header(model)["notes"]["search"]
    fitted = skdcca.load(model)
    assert {"reg": fitted.reg, "similarity": fitted.similarity} == result["best"]
    assert 0 < result["chance"] < 1


def test_other_models_say_that_tags_are_not_used(place, capsys, tmp_path):
    arguments = ["--model", "linear", "-o", str(tmp_path / "m"), "--hold-out", "0.9"]
    assert main(["fit", str(place / "whole.csv"), *arguments]) == 2
    shown = capsys.readouterr()
    assert shown.out == "The tags of the songs are not used; --model views learns from them.\n"
    assert "at least 10 training songs are needed" in shown.err


def test_an_index_of_two_views_shows_tags_but_is_not_searched_by_them(capsys, tmp_path):
    audio, lyrics = np.random.default_rng(0).normal(size=(12, 2)), ["night", "day and night"] * 6
    cca = skdcca.LinearCCA(1, reg=1.0, y_transformer=skdcca.LyricsForm()).fit(audio, lyrics)
    metadata = [{"tags": "Sad; slow"}] * 12
    index = str(tmp_path / "i")
    skdcca.save(CrossModalIndex(cca).fit(audio, lyrics, metadata=metadata), index)
    shown = run(capsys, "search", index, "the night", "-n", "2")
    assert shown.count("\n              tags: Sad; slow\n") == 2
    assert run(capsys, "search", index, "-n", "2", "--text", "the night") == shown
    for query in (["--tags", "sad"], ["the night", "--find", "tags"]):
        assert main(["search", index, *query]) == 2
        assert "must be left out for an index of audio and lyrics" in capsys.readouterr().err
    assert main(["search", index, "night", "--audio", "a.wav"]) == 2
    assert "must not be given together with a line of lyrics" in capsys.readouterr().err


def test_invalid_input_ends_with_status_2_and_no_traceback(place, made, tmp_path, capsys):
    def fit(name, *options):
        return ["fit", str(place / name), "-o", str(tmp_path / "m"), "--model", "views", *options]

    clip = str(place / "song04.wav")
    cases = [
        (fit("untagged.csv"), "has no column tags, which --model views learns from"),
        (fit("few.csv"), "at least 10 training songs with tags are needed, got 8"),
        (fit("apart.csv"), "training songs with both lyrics and tags are needed, got 0"),
        (fit("songs.csv", "--hold-out", "0.9"), "training songs with tags are needed, got "),
        (fit("songs.csv", "--whisper", "base"), "must be given with --model words only"),
        (["search", made.index, "--tags", " "], "query by tags is empty"),
        (["search", made.index, "--tags", ";,"], "must have a tag that a training song has"),
        (["search", made.index, "  "], "query by lyrics is empty"),
        (["search", made.index, "night", "--find", "lyrics"], "must be audio or tags, which"),
        (["search", made.index, "--audio", "lost.wav"], "--audio: there is no file 'lost.wav'"),
        (["search", made.index, "--audio", "lost.wav", "--tags", "calm"], "lost.wav"),
        (
            ["search", made.index, "night", "--audio", clip, "--tags", "calm"],
            "nothing is left to find",
        ),
    ]
    for arguments, message in cases:
        assert main(arguments) == 2, arguments
        error = capsys.readouterr().err
        assert error.startswith("skdcca: ")
        assert message in error, error
        assert error.count("\n") == 1
        assert "Traceback" not in error
    for arguments in ([], ["night", "--text", "day"], ["night", "--find", "covers"]):
        with pytest.raises(SystemExit) as stop:
            main(["search", made.index, *arguments])
        assert stop.value.code == 2


def test_a_line_of_lyrics_is_never_opened_as_a_file(tmp_path, capsys):
    secret = tmp_path / "secret.txt"
    secret.write_text("sun sea")
    (tmp_path / "other.txt").write_text("rain")
    paths = [str(secret), str(tmp_path / "other.txt")] * 10
    X = np.random.default_rng(0).normal(size=(20, 2))
    reader = CountVectorizer(input="filename")
    two = LinearCCA(1, reg=1.0, y_transformer=reader).fit(X, paths)
    table = np.column_stack([X.astype(object), np.array(paths, dtype=object)])
    views = [("audio", "passthrough", [0, 1]), ("lyrics", reader, 2)]
    several = MultiCCA(views, 1, reg=1.0).fit(table)
    for name, index in (
        ("two", CrossModalIndex(two).fit(X)),
        ("several", CrossModalIndex(several).fit(table)),
    ):
        save(index, tmp_path / name)
        assert main(["search", str(tmp_path / name), str(secret)]) == 2
        assert "reads lyrics from files" in capsys.readouterr().err
