"""Private names of skdcca that the benchmarks need, imported only here."""

from skdcca._cli.evaluation import evaluate, gallery_sizes, mean_over_folds
from skdcca._utils.files import atomic_write, cache_folder

__all__ = ["atomic_write", "cache_folder", "evaluate", "gallery_sizes", "mean_over_folds"]
