"""Bad tables and folders of songs, and files that are not models."""

import re

import numpy as np
import pytest
from _bad_files import three_of_five
from _bad_input import check_cases, check_refused, each, named
from _songs import write_table

import skdcca
from skdcca import LinearCCA
from skdcca._cli import main
from skdcca.datasets import load_songs, make_songs


def table_of(rows, columns=("audio", "lyrics")):
    """Return a call of `load_songs` on a table beside the files."""
    return lambda w: load_songs(write_table(w.files / "songs_of_a_case.csv", rows, columns))


DATA = [
    (
        "no path",
        lambda w: load_songs(None),
        TypeError,
        "`path` .* got None",
        "table or of a folder",
    ),
    (
        "a file that is missing",
        lambda w: load_songs(w.file("no.csv")),
        FileNotFoundError,
        "no.csv",
        "folder of songs",
    ),
    ("a PNG", lambda w: load_songs(w.file("png.wav")), ValueError, "png.wav", r"\.csv"),
    ("no header", lambda w: load_songs(w.file("nothing.csv")), ValueError, "nothing.csv", "audio"),
    (
        "no songs",
        lambda w: load_songs(w.file("header.csv")),
        ValueError,
        "header.csv",
        "Add one row",
    ),
    (
        "other columns",
        lambda w: load_songs(w.file("columns.csv")),
        ValueError,
        "columns.csv lacks the column audio and the column lyrics",
        "song",
    ),
    (
        "Latin-1",
        lambda w: load_songs(w.file("latin.csv")),
        ValueError,
        "latin.csv",
        "Save it as UTF-8",
    ),
    (
        "what to do",
        lambda w: load_songs(w.table, on_error="ask"),
        ValueError,
        "`on_error` .* got 'ask'",
        "skip",
    ),
    ("no lyrics", table_of([("good0.wav", "")]), ValueError, "line 2: no lyrics given", "Correct"),
    ("no audio", table_of([("", "la")]), ValueError, "line 2: no audio file given", "Correct"),
    (
        "an id twice",
        table_of([("good0.wav", "la", "a"), ("good1.wav", "la", "a")], ("audio", "lyrics", "id")),
        ValueError,
        "line 3: id 'a' is already used by line 2",
        "unique",
    ),
    (
        "raw samples",
        table_of([("sound.raw", "la")]),
        ValueError,
        r"line 2: .*sound.raw \(it has no header",
        "Correct",
    ),
    (
        "ten hours in a header",
        table_of([("ten_hours.flac", "la")]),
        ValueError,
        "line 2: .*36000 s",
        "Correct",
    ),
    (
        "columns exchanged",
        table_of([("la la " * 900, "good0.wav")]),
        ValueError,
        r"line 2: audio file not found: .*characters\)",
        "Correct",
    ),
    (
        "the home folder of an unknown user",
        table_of([("~nobody_of_this_name/a.wav", "la")]),
        ValueError,
        "line 2: audio file not found: .*nobody_of_this_name",
        "Correct",
    ),
    (
        "a NUL character in the name of a text",
        table_of([("good0.wav", "a\0b.txt")], ("audio", "lyrics_path")),
        ValueError,
        "line 2: lyrics_path contains a NUL character",
        "save the table again",
    ),
    (
        "a folder as text",
        table_of([("good0.wav", "folder.wav")], ("audio", "lyrics_path")),
        ValueError,
        "line 2: lyrics file cannot be read: .*folder.wav",
        "Correct",
    ),
    ("no songs made", lambda w: make_songs(0), ValueError, "`n_songs` .* got 0", ">= 1"),
    (
        "half a song made",
        lambda w: make_songs(1.5),
        ValueError,
        "`n_songs` .* got 1.5",
        "an integer",
    ),
    (
        "strength of 2",
        lambda w: make_songs(2, strength=2),
        ValueError,
        "`strength` .* got 2",
        r"in \[0, 1\]",
    ),
    (
        "strength of NaN",
        lambda w: make_songs(2, strength=np.nan),
        ValueError,
        "`strength` .* got nan",
        "finite",
    ),
    (
        "endless songs",
        lambda w: make_songs(2, duration=np.inf),
        ValueError,
        "`duration` .* got inf",
        "finite",
    ),
    ("songs of 0 s", lambda w: make_songs(2, duration=0), ValueError, "`duration` .* got 0", "> 0"),
    (
        "many groups",
        lambda w: make_songs(2, n_groups=3),
        ValueError,
        "`n_groups` .* got 3",
        r"in \[1, 2\]",
    ),
    (
        "saving text",
        lambda w: skdcca.save("a", w.folder / "x"),
        TypeError,
        "`obj` must be .* got 'a'",
        "an estimator",
    ),
    (
        "saving a class",
        lambda w: skdcca.save(LinearCCA, w.folder / "x"),
        TypeError,
        "LinearCCA",
        "not a class",
    ),
    (
        "notes",
        lambda w: skdcca.save(w.linear, w.folder / "x", notes=5),
        ValueError,
        "`notes` must be .* got 5",
        "dict of str",
    ),
    ("loading nothing", lambda w: skdcca.load(w.folder / "x"), FileNotFoundError, "x'", ""),
    (
        "loading an empty file",
        lambda w: skdcca.load(w.file("empty.wav")),
        ValueError,
        "empty.wav",
        "empty",
    ),
    ("loading a PNG", lambda w: skdcca.load(w.file("png.wav")), ValueError, "png.wav", "PNG"),
    (
        "loading a pickle",
        lambda w: skdcca.load(w.file("pickle.skdcca")),
        ValueError,
        "pickle.skdcca",
        "joblib.load",
    ),
    ("loading a folder", lambda w: skdcca.load(w.files), IsADirectoryError, "files", "directory"),
]


