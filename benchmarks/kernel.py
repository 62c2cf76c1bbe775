"""Measure the overhead of `KernelCCA.fit` over plain NumPy, and the savings of landmarks.

The reference computes and centers both kernels, their eigenvectors, and the first 10 singular values
and vectors of the whitened cross product, without validation or rank detection. Both compute 10
components, alternate in one run and are measured in CPU seconds of one thread. Then 300 landmarks are
compared with all rows of the largest size: time relative to the exact fit, and difference in the first
held-out correlation. Before that, a model with 300 landmarks is fitted to many rows in a separate
process, to measure its peak memory without the views. KCCA of cca-zoo alternates with both in its own
environment, if built with `make peers`; a fit of more than one minute is not repeated, and one of more
than 10 minutes is killed.

    python benchmarks/kernel.py [--sizes 1000 2000 5000] [--repeats 3] [--quick]
"""

import subprocess
import sys

import numpy as np
from scipy import linalg
from sklearn.metrics.pairwise import rbf_kernel

from skdcca import KernelCCA

from _common.arguments import make_parser
from _common.memory import greatest_resident
from _common.peers import INSTALLED, NO_PEERS, Peer
from _common.table import print_head, print_row
from _common.threads import use_one_thread
from _common.timing import timed

N_COMPONENTS, REG, GAMMA, HELD_OUT = 10, 0.01, 0.1, 1000
LANDMARKS = {"approximation": "nystroem", "random_state": 0}
LIMIT = 600  # seconds per fit of cca-zoo


def main():
    parser = make_parser(__doc__, "smaller sizes, once; under 60 s")
    parser.add_argument("--sizes", type=int, nargs="+", default=[1000, 2000, 5000])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--many", type=int, help="only the cost of landmarks, of so many rows")
    options = parser.parse_args()
    use_one_thread()
    if options.many:
        many(options.many)
        return
    sizes, repeats = ([500, 1000], 1) if options.quick else (options.sizes, options.repeats)
    # Run first, because a process inherits the peak memory of its parent.
    rows = "20000" if options.quick else "100000"
    subprocess.run([sys.executable, __file__, "--many", rows], check=True)
    fit(*two_views(200))  # to warm up
    print_head(
        "n",
        "reference, CPU s",
        "KernelCCA",
        "ratio",
        "largest difference of correlations",
        "cca-zoo",
        "times slower",
    )
    ratios = []
    for n in sizes:
        views = two_views(n + HELD_OUT)
        train, held_out = [view[:n] for view in views], [view[n:] for view in views]
        ratio, exact, model, cells = compare(*train, repeats)
        ratios.append(ratio)
        print_row(*cells)
    if not INSTALLED:
        print(NO_PEERS)
    landmarks(train, held_out, exact, model)
    print(f"ratio={max(ratios):.3f}")


def compare(X, y, repeats):
    """Return the ratio of our time to the reference, our time, a model, and the cells of a row."""
    peer, theirs = None, []
    if "cca-zoo" in INSTALLED:
        peer = Peer(INSTALLED["cca-zoo"], "kernel", GAMMA, REG, limit=LIMIT, x=X, y=y)
    found = []
    for _ in range(repeats):
        plain, exact = timed(reference, X, y), timed(fit, X, y)
        found.append((plain.cpu, exact.cpu))
        if peer and (not theirs or theirs[-1] < 60):
            theirs.append(peer.ask())
    if peer:
        peer.close()
    model = exact.result
    apart = np.abs(model.canonical_correlations_ - plain.result).max()
    ratio = np.median([ours / reference for reference, ours in found])
    by_hand, ours = np.median(found, axis=0)
    cells = [f"{len(X):,}", f"{by_hand:.2f}", f"{ours:.2f}", f"{ratio:.2f}", f"{apart:.1e}"]
    return ratio, ours, model, [*cells, *cells_of_peer(theirs, ours)]


