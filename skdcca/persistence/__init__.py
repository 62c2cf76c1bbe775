"""Files of fitted models, which can be loaded without running code from the file."""

from skdcca.persistence._files import load, read_header, save

__all__ = ["load", "read_header", "save"]
