"""Canonical correlation analysis for scikit-learn: linear, kernel and deep models of any two views.

Music audio and lyrics are supported from raw files and raw text to a searchable index. Public names,
listed in ``__init__.pyi``, are imported on first use, which keeps ``import skdcca`` fast.
"""

import lazy_loader

__version__ = "0.1.0.dev0"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
