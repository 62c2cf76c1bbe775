"""Songs to learn from: planted, tiny and real ones, and your own."""

from ._chorales import load_chorales
from ._manifest import load_songs
from ._planted import make_songs
from ._tiny import load_tiny_songs

__all__ = ["load_chorales", "load_songs", "load_tiny_songs", "make_songs"]
