"""Compare the held-out correlations that a deep CCA reports with those of songs never seen.

A `DeepCCA` with defaults reports the correlations of rows held out from its training, in
`validation_correlations_`. Windows of one song are alike, so that rows held out at random flatter the
model; with ``fit(X, y, groups=...)`` whole groups (composers) are held out. The views are statistics of
the spectrogram and Doc2vec with `LyricsForm`, of all windows of some songs ("whole songs") or of
windows that are evenly spaced, few of which are of one song ("evenly spaced"). There are five outer
folds by composer: the sum that is reported by the fit to the training windows, and the score of the test
windows.

    python benchmarks/held_out.py --data DATA [--songs 100] [--windows 400] [--quick]
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
from _common.songs import SOURCES, evenly_spaced, read_pairs, seconds_of, with_music
from _common.systems import Once
from _common.table import print_head, print_row
from _common.texts import TEXTS

TEXT = "Doc2vec + form"
COLUMNS = ["windows", "n", "rows held out", "linear model kept", "reported", "songs never seen"]
COLUMNS += ["reported / never seen", "same of LinearCCA", "seconds a fit"]


def main():
    options = parse_arguments()
    data, cache = data_folder(options.data), cache_folder(options.cache)
    print_head(*COLUMNS)
    for name, windows in samples(data, options):
        windows = with_music(windows, data, cache)
        X = features("summary", windows, seconds_of("windows"), cache, options.n_jobs)
        splits = list(views(X, windows))[: 1 if options.quick else None]
        for by_group in (True, False):
            with threadpool_limits(1, user_api="blas"), warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of the linear model that was kept
                rows = [compare(*split, by_group, options.n_components) for split in splits]
            held_out = "by group" if by_group else "at random"
            print_row(name, len(windows), held_out, *cells(rows))


def parse_arguments():
    parser = make_parser(__doc__, "25 songs, two components, one fold; under 60 s")
    add_song_options(parser)
    parser.add_argument("--n-components", type=int, default=10)
    parser.add_argument("--songs", type=int, default=100, help="songs with all their windows")
    parser.add_argument("--windows", type=int, default=400, help="evenly spaced windows")
    options = parser.parse_args()
    if options.quick:
        options.songs, options.windows, options.n_components = 25, 0, 2
    return options


def samples(data, options):
    """Yield the name and the windows of each sample."""
    windows = read_pairs(data, SOURCES["windows"])
    if options.songs:
        names = list(dict.fromkeys(window["song"] for window in windows))
        kept = set(evenly_spaced(names, options.songs))
        yield "whole songs", [window for window in windows if window["song"] in kept]
    if options.windows:
        yield "evenly spaced", evenly_spaced(windows, options.windows)


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
