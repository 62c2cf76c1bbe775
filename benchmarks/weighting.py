"""Compare similarities: variates weighted by powers of their correlations, and likelihood.

The similarities are the cosine of unweighted variates (power 0) and of variates scaled by their
correlations to the power 1, 2 and 4 (Gong et al. 2014), and the log-likelihood ratio of probabilistic
CCA, for 10, 30 and 100 components of a `LinearCCA` with a ridge. For halves of MNIST digits, 8,000 are
for training, the gallery has 2,000, and the ridge is chosen on 1,600 of the 8,000. For songs, there are
five outer folds, by group and at random, and the ridge is chosen for each row and column by three inner
folds of the training set. Scores are mean reciprocal ranks, averaged over both directions and the folds,
with recall@1 in parentheses.

    python benchmarks/weighting.py --data DATA [--collections halves lieder ...] [--quick]
"""

import numpy as np
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from skdcca import LinearCCA
from skdcca.datasets import load_chorales
from skdcca.metrics import both_directions, chance, similarity

from _common.arguments import add_song_options, data_folder, make_parser
from _common.audio_features import features
from _common.digits import halves
from _common.folds import folds
from _common.internals import cache_folder
from _common.songs import load_collection, seconds_of
from _common.table import print_head, print_row
from _common.texts import TEXTS

COLLECTIONS = ("halves", "lieder", "chants", "hymns", "chorales")
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
        songs = songs_of(name, data, cache)
        X = features("summary", songs, seconds_of(name), cache, options.n_jobs)
        groups = np.array([song["group"] for song in songs])
        for by_group in (True, False):
            splits = splits_of_songs(X, [song["lyrics"] for song in songs], groups, by_group)
            tabulate(f"{name}, {'by group' if by_group else 'random folds'}", splits)


def parse_arguments():
    parser = make_parser(__doc__, "halves of digits; under 60 s")
    add_song_options(parser)
    parser.add_argument("--collections", nargs="+", choices=COLLECTIONS, default=COLLECTIONS)
    options = parser.parse_args()
    if options.quick:
        options.collections = ["halves"]
    return options


def songs_of(name, data, cache):
    """Load a collection, or the chorales included in the package music21."""
    if name != "chorales":
        return load_collection(name, data, cache)
    chorales = load_chorales(cache=cache, n_jobs=2)
    keys = ("audio", "lyrics", "group")
    rows = zip(chorales.audio, chorales.lyrics, chorales.groups, strict=True)
    return [dict(zip(keys, row, strict=True)) for row in rows]


def split_of_halves(data):
    """Return the inner splits that choose the ridge, and the outer split to report."""
    return [[halves(data, choosing=True)], halves(data, choosing=False)]


def splits_of_songs(X, lyrics, groups, by_group):
    """Yield the same for each outer fold; a split is (X, y) for training and (X, y) for testing."""
    outer, inner = folds(5, by_group), folds(3, by_group)
    for train, test in outer.split(X, groups=groups if by_group else None):
        within = inner.split(train, groups=groups[train] if by_group else None)
        chosen_by = [numbers(X, lyrics, train[a], train[b]) for a, b in within]
        yield [chosen_by, numbers(X, lyrics, train, test)]


def numbers(X, lyrics, train, test):
    """Return the features of both views; Doc2vec is trained on the training rows only."""
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
        best = inner[..., 0].argmax(axis=0)  # a ridge per row and number of components
        found.append(np.take_along_axis(outer, best[None, ..., None], axis=0)[0])
        levels.append(chance(len(reported[1][0])))
    table = np.mean(found, axis=0)
    mrr, recall = (np.mean([level[key] for level in levels]) for key in ("mrr", "recall@1"))
    print(f"\n{title}: chance MRR {mrr:.4f}, recall@1 {recall:.4f}, gallery {round(1 / recall)}\n")
    print_head("", *(f"{k} components" for k in N_COMPONENTS))
    for row, values in zip(ROWS, table, strict=True):
        print_row(row, *(f"{value[0]:.3f} ({value[1]:.3f})" for value in values))


def figures(train, test, reg):
    """Return MRR and recall@1 by row and number of components.

    Smaller numbers of components use the first ones of the largest model.
    """
    most = min(N_COMPONENTS[-1], train[0].shape[1], train[1].shape[1])
    model = LinearCCA(most, reg=reg).fit(*train)
    zx, zy = model.transform(*test)
    correlations = model.canonical_correlations_
    return [
        [retrieval(zx[:, :k], zy[:, :k], correlations[:k], power) for k in N_COMPONENTS]
        for power in ROWS.values()
    ]


def retrieval(zx, zy, correlations, power):
    """Return MRR and recall@1, averaged over both directions."""
    found = both_directions(similarity(zx, zy, correlations, power), k=(1,)).values()
    return [np.mean([way[key] for way in found]) for key in ("mrr", "recall@1")]


if __name__ == "__main__":
    main()
