"""The command line: a person's own songs from nothing to a table, and clear errors."""

import csv

import numpy as np
import pytest
import soundfile

from skdcca import __version__
from skdcca.cli import main
from skdcca.datasets import make_songs


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


def test_errors_have_no_traceback(tmp_path, capsys):
    assert main(["demo", "--songs", str(tmp_path / "lost.csv"), "--output", str(tmp_path)]) == 2
    message = capsys.readouterr().err
    assert "lost.csv" in message
    assert "Traceback" not in message


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
