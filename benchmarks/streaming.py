"""Measure the time and memory of fitting more rows than fit in memory.

Blocks of float32 rows with 128 and 100 columns are generated from a seed, with 20 known canonical
correlations hidden by a mixture of the columns, and dropped after use. Each row of the table runs in a
separate process. Its peak is VmHWM, the peak resident memory including Python and the libraries, which
the first row measures alone. The second row only generates and drops the blocks. The reference is a
plain loop: `Z.T @ Z` in float64 over the same blocks, then Cholesky factors and a singular value
decomposition, without validation, shift or scaling. The error is the largest difference from a known
correlation: on the training rows or, for `KernelCCA`, whose ridge shrinks them, on 200,000 new rows. Its
kernel is "rbf" with a small gamma, because the relations are linear.

    OMP_NUM_THREADS=1 python benchmarks/streaming.py [--rows 10000000] [--landmarks 200] [--folder /tmp]

The file of the memory-mapped fit has 912 bytes per row and is deleted afterwards. Dask uses one thread
per core.
"""

import argparse
import json
import tempfile
from functools import cache, partial
from pathlib import Path

import numpy as np
from scipy import linalg

from _common.arguments import make_parser
from _common.memory import status
from _common.processes import run_part
from _common.table import print_head, print_row
from _common.timing import timed

P, Q, SHARED = 128, 100, 20
KNOWN = np.linspace(0.9, 0.15, SHARED)
CHUNK = 20_000  # rows of a block
TASKS = {
    "baseline": "Python and the libraries alone",
    "blocks": "making the blocks",
    "reference": "reference: the plain loop",
    "iterator": "LinearCCA.fit_blocks, a generator",
    "dask": "LinearCCA.fit, dask arrays",
    "memmap": "LinearCCA.fit, memory-mapped files",
    "kernel": "KernelCCA.fit_blocks, nystroem",
}


def main():
    options = parse_arguments()
    if options.task:
        print(json.dumps(run(options.task, options)))
        return
    sampling = 1 / np.sqrt(options.rows)
    print(
        f"{options.rows:,} rows of {P} and {Q} columns; a correlation is known to {sampling:.1e}\n"
    )
    print_head("", "seconds", "over the plain loop", "peak, MB", "largest error of a correlation")
    plain = None
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        for name in options.only:
            if name == "memmap":
                write(Path(folder), options.rows)
            found = ask(name, options, folder)
            ratio = f"{found['seconds'] / plain:.2f}" if plain else ""
            if name == "reference":
                plain = found["seconds"]
            error = "" if found["error"] is None else f"{found['error']:.1e}"
            cells = [f"{found['seconds']:.1f}", ratio, f"{found['peak']:.0f}", error]
            print_row(label_of(name, options), *cells)


