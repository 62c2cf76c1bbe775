"""Load or generate collections of songs: synthetic songs, real data sets or your own songs."""

from skdcca.datasets._chorales import load_chorales
from skdcca.datasets._manifest import load_songs
from skdcca.datasets._synthetic import make_songs
from skdcca.datasets._tiny import load_tiny_songs

__all__ = ["load_chorales", "load_songs", "load_tiny_songs", "make_songs"]
