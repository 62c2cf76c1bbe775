"""Load the user's songs from a table or a folder, reporting all faults at once."""

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
        Either a UTF-8 table with a header and one song per row: ``.csv`` (comma-separated),
        ``.tsv`` or ``.txt`` (tab-separated). The table has the columns ``audio`` (path of a file,
        absolute or relative to the folder of the table) and ``lyrics`` (text) or ``lyrics_path``
        (path of a UTF-8 text file), and optionally ``id``, ``title`` and ``group``. Other columns
        are ignored.

        Or a folder with an audio file (``.wav``, ``.flac``, ``.ogg`` or ``.mp3``) and a UTF-8 text
        file of the same name (``.txt``) for every song.
    on_error : {"raise", "skip"}, default="raise"
        Handling of songs that cannot be used: "raise" raises one error that lists all of them, and
        "skip" skips them and issues a warning.

    Returns
    -------
    songs : Bunch
        ``audio``: list of str, paths of the files; ``lyrics``: list of str; ``ids``: list of str,
        by default the audio path as written in the table, or the file name in the folder without
        its suffix; ``titles``: list of str, by default the name of the audio file without its
        suffix; ``groups``: ndarray of str, by default the id; ``skipped``: list of pairs of str
        (location, reason); ``DESCR``: str.

    Raises
    ------
    TypeError
        If `path` is not a path.
    FileNotFoundError
        If `path` does not exist.
    ValueError
        If `on_error` is not one of the options, `path` is neither a table nor a folder, the table
        has no rows, lacks a column or cannot be read, or the folder has no songs.
    InvalidSongsError
        If songs cannot be used: audio is missing or unreadable, lyrics are missing, empty or not
        UTF-8, or an id is not unique. With ``on_error="skip"``, raised only if no song can be used.

    Warns
    -----
    SkippedSongsWarning
        If songs are skipped.

    Notes
    -----
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
    """Return one row for each pair of files in a folder; a file without a partner is a fault."""
    names = defaultdict(list)
    for file in sorted(folder.iterdir()):
        if file.suffix.lower() in (*AUDIO_SUFFIXES, ".txt") and not file.name.startswith("."):
            names[file.stem].append(file)
    if not names:
        raise ValueError(
            f"The folder {folder} has no songs. It must contain pairs such as name.wav and name.txt; "
            f"supported audio suffixes are {', '.join(AUDIO_SUFFIXES)}."
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
            f"The table {path} cannot be read ({error}). Check its quotes, and store texts of more than "
            f"{csv.field_size_limit()} characters in files named in the column lyrics_path."
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
            f"The table {path} lacks the column {' and the column '.join(missing)}, got {columns}. "
            "Check its first line."
        )


def _song(row, used):
    """Return the song of a row and a list of its faults.

    `used` maps each id to the location where it first occurs, and is updated.
    """
    if "fault" in row:
        return None, [row["fault"]]
    lyrics, lyrics_fault = _lyrics(row)
    faults = [fault for fault in (_audio_fault(row.get("audio")), lyrics_fault) if fault]
    first = used.setdefault(row["id"], row["where"])
    if row["id"] and first != row["where"]:
        faults.append(f"id {row['id']!r} is already used by {first}: ids must be unique")
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
    """Return the lyrics of a row and their fault; each is None if there is none."""
    if "lyrics" in row:
        return row["lyrics"], None
    file = row.get("lyrics_path")
    if file is None:
        return None, "no lyrics given"
    if os.path.exists(file) and not (os.path.isfile(file) or os.path.isdir(file)):
        return None, f"lyrics file is a device or a pipe: {_short(file)}"  # it may never end
    try:
        lyrics = file.read_text(encoding="utf-8-sig").strip()
    except UnicodeDecodeError:
        return None, f"lyrics are not UTF-8: save {file} again as UTF-8"
    except OSError as error:
        return None, f"lyrics file cannot be read: {_short(file)} ({error.strerror})"
    except ValueError as error:  # NUL character in the name
        return None, f"lyrics file cannot be read: {_short(file)} ({error})"
    return lyrics, None if lyrics else f"lyrics file is empty: {file}"


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
