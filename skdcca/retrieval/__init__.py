"""Search across two views: find audio by lyrics, and lyrics by audio."""

from skdcca.retrieval._faiss import FaissNeighbors
from skdcca.retrieval._index import CrossModalIndex
from skdcca.retrieval._question import ask as ask  # for the command line and the web page
from skdcca.retrieval._question import metadata_text as metadata_text

__all__ = ["CrossModalIndex", "FaissNeighbors"]
