"""Files of fitted models, which run no code of their own when they are loaded."""

from skdcca.persistence._files import load, read_header, save

__all__ = ["load", "read_header", "save"]
