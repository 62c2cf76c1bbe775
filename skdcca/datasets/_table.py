"""Split tables into rows as spreadsheets write them: text of any delimiter, and Excel workbooks."""

import csv
import io
import re
from contextlib import contextmanager
from threading import Lock

from skdcca.datasets._columns import count_columns
from skdcca.datasets._decoding import ENCODING_REMEDY, decode
from skdcca.datasets._workbook import is_workbook, workbook_rows

# Suffixes of tables in text, with the delimiter that is tried first.
DELIMITERS = {".csv": ",", ".tsv": "\t", ".txt": "\t"}
WORKBOOKS = (".xlsx", ".xlsm")
# Excel writes a semicolon wherever the comma is the decimal mark.
_MARKS = (",", ";", "\t", "|")
# The first line with which Excel is told the delimiter.
_SEP_LINE = re.compile(r'"?sep=(.)"?[\r\n]*', re.IGNORECASE)
_LONGEST_FIELD = 2**31 - 1  # the most that every platform accepts
_LIMIT = Lock()


def read_table(path, sep=None, encoding=None):
    """Return the rows of a table that are not blank, the header first.

    Parameters
    ----------
    path : Path
        The table.
    sep : str, default=None
        Delimiter of text. If None, it is deduced from the header.
    encoding : str, default=None
        As in `decode`.

    Returns
    -------
    rows : list of tuple
        ``(where, cells)``: the location, such as "line 3", and a list of str, or None if the quotes of
        the row are not closed.
    note : str or None
        What was guessed.

    Raises
    ------
    ValueError
        If the file cannot be read.
    """
    content = path.read_bytes()
    if is_workbook(content, path):
        rows, note = workbook_rows(content, path)
        return _not_blank(rows), note
    try:
        text = decode(content, encoding)
    except ValueError as error:
        raise ValueError(
            f"The table {path} is not {encoding or 'UTF-8'} ({error}). Save it as UTF-8, "
            f"{ENCODING_REMEDY}."
        ) from error
    with _long_fields():
        return _text_rows(text, sep, DELIMITERS.get(path.suffix.lower())), None


def _text_rows(text, sep, usual):
    lines = list(io.StringIO(text, newline=""))  # ends at \n, \r or \r\n
    start = 0
    given = _SEP_LINE.fullmatch(lines[0]) if lines else None
    if given is not None:
        start, sep = 1, sep or given[1]
    while start < len(lines) and not lines[start].strip():
        start += 1
    if sep is None:
        sep = _delimiter(lines, start, usual)
    return _not_blank(_split(lines, start, sep))


def _delimiter(lines, start, usual):
    """Return the delimiter with which the header has most of the columns that are looked for."""
    marks = [mark for mark in _MARKS if mark != usual]
    if usual is not None:
        marks.insert(0, usual)  # `max` returns the first of equals

    def known(mark):
        header = _row(lines, start, mark)[0] or []
        return count_columns(header), len(header)

    return max(marks, key=known) if start < len(lines) else marks[0]


def _split(lines, start, sep):
    while start < len(lines):
        cells, n_lines = _row(lines, start, sep)
        yield f"line {start + 1}", cells
        start += n_lines


def _row(lines, start, sep):
    """Return the cells of the row that begins at a line, and the number of its lines.

    The cells are None, and the next line begins a row, if a quote is never closed or is closed only by
    a quote of another row. Otherwise, the songs between them would be lost without a trace.
    """
    rest = (lines[i] for i in range(start, len(lines)))
    form = {"delimiter": sep, "skipinitialspace": True}
    reader = csv.reader(rest, strict=True, **form)
    try:
        return next(reader), reader.line_num
    except csv.Error:
        if reader.line_num > 1:
            return None, 1
        # Within one line, a quote in the wrong place does no harm.
        return next(csv.reader([lines[start]], **form)), 1


def _not_blank(rows):
    return [(where, cells) for where, cells in rows if cells is None or any(map(str.strip, cells))]


@contextmanager
def _long_fields():
    """Lift the limit on the length of a field, which belongs to the whole process.

    One thread at a time does so. Otherwise, a thread could take the raised limit for the original one.
    """
    with _LIMIT:
        limit = csv.field_size_limit(_LONGEST_FIELD)
        try:
            yield
        finally:
            csv.field_size_limit(limit)
