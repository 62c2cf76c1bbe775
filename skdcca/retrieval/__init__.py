"""A gallery that is searched across the two views: lyrics find audio, audio finds lyrics."""

from skdcca.retrieval._index import CrossModalIndex, FaissNeighbors

__all__ = ["CrossModalIndex", "FaissNeighbors"]
