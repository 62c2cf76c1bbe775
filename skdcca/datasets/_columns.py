"""Find the columns of a table of songs by their names."""

import re

# Names that other programs give to the columns, after `_plain`.
_SYNONYMS = {
    "audio": (
        "audio_file audio_filename audio_filepath audio_path audiofile audiopath file file_name "
        "file_path filename filepath path song_path sound sound_file track_path wav wav_file"
    ).split(),
    "lyrics": "lyric lyric_text lyrics_text song_lyrics song_text text words".split(),
    "lyrics_path": (
        "lyric_file lyric_path lyrics_file lyrics_filename lyrics_filepath text_file text_path txt "
        "txt_file"
    ).split(),
}
_LYRICS = {"lyrics", "lyrics_path"}
_OPTIONAL = ("id", "title", "group", "tags")


def find_columns(header, table, require_lyrics=True):
    """Return the positions of the columns of a table.

    Parameters
    ----------
    header : list of str
        The cells of its first row.
    table : str
        Name of the table in errors.
    require_lyrics : bool, default=True
        If False, the table may lack a column for lyrics.

    Returns
    -------
    columns : dict
        Position of each column that was found: ``audio``, ``lyrics``, ``lyrics_path``, ``id``,
        ``title``, ``group`` and ``tags``.
    guessed : dict
        The name in the header of each column that was found by a synonym.

    Raises
    ------
    ValueError
        If a column is missing or several columns have its name.
    """
    names = [_plain(name) for name in header]
    columns = {}
    for column in (*_SYNONYMS, *_OPTIONAL):
        _find(column, [column], names, header, table, columns)
    exact = set(columns)
    for column, synonyms in _SYNONYMS.items():
        if column not in exact and not (column in _LYRICS and exact & _LYRICS):
            _find(column, synonyms, names, header, table, columns)
    _check_complete(columns, header, table, require_lyrics)
    guessed = {column: header[columns[column]] for column in columns if column not in exact}
    return columns, guessed


def count_columns(header):
    """Return how many cells of a row are names of columns."""
    names = {name for column, synonyms in _SYNONYMS.items() for name in (column, *synonyms)}
    return sum(_plain(name) in names.union(_OPTIONAL) for name in header)


def _plain(name):
    """Return a name in lower case, with spaces, hyphens and dots as single underscores."""
    return re.sub(r"[\s_.-]+", "_", name.strip().casefold())


def _find(column, wanted, names, header, table, columns):
    """Add the position of a column to `columns` if one of the wanted names is in the header."""
    found = [i for i, name in enumerate(names) if name in wanted]
    if len(found) > 1:
        raise ValueError(
            f"The table {table} must have one column for {column}, got {[header[i] for i in found]}. "
            f"Name one of them {column} and rename or delete the others."
        )
    if found:
        columns[column] = found[0]


def _check_complete(columns, header, table, require_lyrics):
    missing = [] if "audio" in columns else ["audio"]
    if require_lyrics and not _LYRICS & set(columns):
        missing.append("lyrics (or lyrics_path)")
    if missing:
        raise ValueError(
            f"The table {table} lacks the column {' and the column '.join(missing)}, got {header}. "
            "Name the columns in its first line, such as audio,lyrics."
        )
