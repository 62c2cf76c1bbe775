"""Load the user's songs from a table or a folder, reporting all faults at once."""

import os
import unicodedata
from collections import defaultdict
from os import PathLike
from pathlib import Path
from typing import Literal

import numpy as np
from sklearn.utils import Bunch

from skdcca._audio import AUDIO_SUFFIXES, NATIVE_SUFFIXES, read_header
from skdcca._utils.validation import check_option
from skdcca._utils.warnings import warn
from skdcca.datasets._columns import find_columns
from skdcca.datasets._decoding import ENCODING_REMEDY, check_encoding, decode
from skdcca.datasets._table import DELIMITERS, WORKBOOKS, read_table
from skdcca.exceptions import InvalidSongsError, ManifestWarning, SkippedSongsWarning

# What spreadsheets show in place of a cell that they took for a formula, such as lyrics after a dash.
_FORMULA_ERRORS = {"#DIV/0!", "#N/A", "#NAME?", "#NULL!", "#NUM!", "#REF!", "#VALUE!"}


def load_songs(
    path: str | PathLike,
    *,
    on_error: Literal["raise", "skip"] = "raise",
    sep: str | None = None,
    encoding: str | None = None,
    require_lyrics: bool = True,
) -> Bunch:
    """Load your own songs from a table or from a folder.

    Parameters
    ----------
    path : str or path-like
        Either a table with a header and one song per row: ``.csv``, ``.tsv`` or ``.txt``, or an Excel
        workbook (``.xlsx``, first sheet), which needs the extra ``skdcca[excel]``. The table has the
        columns ``audio`` (path of a file, absolute or relative to the folder of the table) and
        ``lyrics`` (text) or ``lyrics_path`` (path of a text file), and optionally ``id``, ``title``,
        ``group`` and ``tags`` (separated by semicolons or commas), in any order and case. Other columns
        are ignored.

        Or a folder with an audio file and a text file of the same name (``.txt``) for every song.
        With ``require_lyrics=False``, a folder of audio files.
    on_error : {"raise", "skip"}, default="raise"
        Handling of songs that cannot be used: "raise" raises one error that lists all of them, and
        "skip" skips them and issues a warning.
    sep : str, default=None
        Delimiter of a text table, one character. If None, it is given by the header or by a first
        line ``sep=;`` as in Excel: comma, semicolon, tab or vertical bar.
    encoding : str, default=None
        Encoding, such as "cp1252", of the table and text files that are neither UTF-8 nor begin with
        a byte order mark. If None, these files cannot be used.
    require_lyrics : bool, default=True
        If False, songs may lack lyrics: the table may have empty cells or no column for lyrics, and
        the folder may have audio files without a text file. Their lyrics are "".

    Returns
    -------
    songs : Bunch
        ``audio``: list of str, paths of the files; ``lyrics``: list of str; ``ids``: list of str,
        by default the audio path as written in the table, or the file name in the folder without
        its suffix; ``titles``: list of str, by default the name of the audio file without its
        suffix; ``groups``: ndarray of str, by default the id; ``tags``: list of str, "" for songs
        without tags, or None if there is no such column; ``skipped``: list of pairs of str (location,
        reason); ``DESCR``: str.

    Raises
    ------
    TypeError
        If `path` is not a path.
    FileNotFoundError
        If `path` does not exist.
    ValueError
        If `on_error`, `sep`, `encoding` or `require_lyrics` is invalid, `path` is neither a table nor
        a folder, the table has no rows, lacks a column, has several columns for the same purpose or
        cannot be read, or the folder has no songs.
    InvalidSongsError
        If songs cannot be used: audio is missing or unreadable, lyrics are missing, empty or cannot
        be decoded, quotes are not closed, or an id is not unique. With ``on_error="skip"``, raised
        only if no song can be used.
    MissingDependencyError
        If `path` is an Excel workbook and openpyxl is not installed.

    Warns
    -----
    ManifestWarning
        If columns are recognized by another name, such as ``path`` or ``text``, or several sheets of
        a workbook have rows.
    SkippedSongsWarning
        If songs are skipped.

    Notes
    -----
    Tables are read as spreadsheets write them: delimiters, UTF-16, line ends and backslashes in paths
    are recognized, and fields may have any length. Encodings without a mark are never guessed.

    Give songs that must stay together in a split the same ``group``, such as songs by one artist or
    versions of one work, and pass ``groups=songs.groups`` to a splitter such as
    :class:`~sklearn.model_selection.GroupKFold`.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> import soundfile
    >>> from skdcca.datasets import load_songs, load_tiny_songs
    >>> tiny = load_tiny_songs()
    >>> with TemporaryDirectory() as folder:
    ...     soundfile.write(Path(folder, "star.wav"), *tiny.audio[0])
    ...     table = Path(folder, "songs.csv")
    ...     _ = table.write_text(
    ...         "audio,lyrics,group\\n"
    ...         'star.wav,"Twinkle twinkle little star, how I wonder",Jane Taylor\\n'
    ...     )
    ...     songs = load_songs(table)
    >>> songs.ids, songs.lyrics, songs.groups.tolist()
    (['star.wav'], ['Twinkle twinkle little star, how I wonder'], ['Jane Taylor'])
    """
    if not isinstance(path, (str, PathLike)):
        raise TypeError(f"`path` must be the path of a table or of a folder, got {path!r}.")
    path = Path(path)
    check_option("on_error", on_error, ("raise", "skip"))
    _check_sep(sep)
    check_encoding(encoding)
    check_option("require_lyrics", require_lyrics, (False, True))
    if not path.exists():
        raise FileNotFoundError(
            f"`path` {str(path)!r} does not exist. Give a .csv or .xlsx table or a folder of songs."
        )
    songs, skipped, used = [], [], {}
    has_tags = False
    if path.is_dir():
        rows = _folder_rows(path)
    else:
        rows, has_tags = _table_rows(path, sep, encoding, require_lyrics)
    for row in rows:
        song, faults = _song(row, used, encoding, require_lyrics)
        if faults:
            skipped += [(row["where"], fault) for fault in faults]
        else:
            songs.append(song)
    _report(skipped, len(songs), path, on_error)
    return Bunch(
        audio=[song["audio"] for song in songs],
        lyrics=[song["lyrics"] for song in songs],
        ids=[song["id"] for song in songs],
        titles=[song["title"] for song in songs],
        groups=np.array([song["group"] for song in songs]),
        tags=[song["tags"] for song in songs] if has_tags else None,
        skipped=skipped,
        DESCR=f"{len(songs)} songs of your own from {path.name}; their license is unknown.",
    )


