"""Weighting by correlation: what the scores of variates should heed, on images and on songs.

The cosine of variates as they are (power 0), scaled by their correlations to the power 1, 2 and 4
(Gong et al. 2014), and the log likelihood ratio of probabilistic CCA, for 10, 30 and 100 components of a
`LinearCCA` with a ridge. Halves of MNIST digits: 8,000 to learn from, gallery 2,000, the ridge chosen on
1,600 of the 8,000. Songs: five outer folds, by group and at random, the ridge chosen for each row and
column by three inner folds of the training part. Figures are mean reciprocal ranks, the mean of both
directions and of the folds; in brackets recall@1.

    python benchmarks/weighting.py --data DATA [--collections halves lieder ...] [--quick]
"""

import argparse

import numpy as np
from sklearn.model_selection import GroupKFold, KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from skdcca import LinearCCA
from skdcca._utils.files import cache_folder
from skdcca.datasets import load_chorales
from skdcca.metrics import both_directions, chance, similarity

from _scores import data_folder
from paper_table import TEXTS, features, load
from two_halves import halves

COLLECTIONS = ("halves", "lieder", "chants", "hymns", "chorales")
SECONDS = {"lieder": 60.0}
N_COMPONENTS = (10, 30, 100)
REGS = (0.01, 0.1, 1.0, 10.0)
ROWS = {f"cosine, power {power}": power for power in (0, 1, 2, 4)} | {"likelihood": None}


def main():
    options = parse_arguments()
    data, cache = data_folder(options.data), cache_folder(options.cache)
    for name in options.collections:
        if name == "halves":
            tabulate("halves of digits", [split_of_halves(data)])
            continue
        songs = songs_of(name, data, cache, options.quick)
        X = features("summary", songs, SECONDS.get(name, 30.0), cache, options.n_jobs)
        groups = np.array([song["group"] for song in songs])
        for by_group in (True, False):
            splits = splits_of_songs(X, [song["lyrics"] for song in songs], groups, by_group)
            tabulate(f"{name}, {'by group' if by_group else 'random folds'}", splits)


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", help="folder of the benchmark data (default: $SKDCCA_DATA)")
    parser.add_argument("--cache", help="folder for sounds and features (default: $SKDCCA_CACHE)")
    parser.add_argument("--collections", nargs="+", choices=COLLECTIONS, default=COLLECTIONS)
    parser.add_argument("--n-jobs", type=int, default=2)
    parser.add_argument("--quick", action="store_true", help="halves of digits; under 60 s")
    options = parser.parse_args()
    if options.quick:
        options.collections = ["halves"]
    return options


def songs_of(name, data, cache, quick):
    if name != "chorales":
        return load(name, data, cache, quick)
    chorales = load_chorales(cache=cache, n_jobs=2)
    keys = ("audio", "lyrics", "group")
    rows = zip(chorales.audio, chorales.lyrics, chorales.groups, strict=True)
    return [dict(zip(keys, row, strict=True)) for row in rows]


def split_of_halves(data):
    """Inner parts to choose by, and the outer part to report."""
    return [[halves(data, choosing=True)], halves(data, choosing=False)]


def splits_of_songs(X, lyrics, groups, by_group):
    """For each outer fold the inner parts and the outer one: (X, y) to learn from, (X, y) to test."""
    outer, inner = (
        GroupKFold(n) if by_group else KFold(n, shuffle=True, random_state=0) for n in (5, 3)
    )
    for train, test in outer.split(X, groups=groups if by_group else None):
        within = inner.split(train, groups=groups[train] if by_group else None)
        parts = [(train[a], train[b]) for a, b in within]
        *chosen_by, reported = (numbers(X, lyrics, a, b) for a, b in [*parts, (train, test)])
        yield [chosen_by, reported]


def numbers(X, lyrics, train, test):
    """Both sides as numbers; Doc2vec learns from the rows to learn from alone."""
    x_side = StandardScaler().fit(X[train])
    y_side = make_pipeline(TEXTS["Doc2vec + form"](), StandardScaler())
    y_train = y_side.fit_transform([lyrics[i] for i in train])
    y_test = y_side.transform([lyrics[i] for i in test])
    return (x_side.transform(X[train]), y_train), (x_side.transform(X[test]), y_test)


def tabulate(title, splits):
    found, levels = [], []
    for chosen_by, reported in splits:
        with threadpool_limits(1, user_api="blas"):
            inner = np.mean([[figures(*part, reg) for reg in REGS] for part in chosen_by], axis=0)
            outer = np.array([figures(*reported, reg) for reg in REGS])
        best = inner[..., 0].argmax(axis=0)  # a ridge for each row and number of components
        found.append(np.take_along_axis(outer, best[None, ..., None], axis=0)[0])
        levels.append(chance(len(reported[1][0])))
    table = np.mean(found, axis=0)
    mrr, recall = (np.mean([level[key] for level in levels]) for key in ("mrr", "recall@1"))
    print(f"\n{title}: chance MRR {mrr:.4f}, recall@1 {recall:.4f}, gallery {round(1 / recall)}\n")
    print("| |" + " | ".join(f"{k} components" for k in N_COMPONENTS) + " |")
    print("|---" * (len(N_COMPONENTS) + 1) + "|")
    for row, values in zip(ROWS, table, strict=True):
        cells = (f"{value[0]:.3f} ({value[1]:.3f})" for value in values)
        print(f"| {row} | " + " | ".join(cells) + " |", flush=True)


def figures(train, test, reg):
    """MRR and recall@1 by row and number of components; those of fewer are the first of more."""
    most = min(N_COMPONENTS[-1], train[0].shape[1], train[1].shape[1])
    model = LinearCCA(most, reg=reg).fit(*train)
    zx, zy = model.transform(*test)
    return [
        [
            _figures(zx[:, :k], zy[:, :k], model.canonical_correlations_[:k], power)
            for k in N_COMPONENTS
        ]
        for power in ROWS.values()
    ]


def _figures(zx, zy, correlations, power):
    found = both_directions(similarity(zx, zy, correlations, power), k=(1,)).values()
    return [np.mean([way[key] for way in found]) for key in ("mrr", "recall@1")]


if __name__ == "__main__":
    main()
