"""Decode the bytes of tables and of lyrics files."""

import codecs

# UTF-32 comes first, because its little-endian mark begins with that of UTF-16.
_MARKS = [
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
]
_HEAD = 4096  # bytes in which NUL bytes are counted
ENCODING_REMEDY = (
    'or give its encoding, such as encoding="cp1252" (--encoding cp1252) for Western Windows'
)


def check_encoding(encoding):
    """Raise ValueError unless the encoding is None or the name of a text encoding."""
    if encoding is None:
        return
    try:
        "a".encode(encoding)
    except (LookupError, TypeError, ValueError) as error:
        raise ValueError(
            "`encoding` must be the name of a text encoding, such as 'cp1252' or 'utf-16', or None, "
            f"got {encoding!r}."
        ) from error


def decode(content, encoding=None):
    """Return the text of a file, without its byte order mark.

    Parameters
    ----------
    content : bytes
        The content of the file.
    encoding : str, default=None
        Encoding of files that have no byte order mark and are not UTF-8. If None, such files raise
        an error: most bytes are letters in every single-byte encoding, so a guess would replace
        letters without a trace.

    Raises
    ------
    ValueError
        If the content cannot be decoded. The message locates the byte and does not name the file.
    """
    name = _encoding(content, encoding)
    try:
        return content.decode(name).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode(name, errors="ignore")
        line = 1 + max(before.count("\n"), before.count("\r"))
        # An editor can search for the byte and the text before it.
        raise ValueError(
            f"line {line} has the byte 0x{content[error.start]:02x} after {_end(before)!r}"
        ) from error


def _encoding(content, encoding):
    for mark, name in _MARKS:
        if content.startswith(mark):
            return name
    wide = _utf16_without_mark(content[:_HEAD])
    if wide is not None:
        return wide
    # Text of other encodings is hardly ever valid UTF-8, so UTF-8 files among others are recognized.
    if encoding is None or (not content.isascii() and _is_utf8(content)):
        return "utf-8"
    return encoding


def _utf16_without_mark(head):
    """Return the byte order of UTF-16 if every other byte is often NUL and the rest never is."""
    even, odd = head[::2].count(0), head[1::2].count(0)
    least = max(2, len(head) // 32)
    if even == 0 and odd >= least:
        return "utf-16-le"
    if odd == 0 and even >= least:
        return "utf-16-be"
    return None


def _is_utf8(content):
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _end(text):
    """Return the last characters of the last line."""
    return text[max(text.rfind("\n"), text.rfind("\r")) + 1 :][-20:]
