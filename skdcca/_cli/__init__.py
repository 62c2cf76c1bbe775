"""The command ``skdcca``."""

from skdcca._cli.parser import main

__all__ = ["main"]