def cells_of_peer(theirs, ours):
    """Return the time of the peer and its ratio to ours."""
    if not theirs:
        return ["", ""]
    seconds = np.median(theirs)
    if np.isinf(seconds):
        return [f">{LIMIT}", f">{LIMIT / ours:.0f}"]
    if np.isnan(seconds):
        return ["fails", ""]
    return [f"{seconds:.2f}", f"{seconds / ours:.1f}"]


def landmarks(train, held_out, exact, model):
    """Print the time and held-out correlation of 300 landmarks next to an exact fit."""
    fitting = timed(fit, *train, **LANDMARKS)
    near, whole = (first_correlation(fitted, *held_out) for fitted in (fitting.result, model))
    print(
        f"\n300 landmarks, n={len(train[0]):,}: {fitting.cpu:.2f} CPU s, "
        f"{exact / fitting.cpu:.0f} times faster than exact; held-out first correlation "
        f"{near:.4f}, exact {whole:.4f} (difference {near - whole:+.4f})",
        flush=True,
    )


def many(n):
    """Print the time and memory of a fit with 300 landmarks to `n` rows."""
    X, y = two_views(n)
    fit(X[:1000], y[:1000], **LANDMARKS)  # to warm up
    before = greatest_resident()
    seconds = timed(fit, X, y, **LANDMARKS).cpu
    extra = (greatest_resident() - before) / 2**20
    features = n * 300 * 8 / 2**20
    print(
        f"300 landmarks, n={n:,}: {seconds:.1f} CPU s, {extra:.0f} MB beside the views "
        f"(the features of one view would be {features:.0f} MB)\n",
        flush=True,
    )


def two_views(n):
    """Return noisy views: cosine and sine of an angle, and of twice the angle."""
    rng = np.random.default_rng(0)
    angle = rng.uniform(0, 2 * np.pi, n)
    views = []
    for turns in (1, 2):
        view = 0.7 * rng.standard_normal((n, 8))
        view[:, 0] += 2 * np.cos(turns * angle)
        view[:, 1] += 2 * np.sin(turns * angle)
        views.append(view)
    return views


def fit(X, y, **parameters):
    return KernelCCA(N_COMPONENTS, gamma=GAMMA, reg=REG, scale=False, **parameters).fit(X, y)


def reference(X, y):
    n, lefts, shrinks, scales = len(X), [], [], []
    for view in (X, y):
        kernel = rbf_kernel(view, gamma=GAMMA)
        kernel -= kernel.mean(axis=0)
        kernel -= kernel.mean(axis=1)[:, None]
        ridge = REG * np.trace(kernel)
        eigenvalues, vectors = linalg.eigh(kernel, driver="evd", check_finite=False)
        eigenvalues = np.maximum(eigenvalues, 1e-12)
        lefts.append(vectors)
        shrinks.append(np.sqrt(eigenvalues / (eigenvalues + ridge)))
        scales.append(np.sqrt((n - 1) / (eigenvalues * (eigenvalues + ridge))))
    cross = shrinks[0][:, None] * (lefts[0].T @ lefts[1]) * shrinks[1]
    # The eigenvectors of the products give the first singular vectors without computing the others.
    squares, y_turn = linalg.eigh(
        cross.T @ cross,
        overwrite_a=True,
        check_finite=False,
        subset_by_index=(n - N_COMPONENTS, n - 1),
    )
    correlations, y_turn = np.sqrt(squares[::-1]), y_turn[:, ::-1]
    x_coefs = lefts[0] * scales[0] @ (cross @ y_turn / correlations)
    y_coefs = lefts[1] * scales[1] @ y_turn
    assert np.isfinite(x_coefs).all()
    assert np.isfinite(y_coefs).all()
    return correlations


def first_correlation(model, X, y):
    zx, zy = model.transform(X, y)
    return np.corrcoef(zx[:, 0], zy[:, 0])[0, 1]


if __name__ == "__main__":
    main()
