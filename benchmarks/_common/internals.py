"""Private names of skdcca that the benchmarks need, imported only here."""

import numpy as np

from skdcca._audio import find_whisper
from skdcca._audio.whisper_models import load_recognizer, resolve_model
from skdcca._audio.whisper_words import _FORMAT as HEARD_FORMAT
from skdcca._audio.whisper_words import _hear as hear_song
from skdcca._cli.evaluation import evaluate, gallery_sizes, mean_over_folds
from skdcca._cli.song_models import song_model
from skdcca._utils.files import atomic_write, cache_folder
from skdcca.retrieval._words import WordSearch

__all__ = [
    "HEARD_FORMAT",
    "WordSearch",
    "atomic_write",
    "cache_folder",
    "evaluate",
    "find_whisper",
    "gallery_sizes",
    "hear_song",
    "load_recognizer",
    "mean_over_folds",
    "network_outputs",
    "resolve_model",
    "song_model",
]


def network_outputs(model, X, y):
    """Return the whitened outputs of each network of a `DeepCCA`, for both views."""
    parts = [
        np.split(model._encode(side, view), model.n_networks_, axis=1)
        for side, view in (("x", X), ("y", y))
    ]
    return list(zip(*parts, strict=True))
