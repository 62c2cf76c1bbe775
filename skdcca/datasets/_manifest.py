"""Songs of the user from a table or a folder; all faults are reported at once."""

import csv
import os
from collections import defaultdict
from os import PathLike
from pathlib import Path
from typing import Literal

import numpy as np
from sklearn.utils import Bunch

from skdcca._audio import AUDIO_SUFFIXES, read_header
from skdcca._utils.validation import check_option
from skdcca._utils.warnings import warn
from skdcca.exceptions import InvalidSongsError, SkippedSongsWarning

DELIMITERS = {".csv": ",", ".tsv": "\t", ".txt": "\t"}


def load_songs(path: str | PathLike, *, on_error: Literal["raise", "skip"] = "raise") -> Bunch:
    """Load your own songs from a table or from a folder.

    Parameters
    ----------
    path : str or path-like
        Either a table in UTF-8 with a header and one song per row: ``.csv`` (separated by commas),
        ``.tsv`` or ``.txt`` (by tabs). Its columns are ``audio`` (a file, absolute or relative to the
        folder of the table) and ``lyrics`` (the text) or ``lyrics_path`` (a text file in UTF-8);
        ``id``, ``title`` and ``group`` are optional, and other columns are ignored.

        Or a folder with an audio file (``.wav``, ``.flac``, ``.ogg`` or ``.mp3``) and a text file of
        the same name (``.txt``, UTF-8) for every song.
    on_error : {"raise", "skip"}, default="raise"
        What to do if songs cannot be used: raise one error that lists all of them, or leave them
        out with a warning.

    Returns
    -------
    songs : Bunch
        ``audio``: list of str, the files; ``lyrics``: list of str; ``ids``: list of str, by
        default the audio file as written in the table, or the name in the folder; ``titles``:
        list of str, by default the name of the audio file; ``groups``: ndarray of str, by default
        the id; ``skipped``: list of pairs (where, reason) of str; ``DESCR``: str.

    Raises
    ------
    FileNotFoundError
        If `path` does not exist.
    ValueError
        If the table has no rows or lacks a column, or if the folder has no songs.
    InvalidSongsError
        If songs cannot be used: audio is missing or unreadable, lyrics are missing, empty or not
        UTF-8, or an id occurs twice.

    Warns
    -----
    SkippedSongsWarning
        If songs are left out.

    Notes
    -----
    Songs that must stay together in a split, such as those of one artist or versions of one work,
    need the same ``group``; pass ``groups=songs.groups`` to a splitter such as
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
    if not path.exists():
        raise FileNotFoundError(
            f"`path` {str(path)!r} does not exist. Give a .csv or .tsv table or a folder of songs."
        )
    songs, skipped, used = [], [], {}
    for row in _folder_rows(path) if path.is_dir() else _table_rows(path):
        song, faults = _song(row, used)
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
        skipped=skipped,
        DESCR=f"{len(songs)} songs of your own from {path.name}; their license is unknown.",
    )


def _folder_rows(folder):
    """Return one row for each name in a folder: its files, or the fault that they are not a pair."""
    names = defaultdict(list)
    for file in sorted(folder.iterdir()):
        if file.suffix.lower() in (*AUDIO_SUFFIXES, ".txt") and not file.name.startswith("."):
            names[file.stem].append(file)
    if not names:
        raise ValueError(
            f"The folder {folder} has no songs. It must have pairs such as name.wav and name.txt; "
            f"audio may be {', '.join(AUDIO_SUFFIXES)}."
        )
    return [_pair(name, files) for name, files in names.items()]


def _pair(name, files):
    text = [file for file in files if file.suffix.lower() == ".txt"]
    audio = [file for file in files if file not in text]
    if len(audio) == 1 and len(text) == 1:
        return {"where": audio[0].name, "id": name, "audio": audio[0], "lyrics_path": text[0]}
    if not text:
        fault = f"audio without text: put its lyrics into {name}.txt"
    elif not audio:
        fault = f"text without audio: expected {name}.wav (or {', '.join(AUDIO_SUFFIXES[1:])})"
    else:
        fault = f"more files than one pair: {', '.join(file.name for file in files)}"
    return {"where": files[0].name, "fault": fault}


def _table_rows(path):
    """Return one row for each song of a table."""
    delimiter = DELIMITERS.get(path.suffix.lower())
    if delimiter is None:
        raise ValueError(
            f"`path` must be a table ({', '.join(DELIMITERS)}) or a folder of songs, got {str(path)!r}."
        )
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            rows = list(_read_rows(csv.DictReader(file, delimiter=delimiter), path))
    except UnicodeDecodeError as error:
        raise ValueError(f"The table {path} is not UTF-8 ({error}). Save it as UTF-8.") from error
    except csv.Error as error:
        raise ValueError(
            f"The table {path} cannot be read ({error}). Check its quotes, and put a text of more than "
            f"{csv.field_size_limit()} characters into a file of the column lyrics_path."
        ) from error
    if not rows:
        raise ValueError(f"The table {path} has a header but no songs. Add one row for each song.")
    return rows


def _read_rows(reader, path):
    _check_columns(reader, path)
    line = reader.line_num + 1
    for cells in reader:
        where, line = f"line {line}", reader.line_num + 1  # a row may span several lines
        if None in cells:
            yield {"where": where, "fault": "more cells than columns: put the lyrics in quotes"}
            continue
        row = {name: cell.strip() for name, cell in cells.items() if cell and cell.strip()}
        row.setdefault("id", row.get("audio"))
        for name in {"audio", "lyrics_path"} & set(row):  # relative to the folder of the table
            row[name] = path.parent / os.path.expanduser(row[name])
        yield {**row, "where": where}


def _check_columns(reader, path):
    columns = reader.fieldnames = [name.strip() for name in reader.fieldnames or []]
    missing = [] if "audio" in columns else ["audio"]
    if not {"lyrics", "lyrics_path"} & set(columns):
        missing.append("lyrics (or lyrics_path)")
    if missing:
        raise ValueError(
            f"The table {path} lacks the column {' and the column '.join(missing)}. Its first line has "
            f"{columns}."
        )


def _song(row, used):
    """Return the song of a row and all its faults; `used` holds where each id occurred first."""
    if "fault" in row:
        return None, [row["fault"]]
    lyrics, lyrics_fault = _lyrics(row)
    faults = [fault for fault in (_audio_fault(row.get("audio")), lyrics_fault) if fault]
    first = used.setdefault(row["id"], row["where"])
    if row["id"] and first != row["where"]:
        faults.append(f"id {row['id']!r} is already that of {first}: ids must be unique")
    song = {
        "audio": str(row.get("audio")),
        "lyrics": lyrics,
        "id": row["id"],
        "title": row.get("title", row["audio"].stem if "audio" in row else None),
        "group": row.get("group", row["id"]),
    }
    return song, faults


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


def _lyrics(row):
    """Return the lyrics of a row, and their fault or None."""
    if "lyrics" in row:
        return row["lyrics"], None
    file = row.get("lyrics_path")
    if file is None:
        return None, "no lyrics given"
    if os.path.exists(file) and not (os.path.isfile(file) or os.path.isdir(file)):
        return None, f"lyrics file is a device or a pipe: {_short(file)}"  # it may be endless
    try:
        lyrics = file.read_text(encoding="utf-8-sig").strip()
    except UnicodeDecodeError:
        return None, f"lyrics are not UTF-8: save {file} again as UTF-8"
    except OSError as error:
        return None, f"lyrics file cannot be read: {_short(file)} ({error.strerror})"
    except ValueError as error:  # a NUL character in its name
        return None, f"lyrics file cannot be read: {_short(file)} ({error})"
    return lyrics, None if lyrics else f"lyrics file is empty: {file}"


def _short(path):
    """Return a path as errors show it; it may be a whole text, if the columns are exchanged."""
    path = str(path)
    return path if len(path) <= 300 else f"{path[:300]}... ({len(path)} characters)"


def _report(skipped, n_songs, path, on_error):
    """Raise or warn about the songs that cannot be used, all of them at once."""
    if not skipped:
        return
    n_bad = len({where for where, _ in skipped})
    summary = f"{n_bad} of {n_bad + n_songs} songs of {path} cannot be used"
    faults = [f"{where}: {reason}" for where, reason in skipped]
    if on_error == "raise" or n_songs == 0:
        remedy = "Correct them."
        if n_songs:
            remedy = f'Correct them, or pass on_error="skip" to leave them out ({n_songs} remain).'
        raise InvalidSongsError(summary, faults, remedy=remedy, n_usable=n_songs)
    warn("\n  ".join([f"{summary} and are left out:", *faults]), SkippedSongsWarning)
