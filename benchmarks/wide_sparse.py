"""Measure LinearCCA of few components of two wide sparse views.

The views are counts of words of documents, drawn from shared topics. Every fit runs in a process of its
own. "Products" finds the components from products of the views with vectors; "matrices" forms the
correlation matrices, which the larger design does not allow. The error is the largest difference of the
correlations of both. The memory includes the views.

    python benchmarks/wide_sparse.py [--quick] [--large] [--components 20 50]
"""

import json

import numpy as np
from scipy import sparse

from skdcca import LinearCCA
from skdcca._cca import linear_implicit

from _common.arguments import make_parser
from _common.memory import greatest_resident
from _common.processes import run_part
from _common.table import print_head, print_row
from _common.threads import use_one_thread
from _common.timing import timed

N_TOPICS = 30
QUICK, MIDDLE, LARGE = (5000, 3000, 0.02), (20_000, 5000, 0.03), (100_000, 20_000, 0.01)


def main():
    parser = make_parser(__doc__, "a small design only; under 60 s")
    parser.add_argument("--components", type=int, nargs="+", default=[20, 50])
    parser.add_argument("--reg", default="auto")
    parser.add_argument("--large", action="store_true", help="100,000 rows too, of 20,000 columns")
    parser.add_argument("--one", help="only one fit, as JSON")
    options = parser.parse_args()
    use_one_thread()
    if options.one:
        print(json.dumps(one_fit(**json.loads(options.one))))
        return
    print_head("rows", "columns", "components", "way", "CPU s", "MB", "largest error")
    for n, p, density in [QUICK] if options.quick else [MIDDLE]:
        for k in options.components:
            compare(n, p, density, k, options.reg)
    if options.large and not options.quick:
        compare(*LARGE, max(options.components), options.reg, ways=["products"])


def compare(n, p, density, k, reg, ways=("products", "matrices")):
    """Print a row for each way of one design."""
    design = {"n": n, "p": p, "density": density, "k": k, "reg": reg}
    fits = {way: run_part(__file__, "--one", json.dumps(design | {"way": way})) for way in ways}
    error = "-"
    if len(fits) == 2:
        both = np.subtract(*(fit["correlations"] for fit in fits.values()))
        error = f"{np.abs(both).max():.0e}"
    for way, fit in fits.items():
        print_row(f"{n:,}", f"{p:,}", k, way, f"{fit['cpu']:.1f}", f"{fit['mb']:.0f}", error)


def one_fit(n, p, density, k, reg, way):
    """Return the time, memory and correlations of one fit."""
    X, y = documents(n, p, int(p * density))
    if way == "matrices":
        linear_implicit._LARGE = np.inf
    reg = reg if reg == "auto" else float(reg)
    run = timed(LinearCCA(k, reg=reg).fit, X, y)
    correlations = run.result.canonical_correlations_.tolist()
    return {"cpu": run.cpu, "mb": greatest_resident() / 2**20, "correlations": correlations}


def documents(n, p, length):
    """Return two views of logarithms of counts, of documents with `length` words in each view."""
    rng = np.random.default_rng(0)
    topics = rng.dirichlet(np.full(N_TOPICS, 0.3), size=n)
    return [view_of(topics, p, length, rng) for _ in range(2)]


def view_of(topics, p, length, rng):
    """Return the view of topics; two of five words do not depend on the topic."""
    of_topic = rng.dirichlet(np.full(p, 0.05), size=N_TOPICS).cumsum(axis=1)
    common = rng.dirichlet(np.ones(p)).cumsum()
    blocks = []
    for start in range(0, len(topics), 5000):
        bounds = topics[start : start + 5000].cumsum(axis=1)
        topic = (bounds[:, :, None] < rng.random((len(bounds), 1, length))).sum(axis=1)
        topic[rng.random(topic.shape) > 0.6] = N_TOPICS
        words = np.empty(topic.shape, dtype=np.int32)
        for i, bounds_of_words in enumerate([*of_topic, common]):
            drawn = rng.random(np.count_nonzero(topic == i))
            words[topic == i] = np.searchsorted(bounds_of_words, drawn).clip(max=p - 1)
        rows = np.repeat(np.arange(len(words)), length)
        block = sparse.csr_array((np.ones(words.size), (rows, words.ravel())), (len(words), p))
        block.sum_duplicates()
        blocks.append(block)
    view = sparse.vstack(blocks, format="csr")
    view.data = np.log1p(view.data)
    return view


if __name__ == "__main__":
    main()
