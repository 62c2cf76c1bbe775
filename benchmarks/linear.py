"""Measure the overhead of `LinearCCA.fit` over plain NumPy, next to other packages.

The reference centers both views and computes three Gram matrices, two Cholesky factors and one singular
value decomposition, without validation or scaling. All alternate in one run and are measured in CPU
seconds of one thread. Memory is the peak of arrays besides the two views, from a separate
fit. The CCA of scikit-learn is iterative; it computes only 10 components of the smallest size, because
all of them would take hours. The CCA of cca-zoo and of mvlearn alternate with the others in their own
environments, if built with `make peers`.

`--stream` passes 1,000,000 rows of 128 and 100 columns to `partial_fit` and compares it with `fit`.

    python benchmarks/linear.py [--repeats 3] [--quick] [--stream]
"""

import warnings
from functools import partial

import numpy as np
from scipy import linalg
from sklearn.cross_decomposition import CCA

from skdcca import LinearCCA

from _common.arguments import make_parser
from _common.memory import greatest_resident, peak_of_arrays
from _common.peers import INSTALLED, NO_PEERS, Peer
from _common.table import print_head, print_row
from _common.threads import use_one_thread
from _common.timing import timed

SIZES = [(10_000, 200), (10_000, 1000), (50_000, 200), (50_000, 1000)]


QUICK_SIZES = [(5_000, 100), (10_000, 200)]


def main():
    parser = make_parser(__doc__, "smaller sizes; under 60 s")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--stream", action="store_true", help="a stream of 1,000,000 rows")
    options = parser.parse_args()
    use_one_thread()
    if options.stream:
        stream()
        return
    print_head(
        "n",
        "p = q",
        "reference, CPU s",
        "LinearCCA",
        "ratio",
        "extra memory, MB",
        "scikit-learn, CPU s (over LinearCCA)",
        *(f"{name}, CPU s (over LinearCCA), extra MB" for name in INSTALLED),
    )
    sizes, most = (QUICK_SIZES, 5e5) if options.quick else (SIZES, 2e6)
    ratios = []
    for n, p in sizes:
        ratio, cells = measure(n, p, options.repeats, with_sklearn=n * p <= most)
        ratios.append(ratio)
        print_row(*cells)
    if not INSTALLED:
        print(NO_PEERS)
    print(f"ratio={max(ratios):.3f}")


def measure(n, p, repeats, with_sklearn):
    """Return the ratio of our time to that of the reference, and the cells of a row."""
    X, y = two_views(n, p)
    fit = partial(linear_cca, X, y)
    peers = [Peer(python, "linear", name, "time", x=X, y=y) for name, python in INSTALLED.items()]
    fits = [partial(cpu_seconds, reference, X, y), partial(cpu_seconds, fit)]
    fits += [peer.ask for peer in peers]
    for one in fits:
        one()  # warm up
    found = np.array([[one() for one in fits] for _ in range(repeats)])
    plain, ours, *theirs = np.median(found, axis=0)
    ratio = np.median(found[:, 1] / found[:, 0])
    cells = [f"{n:,}", p, f"{plain:.2f}", f"{ours:.2f}", f"{ratio:.2f}"]
    cells.append(f"{peak_of_arrays(fit) / 1e6:.0f}")
    if with_sklearn:
        seconds = cpu_seconds(sklearn_cca, X, y)
        cells.append(f"{seconds:.1f} ({seconds / ours:.0f}x)")
    else:
        cells.append("")
    for i, (peer, seconds) in enumerate(zip(peers, theirs, strict=True), start=2):
        times = np.median(found[:, i] / found[:, 1])
        cells.append(f"{seconds:.2f} ({times:.1f}x), {peer.ask('memory'):.0f}")
        peer.close()
    return ratio, cells


def two_views(n, p):
    rng = np.random.default_rng(0)
    shared = rng.normal(size=(n, 20))
    return [shared @ rng.normal(size=(20, p)) + 3 * rng.normal(size=(n, p)) for _ in range(2)]


def linear_cca(X, y):
    return LinearCCA(reg=0).fit(X, y)


def reference(X, y):
    X, y = X - X.mean(axis=0), y - y.mean(axis=0)
    x_root = linalg.cholesky(X.T @ X, lower=True)
    y_root = linalg.cholesky(y.T @ y, lower=True)
    half = linalg.solve_triangular(x_root, X.T @ y, lower=True)
    cross = linalg.solve_triangular(y_root, half.T, lower=True).T
    x_turn, correlations, y_turn = linalg.svd(cross, full_matrices=False)
    x_weights = linalg.solve_triangular(x_root, x_turn, lower=True, trans=1)
    return correlations, x_weights, linalg.solve_triangular(y_root, y_turn.T, lower=True, trans=1)


def sklearn_cca(X, y):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it has not converged
        CCA(min(10, X.shape[1])).fit(X, y)


def cpu_seconds(work, *arguments):
    return timed(work, *arguments).cpu


def stream(n_batches=100, n_rows=10_000):
    """Compare a stream of batches with a single fit to all of them."""
    streaming = timed(partial_fits, n_batches, n_rows)
    streamed = streaming.result
    peak = greatest_resident() / 2**20
    batches = [batch(i, n_rows) for i in range(n_batches)]
    fitted = LinearCCA(reg=0).fit(*map(np.concatenate, zip(*batches, strict=True)))
    apart = np.abs(streamed.canonical_correlations_ - fitted.canonical_correlations_).max()
    weights = [np.abs(model.x_weights_) for model in (streamed, fitted)]
    print(f"{n_batches * n_rows:,} rows in {streaming.wall:.0f} s; whole process {peak:.0f} MB")
    print(f"weights differ by {np.abs(weights[0] - weights[1]).max() / weights[1].max():.1e}")
    print(f"difference={apart:.1e}")


def partial_fits(n_batches, n_rows):
    model = LinearCCA(reg=0)
    for i in range(n_batches):
        model.partial_fit(*batch(i, n_rows))
    return model


def batch(seed, n_rows):
    rng = np.random.default_rng(seed)
    shared = rng.normal(size=(n_rows, 10))
    x_turn, y_turn = (np.random.default_rng(p).normal(size=(10, p)) for p in (128, 100))
    X = shared @ x_turn + 3 * rng.normal(size=(n_rows, 128))
    return X, shared @ y_turn + 3 * rng.normal(size=(n_rows, 100))


if __name__ == "__main__":
    main()
