"""Put the page together from its parts."""

import re
from pathlib import Path

_FOLDER = Path(__file__).with_name("page")
_PART = re.compile(r"\{\{([a-z]+\.(?:css|js))\}\}")


def read_page():
    """Return the page with its style and its scripts inside.

    They are part of the page, so that the policy in the header can allow them by their hashes, and
    nothing else.
    """
    page = _read("page.html")
    return _PART.sub(lambda part: "\n" + _read(part[1]), page)


def _read(name):
    return (_FOLDER / name).read_text(encoding="utf-8")
