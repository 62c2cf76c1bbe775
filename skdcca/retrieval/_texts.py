"""Texts of the items of a gallery: lyrics, or the words that were heard in a song."""

import json
import math
from numbers import Real
from typing import NamedTuple

from skdcca.retrieval._items import listed

_MOST_SECONDS = 1e9


class Line(NamedTuple):
    """One line of a text, and the seconds in the song where it is sung, if they are known."""

    text: str
    start: float | None = None
    end: float | None = None


def check_texts(texts, n_items):
    """Return one text for each item: a str, a list of (start, end, text) segments, or None.

    If `texts` is None, the result is None.
    """
    if texts is None:
        return None
    if isinstance(texts, str | dict) or not hasattr(texts, "__iter__"):
        raise ValueError(f"`texts` must be a list with one text for each item, got {texts!r}.")
    texts = list(texts)
    if len(texts) != n_items:
        raise ValueError(
            f"`texts` must have one text for each of {n_items} items, got {len(texts)}."
        )
    found = [_checked_text(text) for text in texts]
    wrong = [i for i, text in enumerate(texts) if found[i] is None and not _is_missing(text)]
    if wrong:
        raise ValueError(
            f"`texts` must be str, transcripts with `segments`, or None, got {texts[wrong[0]]!r} for "
            f"item {listed(wrong)}."
        )
    return found


def default_texts(y):
    """Return the second view if it is a sequence of str, and None otherwise."""
    if y is None or isinstance(y, str | dict) or not hasattr(y, "__iter__"):
        return None
    if getattr(y, "ndim", 1) != 1:
        return None
    texts = list(y)
    return texts if texts and all(isinstance(text, str) for text in texts) else None


def item_texts(index):
    """Return the text that an index was given for each item: a str, segments, or None."""
    return len(index.ids_) * [None] if index._texts is None else index._texts


def joined_texts(texts, n, more, n_more):
    """Return the texts of `n` items followed by those of `n_more`; either may be None."""
    if texts is None and more is None:
        return None
    return (n * [None] if texts is None else texts) + (n_more * [None] if more is None else more)


def _is_missing(text):
    return text is None or (isinstance(text, float) and math.isnan(text))  # as in a table


def _checked_text(text):
    if isinstance(text, str):
        return str(text)
    return as_segments(getattr(text, "segments", None))


def as_segments(segments):
    """Return segments as a list of (start, end, text), or None if they are not segments."""
    if not isinstance(segments, list | tuple):
        return None
    found = [list(of) if isinstance(of, list | tuple) else None for of in segments]
    if not all(of is not None and len(of) == 3 and _is_segment(*of) for of in found):
        return None
    return [(float(start), float(end), str(text)) for start, end, text in found]


def _is_segment(start, end, text):
    return isinstance(text, str) and all(
        isinstance(of, Real) and not isinstance(of, bool) and abs(of) < _MOST_SECONDS
        for of in (start, end)
    )


def lines_of(text):
    """Return the `Line` list of a text: the lines of a str, or one for each segment."""
    if isinstance(text, str):
        return [Line(line.strip()) for line in text.splitlines() if line.strip()]
    return [
        Line(" ".join(words.split()), start, end) for start, end, words in text if words.strip()
    ]


def lyrics_and_heard(text, metadata):
    """Return the text of an item that is searched, and the segments that were heard in it.

    The text is the one given for the item, else the lyrics in its metadata, else the segments. Either
    may be empty.
    """
    heard = metadata.get("heard")
    segments = as_segments(heard.get("segments")) if isinstance(heard, dict) else None
    segments = segments or []
    if isinstance(text, list):
        segments, text = text, ""
    if not text or not text.strip():
        lyrics = metadata.get("lyrics")
        text = lyrics if isinstance(lyrics, str) else ""
    return (text if text.strip() else segments), segments


def texts_to_json(texts, metadata):
    """Return texts as one JSON text, in which True stands for the lyrics in the metadata."""
    if texts is None:
        return None
    rows = zip(texts, metadata, strict=True)
    return json.dumps([True if _is_lyrics(text, of) else text for text, of in rows])


def _is_lyrics(text, metadata):
    return isinstance(text, str) and metadata is not None and metadata.get("lyrics") == text


def texts_from_json(written, metadata):
    """Return the texts from `texts_to_json`, which may come from an untrusted file."""
    if written is None:
        return None
    texts = json.loads(written)
    if not isinstance(texts, list) or len(texts) != len(metadata):
        raise ValueError("_texts of a CrossModalIndex must be a list with one text for each item")
    return [_restored(*row) for row in zip(texts, metadata, strict=True)]


def _restored(text, metadata):
    if text is True:
        text = (metadata or {}).get("lyrics")
    elif isinstance(text, list):
        text = as_segments(text)
    elif text is None:
        return None
    if not isinstance(text, str | list):
        raise ValueError("_texts of a CrossModalIndex must be texts, lists of segments, or null")
    return text
