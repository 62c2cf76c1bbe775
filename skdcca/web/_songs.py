"""Read the metadata of songs for the page; an untrusted index may contain anything."""

import math
import re
import unicodedata

import numpy as np

from skdcca.retrieval import item_texts
from skdcca.web import _limits
from skdcca.web._sounds import is_sound


def as_text(value):
    """Return str(value) without lone surrogates (from file names), which UTF-8 cannot encode."""
    return str(value).encode("utf-8", "replace").decode("utf-8")


class Songs:
    """Metadata and texts of the items of an index, by position.

    Parameters
    ----------
    index : CrossModalIndex
        Fitted index.
    """

    def __init__(self, index):
        self.ids = index.ids_.tolist()
        self.positions = {name: position for position, name in enumerate(self.ids)}
        self.all_metadata = index.metadata_
        self.texts = item_texts(index)

    def metadata(self, position, key):
        """Return one metadata value of an item as text, or "" if it is missing."""
        value = self.all_metadata.get(self.ids[position], {}).get(key)
        return "" if value is None else as_text(value)

    def title(self, position):
        """Return the title of an item, or its id if it has none."""
        return self.metadata(position, "title").strip() or as_text(self.ids[position])

    def sound_file(self, position):
        """Return the path of the audio of the item at a position, or None if there is no audio."""
        path = self.all_metadata.get(self.ids[position], {}).get("audio")
        return path if isinstance(path, str) and is_sound(path) else None

    def lyrics(self, position):
        """Return the lyrics of an item, from its metadata or its text; "" if it has none."""
        lyrics = self.metadata(position, "lyrics").strip()
        text = self.texts[position]
        if not lyrics and isinstance(text, str):
            lyrics = as_text(text).strip()
        return lyrics

    def titles(self):
        """Return the titles of all items."""
        return [self.title(position) for position in range(len(self.ids))]

    def tags(self, position):
        """Return the tags of an item, without repetitions."""
        tags = split_tags(self.metadata(position, "tags"))
        return [tag[: _limits.TAG_LETTERS] for tag in tags[: _limits.MAX_TAGS]]

    def heard(self, position):
        """Return the words heard in a song, as a list of dicts with start, end and text."""
        heard = self.all_metadata.get(self.ids[position], {}).get("heard")
        segments = heard.get("segments") if isinstance(heard, dict) else self.texts[position]
        if not isinstance(segments, list):
            return []
        return [found for segment in segments if (found := _segment(segment)) is not None]

    def words(self, position):
        """Return the text of an item and its source: "lyrics", "heard", or None without any text."""
        lyrics = self.lyrics(position)
        if lyrics:
            return lyrics, "lyrics"
        heard = "\n".join(segment["text"] for segment in self.heard(position))
        return heard, "heard" if heard else None

    def card(self, position):
        """Return what the page shows of an item wherever it is listed."""
        name = self.ids[position]
        text, source = self.words(position)
        return {
            "id": name if isinstance(name, int) else as_text(name),
            "position": position,
            "title": self.title(position),
            "group": self.metadata(position, "group"),
            "excerpt": excerpt(text),
            "source": source,
            "has_audio": self.sound_file(position) is not None,
        }

    def whole(self, position):
        """Return all words of an item: its lyrics, and what was heard with times in seconds."""
        return {
            "title": self.title(position),
            "lyrics": self.lyrics(position)[: _limits.MAX_TEXT],
            "heard": self.heard(position)[: _limits.MAX_LINES],
        }


def split_tags(text):
    """Return the tags of a text, which a semicolon or a comma separates, without repetitions."""
    found = {}
    for tag in re.split("[;,]", unicodedata.normalize("NFC", text)):
        tag = " ".join(tag.split())
        if tag:
            found.setdefault(tag.casefold(), tag)
    return list(found.values())


def _segment(segment):
    """Return a segment as a dict, or None if it is not one."""
    if not isinstance(segment, list | tuple) or len(segment) != 3:
        return None
    start, end, text = segment
    if not isinstance(text, str) or not text.strip():
        return None
    return {"start": seconds(start), "end": seconds(end), "text": as_text(text).strip()}


def seconds(value):
    """Return a time in seconds, or None if it is not one."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        value = float(value)
    except OverflowError:  # an integer of any size
        return None
    return value if math.isfinite(value) and value >= 0 else None


def excerpt(text):
    """Return the first lines of a text, with an ellipsis if there are more."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    first = "\n".join(lines[: _limits.EXCERPT_LINES])
    if len(first) > _limits.EXCERPT_LETTERS:
        return first[: _limits.EXCERPT_LETTERS].rstrip() + "…"
    if len(lines) > _limits.EXCERPT_LINES:
        return first + " …"
    return first


def marked(line, marks):
    """Split a line at its marks into pairs of a text and True if the text is marked.

    Spaces and commas between two marks are marked as well. The page cannot use the marks as they
    are, because its strings count characters differently.
    """
    is_marked = np.zeros(len(line), dtype=bool)
    for begin, end in marks:
        is_marked[begin:end] = True
    for gap in re.finditer(r"(?<=\w)\W+(?=\w)", line):
        is_marked[slice(*gap.span())] = is_marked[gap.start() - 1] and is_marked[gap.end()]
    ends = np.flatnonzero(np.diff(is_marked)) + 1
    parts = zip([0, *ends], [*ends, len(line)], strict=True)
    return [[as_text(line[i:j]), bool(is_marked[i])] for i, j in parts if i < j]
