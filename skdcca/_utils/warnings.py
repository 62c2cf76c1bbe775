"""Issue warnings that point at the line of the user's code."""

import sys
import warnings

# Frames of these packages are skipped, so that a warning from `fit` does not point into a Pipeline.
_SKIPPED = {"joblib", "skdcca", "sklearn", "skorch"}


def warn(message, category):
    """Issue a warning at the first frame outside skdcca, scikit-learn, skorch and joblib."""
    frame = sys._getframe(1)
    while frame.f_back is not None and _package(frame) in _SKIPPED:
        frame = frame.f_back
    warnings.warn_explicit(
        message,
        category,
        filename=frame.f_code.co_filename,
        lineno=frame.f_lineno,
        module=frame.f_globals.get("__name__", "<unknown>"),
        registry=frame.f_globals.setdefault("__warningregistry__", {}),
    )


def _package(frame):
    return frame.f_globals.get("__name__", "").partition(".")[0]
