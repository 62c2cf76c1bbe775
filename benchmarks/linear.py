"""What `LinearCCA.fit` costs over the arithmetic written by hand, and beside scikit-learn's CCA.

The reference centres both views, forms three Gram matrices, takes two Cholesky factors and one singular
value decomposition; it checks nothing and scales nothing. All alternate in one run; CPU seconds, as
threads are not free. Memory is the peak of arrays beside the two views, of one more fit. scikit-learn's
CCA is iterative, and is asked for 10 components only, of the smallest size: all would take hours.
The CCA of cca-zoo and that of mvlearn take turns with the others, in processes of environments of their
own, if `make peers` made them.

`--stream` takes 1,000,000 rows of 128 and 100 columns through `partial_fit`, and compares with `fit`.

    python benchmarks/linear.py [--repeats 3] [--quick] [--stream]
"""

import argparse
import resource
import subprocess
import tempfile
import threading
import time
import tracemalloc
import warnings
from pathlib import Path

import numpy as np
from scipy import linalg
from sklearn.cross_decomposition import CCA

from skdcca import LinearCCA

ENVIRONMENTS = {"cca-zoo": ".venv-peers", "mvlearn": ".venv-mvlearn"}
ROOT = Path(__file__).parents[1]
PEERS = {name: ROOT / folder / "bin" / "python" for name, folder in ENVIRONMENTS.items()}
PEERS = {name: python for name, python in PEERS.items() if python.exists()}
PEER = Path(__file__).with_name("_peer_linear.py")
NO_PEERS = "without cca-zoo and mvlearn: `make peers` makes the environments that have them"
SIZES = [(10_000, 200), (10_000, 1000), (50_000, 200), (50_000, 1000)]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="smaller sizes; under 60 s")
    parser.add_argument("--stream", action="store_true", help="a stream of 1,000,000 rows")
    options = parser.parse_args()
    if options.stream:
        stream()
        return
    columns = ["n", "p = q", "reference, CPU s", "LinearCCA", "ratio", "extra memory, MB"]
    columns += ["scikit-learn, CPU s (over LinearCCA)"]
    columns += [f"{name}, CPU s (over LinearCCA), extra MB" for name in PEERS]
    print(f"| {' | '.join(columns)} |")
    print("|---" * len(columns) + "|")
    ratios = []
    for n, p in [(5_000, 100), (10_000, 200)] if options.quick else SIZES:
        X, y = two_views(n, p)
        fits = [lambda X=X, y=y: reference(X, y), lambda X=X, y=y: LinearCCA().fit(X, y)]
        peers = [Peer(python, PEER, name, "time", x=X, y=y) for name, python in PEERS.items()]
        fits += [peer.ask for peer in peers]
        for fit in fits:
            fit()  # to warm up
        found = np.array([[cpu_seconds(fit) for fit in fits] for _ in range(options.repeats)])
        plain, ours, *theirs = np.median(found, axis=0)
        ratios.append(np.median(found[:, 1] / found[:, 0]))
        cells = [f"{n:,}", p, f"{plain:.2f}", f"{ours:.2f}", f"{ratios[-1]:.2f}"]
        cells += [f"{peak_memory(fits[1]):.0f}", ""]
        if n * p <= (5e5 if options.quick else 2e6):
            seconds = cpu_seconds(lambda X=X, y=y: sklearn_cca(X, y))
            cells[-1] = f"{seconds:.1f} ({seconds / ours:.0f}x)"
        for i, (peer, seconds) in enumerate(zip(peers, theirs, strict=True), start=2):
            times = np.median(found[:, i] / found[:, 1])
            cells.append(f"{seconds:.2f} ({times:.1f}x), {peer.ask('memory'):.0f}")
            peer.close()
        print(f"| {' | '.join(map(str, cells))} |", flush=True)
    if not PEERS:
        print(NO_PEERS)
    print(f"ratio={max(ratios):.3f}")


def two_views(n, p):
    rng = np.random.default_rng(0)
    shared = rng.normal(size=(n, 20))
    return [shared @ rng.normal(size=(20, p)) + 3 * rng.normal(size=(n, p)) for _ in range(2)]


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
        warnings.simplefilter("ignore")  # that it has not converged
        CCA(10).fit(X, y)


def cpu_seconds(work):
    """Those it says it took elsewhere, or those it took here."""
    began = time.process_time()
    elsewhere = work()
    return elsewhere if isinstance(elsewhere, float) else time.process_time() - began


class Peer:
    """A script in the environment of the peers, which answers a line by a number."""

    def __init__(self, python, script, *arguments, limit=600, **arrays):
        self.scratch, self.limit = tempfile.TemporaryDirectory(), limit
        path = Path(self.scratch.name) / "views.npz"
        np.savez(path, **arrays)
        command = [str(part) for part in (python, script, *arguments, path)]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self.process = subprocess.Popen(command, **pipes)

    def ask(self, line="fit"):
        """The number; infinity past the limit of seconds, which ends the process; NaN if it fails."""
        began = time.perf_counter()
        timer = threading.Timer(self.limit, self.process.kill)
        timer.start()
        try:
            print(line, file=self.process.stdin, flush=True)
            answered = self.process.stdout.readline()
        except BrokenPipeError:
            answered = ""
        timer.cancel()
        late = time.perf_counter() - began >= self.limit
        return float(answered or ("inf" if late else "nan"))

    def close(self):
        """End it, and take away what it was given."""
        self.process.kill()
        self.process.communicate()
        self.scratch.cleanup()


def stream(n_batches=100, n_rows=10_000):
    began = time.perf_counter()
    streamed = LinearCCA()
    for i in range(n_batches):
        streamed.partial_fit(*batch(i, n_rows))
    seconds = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    whole = [
        np.concatenate(parts)
        for parts in zip(*(batch(i, n_rows) for i in range(n_batches)), strict=True)
    ]
    fitted = LinearCCA().fit(*whole)
    apart = np.abs(streamed.canonical_correlations_ - fitted.canonical_correlations_).max()
    weights = [np.abs(model.x_weights_) for model in (streamed, fitted)]
    print(f"{n_batches * n_rows:,} rows in {seconds:.0f} s; whole process {peak:.0f} MB")
    print(f"weights differ by {np.abs(weights[0] - weights[1]).max() / weights[1].max():.1e}")
    print(f"difference={apart:.1e}")


def batch(seed, n_rows):
    rng = np.random.default_rng(seed)
    shared = rng.normal(size=(n_rows, 10))
    x_turn, y_turn = (np.random.default_rng(p).normal(size=(10, p)) for p in (128, 100))
    X = shared @ x_turn + 3 * rng.normal(size=(n_rows, 128))
    return X, shared @ y_turn + 3 * rng.normal(size=(n_rows, 100))


def peak_memory(work):
    """MB of the arrays at the peak."""
    tracemalloc.start()
    work()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 1e6


if __name__ == "__main__":
    main()
