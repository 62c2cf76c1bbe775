"""Folders and tables of songs, and every fault that they can have."""

import csv
import re
import threading
import unicodedata
from pathlib import Path

import numpy as np
import pytest
import soundfile
from _songs import check_core

from skdcca._audio import AUDIO_SUFFIXES
from skdcca.datasets import load_songs
from skdcca.exceptions import (
    InvalidSongsError,
    ManifestWarning,
    MissingDependencyError,
    SkippedSongsWarning,
)


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
    others = ", ".join([*AUDIO_SUFFIXES[1:4], "..."])
    assert f"text.txt: text without audio: expected text.wav (or {others})" in message
    assert "b.flac: more files than one pair: b.flac, b.txt, b.wav" in message


def test_songs_without_lyrics_are_loaded_on_request(folder):
    (folder / "a.txt").unlink()
    (folder / "b.txt").write_text(" \n")
    with pytest.raises(InvalidSongsError, match=r"b\.flac: lyrics file is empty"):
        load_songs(folder)
    songs = load_songs(folder, require_lyrics=False)
    assert songs.ids == ["a", "b"]
    assert songs.lyrics == ["", ""]
    for text in ("audio,lyrics\na.wav,\nb.flac,la\n", "audio,lyrics_path\na.wav\nb.flac,la.txt\n"):
        (folder / "la.txt").write_text("la")
        songs = load_songs(write_table(folder, text), require_lyrics=False)
        assert songs.lyrics == ["", "la"]
    assert load_songs(write_table(folder, "audio\na.wav\n"), require_lyrics=False).lyrics == [""]


