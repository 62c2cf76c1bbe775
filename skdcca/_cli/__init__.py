"""The command ``skdcca``."""

from skdcca._cli.program import main

__all__ = ["main"]
