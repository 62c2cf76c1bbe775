"""Read the rows of an Excel workbook."""

import io
import warnings

from skdcca._utils.optional import needed_by

_ZIP, _OLE = b"PK\3\4", b"\xd0\xcf\x11\xe0"  # .xlsx; .xls, and .xlsx with a password


def is_workbook(content, path):
    """Return True for an Excel workbook, whatever its suffix.

    Raise ValueError if the format is that of old or encrypted workbooks, or does not fit the suffix.
    """
    if content.startswith(_OLE):
        raise ValueError(
            f"The table {path} is an old or encrypted Excel workbook. Save it as .xlsx without a "
            "password, or as .csv."
        )
    if content.startswith(_ZIP):
        return True
    if path.suffix.lower().startswith(".xls"):
        raise ValueError(
            f"The table {path} is not an Excel workbook, although its name ends in {path.suffix}. If it "
            "is text, rename it to .csv."
        )
    return False


def workbook_rows(content, path):
    """Return the rows of the first sheet that has any, and a note if other sheets have rows as well.

    Each row is a pair of its location and a list of str.
    """
    with needed_by("Reading an Excel workbook", extra="excel"):
        import openpyxl
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about styles and other features that are not read
            book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True)
            sheets = {sheet.title: _rows(sheet) for sheet in book.worksheets}
            book.close()
    except Exception as error:  # openpyxl raises whatever its parts raise on a damaged file
        raise ValueError(
            f"The table {path} cannot be read as an Excel workbook ({type(error).__name__}: {error}). "
            "Save it again as .xlsx or .csv."
        ) from error
    filled = [title for title, rows in sheets.items() if rows]
    if not filled:
        return [], None
    note = f"the sheet {filled[0]!r} is read, not {filled[1:]}" if filled[1:] else None
    return sheets[filled[0]], note


def _rows(sheet):
    sheet.reset_dimensions()  # some programs declare too few rows
    rows = enumerate(sheet.iter_rows(values_only=True), start=1)
    return [
        (f"row {i}", [_text(value) for value in cells])
        for i, cells in rows
        if any(value is not None for value in cells)
    ]


def _text(value):
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))  # Excel stores every number as a float
    return str(value)