def _check_sep(sep):
    one_character = isinstance(sep, str) and len(sep) == 1
    if sep is not None and (not one_character or sep in '"\r\n '):
        raise ValueError(
            f"`sep` must be one character such as ',', ';' or '\\t', or None, got {sep!r}."
        )


def _folder_rows(folder):
    """Return one row for each audio file in a folder, with the text file of its name if there is one."""
    names = defaultdict(list)
    for file in sorted(folder.iterdir()):
        if file.suffix.lower() not in (*AUDIO_SUFFIXES, ".txt") or file.name.startswith("."):
            continue
        if not file.is_dir():  # a link to a missing file is a fault
            # macOS decomposes accented letters in file names, and other systems do not.
            names[unicodedata.normalize("NFC", file.stem)].append(file)
    if not names:
        raise ValueError(
            f"The folder {folder} has no songs. It must contain pairs such as name.wav and name.txt; "
            f"supported audio suffixes are {', '.join(AUDIO_SUFFIXES)}."
        )
    return [_pair(name, files) for name, files in names.items()]


def _pair(name, files):
    text = [file for file in files if file.suffix.lower() == ".txt"]
    audio = [file for file in files if file not in text]
    converted = [file for file in audio if file.suffix.lower() in NATIVE_SUFFIXES]
    if len(converted) == 1:  # song.flac, beside the song.m4a that it was made from
        audio = converted
    if len(audio) == 1 and len(text) <= 1:
        row = {"where": audio[0].name, "id": name, "audio": audio[0]}
        if text:
            return {**row, "lyrics_path": text[0]}
        return {**row, "no_lyrics": f"audio without text: put its lyrics into {name}.txt"}
    if not audio:
        fault = (
            f"text without audio: expected {name}.wav (or {', '.join(AUDIO_SUFFIXES[1:4])}, ...)"
        )
    else:
        fault = f"more files than one pair: {', '.join(file.name for file in files)}"
    return {"where": files[0].name, "fault": fault}


def _table_rows(path, sep, encoding, require_lyrics):
    """Return one row for each song of a table, and whether it has a column for tags."""
    suffixes = (*DELIMITERS, *WORKBOOKS)
    if path.suffix.lower() not in suffixes or not path.is_file():
        raise ValueError(
            f"`path` must be a table ({', '.join(suffixes)}) or a folder of songs, got {str(path)!r}. "
            "Save other tables as .csv."
        )
    rows, note = read_table(path, sep, encoding)
    header = rows[0][1] if rows else []
    columns, guessed = find_columns(header or [], path, require_lyrics)
    if len(rows) == 1:
        raise ValueError(f"The table {path} has a header but no songs. Add one row for each song.")
    _say_guesses(path, guessed, note)
    found = [_row(path, columns, len(header), where, cells) for where, cells in rows[1:]]
    return found, "tags" in columns


def _say_guesses(path, guessed, note):
    notes = [f"the column {name!r} is read as {column}" for column, name in guessed.items()]
    if note is not None:
        notes.append(note)
    if notes:
        warn(f"{path}: {', '.join(notes)}.", ManifestWarning)


def _row(path, columns, n_columns, where, cells):
    """Return a row as a dict: its location, its fault or its cells, and the files that these name."""
    if cells is None:
        fault = 'a quote (") is not closed: close it, and write "" for a quote within a text'
        return {"where": where, "fault": fault}
    if any(map(str.strip, cells[n_columns:])):
        return {"where": where, "fault": "more cells than columns: put the lyrics in quotes"}
    row = {name: cells[i].strip() for name, i in columns.items() if i < len(cells)}
    row = {name: cell for name, cell in row.items() if cell}
    fault = _cell_fault(row)
    if fault is not None:
        return {"where": where, "fault": fault}
    row.setdefault("id", row.get("audio"))
    for name in {"audio", "lyrics_path"} & set(row):
        row[name] = _file(path.parent, row[name])
    return {**row, "where": where}


