"""Load or generate song collections: synthetic songs, small and real data sets, your own songs."""

from skdcca.datasets._chorales import load_chorales
from skdcca.datasets._manifest import load_songs
from skdcca.datasets._synthetic import make_songs
from skdcca.datasets._tiny import load_tiny_songs

__all__ = ["load_chorales", "load_songs", "load_tiny_songs", "make_songs"]