def parse_arguments():
    parser = make_parser(__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--landmarks", type=int, default=200)
    parser.add_argument("--folder", default=tempfile.gettempdir(), help="where the file may be")
    parser.add_argument("--only", nargs="*", choices=TASKS, default=list(TASKS))
    parser.add_argument("--task", choices=TASKS, help=argparse.SUPPRESS)
    return parser.parse_args()


def label_of(name, options):
    if name == "kernel":
        return f"{TASKS[name]}, {options.landmarks} landmarks"
    return TASKS[name]


def ask(name, options, folder):
    """Run a task in a separate process."""
    arguments = ["--task", name, "--rows", options.rows, "--landmarks", options.landmarks]
    return run_part(__file__, *arguments, "--folder", folder)


def run(name, options):
    """Return the seconds, the peak memory in MB and the error of a task in this process."""
    # Imported before timing starts, because imports are not part of the fit.
    from skdcca import KernelCCA, LinearCCA

    KernelCCA, LinearCCA  # noqa: B018
    if name == "dask":
        import dask.array  # noqa: F401
    task = timed(WORK[name], options)
    correlations = task.result
    if name == "kernel":
        correlations = held_out(correlations)
    error = None if correlations is None else float(np.abs(correlations - KNOWN).max())
    return {"seconds": task.wall, "peak": status("VmHWM") / 2**20, "error": error}


def make_blocks(options):
    """Generate all blocks and drop them."""
    for _ in blocks(options.rows):
        pass


def fit_iterator(options):
    """Return the correlations of a fit to a generator."""
    from skdcca import LinearCCA

    return LinearCCA(SHARED, reg=0).fit_blocks(blocks(options.rows)).canonical_correlations_


def fit_dask(options):
    """Return the correlations of a fit to dask arrays."""
    from skdcca import LinearCCA

    return LinearCCA(SHARED, reg=0).fit(*lazy(options.rows)).canonical_correlations_


def fit_memmap(options):
    """Return the correlations of a fit to memory-mapped files."""
    from skdcca import LinearCCA

    files = [np.load(Path(options.folder) / f"{view}.npy", mmap_mode="r") for view in "xy"]
    return LinearCCA(SHARED, reg=0).fit(*files).canonical_correlations_


def fit_kernel(options):
    """Return a kernel model."""
    from skdcca import KernelCCA

    model = KernelCCA(
        SHARED,
        gamma=1e-4 / P,
        reg=1e-6,
        approximation="nystroem",
        n_landmarks=options.landmarks,
        random_state=0,
    )
    return model.fit_blocks(partial(blocks, options.rows))


def block(number, n_rows):
    """Return the block with this number: rows of both views, reproducible."""
    mix_x, mix_y = mixtures()
    views = np.random.default_rng([1, number]).standard_normal((n_rows, P + Q), dtype=np.float32)
    X, y = views[:, :P], views[:, P:]
    rho = KNOWN.astype(np.float32)
    y[:, :SHARED] *= np.sqrt(1 - rho**2)
    y[:, :SHARED] += rho * X[:, :SHARED]
    return X @ mix_x, y @ mix_y


@cache
def mixtures():
    """Return two fixed matrices far from singular, which leave canonical correlations unchanged."""
    rng = np.random.default_rng(0)
    turned = [linalg.qr(rng.normal(size=(n, n)))[0] * rng.uniform(0.5, 2, size=n) for n in (P, Q)]
    return [matrix.astype(np.float32) for matrix in turned]


def blocks(n_rows):
    """Yield all blocks, one after another."""
    for number, start in enumerate(range(0, n_rows, CHUNK)):
        yield block(number, min(CHUNK, n_rows - start))


def lazy(n_rows):
    """Return the same rows as dask arrays."""
    import dask.array as da

    def chunk(block_info=None):
        (start, stop), _ = block_info[None]["array-location"]
        return np.hstack(block(start // CHUNK, stop - start))

    sizes = tuple(min(CHUNK, n_rows - start) for start in range(0, n_rows, CHUNK))
    meta = np.empty((0, 0), dtype=np.float32)
    both = da.map_blocks(chunk, chunks=(sizes, (P + Q,)), dtype=np.float32, meta=meta)
    return both[:, :P], both[:, P:]


def write(folder, n_rows):
    """Write the same rows to two files, holding one block at a time."""
    from numpy.lib.format import write_array_header_1_0

    with open(folder / "x.npy", "wb") as x_file, open(folder / "y.npy", "wb") as y_file:
        for file, columns in ((x_file, P), (y_file, Q)):
            header = {"descr": "<f4", "fortran_order": False, "shape": (n_rows, columns)}
            write_array_header_1_0(file, header)
        for X, y in blocks(n_rows):
            X.tofile(x_file)
            y.tofile(y_file)


def plain_loop(pairs):
    """Return the canonical correlations by the textbook formula."""
    products, sums, n = 0.0, 0.0, 0
    for X, y in pairs:
        rows = np.concatenate([X, y], axis=1, dtype=np.float64)
        products += rows.T @ rows
        sums += rows.sum(axis=0)
        n += len(rows)
    covariance = (products - np.outer(sums, sums) / n) / (n - 1)
    roots = [linalg.cholesky(covariance[view, view], lower=True) for view in (np.s_[:P], np.s_[P:])]
    half = linalg.solve_triangular(roots[0], covariance[:P, P:], lower=True)
    return linalg.svdvals(linalg.solve_triangular(roots[1], half.T, lower=True))[:SHARED]


def held_out(model):
    """Return the correlations on new rows."""
    from skdcca.metrics import variate_correlations

    return variate_correlations(*model.transform(*block(10**9, 200_000)))


WORK = {
    "baseline": lambda options: None,
    "blocks": make_blocks,
    "reference": lambda options: plain_loop(blocks(options.rows)),
    "iterator": fit_iterator,
    "dask": fit_dask,
    "memmap": fit_memmap,
    "kernel": fit_kernel,
}


if __name__ == "__main__":
    main()
