"""The command line: a person's own songs from nothing to a table, and clear errors."""

import csv
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import soundfile
from sklearn.base import clone
from sklearn.preprocessing import StandardScaler

from skdcca import __version__
from skdcca._cli import main
from skdcca.datasets import load_songs, make_songs
from skdcca.metrics import embed, retrieval_metrics
from skdcca.persistence import load, read_header, save


@pytest.fixture
def manifest(tmp_path, monkeypatch):
    monkeypatch.setenv("SKDCCA_CACHE", str(tmp_path / "cache"))
    songs = make_songs(
        40, strength=1.0, duration=3.0, n_groups=20, sample_rate=11025, random_state=0
    )
    with open(tmp_path / "songs.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["audio", "lyrics", "title", "group"])
        for name, (waveform, rate), text, title, group in zip(
            songs.ids, songs.audio, songs.lyrics, songs.titles, songs.groups, strict=True
        ):
            soundfile.write(tmp_path / f"{name}.wav", waveform, rate)
            writer.writerow([f"{name}.wav", text, title, group])
    return tmp_path / "songs.csv"


def test_demo_on_own_songs(manifest, tmp_path, capsys):
    output = tmp_path / "pictures"
    assert main(["demo", "--songs", str(manifest), "--output", str(output)]) == 0
    shown = capsys.readouterr().out
    rows = {line[:16].strip(): line[16:].split() for line in shown.splitlines() if "   " in line}
    for name in ("by group", "random folds", "permuted pairs", "chance"):
        figures = np.array(rows[name], dtype=float)
        assert figures.shape == (8,)
        assert ((figures[[0, 1, 2, 4, 5, 6]] >= 0) & (figures[[0, 1, 2, 4, 5, 6]] <= 1)).all()
    assert rows["chance"][0] == "0.340"  # H_8 / 8
    assert shown.count("the right one is at") == 3
    assert (output / "demo.png").read_bytes().startswith(b"\x89PNG")
    following = shown[shown.index("Next, type") :].splitlines()[1]
    assert following.strip().startswith("skdcca search")
    assert main(shlex.split(following)[1:]) == 0  # what the person is told to type works
    assert capsys.readouterr().out.startswith("  1. ")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder of 30 generated songs, as name.wav with name.txt."""
    folder = tmp_path_factory.mktemp("songs")
    made = make_songs(30, strength=1.0, duration=3.0, sample_rate=11025, random_state=0)
    for name, (waveform, rate), text in zip(made.ids, made.audio, made.lyrics, strict=True):
        soundfile.write(folder / f"{name}.wav", waveform, rate)
        (folder / f"{name}.txt").write_text(text)
    return folder


@pytest.fixture(scope="module")
def workplace(folder, tmp_path_factory):
    """Model and index that the command line made of the folder."""
    place = tmp_path_factory.mktemp("workplace")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SKDCCA_CACHE", str(place / "cache"))
        model, index = str(place / "model.skdcca"), str(place / "songs.index")
        fit = ["fit", str(folder), "-o", model, "--search", "--hold-out", "0.3", "--quiet"]
        assert main(fit) == 0
        assert main(["index", model, str(folder), "-o", index, "--quiet"]) == 0
        yield place


def test_from_nothing_to_a_search(folder, workplace, capsys, monkeypatch):
    monkeypatch.setenv("SKDCCA_CACHE", str(workplace / "cache"))
    model, index = str(workplace / "model.skdcca"), str(workplace / "songs.index")
    songs = load_songs(folder)

    assert main(["evaluate", model, str(folder), "--quiet"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("9 songs, not learned from (of the manifest, 21 were)")
    assert "flatter" not in shown
    rows = {line[:16].strip(): line[16:].split() for line in shown.splitlines() if "   " in line}
    assert float(rows["chance"][0]) == pytest.approx(sum(1 / i for i in range(1, 10)) / 9, abs=1e-3)

    assert main(["evaluate", model, str(folder), "--all", "--json", "--quiet"]) == 0
    figures = json.loads(capsys.readouterr().out)
    fitted = load(model)
    pair = embed(fitted, songs.audio, songs.lyrics)
    expected = retrieval_metrics(*pair, **fitted[-1].comparison())
    assert figures["x_to_y"] == expected["x_to_y"]
    assert figures["n_songs"] == 30
    assert figures["songs"] == "some learned from"

    text = songs.lyrics[4]
    assert main(["search", index, text, "-n", "3", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    scores, ids = load(index).query(y=[text], n_neighbors=3)
    assert [result["id"] for result in found["results"]] == ids[0].tolist()
    assert [result["score"] for result in found["results"]] == scores[0].tolist()
    level = load(index).chance_score("y")
    assert found["chance_score"] == level
    assert [result["above_chance"] for result in found["results"]] == (scores[0] > level).tolist()

    assert main(["search", index, "--audio", songs.audio[4], "-n", "3", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    _, ids = load(index).query(X=[songs.audio[4]], n_neighbors=3)
    assert [result["id"] for result in found["results"]] == ids[0].tolist()
    lyrics = dict(zip(songs.ids, songs.lyrics, strict=True))
    assert all(result["lyrics"] == lyrics[result["id"]] for result in found["results"])


def test_a_text_without_a_known_word_finds_nothing(workplace, capsys):
    """Whatever its score: it is that of an empty text."""
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


def test_results_in_words_say_whether_they_are_more_than_chance(workplace, folder, capsys):
    index = str(workplace / "songs.index")
    assert main(["search", index, "the night and a storm", "-n", "100"]) == 0
    shown = capsys.readouterr().out
    places = [line.split()[0] for line in shown.splitlines() if line[:3].strip().isdecimal()]
    assert places == [f"{place}." for place in range(1, 31)]
    level = load(index).chance_score("y")
    best = float(shown.split()[1])
    assert ("Nothing here stands out" in shown) == (best <= level)
    assert f"{level:.3f}" in shown


def test_inspect_tells_what_a_file_is_without_naming_the_songs(workplace, capsys):
    for name, expected in [("model.skdcca", "LinearCCA"), ("songs.index", "of 30 items")]:
        assert main(["inspect", str(workplace / name)]) == 0
        shown = capsys.readouterr().out
        assert expected in shown
        assert "Doc2VecLyrics + LyricsForm -> StandardScaler" in shown
        assert __version__ in shown
        assert "learned_from" not in shown
    assert len(read_header(workplace / "model.skdcca")["notes"]["learned_from"]) == 21


@pytest.mark.parametrize("kind", ["kernel", "deep", "joint"])
def test_other_kinds_of_model(folder, workplace, kind, capsys, monkeypatch):
    monkeypatch.setenv("SKDCCA_CACHE", str(workplace / "cache"))
    monkeypatch.setattr("skdcca._cli.song_models.MAX_EPOCHS", 2)
    model = str(workplace / f"{kind}.skdcca")
    assert main(["fit", str(folder), "-o", model, "--model", kind, "--quiet"]) == 0
    assert {"kernel": "KernelCCA"}.get(kind, "DeepCCA") in capsys.readouterr().out
    assert main(["evaluate", model, str(folder), "--quiet"]) == 0
    assert "flatter it" in capsys.readouterr().out


def test_faults_are_told_with_status_2_and_no_traceback(folder, workplace, tmp_path, capsys):
    model, index = str(workplace / "model.skdcca"), str(workplace / "songs.index")
    picture = tmp_path / "clip.wav"
    picture.write_bytes(b"\x89PNG\r\n")
    lost, table, few, bad = (tmp_path / name for name in ("lost", "t.csv", "few.csv", "bad.csv"))
    lost, scaler = str(lost), str(tmp_path / "scaler")
    rows = [f"{folder / f'song{i:02d}.wav'},la la,{i % 2}" for i in range(12)]
    few.write_text("\n".join(["audio,lyrics,group", *rows]))
    bad.write_text("\n".join(["audio,lyrics,group", *rows, "none.wav,la,3"]))
    table.write_text("mine")
    save(StandardScaler().fit([[1.0], [2.0]]), scaler)
    made = load(index)
    save(clone(made).set_params(estimator=made.estimator).fit(y=["the night"]), tmp_path / "lyrics")
    save(made.remove(made.ids_), tmp_path / "empty")
    cases = [
        (["fit", lost, "-o", str(tmp_path / "m")], "lost"),
        (["fit", str(folder), "-o", str(tmp_path / "no" / "m")], "does not exist"),
        (["fit", str(folder), "-o", str(tmp_path)], "is a folder"),
        (["fit", str(folder), "-o", str(tmp_path / "m"), "--hold-out", "1.5"], "--hold-out 1.5"),
        (["fit", str(folder), "-o", str(tmp_path / "m"), "--hold-out", "0.9"], "songs to learn"),
        (["fit", str(folder), "-o", str(tmp_path / "m"), "--hold-out", "0.99"], "leaves none"),
        (["fit", str(folder), "-o", str(table)], "is no file of skdcca"),
        (["fit", str(few), "-o", str(tmp_path / "m"), "--search"], "column group"),
        (["fit", str(bad), "-o", str(tmp_path / "m")], "give --skip-bad"),
        (["fit", str(folder), "-o", "/proc/m"], "nothing can be written to /proc"),
        (["index", model, str(folder), "-o", model], "is what is read"),
        (["index", scaler, str(folder), "-o", str(tmp_path / "i")], "no fitted model of two views"),
        (["search", str(tmp_path / "empty"), "night"], "the index has no items"),
        (["search", str(tmp_path / "lyrics"), "night"], "no sounds, so no lyrics can ask"),
        (["evaluate", index, str(folder)], "holds an index"),
        (["evaluate", lost, str(folder)], "lost"),
        (["index", str(picture), str(folder), "-o", str(tmp_path / "i")], "a PNG image"),
        (["search", model, "night"], "holds a model"),
        (["search", index, "  "], "line of lyrics is empty"),
        (["search", index, "--audio", str(picture)], "clip.wav"),
        (["search", index, "--audio", lost + ".wav"], "lost.wav"),
        (["inspect", str(folder / "song00.wav")], "a WAVE file"),
        (["serve", model], "holds a model"),
        (["serve", index, "--port", "70000"], "70000"),
    ]
    for arguments, message in cases:
        assert main(arguments) == 2, arguments
        shown = capsys.readouterr()
        assert shown.err.startswith("skdcca: ")
        assert message in shown.err, shown.err
        assert "Traceback" not in shown.err
    assert not list(tmp_path.glob("m*"))
    assert table.read_text() == "mine"


def test_a_model_that_does_not_say_what_it_learned_from(workplace, folder, tmp_path, capsys):
    save(load(workplace / "model.skdcca"), tmp_path / "model")
    assert main(["evaluate", str(tmp_path / "model"), str(folder), "--quiet"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("30 songs, not known whether learned from\n")
    assert "flatter it" in shown


def test_metadata_of_any_kind_are_shown(workplace, capsys, tmp_path):
    made, index = load(workplace / "songs.index"), str(tmp_path / "i")
    about = [{"score": "4 stars", "id": 7, "lyrics": None, "title": 1827, "group": "\x1b[2J"}] * 29
    made.metadata_ = dict(zip(made.ids_.tolist(), about, strict=False))
    save(made, index)
    assert main(["search", index, "the night", "-n", "30"]) == 0
    shown = capsys.readouterr().out
    assert shown.count("1827") == 29
    assert "\x1b" not in shown  # what would steer the terminal
    assert main(["search", index, "the night", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["results"]
    assert {type(result["score"]) for result in found} == {float}
    assert len({result["id"] for result in found}) == 10


@pytest.mark.parametrize("extra", [[], ["--search"]])
def test_ctrl_c_in_a_training_ends_the_command(folder, workplace, extra, tmp_path):
    """A training that is interrupted returns what it has, in Python; the command must not go on."""
    code = (
        "import signal, sys, skdcca._cli.song_models\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)  # background jobs ignore it\n"
        "skdcca._cli.song_models.MAX_EPOCHS = 100_000\n"
        "from skdcca._cli import main\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    model = tmp_path / "model"
    command = [sys.executable, "-c", code, "fit", str(folder), "-o", str(model), "--model", "deep"]
    environment = {**os.environ, "SKDCCA_CACHE": str(workplace / "cache")}
    with subprocess.Popen(
        [*command, *extra], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as run:
        bar = b""
        while b"/100000" not in bar if not extra else b"0/12" not in bar:  # it is training
            bar += run.stderr.read1()
        time.sleep(1.0 if extra else 0.0)
        run.send_signal(signal.SIGINT)
        try:
            _, rest = run.communicate(timeout=60)
        finally:
            run.kill()
    assert run.returncode == 130
    assert rest.endswith(b"skdcca: interrupted\n")
    assert not model.exists()


def test_commands_to_type_next_work_with_spaces_in_paths(folder, workplace, tmp_path, capsys):
    place = tmp_path / "mödel & ü"
    place.mkdir()
    shutil.copy(workplace / "model.skdcca", place / "a model")
    index = ["index", str(place / "a model"), str(folder), "-o", str(place / "an index"), "--quiet"]
    assert main(index) == 0
    following = capsys.readouterr().out.splitlines()[1]
    assert main(shlex.split(following)[1:]) == 0
    assert main(["search", str(place / "an index"), "--", "-la la night"]) == 0


def test_interruption_and_faults_of_ours(workplace, capsys, monkeypatch):
    index = str(workplace / "songs.index")
    for raised, status, message in [
        (KeyboardInterrupt, 130, "skdcca: interrupted"),
        (ZeroDivisionError("by night"), 1, "skdcca: unexpected ZeroDivisionError: by night"),
    ]:
        monkeypatch.setattr("skdcca._cli.commands.load", _raising(raised))
        assert main(["search", index, "night"]) == status
        assert capsys.readouterr().err.startswith(message)
    with pytest.raises(ZeroDivisionError):
        main(["--traceback", "search", index, "night"])


def _raising(error):
    def raises(*_):
        raise error

    return raises


def test_as_a_program_in_a_pipe(workplace):
    """A reader that has seen enough is no error, and standard output holds results alone."""
    command = [
        sys.executable,
        "-m",
        "skdcca._cli.parser",
        "search",
        str(workplace / "songs.index"),
        "night",
    ]
    run = subprocess.run(f"{shlex.join(command)} | head -n 1", shell=True, capture_output=True)
    assert run.stdout.startswith(b"  1. ")
    assert run.stderr == b""


def test_help_teaches(capsys):
    for arguments, expected in [
        (["--help"], "skdcca fit songs.csv -o model.skdcca"),
        (["--help"], "joblib and pickle are not opened"),
        (["fit", "--help"], "linear  exact and fast"),
        (["search", "--help"], "--audio FILE"),
        (["serve", "--help"], "127.0.0.1"),
    ]:
        with pytest.raises(SystemExit) as stop:
            main(arguments)
        assert stop.value.code == 0
        assert expected in capsys.readouterr().out
    for arguments in (["search", "songs.index"], ["search", "i", "a", "-n", "0"], ["fit", "x"]):
        with pytest.raises(SystemExit) as stop:
            main(arguments)
        assert stop.value.code == 2


def test_errors_have_no_traceback(tmp_path, capsys):
    assert main(["demo", "--songs", str(tmp_path / "lost.csv"), "--output", str(tmp_path)]) == 2
    message = capsys.readouterr().err
    assert "lost.csv" in message
    assert "Traceback" not in message


def test_a_file_is_no_folder_for_the_demonstration(tmp_path, capsys):
    (tmp_path / "file").write_text("kept")
    assert main(["demo", "--output", str(tmp_path / "file")]) == 2
    assert "file' is a file; --output must name a folder" in capsys.readouterr().err
    assert (tmp_path / "file").read_text() == "kept"


def test_too_few_songs_are_told_before_work_begins(manifest, tmp_path, capsys):
    few = tmp_path / "few.csv"
    few.write_text("audio,lyrics\n" + "\n".join(f"song{i:02d}.wav,la la" for i in range(7)))
    assert main(["demo", "--songs", str(few), "--output", str(tmp_path)]) == 2
    assert "7 songs in 7 groups" in capsys.readouterr().err


def test_version_and_help(capsys):
    for argument, expected in [("--version", __version__), ("--help", "demo")]:
        with pytest.raises(SystemExit) as stop:
            main([argument])
        assert stop.value.code == 0
        assert expected in capsys.readouterr().out
    with pytest.raises(SystemExit) as stop:
        main([])
    assert stop.value.code == 2