def _cell_fault(row):
    for name, cell in row.items():
        if "\0" in cell:
            return f"{name} contains a NUL character: save the table again as UTF-8"
        if cell in _FORMULA_ERRORS:
            return f"{name} is {cell}: type it again, after an apostrophe so that it is no formula"
    return None


def _file(folder, text):
    """Return the path that a cell names, relative to the folder of the table.

    If there is no such file, try slashes for the backslashes of Windows, and both forms in which
    systems store accented letters.
    """
    written = folder / os.path.expanduser(text)
    if os.path.exists(written):
        return written
    for form in ("NFC", "NFD"):
        for other in (text, text.replace("\\", "/")):
            file = folder / os.path.expanduser(unicodedata.normalize(form, other))
            if os.path.exists(file):
                return file
    return written


def _song(row, used, encoding, require_lyrics):
    """Return the song of a row and a list of its faults.

    `used` maps each id to the location where it first occurs, and is updated.
    """
    if "fault" in row:
        return None, [row["fault"]]
    lyrics, lyrics_fault = _lyrics(row, encoding)
    if require_lyrics and lyrics == "":
        lyrics_fault = _lack_of_lyrics(row)
    faults = [fault for fault in (_audio_fault(row.get("audio")), lyrics_fault) if fault]
    first = used.setdefault(row["id"], row["where"])
    if row["id"] and first != row["where"]:
        id_fault = f"id {row['id']!r} is already used by {first}"
        faults.append(f"{id_fault}: ids must be unique (add a column id)")
    song = {
        "audio": str(row.get("audio")),
        "lyrics": lyrics,
        "id": row["id"],
        "title": row.get("title", row["audio"].stem if "audio" in row else None),
        "group": row.get("group", row["id"]),
        "tags": _tags(row),
    }
    return song, faults


def _tags(row):
    """Return the tags of a row, or "" if there are only separators."""
    tags = unicodedata.normalize("NFC", row.get("tags", ""))  # some editors write accents apart
    return tags if tags.strip(";, ") else ""


def _audio_fault(audio):
    if audio is None:
        return "no audio file given"
    if not os.path.isfile(audio):
        return f"audio file not found: {_short(audio)}"
    try:
        header = read_header(str(audio))
    except ValueError as error:
        return f"audio file cannot be read: {audio} ({error})"
    return None if header.n_frames else f"audio file has no samples: {audio}"


def _lyrics(row, encoding):
    """Return the lyrics of a row, "" if it has none, and their fault; either is None."""
    file = row.get("lyrics_path")
    if "lyrics" in row or file is None:
        return row.get("lyrics", ""), None
    if os.path.exists(file) and not (os.path.isfile(file) or os.path.isdir(file)):
        return None, f"lyrics file is a device or a pipe: {_short(file)}"  # it may never end
    try:
        content = file.read_bytes()
    except OSError as error:
        return None, f"lyrics file cannot be read: {_short(file)} ({error.strerror})"
    except ValueError as error:  # NUL character in the name
        return None, f"lyrics file cannot be read: {_short(file)} ({error})"
    return _text(content, file, encoding)


def _lack_of_lyrics(row):
    if "lyrics_path" in row:
        return f"lyrics file is empty: {row['lyrics_path']}"
    return row.get("no_lyrics", "no lyrics given")


def _text(content, file, encoding):
    """Return the text of a lyrics file and its fault; either is None."""
    try:
        lyrics = decode(content, encoding).strip()
    except ValueError as error:
        name = encoding or "UTF-8"
        return (
            None,
            f"lyrics are not {name}: save {file} again as UTF-8, {ENCODING_REMEDY} ({error})",
        )
    if "\0" in lyrics:
        return None, f"lyrics contain a NUL character: save {file} again as UTF-8"
    return lyrics, None


def _short(path):
    """Shorten a path for an error, because it may be the whole lyrics if columns are swapped."""
    path = str(path)
    return path if len(path) <= 300 else f"{path[:300]}... ({len(path)} characters)"


def _report(skipped, n_songs, path, on_error):
    """Raise one error, or issue one warning, that lists all songs that cannot be used."""
    if not skipped:
        return
    n_bad = len({where for where, _ in skipped})
    summary = f"{n_bad} of {n_bad + n_songs} songs of {path} cannot be used"
    faults = [f"{where}: {reason}" for where, reason in skipped]
    if on_error == "raise" or n_songs == 0:
        remedy = "Correct them."
        if n_songs:
            remedy = f'Correct them, or pass on_error="skip" to skip them ({n_songs} remain).'
        raise InvalidSongsError(summary, faults, remedy=remedy, n_usable=n_songs)
    warn("\n  ".join([f"{summary} and are skipped:", *faults]), SkippedSongsWarning)
