"""Save fitted models to files, and load them without running code from the files."""

from skdcca.persistence._files import load, read_header, save

__all__ = ["load", "read_header", "save"]
