"""Files of fitted models that run no code when they are opened, by an allow-list."""

from skdcca.persistence._files import load, read_header, save

__all__ = ["load", "read_header", "save"]
