"""Folders and tables of songs, and every fault that they can have."""

import re
from pathlib import Path

import numpy as np
import pytest
import soundfile
from _songs import check_core

from skdcca.datasets import load_songs
from skdcca.exceptions import InvalidSongsError, SkippedSongsWarning


@pytest.fixture
def folder(tmp_path):
    """Folder with two good songs: a.wav, a.txt, b.flac, b.txt."""
    tone = 0.1 * np.sin(np.arange(800))
    soundfile.write(tmp_path / "a.wav", tone, 8000)
    soundfile.write(tmp_path / "b.flac", tone, 8000)
    (tmp_path / "a.txt").write_text("words of a\nsecond line", encoding="utf-8")
    (tmp_path / "b.txt").write_text("\ufeffWörter von b\n", encoding="utf-8")
    return tmp_path


def test_folder_of_songs(folder):
    (folder / "cover.jpg").touch()
    (folder / ".hidden.txt").touch()
    songs = load_songs(folder)
    check_core(songs, 2)
    assert songs.audio == [str(folder / "a.wav"), str(folder / "b.flac")]
    assert songs.lyrics == ["words of a\nsecond line", "Wörter von b"]
    assert songs.ids == songs.titles == songs.groups.tolist() == ["a", "b"]
    assert songs.skipped == []


def write_table(folder, text, name="songs.csv"):
    (folder / name).write_bytes(text.encode("utf-8"))
    return folder / name


@pytest.mark.parametrize(("name", "mark"), [("s.csv", ","), ("s.tsv", "\t"), ("s.txt", "\t")])
@pytest.mark.parametrize("start", ["", "\ufeff"])
def test_table_of_songs(folder, name, mark, start):
    (folder / "sub").mkdir()
    (folder / "a.wav").rename(folder / "sub" / "a.wav")
    rows = [
        ["id", "audio", "lyrics", "lyrics_path", "title", "group", "year"],
        ["one", "sub/a.wav", '"hey, ""you""\nsecond line"', "", "A song", "Ann", "1999"],
        ["two", str(folder / "b.flac"), "", "b.txt", "", "", ""],
    ]
    table = write_table(folder, start + "\r\n".join(mark.join(row) for row in rows), name)
    songs = load_songs(str(table))
    check_core(songs, 2)
    assert [Path(file).name for file in songs.audio] == ["a.wav", "b.flac"]
    assert songs.lyrics == ['hey, "you"\nsecond line', "Wörter von b"]
    assert songs.ids == ["one", "two"]
    assert songs.titles == ["A song", "b"]
    assert songs.groups.tolist() == ["Ann", "two"]


BAD_TABLE = """audio,lyrics,lyrics_path,id
a.wav,fine,,a
gone.wav,words,,b
noise.wav,words,,c
a.wav,,,d
a.wav,,gone.txt,e
a.wav,,empty.txt,f
a.wav,,latin.txt,g
a.wav,again,,a
,words,,h
a.wav,"two
lines",,i
a.wav,words, with, commas,j
silent.wav,,,k
"""


@pytest.fixture
def bad_table(folder):
    (folder / "noise.wav").write_bytes(b"this is no audio" * 20)
    (folder / "empty.txt").write_text(" \n")
    (folder / "latin.txt").write_bytes("schöner".encode("latin-1"))
    soundfile.write(folder / "silent.wav", np.zeros(0), 8000)
    return write_table(folder, BAD_TABLE)


FAULTS = [
    ("line 3", "audio file not found: .*gone.wav"),
    ("line 4", "audio file cannot be read: .*noise.wav"),
    ("line 5", "no lyrics given"),
    ("line 6", "lyrics file cannot be read: .*gone.txt"),
    ("line 7", "lyrics file is empty: .*empty.txt"),
    ("line 8", "lyrics are not UTF-8: save .*latin.txt"),
    ("line 9", "id 'a' is already used by line 2"),
    ("line 10", "no audio file given"),
    ("line 13", "more cells than columns: put the lyrics in quotes"),
    ("line 14", "audio file has no samples: .*silent.wav"),
    ("line 14", "no lyrics given"),
]


def test_all_faults_are_reported_at_once(bad_table):
    with pytest.raises(InvalidSongsError, match=r"10 of 12 songs .* cannot be used") as error:
        load_songs(bad_table)
    assert error.value.summary == f"10 of 12 songs of {bad_table} cannot be used"
    assert error.value.n_usable == 2
    lines = str(error.value).splitlines()[1:]
    assert lines == [f"  {fault}" for fault in error.value.faults]
    assert len(lines) == len(FAULTS)
    for line, (where, reason) in zip(lines, FAULTS, strict=True):
        assert re.search(f"^  {where}: {reason}", line)
    assert 'on_error="skip" to skip them (2 remain)' in str(error.value)


def test_bad_songs_can_be_skipped(bad_table):
    with pytest.warns(SkippedSongsWarning, match="10 of 12 songs .* are skipped") as record:
        songs = load_songs(bad_table, on_error="skip")
    assert record[0].filename == __file__
    check_core(songs, 2)
    assert songs.ids == ["a", "i"]
    assert songs.lyrics == ["fine", "two\nlines"]
    assert [where for where, _ in songs.skipped] == [where for where, _ in FAULTS]


def test_skipping_all_songs_is_an_error(folder):
    table = write_table(folder, "audio,lyrics\ngone.wav,words\n")
    with pytest.raises(InvalidSongsError, match="1 of 1 songs") as error:
        load_songs(table, on_error="skip")
    assert "on_error" not in str(error.value)
    assert error.value.n_usable == 0


def test_folder_faults(folder):
    soundfile.write(folder / "alone.wav", np.ones(10), 8000)
    soundfile.write(folder / "b.wav", np.ones(10), 8000)
    (folder / "text.txt").write_text("words")
    with pytest.raises(ValueError, match="3 of 4 songs") as error:
        load_songs(folder)
    message = str(error.value)
    assert "alone.wav: audio without text: put its lyrics into alone.txt" in message
    assert "text.txt: text without audio: expected text.wav (or .flac, .ogg, .mp3)" in message
    assert "b.flac: more files than one pair: b.flac, b.txt, b.wav" in message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("audio;lyrics\na.wav;words\n", r"lacks the column audio and .*\['audio;lyrics'\]"),
        ("audio,text\na.wav,words\n", r"lacks the column lyrics \(or lyrics_path\).*'text'"),
        ("", "lacks the column audio"),
        ("audio,lyrics\n", "no songs. Add one row"),
    ],
)
@pytest.mark.parametrize("on_error", ["raise", "skip"])
def test_unusable_tables(folder, text, message, on_error):
    with pytest.raises(ValueError, match=message):
        load_songs(write_table(folder, text), on_error=on_error)


def test_unusable_paths(folder):
    (folder / "latin.csv").write_bytes("audio,lyrics\na.wav,schöner\n".encode("latin-1"))
    (folder / "empty").mkdir()
    with pytest.raises(ValueError, match=r"not UTF-8 .* Save it as UTF-8"):
        load_songs(folder / "latin.csv")
    with pytest.raises(ValueError, match=r"no songs. It must contain pairs such as name.wav"):
        load_songs(folder / "empty")
    with pytest.raises(ValueError, match=r"`path` must be a table .* got .*a.wav'"):
        load_songs(folder / "a.wav")
    with pytest.raises(FileNotFoundError, match=r"nowhere.csv' does not exist"):
        load_songs(folder / "nowhere.csv")
    with pytest.raises(ValueError, match=r"`on_error` must be one of .*'skip'\], got 'ignore'"):
        load_songs(folder, on_error="ignore")
