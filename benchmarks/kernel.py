"""What `KernelCCA.fit` costs over the arithmetic written by hand, and what landmarks save.

The reference forms and centres both kernels, takes the eigenvectors of each and one singular value
decomposition of the whitened cross product; it checks nothing and finds no rank. Both alternate in one
run; CPU seconds, as threads are not free. Then 300 landmarks instead of all rows of the largest size:
time over that of the exact fit, and the first correlation of held-out rows less the exact one. Before
that, 300 landmarks of many rows in a process of their own: memory is the peak beside the views.
cca-zoo's KCCA takes turns with both in a process of its own environment, if `make peers` made it; after
a fit of more than a minute there is no other, and one of more than 10 minutes is ended.

    python benchmarks/kernel.py [--sizes 1000 2000 5000] [--repeats 3] [--quick]
"""

import argparse
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from scipy import linalg
from sklearn.metrics.pairwise import rbf_kernel

from skdcca import KernelCCA

from linear import NO_PEERS, PEERS, Peer

REG, GAMMA, HELD_OUT = 0.01, 0.1, 1000
PEER, LIMIT = Path(__file__).with_name("_peer_kernel.py"), 600


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[1000, 2000, 5000])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="smaller sizes, once; under 60 s")
    parser.add_argument("--many", type=int, help="only the cost of landmarks, of so many rows")
    options = parser.parse_args()
    if options.many:
        many(options.many)
        return
    sizes, repeats = ([500, 1000], 1) if options.quick else (options.sizes, options.repeats)
    # First, as a process begins with the peak of memory of the one that starts it.
    rows = "20000" if options.quick else "100000"
    subprocess.run([sys.executable, __file__, "--many", rows], check=True)
    fit(*two_views(200))  # to warm up
    print(
        "| n | reference, CPU s | KernelCCA | ratio | largest difference of correlations "
        "| cca-zoo | times faster |"
    )
    print("|---" * 7 + "|")
    ratios = []
    for n in sizes:
        X, y = two_views(n + HELD_OUT)
        cca_zoo = None
        if "cca-zoo" in PEERS:
            cca_zoo = Peer(PEERS["cca-zoo"], PEER, GAMMA, REG, limit=LIMIT, x=X[:n], y=y[:n])
        found, theirs = [], []
        for _ in range(repeats):
            plain, correlations = timed(reference, X[:n], y[:n])
            exact, model = timed(fit, X[:n], y[:n])
            found.append((plain, exact))
            if cca_zoo and (not theirs or theirs[-1] < 60):
                theirs.append(cca_zoo.ask())
        apart = np.abs(model.canonical_correlations_ - correlations[:10]).max()
        plain, exact = np.median(found, axis=0)
        ratios.append(np.median([ours / theirs for theirs, ours in found]))
        cells = (
            f"{plain:.2f} | {exact:.2f} | {ratios[-1]:.2f} | {apart:.1e} | {beside(theirs, exact)}"
        )
        print(f"| {n:,} | {cells} |", flush=True)
        if cca_zoo:
            cca_zoo.close()
    if not PEERS:
        print(NO_PEERS)

    seconds, near = timed(fit, X[:n], y[:n], approximation="nystroem", random_state=0)
    held_out = [first_correlation(fitted, X[n:], y[n:]) for fitted in (near, model)]
    print(
        f"\n300 landmarks, n={n:,}: {seconds:.2f} CPU s, {exact / seconds:.0f} times faster than exact; "
        f"held-out first correlation {held_out[0]:.4f}, exact {held_out[1]:.4f} "
        f"(difference {held_out[0] - held_out[1]:+.4f})",
        flush=True,
    )
    print(f"ratio={max(ratios):.3f}")


def beside(theirs, ours):
    """What to print of the peer's times."""
    if not theirs:
        return " | "
    seconds = np.median(theirs)
    if np.isinf(seconds):
        return f">{LIMIT} | >{LIMIT / ours:.0f}"
    if np.isnan(seconds):
        return "fails | "
    return f"{seconds:.2f} | {seconds / ours:.1f}"


def many(n):
    X, y = two_views(n)
    fit(X[:1000], y[:1000], approximation="nystroem", random_state=0)  # to warm up
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    seconds, _ = timed(fit, X, y, approximation="nystroem", random_state=0)
    extra = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    features = n * 300 * 8 / 2**20
    print(
        f"300 landmarks, n={n:,}: {seconds:.1f} CPU s, {extra:.0f} MB beside the views "
        f"(the features of one view would be {features:.0f} MB)\n",
        flush=True,
    )


def two_views(n):
    """An angle, seen by its cosine and sine, and by those of its double, among noise."""
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
    return KernelCCA(10, gamma=GAMMA, reg=REG, **parameters).fit(X, y)


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
    x_turn, correlations, y_turn = linalg.svd(cross, check_finite=False)
    x_coefs = lefts[0] * scales[0] @ x_turn[:, :10]
    y_coefs = lefts[1] * scales[1] @ y_turn[:10].T
    assert np.isfinite(x_coefs).all()
    assert np.isfinite(y_coefs).all()
    return correlations


def timed(work, *arguments, **parameters):
    """CPU seconds, and what came of them."""
    began = time.process_time()
    result = work(*arguments, **parameters)
    return time.process_time() - began, result


def first_correlation(model, X, y):
    zx, zy = model.transform(X, y)
    return np.corrcoef(zx[:, 0], zy[:, 0])[0, 1]


if __name__ == "__main__":
    main()
