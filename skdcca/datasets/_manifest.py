"""A person's own songs: from a table or from a folder, every fault reported at once."""

import csv
import os
import warnings
from collections import defaultdict
from pathlib import Path

import numpy as np
from sklearn.utils import Bunch

from skdcca._audio.mel import read_header

AUDIO_SUFFIXES = (".wav", ".flac", ".ogg", ".mp3")
DELIMITERS = {".csv": ",", ".tsv": "\t", ".txt": "\t"}


def load_songs(path, *, on_error="raise"):
    """Load your own songs from a table or from a folder.

    Parameters
    ----------
    path : str or path-like
        Either a table with a header, in UTF-8, as ``.csv`` (separated by commas) or ``.tsv`` and
        ``.txt`` (by tabs), one song a row. Its columns are ``audio`` (a file, absolute or relative
        to the folder of the table) and ``lyrics`` (the text) or ``lyrics_path`` (a text file in
        UTF-8); and, if you like, ``id``, ``title`` and ``group``. Other columns are ignored.

        Or a folder that holds for every song an audio file (``.wav``, ``.flac``, ``.ogg`` or
        ``.mp3``) and a text file of the same name (``.txt``, UTF-8).
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
        If the table lacks a column or its rows, if the folder has no songs, or if songs cannot be
        used: audio missing or unreadable, lyrics missing, empty or not UTF-8, an id used twice.

    Notes
    -----
    Give all songs that must not be torn apart by a split (those of one artist, versions of one
    work) the same ``group``, and pass ``groups=songs.groups`` to a splitter such as
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
    if not isinstance(path, (str, os.PathLike)):
        raise TypeError(f"path={path!r}; it must be the path of a table or of a folder")
    path = Path(path)
    if on_error not in ("raise", "skip"):
        raise ValueError(f"on_error={on_error!r} is not known; use 'raise' or 'skip'")
    if not path.exists():
        raise FileNotFoundError(
            f"path={str(path)!r} does not exist; expected a .csv or .tsv table or a folder of songs"
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
        DESCR=f"{len(songs)} songs of your own from {path.name}; their rights are yours to know.",
    )


def _folder_rows(folder):
    """One row for each name in a folder: its files, or the fault that they are no pair."""
    names = defaultdict(list)
    for file in sorted(folder.iterdir()):
        if file.suffix.lower() in (*AUDIO_SUFFIXES, ".txt") and not file.name.startswith("."):
            names[file.stem].append(file)
    if not names:
        raise ValueError(
            f"folder {folder} has no songs; expected pairs such as name.wav and name.txt "
            f"(audio may be {', '.join(AUDIO_SUFFIXES)})"
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
    """One row for each song of a table."""
    delimiter = DELIMITERS.get(path.suffix.lower())
    if delimiter is None:
        raise ValueError(
            f"path={str(path)!r} ends in {path.suffix!r}; "
            f"expected a table ({', '.join(DELIMITERS)}) or a folder of songs"
        )
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            rows = list(_read_rows(csv.DictReader(file, delimiter=delimiter), path))
    except UnicodeDecodeError as error:
        raise ValueError(f"table {path} is not UTF-8 ({error}); save it again as UTF-8") from error
    except csv.Error as error:
        raise ValueError(
            f"table {path} cannot be read ({error}); check its quotes, and put a text of more than "
            f"{csv.field_size_limit()} letters into a file of the column lyrics_path"
        ) from error
    if not rows:
        raise ValueError(f"table {path} has a header but no songs; add one row for each song")
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
            f"table {path} lacks the column {' and the column '.join(missing)}; "
            f"its first line has {columns}"
        )


def _song(row, used):
    """What the user gets of a row, and all its faults; `used` tells where each id came first."""
    if "fault" in row:
        return None, [row["fault"]]
    lyrics, lyrics_fault = _lyrics(row)
    faults = [fault for fault in (_audio_fault(row.get("audio")), lyrics_fault) if fault]
    first = used.setdefault(row["id"], row["where"])
    if row["id"] and first != row["where"]:
        faults.append(f"id {row['id']!r} is already that of {first}: give each song its own")
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
        n_frames, _ = read_header(str(audio))
    except ValueError as error:
        return f"audio file cannot be read: {audio} ({error})"
    return None if n_frames else f"audio file has no samples: {audio}"


def _lyrics(row):
    """Text of a row, and what is wrong with it or None."""
    if "lyrics" in row:
        return row["lyrics"], None
    file = row.get("lyrics_path")
    if file is None:
        return None, "no lyrics given"
    if os.path.exists(file) and not (os.path.isfile(file) or os.path.isdir(file)):
        return None, f"lyrics file is a device or a pipe: {_short(file)}"  # it need not end
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
    """A path as errors show it; the columns may have been exchanged, and it be a whole text."""
    path = str(path)
    return path if len(path) <= 300 else f"{path[:300]}... ({len(path)} letters)"


def _report(skipped, n_songs, path, on_error):
    """Raise or warn about the songs that cannot be used, all of them at once."""
    if not skipped:
        return
    n_bad = len({where for where, _ in skipped})
    count = f"{n_bad} of {n_bad + n_songs} songs of {path} cannot be used"
    faults = "\n".join(f"  {where}: {reason}" for where, reason in skipped)
    if on_error == "raise" or n_songs == 0:
        skip = f', or pass on_error="skip" to leave them out ({n_songs} remain)' if n_songs else ""
        raise ValueError(f"{count}:\n{faults}\nCorrect them{skip}.")
    warnings.warn(f"{count} and are left out:\n{faults}", UserWarning, stacklevel=3)
