"""Private names of skdcca that the benchmarks need, imported only here."""

from skdcca._audio import find_whisper
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
    "mean_over_folds",
    "song_model",
]