def test_there_are_many_different_cases():
    check_cases(named("data", DATA))


@each(named("data", DATA))
def test_bad_input_is_refused_with_a_remedy(case, world, request):
    check_refused(case, world, request)


# Batches: three bad of five


def test_all_bad_songs_of_a_table_are_named_at_once(sound_files, tmp_path, capsys, no_work):
    songs = three_of_five(sound_files, ["png.wav", "link.wav", "sound.raw"])
    table = write_table(tmp_path / "songs.csv", [(song, "la la") for song in songs])
    with pytest.raises(ValueError, match=r"3 of 5 songs of .*songs.csv cannot be used") as error:
        load_songs(table)
    assert main(["fit", table, "-o", str(tmp_path / "model"), "--model", "linear"]) == 2
    for message in (str(error.value), capsys.readouterr().err):
        for line, name in ((3, "png.wav"), (5, "link.wav"), (6, "sound.raw")):
            assert re.search(rf"line {line}: .*{name}", message)


BAD_ROWS = {
    3: ("png.wav", "la", "b"),
    5: ("good1.wav", "", "d"),
    6: ("ten_hours.flac", "la", "e"),
    7: ("good2.wav", "la", "a"),
    8: ("", "", "g"),
    9: ("folder.wav", "la", "h"),
    10: ("link.wav", "la", "i"),
    11: ("none.wav", "la", "j"),
    12: ("sound.raw", "la", "k"),
}


def test_all_skipped_rows_are_reported(sound_files, tmp_path):
    good = {
        2: ("good0.wav", "la la", "a"),
        4: ("silent.wav", "🎵", "c"),
        13: ("eight.wav", "שלום", "l"),
    }
    rows = [row for _, row in sorted((BAD_ROWS | good).items())]
    rows = [(str(sound_files / audio) if audio else "", *rest) for audio, *rest in rows]
    table = write_table(tmp_path / "songs.csv", rows, ("audio", "lyrics", "id"))
    with pytest.warns(UserWarning, match="9 of 12 songs .* are skipped") as caught:
        songs = load_songs(table, on_error="skip")
    assert songs.ids == ["a", "c", "l"]
    # Every row is either a song or skipped; the one with two faults is listed twice.
    where = [f"line {line}" for line in BAD_ROWS]
    assert list(dict.fromkeys(place for place, _ in songs.skipped)) == where
    assert len(songs.skipped) == len(BAD_ROWS) + 1
    assert all(f"{place}: {reason}" in str(caught[0].message) for place, reason in songs.skipped)


def test_all_skipped_files_of_a_folder_are_reported(sound_files, tmp_path):
    for name in ("good0.wav", "good1.wav", "png.wav"):
        (tmp_path / name).write_bytes((sound_files / name).read_bytes())
    for name in ("good0.txt", "png.txt", "alone.txt"):
        (tmp_path / name).write_text("la la")
    with pytest.warns(UserWarning, match="3 of 4 songs"):
        songs = load_songs(tmp_path, on_error="skip")
    assert songs.ids == ["good0"]
    assert [place for place, _ in songs.skipped] == ["alone.txt", "good1.wav", "png.wav"]