def test_lyrics_that_are_given_must_be_readable(folder):
    """A file that is named but missing is a fault also where songs may lack lyrics."""
    (folder / "latin.txt").write_bytes("schöner".encode("latin-1"))
    (folder / "text.txt").write_text("words")
    table = write_table(folder, "audio,lyrics_path\na.wav,gone.txt\nb.flac,latin.txt\nc.wav,\n")
    with pytest.raises(InvalidSongsError) as error:
        load_songs(table, require_lyrics=False)
    faults = ["lyrics file cannot be read", "lyrics are not UTF-8", "audio file not found"]
    for found, fault in zip(error.value.faults, faults, strict=True):
        assert fault in found
    with pytest.raises(InvalidSongsError) as error:
        load_songs(folder, require_lyrics=False)
    assert [fault.partition(" (")[0].partition(", ")[0] for fault in error.value.faults] == [
        "latin.txt: text without audio: expected latin.wav",
        "text.txt: text without audio: expected text.wav",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("audio/lyrics\na.wav/words\n", r"lacks the column audio and .*\['audio/lyrics'\]"),
        ("audio,poem\na.wav,words\n", r"lacks the column lyrics \(or lyrics_path\).*'poem'"),
        ("", "lacks the column audio"),
        ('"audio,lyrics\na.wav,words\n', "lacks the column audio"),
        (
            "path,File,text\na.wav,a.wav,la\n",
            r"one column for audio, got \['path', 'File'\]\. Name",
        ),
        ("audio,text,words\na.wav,la,la\n", r"one column for lyrics, got \['text', 'words'\]"),
        (
            "audio,lyrics,Lyrics\na.wav,la,la\n",
            r"one column for lyrics, got \['lyrics', 'Lyrics'\]",
        ),
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
    with pytest.raises(ValueError, match=r"`require_lyrics` must be one of .* got 'no'"):
        load_songs(folder, require_lyrics="no")
    with pytest.raises(ValueError, match=r"`path` must be a table .* Save other tables as .csv"):
        load_songs(write_table(folder, "audio,lyrics", "songs.ods"))
    for sep in ("", ";;", "\n", '"', 1):
        with pytest.raises(ValueError, match="`sep` must be one character"):
            load_songs(folder, sep=sep)
    for encoding in ("cp12520", "base64", 1252):
        with pytest.raises(ValueError, match="`encoding` must be the name of a text encoding"):
            load_songs(folder, encoding=encoding)


# Tables as spreadsheets write them

LINES = [
    "id{0}audio{0}lyrics",
    '1{0}a.wav{0}"schöne, ""neue""{1}Welt; a\tb"',
    "2{0}b.flac{0}жук|жук",
]
EXPECTED = ['schöne, "neue"\nWelt; a\tb', "жук|жук"]
FORMS = [
    # delimiter, end of line, encoding, start
    (",", "\n", "utf-8", ""),
    (";", "\r\n", "utf-8", ""),
    (";", "\r\n", "utf-8-sig", "sep=;\r\n"),
    ("\t", "\n", "utf-8", ""),
    ("^", "\n", "utf-8", "sep=^\n"),
    ("\t", "\r\n", "utf-16", ""),
    ("\t", "\r\n", "utf-16-le", "\ufeff"),
    (";", "\n", "utf-16-be", "\ufeff"),
    ("\t", "\r\n", "utf-16-le", ""),
    (",", "\n", "utf-16-be", ""),
    (",", "\n", "utf-32", ""),
    (",", "\r", "utf-8", "\r\r"),
]


@pytest.mark.parametrize("name", ["songs.csv", "songs.tsv"])
@pytest.mark.parametrize(("sep", "end", "encoding", "start"), FORMS)
def test_forms_of_tables_are_recognized(folder, name, sep, end, encoding, start):
    text = start + end.join(line.format(sep, end) for line in LINES) + end
    (folder / name).write_bytes(text.encode(encoding))
    songs = load_songs(folder / name)
    assert [re.sub(r"\r\n?", "\n", lyrics) for lyrics in songs.lyrics] == EXPECTED
    assert songs.ids == ["1", "2"]


def test_sep_is_used_as_given(folder):
    table = write_table(folder, "audio lyrics^audio^lyrics\nx^a.wav^la; la\n")
    assert load_songs(table, sep="^").lyrics == ["la; la"]


@pytest.mark.parametrize(
    "header", ["AUDIO , Lyrics,Title,GROUP", '"Audio","lyrics ","title",Group']
)
def test_case_and_spaces_of_columns_do_not_matter(folder, header):
    songs = load_songs(write_table(folder, f"{header}\na.wav, la la,A,g\n"))
    assert (songs.lyrics, songs.titles, songs.groups.tolist()) == (["la la"], ["A"], ["g"])


@pytest.mark.parametrize(
    ("header", "row", "lyrics"),
    [
        ("Path,Text", "a.wav,la", "la"),
        ("file name,Words", "a.wav,la", "la"),
        ("audio-path,lyric", "a.wav,la", "la"),
        ("Filename,Lyrics File", "a.wav,b.txt", "Wörter von b"),
    ],
)
def test_columns_with_other_names_are_announced(folder, header, row, lyrics):
    table = write_table(folder, f"{header}\n{row}\n")
    with pytest.warns(ManifestWarning) as record:
        songs = load_songs(table)
    assert songs.lyrics == [lyrics]
    assert [warning.filename for warning in record] == [__file__]
    for name in header.split(","):
        assert f"the column {name!r} is read as" in str(record[0].message)


def test_documented_names_come_before_other_names(folder):
    """As before these were known, without a warning."""
    table = write_table(folder, "path,audio,text,lyrics_path\nx,a.wav,y,b.txt\n")
    assert load_songs(table).lyrics == ["Wörter von b"]


def test_long_fields_leave_the_limit_of_the_caller(folder):
    text = "la " * 60_000
    table = write_table(folder, f'audio,lyrics\na.wav,"{text}"\n')
    before = csv.field_size_limit(1000)
    try:
        threads = [threading.Thread(target=load_songs, args=[table]) for _ in range(3)]
        for thread in threads:
            thread.start()
        assert load_songs(table).lyrics == [text.strip()]
        for thread in threads:
            thread.join()
        assert csv.field_size_limit() == 1000
    finally:
        csv.field_size_limit(before)


def test_backslashes_and_accents_of_other_systems_in_paths(folder):
    (folder / "Müsik").mkdir()
    (folder / "a.wav").rename(folder / "Müsik" / "a.wav")
    (folder / "a.txt").rename(folder / "Müsik" / "a b.txt")
    composed = unicodedata.normalize("NFC", "Müsik")
    for name in (composed, unicodedata.normalize("NFD", composed)):
        row = f"{name}\\a.wav,.\\{name}\\a b.txt"
        songs = load_songs(write_table(folder, f"audio,lyrics_path\n{row}\n"))
        assert songs.lyrics == ["words of a\nsecond line"]
        assert songs.titles == ["a"]


def test_pairs_whose_names_are_composed_differently(folder):
    tone = 0.1 * np.sin(np.arange(800))
    soundfile.write(folder / unicodedata.normalize("NFD", "ü.wav"), tone, 8000)
    (folder / unicodedata.normalize("NFC", "ü.txt")).write_text("la")
    (folder / "album.wav").mkdir()
    assert len(load_songs(folder).audio) == 3


QUOTES = """id,audio,lyrics
1,a.wav,"never closed
2,b.flac,"Oh" she said
3,b.flac,"a quote of two
lines" and more
,,,
4,b.flac,fine,,
5,b.flac,"open at the end
"""


def test_open_quotes_do_not_swallow_songs(folder):
    """The csv module alone loses song 2 and says nothing."""
    assert "2" not in [row["id"] for row in csv.DictReader(QUOTES.splitlines())]
    table = write_table(folder, QUOTES)
    with pytest.warns(SkippedSongsWarning, match="line 2: a quote .* is not closed: close it, and"):
        songs = load_songs(table, on_error="skip")
    assert songs.ids == ["2", "4", "5"]
    assert songs.lyrics == ["Oh she said", "fine", "open at the end"]
    assert [where for where, _ in songs.skipped] == ["line 2", "line 4", "line 5", "line 5"]


def test_cells_that_cannot_be_lyrics_are_named(folder):
    table = write_table(folder, "audio,lyrics\na.wav,l\0a\nb.flac,#NAME?\n")
    with pytest.raises(InvalidSongsError) as error:
        load_songs(table)
    assert re.search("line 2: lyrics contains a NUL character: save", error.value.faults[0])
    assert re.search("line 3: lyrics is #NAME\\?: type it again", error.value.faults[1])


# Encodings


def test_files_of_another_encoding(folder):
    """The table and `old.txt` are in cp1252, `b.txt` is UTF-8."""
    rows = "audio,lyrics,lyrics_path,id\na.wav,“schöner” Tag,,1\na.wav,,old.txt,2\na.wav,,b.txt,3\n"
    table = folder / "songs.csv"
    table.write_bytes(rows.encode("cp1252"))
    (folder / "old.txt").write_bytes("naïve – café".encode("cp1252"))
    (folder / "b.txt").write_bytes("Wörter von b".encode())
    for encoding in ("cp1252", "windows-1252"):
        songs = load_songs(table, encoding=encoding)
        assert songs.lyrics == ["“schöner” Tag", "naïve – café", "Wörter von b"]
    message = (
        r"not UTF-8 \(line 2 has the byte 0x93 after 'a.wav,'\)\. Save it as UTF-8, or give its enc"
    )
    with pytest.raises(ValueError, match=message):
        load_songs(table)
    with pytest.raises(ValueError, match=r"not ascii \(line 2 has the byte 0x93"):
        load_songs(table, encoding="ascii")


def test_lyrics_files_in_utf16(folder):
    (folder / "a.txt").write_bytes("one\r\ntwo".encode("utf-16-le"))  # no byte order mark
    (folder / "b.txt").write_bytes("\ufeffжук и\nкот".encode("utf-16-be"))
    assert load_songs(folder).lyrics == ["one\r\ntwo", "жук и\nкот"]
    (folder / "b.txt").write_bytes(
        b"la\0 la la la la la la la la la la la la la la la la la la la la"
    )
    with pytest.raises(
        InvalidSongsError, match=r"b.flac: lyrics contain a NUL character: save .*b.txt"
    ):
        load_songs(folder)


# Excel workbooks


def write_workbook(path, *sheets):
    book = pytest.importorskip("openpyxl").Workbook()
    book.remove(book.active)
    for i, rows in enumerate(sheets):
        sheet = book.create_sheet(f"sheet {i}")
        for row in rows:
            sheet.append(row)
    book.save(path)
    return path


SHEET = [
    [],
    ["ID", "Audio", "Lyrics", "Group"],
    [7, "a.wav", "schön\nжук", 1.5],
    [8.0, "b.flac", 99, None],
]


def test_workbook(folder):
    table = write_workbook(folder / "songs.xlsx", [], SHEET)
    songs = load_songs(table)
    check_core(songs, 2)
    assert (songs.ids, songs.lyrics) == (["7", "8"], ["schön\nжук", "99"])
    assert songs.groups.tolist() == ["1.5", "8"]
    renamed = table.rename(folder / "songs.csv")
    assert load_songs(renamed).ids == ["7", "8"]


def test_faults_of_workbooks(folder):
    table = write_workbook(folder / "songs.xlsx", [*SHEET, [9, "no.wav", "la"]], [["notes"]])
    with (
        pytest.warns(ManifestWarning, match=r"the sheet 'sheet 0' is read, not \['sheet 1'\]"),
        pytest.raises(InvalidSongsError, match="row 5: audio file not found"),
    ):
        load_songs(table)
    damaged = table.read_bytes()[:3000]
    for content, message in [
        (damaged, "cannot be read as an Excel workbook .* Save it again"),
        (b"audio,lyrics\na.wav,la\n", "is not an Excel workbook, .* rename it to .csv"),
        (b"\xd0\xcf\x11\xe0", "old or encrypted Excel workbook. Save it as .xlsx without"),
    ]:
        table.write_bytes(content)
        with pytest.raises(ValueError, match=message):
            load_songs(table)
    write_workbook(table, [])
    with pytest.raises(ValueError, match="lacks the column audio"):
        load_songs(table)


def test_workbooks_need_openpyxl(folder, monkeypatch):
    table = write_workbook(folder / "songs.xlsx", SHEET)
    monkeypatch.setitem(__import__("sys").modules, "openpyxl", None)
    with pytest.raises(
        MissingDependencyError, match=r"workbook needs the package 'openpyxl'.*excel\]"
    ):
        load_songs(table)
