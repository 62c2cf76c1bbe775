"""Know what transformers read: audio, texts, or the files that texts name.

A text that somebody typed must never become a path that is opened, and a file is told from a text by
the transformer that takes it, never by looking for a file of that name.
"""

from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer
from sklearn.frozen import FrozenEstimator

from skdcca._utils.mixins import RawInputMixin

# Transformers of skdcca that take raw input, by the wings of their classes.
_WINGS = {"skdcca._audio.": "sound", "skdcca._lyrics.": "text"}


def reads(transformer):
    """Return what a transformer is known to read.

    Parameters
    ----------
    transformer : transformer
        A transformer, a Pipeline, a FeatureUnion, a frozen transformer or a fitted search over them.

    Returns
    -------
    kind : {"sound", "text", "other"}
        "sound" or "text" only if it is certain, and a text is then not taken for the name of a file.
    """
    kinds = {_kind(leaf) for leaf in _leaves(transformer, first=True)}
    kind = kinds.pop() if len(kinds) == 1 else "other"
    if kind == "text" and opens_files(transformer):
        return "other"
    return "other" if kind == "files" else kind


def opens_files(transformer):
    """Return True if a transformer is known to open files, such as those of songs."""
    return any(_kind(leaf) in ("sound", "files") for leaf in _leaves(transformer))


def _leaves(transformer, first=False):
    """Yield the transformers inside a transformer that have no others inside.

    With `first`, they are only those that take its input, such as the first step of a Pipeline.
    """
    parts = _parts(transformer)
    if parts is None:
        yield transformer
        return
    for part in parts[:1] if first and hasattr(transformer, "steps") else parts:
        yield from _leaves(part, first)


def _parts(transformer):
    """Return the transformers inside a transformer, or None if it has none."""
    if isinstance(transformer, FrozenEstimator):
        return [transformer.estimator]
    if hasattr(transformer, "best_estimator_"):
        return [transformer.best_estimator_]
    if hasattr(transformer, "steps"):
        parts = [step for _, step in transformer.steps]
    elif hasattr(transformer, "transformer_list"):
        parts = [part for _, part in transformer.transformer_list]
    elif hasattr(transformer, "transformers_"):
        parts = [part for _, part, _ in transformer.transformers_]
    else:
        return None
    return [part for part in parts if part is not None and not isinstance(part, str)]


def _kind(transformer):
    """Return "sound", "text", "files" or "other" for a transformer that has no others inside."""
    if isinstance(transformer, CountVectorizer | HashingVectorizer):
        # Other inputs are names of files, or files.
        return "text" if transformer.input == "content" else "files"
    if isinstance(transformer, RawInputMixin):
        modules = [of.__module__ for of in type(transformer).__mro__]
        for wing, kind in _WINGS.items():
            if any(module.startswith(wing) for module in modules):
                return kind
    return "other"
