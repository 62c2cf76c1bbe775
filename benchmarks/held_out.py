"""Compare the held-out correlations that a deep CCA reports with those of songs never seen.

A `DeepCCA` with defaults reports the correlations of rows held out from its training, in
`validation_correlations_`. Windows of one song are alike, so that rows held out at random flatter the
model; with ``fit(X, y, groups=...)`` whole groups (composers) are held out. The views are statistics of
the spectrogram and Doc2vec with `LyricsForm`. There are five outer folds by composer: the sum that is
reported by the fit to the training songs, and the score of the test songs.

    python benchmarks/held_out.py --data DATA [--collection windows] [--songs 800 1300] [--quick]
"""

import time
import warnings

import numpy as np
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from skdcca import DeepCCA, LinearCCA

from _common.arguments import add_song_options, data_folder, make_parser
from _common.audio_features import features
from _common.folds import folds
from _common.internals import cache_folder
from _common.songs import COLLECTIONS, load_collection, seconds_of
from _common.systems import Once
from _common.table import print_head, print_row
from _common.texts import TEXTS

TEXT = "Doc2vec + form"
COLUMNS = ["songs", "n", "rows held out", "linear model kept", "reported", "songs never seen"]
COLUMNS += ["reported / seen", "same of LinearCCA", "seconds a fit"]


def main():
    options = parse_arguments()
    data, cache = data_folder(options.data), cache_folder(options.cache)
    print_head(*COLUMNS)
    for size in options.songs:
        songs = load_collection(options.collection, data, cache, size)
        X = features("summary", songs, seconds_of(options.collection), cache, options.n_jobs)
        splits = list(views(X, songs))
        for by_group in (True, False):
            with threadpool_limits(1, user_api="blas"), warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of the linear model that was kept
                rows = [compare(*split, by_group, options.n_components) for split in splits]
            held_out = "by group" if by_group else "at random"
            print_row(options.collection, len(songs), held_out, *cells(rows))


def parse_arguments():
    parser = make_parser(__doc__, "120 hymns; under 60 s")
    add_song_options(parser)
    parser.add_argument("--collection", choices=COLLECTIONS, default="windows")
    parser.add_argument("--n-components", type=int, default=10)
    parser.add_argument("--songs", nargs="+", type=int, default=[800, 1300])
    options = parser.parse_args()
    if options.quick:
        options.collection, options.songs = "hymns", [120]
    return options


def views(X, songs):
    """Yield the training views, their groups and the test views of each outer fold."""
    groups = np.array([song["group"] for song in songs])
    lyrics = [song["lyrics"] for song in songs]
    for train, test in folds(5, by_group=True).split(X, groups=groups):
        text = make_pipeline(Once(TEXTS[TEXT]()), StandardScaler())
        y = text.fit_transform([lyrics[i] for i in train])
        yield X[train], y, groups[train], X[test], text.transform([lyrics[i] for i in test])


def compare(X, y, groups, X_test, y_test, by_group, n_components):
    """Return the figures of an outer fold."""
    started = time.perf_counter()
    passed = {"groups": groups} if by_group else {}
    model = DeepCCA(n_components, random_state=0).fit(X, y, **passed)
    seconds = time.perf_counter() - started
    return {
        "kept": model.decision_["model"] == "linear",
        "reported": model.validation_correlations_.sum(),
        "unseen": model.score(X_test, y_test),
        "linear": LinearCCA(n_components).fit(X, y).score(X_test, y_test),
        "seconds": seconds,
    }


def cells(rows):
    """Return the means over the folds, and the range of the folds for what is compared."""
    means = {key: np.mean([row[key] for row in rows]) for key in rows[0]}
    return [
        f"{sum(row['kept'] for row in rows)} of {len(rows)}",
        with_range([row["reported"] for row in rows]),
        with_range([row["unseen"] for row in rows]),
        f"{means['reported'] / means['unseen']:.2f}",
        f"{means['linear']:.2f}",
        f"{means['seconds']:.1f}",
    ]


def with_range(values):
    """Return the mean and the range of values, as text."""
    return f"{np.mean(values):.2f} ({min(values):.2f}-{max(values):.2f})"


if __name__ == "__main__":
    main()
