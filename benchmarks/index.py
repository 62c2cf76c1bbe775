"""Compare search in a gallery of 200,000 songs: exact, Faiss, scikit-learn and a plain loop.

1,000 queries search for the best 10 of 200,000 items with 64 components. The items are simulated pairs
with correlations from 0.95 down to 0.05; a `LinearCCA` is trained on 20,000 of them. Variates are
either weighted by correlation ** 4 or unweighted. Unweighted, they have the same variance in all
directions, which is the hardest case for an inverted file. The reference is a blockwise matrix product
with a partial sort (`numpy.argpartition`) in single precision. Queries of an index also embed their
1,000 samples; the other rows start from vectors. All are timed in alternating rounds, and the minimum
time is reported.

    python benchmarks/index.py [--quick]
"""

import numpy as np
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import normalize

from skdcca import CrossModalIndex, FaissNeighbors, LinearCCA

from _common.arguments import make_parser
from _common.search import recall
from _common.synthetic import N_COMPONENTS, partners
from _common.table import print_head, print_row
from _common.timing import least_seconds, timed

N_ITEMS, N_TRAIN, N_QUERIES, K = 200_000, 20_000, 1_000, 10
BLOCK = 8192


def main():
    options = make_parser(__doc__, "a tenth of it, two rounds; under 60 s").parse_args()
    n_items, rounds = (N_ITEMS // 10, 2) if options.quick else (N_ITEMS, 7)
    print_head(
        "variates",
        "search",
        "ms for 1,000 queries",
        "ratio to the reference",
        "recall@10",
        "made in s",
    )
    ratios = {}
    for name, power in (("weighted", 4), ("not weighted", 0)):
        table = measure(n_items, power, rounds)
        for search, (seconds, found, made) in table.items():
            ratio = seconds / table["reference"][0]
            ratios[name, search] = ratio
            cells = [f"{1000 * seconds:.0f}", f"{ratio:.2f}", f"{found:.4f}", f"{made:.1f}"]
            print_row(name, search, *cells)
    exact = ratios["weighted", "CrossModalIndex"]
    for name in ("FaissNeighbors(), alone", "index with FaissNeighbors()"):
        print(f"{name}: {ratios['weighted', name] / exact:.3f} of the exact time")
    print(f"exact_to_sklearn={exact / ratios['weighted', 'scikit-learn, brute force']:.3f}")
    print(f"exact_to_reference={exact:.3f}")


def measure(n_items, power, rounds):
    """Return the minimum seconds, the recall and the build seconds of each search."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n_items, N_COMPONENTS))
    y = partners(X, rng.normal(size=X.shape))
    model = LinearCCA(similarity=power).fit(X[:N_TRAIN], y[:N_TRAIN])
    weights = model.canonical_correlations_**power
    variates = model.transform(X), model.transform_y(y[:N_QUERIES])
    rows = [normalize(z * weights).astype(np.float32) for z in variates]
    making = {
        name: timed(make) for name, make in searches_of(model, X, y[:N_QUERIES], rows).items()
    }
    searches = [one.result for one in making.values()]
    # The threads of the previous search keep spinning for a while.
    seconds, found = least_seconds(searches, rounds, pause=0.1)
    right = dict(zip(making, found, strict=True))["CrossModalIndex"]
    return {
        name: (seconds[place], recall(found[place], right), one.wall)
        for place, (name, one) in enumerate(making.items())
    }


def searches_of(model, X, y, rows):
    """Return functions, by name, that build a search: a function from queries to gallery positions."""
    gallery, asked = rows

    def ours(neighbors=None):
        index = CrossModalIndex(model, neighbors=neighbors).fit(X)
        return lambda: index.query(y=y, n_neighbors=K)[1]

    def brute():
        search = NearestNeighbors(n_neighbors=K, algorithm="brute").fit(gallery)
        return lambda: search.kneighbors(asked, return_distance=False)

    def alone():
        search = FaissNeighbors().fit(gallery)
        return lambda: search.kneighbors(asked, K, return_distance=False)

    return {
        "reference": lambda: lambda: reference(asked, gallery),
        "CrossModalIndex": ours,
        "scikit-learn, brute force": brute,
        "FaissNeighbors(), alone": alone,
        "index with FaissNeighbors()": lambda: ours(FaissNeighbors()),
        "index with FaissNeighbors(n_probe=256)": lambda: ours(FaissNeighbors(n_probe=256)),
    }


def reference(queries, rows):
    """Multiply in blocks, partially sort each block, and merge the best results."""
    products, places = [], []
    for start in range(0, len(rows), BLOCK):
        block = queries @ rows[start : start + BLOCK].T
        best = np.argpartition(block, -K, axis=1)[:, -K:]
        products.append(np.take_along_axis(block, best, axis=1))
        places.append(best + start)
    products, places = np.hstack(products), np.hstack(places)
    order = np.argsort(-products, axis=1)[:, :K]
    return np.take_along_axis(places, order, axis=1)


if __name__ == "__main__":
    main()
