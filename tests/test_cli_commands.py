"""The commands, from songs in a folder to a search, against the same work in Python."""

import json
import shlex
import shutil

import numpy as np
import pytest
import soundfile
from _cli_files import write_folder
from sklearn.base import clone
from sklearn.preprocessing import StandardScaler

from skdcca import __version__
from skdcca._cli import main
from skdcca.datasets import load_songs
from skdcca.metrics import embed, query_report, retrieval_metrics
from skdcca.persistence import load, read_header, save

FIT = ["fit", "--model", "linear"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_folder(tmp_path_factory.mktemp("songs"))


@pytest.fixture(scope="module")
def workplace(folder, tmp_path_factory):
    """Return a folder with a model and an index that the commands made."""
    place = tmp_path_factory.mktemp("workplace")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SKDCCA_CACHE", str(place / "cache"))
        model, index = str(place / "model.skdcca"), str(place / "songs.index")
        fit = [*FIT, str(folder), "-o", model, "--search", "--hold-out", "0.3", "--quiet"]
        assert main(fit) == 0
        assert main(["index", model, str(folder), "-o", index, "--quiet"]) == 0
        yield place


def test_evaluate_and_search_give_the_results_of_the_classes(
    folder, workplace, capsys, monkeypatch
):
    monkeypatch.setenv("SKDCCA_CACHE", str(workplace / "cache"))
    model, index = str(workplace / "model.skdcca"), str(workplace / "songs.index")
    songs = load_songs(folder)

    assert main(["evaluate", model, str(folder), "--quiet"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("9 songs, held out (training songs in the manifest: 21)")
    assert "optimistic" not in shown
    assert "\n  ten words                        9" in shown
    rows = {line[:16].strip(): line[16:].split() for line in shown.splitlines() if "   " in line}
    assert float(rows["chance"][0]) == pytest.approx(sum(1 / i for i in range(1, 10)) / 9, abs=1e-3)

    assert main(["evaluate", model, str(folder), "--all", "--json", "--quiet"]) == 0
    figures = json.loads(capsys.readouterr().out)
    fitted = load(model)
    pair = embed(fitted, songs.audio, songs.lyrics)
    expected = retrieval_metrics(*pair, **fitted[-1].comparison())
    assert figures["x_to_y"] == expected["x_to_y"]
    assert figures["n_songs"] == 30
    assert figures["songs"] == "partly training songs"
    report = query_report(fitted, songs.audio, songs.lyrics)
    assert [row["query"] for row in report if row["n_queries"] == 30] == [
        "whole lyrics",
        "verse",
        "line",
        "ten words",
        "whole song",
        "clip at -20 dB",
        "clip after 2 s of silence",
    ]
    assert figures["queries"] == report

    text = songs.lyrics[4]
    assert main(["search", index, text, "-n", "3", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    scores, ids = load(index).query(y=[text], n_neighbors=3)
    assert [result["id"] for result in found["results"]] == ids[0].tolist()
    assert [result["score"] for result in found["results"]] == scores[0].tolist()
    level = load(index).chance_score("y", like=text)
    assert found["chance_score"] == level
    assert [result["above_chance"] for result in found["results"]] == (scores[0] > level).tolist()

    assert main(["search", index, "--audio", songs.audio[4], "-n", "3", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    _, ids = load(index).query(X=[songs.audio[4]], n_neighbors=3)
    assert [result["id"] for result in found["results"]] == ids[0].tolist()
    lyrics = dict(zip(songs.ids, songs.lyrics, strict=True))
    assert all(result["lyrics"] == lyrics[result["id"]] for result in found["results"])


def test_results_of_unknown_words_are_not_above_chance(workplace, capsys):
    """Their scores are those of an empty text, which mean nothing."""
    index = str(workplace / "songs.index")
    for text in (
        "xyzzy plugh",
        "qzzzzzzzzzw!\nqkkkkkkkkkw\nqxxxxxxxxxw\nqkkkkkkkkkw!\nqxxxxxxxxxw,",
    ):
        assert main(["search", index, text]) == 0
        shown, noted = capsys.readouterr()
        assert "knows none of these words" in shown
        assert noted == ""
        assert main(["search", index, text, "--json"]) == 0
        found = json.loads(capsys.readouterr().out)
        assert found["understood"] is False
        assert not any(result["above_chance"] for result in found["results"])


def test_inspect_describes_a_file_without_listing_the_songs(workplace, capsys):
    for name, expected in [("model.skdcca", "LinearCCA"), ("songs.index", "of 30 items")]:
        assert main(["inspect", str(workplace / name)]) == 0
        shown = capsys.readouterr().out
        assert expected in shown
        assert "Doc2VecLyrics + LyricsForm -> StandardScaler" in shown
        assert __version__ in shown
        assert "learned_from" not in shown
    assert len(read_header(workplace / "model.skdcca")["notes"]["learned_from"]) == 21


def test_models_without_notes_on_their_training_songs(workplace, folder, tmp_path, capsys):
    save(load(workplace / "model.skdcca"), tmp_path / "model")
    assert main(["evaluate", str(tmp_path / "model"), str(folder), "--quiet"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("30 songs, not known whether held out\n")
    assert "optimistic: they may include training songs" in shown


def test_commands_to_type_next_work_with_spaces_in_paths(folder, workplace, tmp_path, capsys):
    place = tmp_path / "mödel & ü"
    place.mkdir()
    shutil.copy(workplace / "model.skdcca", place / "a model")
    index = ["index", str(place / "a model"), str(folder), "-o", str(place / "an index"), "--quiet"]
    shutil.copy(workplace / "songs.index", place / "an index")
    assert main([*index, "--overwrite"]) == 0
    following = capsys.readouterr().out.splitlines()[1]
    assert main(shlex.split(following)[1:]) == 0
    assert main(["search", str(place / "an index"), "--", "-la la night"]) == 0


def test_invalid_input_ends_with_status_2_and_no_traceback(folder, workplace, tmp_path, capsys):
    model, index = str(workplace / "model.skdcca"), str(workplace / "songs.index")
    picture = tmp_path / "clip.wav"
    picture.write_bytes(b"\x89PNG\r\n")
    silent = tmp_path / "silent.wav"
    soundfile.write(silent, np.zeros(30000), 8000)
    lost, table, few, bad = (tmp_path / name for name in ("lost", "t.csv", "few.csv", "bad.csv"))
    lost, scaler, one = str(lost), str(tmp_path / "scaler"), tmp_path / "one.csv"
    rows = [f"{folder / f'song{i:02d}.wav'},la la,{i % 2}" for i in range(12)]
    few.write_text("\n".join(["audio,lyrics,group", *rows]))
    bad.write_text("\n".join(["audio,lyrics,group", *rows, "none.wav,la,3"]))
    one.write_text("\n".join(["audio,lyrics,group", rows[0]]))
    table.write_text("mine")
    save(StandardScaler().fit([[1.0], [2.0]]), scaler)
    made = load(index)
    wordless = clone(made).set_params(estimator=made.estimator)
    save(wordless.fit(y=["the night"], texts=[None]), tmp_path / "lyrics")
    save(made.remove(made.ids_), tmp_path / "empty")
    cases = [
        ([*FIT, lost, "-o", str(tmp_path / "m")], "lost"),
        ([*FIT, str(folder), "-o", str(tmp_path / "no" / "m")], "does not exist"),
        ([*FIT, str(folder), "-o", str(tmp_path)], "is a folder"),
        (
            [*FIT, str(folder), "-o", str(tmp_path / "m"), "--hold-out", "1.5"],
            "in [0, 1), got 1.5",
        ),
        (
            [*FIT, str(folder), "-o", str(tmp_path / "m"), "--hold-out", "0.9"],
            "at least 10 training",
        ),
        (
            [*FIT, str(folder), "-o", str(tmp_path / "m"), "--hold-out", "0.99"],
            "must leave at least",
        ),
        ([*FIT, str(folder), "-o", str(table)], "was not written by skdcca"),
        ([*FIT, str(few), "-o", str(tmp_path / "m"), "--search"], "column group"),
        ([*FIT, str(bad), "-o", str(tmp_path / "m")], "give --skip-bad"),
        ([*FIT, str(folder), "-o", "/proc/m"], "the folder /proc is not writable"),
        (["index", model, str(folder), "-o", model], "is an input"),
        ([*FIT, str(folder), "-o", model], "exists; give another name, or --overwrite"),
        (["index", model, str(folder), "-o", index], "exists; give another name, or --overwrite"),
        ([*FIT, str(folder), "-o", str(table), "--overwrite"], "was not written by skdcca"),
        (["evaluate", model, str(one)], "at least 2 songs are needed, got 1"),
        (["evaluate", lost, str(folder)], "No such file or folder: "),
        (["search", str(folder), "night"], "is a folder. Give a file written by skdcca index"),
        (["inspect", lost], "No such file or folder: "),
        (
            ["index", scaler, str(folder), "-o", str(tmp_path / "i")],
            "not a fitted model of two views",
        ),
        (["search", str(tmp_path / "empty"), "night"], "The index has no items"),
        (["search", str(tmp_path / "lyrics"), "night"], "contains no audio to search"),
        (["evaluate", index, str(folder)], "holds an index"),
        (["evaluate", lost, str(folder)], "lost"),
        (["index", str(picture), str(folder), "-o", str(tmp_path / "i")], "a PNG image"),
        (["search", model, "night"], "holds a model"),
        (["search", index, "  "], "line of lyrics is empty"),
        (["search", index, "--audio", str(picture)], "skdcca: --audio: '"),
        (["search", index, "--audio", lost + ".wav"], "lost.wav"),
        (["search", index, "--audio", str(silent)], "at least 1 s of sound, got no sound"),
        (["inspect", str(folder / "song00.wav")], "a WAVE file"),
        (["serve", model], "holds a model"),
        (["serve", index, "--port", "70000"], "in [0, 65535], got 70000"),
    ]
    for arguments, message in cases:
        assert main(arguments) == 2, arguments
        shown = capsys.readouterr()
        assert shown.err.startswith("skdcca: ")
        assert message in shown.err, shown.err
        assert "Traceback" not in shown.err
        assert "Errno" not in shown.err
        if "bad.csv" not in shown.err:
            assert shown.err.count("\n") == 1
    assert not list(tmp_path.glob("m*"))
    assert table.read_text() == "mine"
