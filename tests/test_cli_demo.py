"""The demonstration on the user's own songs."""

import shlex

import numpy as np
import pytest
from _cli_files import write_songs
from _songs import write_table

from skdcca._cli import main


@pytest.fixture
def manifest(tmp_path, monkeypatch):
    monkeypatch.setenv("SKDCCA_CACHE", str(tmp_path / "cache"))
    songs = write_songs(tmp_path, 40, n_groups=20)
    files = [f"{name}.wav" for name in songs.ids]
    rows = zip(files, songs.lyrics, songs.titles, songs.groups, strict=True)
    return write_table(tmp_path / "songs.csv", rows, ["audio", "lyrics", "title", "group"])


@pytest.mark.slow
def test_demo_on_user_songs(manifest, tmp_path, capsys):
    output = tmp_path / "pictures"
    assert main(["demo", "--songs", manifest, "--output", str(output)]) == 0
    shown = capsys.readouterr().out
    rows = {line[:16].strip(): line[16:].split() for line in shown.splitlines() if "   " in line}
    for name in ("by group", "random folds", "permuted pairs", "chance"):
        scores = np.array(rows[name], dtype=float)
        assert scores.shape == (8,)
        but_ranks = scores[[0, 1, 2, 4, 5, 6]]
        assert ((but_ranks >= 0) & (but_ranks <= 1)).all()
    assert rows["chance"][0] == "0.340"  # H_8 / 8
    assert shown.count("the song itself is number") == 3
    for query in ("A line: ", "A verse: "):  # its words find the song
        assert shown.partition(query)[2].splitlines()[1].endswith("<- the song")
    assert (output / "demo.png").read_bytes().startswith(b"\x89PNG")
    following = shown[shown.index("Next:") :].splitlines()[1]
    assert following.strip().startswith("skdcca search")
    assert main(shlex.split(following)[1:]) == 0  # the printed command works
    assert capsys.readouterr().out.startswith("These words are in\n  1. ")


def test_too_few_songs_are_refused_before_work_begins(manifest, tmp_path, capsys):
    few = tmp_path / "few.csv"
    few.write_text("audio,lyrics\n" + "\n".join(f"song{i:02d}.wav,la la" for i in range(7)))
    assert main(["demo", "--songs", str(few), "--output", str(tmp_path)]) == 2
    assert "7 songs in 7 groups" in capsys.readouterr().err


def test_demo_refuses_a_file_as_its_folder(tmp_path, capsys):
    (tmp_path / "file").write_text("kept")
    assert main(["demo", "--output", str(tmp_path / "file")]) == 2
    assert "--output must name a folder, but " in capsys.readouterr().err
    assert (tmp_path / "file").read_text() == "kept"


def test_errors_have_no_traceback(tmp_path, capsys):
    assert main(["demo", "--songs", str(tmp_path / "lost.csv"), "--output", str(tmp_path)]) == 2
    message = capsys.readouterr().err
    assert "lost.csv" in message
    assert "Traceback" not in message


@pytest.mark.parametrize("name", ["model.skdcca", "songs.index", "demo.png"])
def test_demo_replaces_no_file(name, tmp_path, capsys):
    (tmp_path / name).write_text("kept")
    assert main(["demo", "--output", str(tmp_path)]) == 2
    assert (
        f"{name} exists; give another folder (--output), or --overwrite" in capsys.readouterr().err
    )
    assert (tmp_path / name).read_text() == "kept"
