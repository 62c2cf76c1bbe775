"""What a fit of more rows than memory costs, and how much memory it has.

Blocks of float32 rows of 128 and 100 columns are made from a seed, with 20 planted canonical
correlations behind a mixture of the columns, and are gone once they are used. Each row of the table is a
process of its own, whose peak is VmHWM: all that was ever resident, with Python and the libraries, which
the first row has alone. The reference is the plain loop, `Z.T @ Z` in float64 of the same blocks, with
Cholesky factors and a singular value decomposition at the end; it checks, shifts and scales nothing. The
row before it is the loop that does nothing with its blocks. The error is the largest difference to a
planted correlation: of the training rows, and for `KernelCCA`, whose ridge shrinks them, of 200,000 new
ones. Its kernel is "rbf", with a gamma so small that the planted relations, which are linear, show.

    OMP_NUM_THREADS=1 python benchmarks/streaming.py [--rows 10000000] [--landmarks 200] [--folder /tmp]

The file of the memory-mapped fit has 912 bytes a row and is deleted afterwards. Dask has a thread for
each core.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from functools import cache, partial
from pathlib import Path

import numpy as np
from scipy import linalg

P, Q, SHARED = 128, 100, 20
PLANTED = np.linspace(0.9, 0.15, SHARED)
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
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--landmarks", type=int, default=200)
    parser.add_argument("--folder", default=tempfile.gettempdir(), help="where the file may be")
    parser.add_argument("--only", nargs="*", choices=TASKS, default=list(TASKS))
    parser.add_argument("--task", choices=TASKS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.task:
        print(json.dumps(run(options.task, options)))
        return
    sampling = 1 / np.sqrt(options.rows)
    print(
        f"{options.rows:,} rows of {P} and {Q} columns; a correlation is known to {sampling:.1e}\n"
    )
    print("| | seconds | over the plain loop | peak, MB | largest error of a correlation |")
    print("|---|---|---|---|---|")
    plain = None
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        for name in options.only:
            if name == "memmap":
                write(Path(folder), options.rows)
            found = ask(name, options, folder)
            if name == "reference":
                plain = found["seconds"]
            ratio = f"{found['seconds'] / plain:.2f}" if plain and name != "reference" else ""
            error = "" if found["error"] is None else f"{found['error']:.1e}"
            label = TASKS[name] + (f", {options.landmarks} landmarks" * (name == "kernel"))
            print(
                f"| {label} | {found['seconds']:.1f} | {ratio} | {found['peak']:.0f} | {error} |",
                flush=True,
            )


def ask(name, options, folder):
    """Run a task in a process of its own."""
    command = [sys.executable, __file__, "--task", name, "--rows", str(options.rows)]
    command += ["--landmarks", str(options.landmarks), "--folder", folder]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


def run(name, options):
    """Seconds, peak memory in MB and error of a task in this process."""
    from skdcca import KernelCCA, LinearCCA

    KernelCCA, LinearCCA  # noqa: B018 - imported, which takes memory and no time of the fit
    model = LinearCCA(SHARED)
    generator = partial(blocks, options.rows)
    correlations = None
    if name == "dask":
        import dask.array  # noqa: F401 - as above
    start = time.perf_counter()
    if name == "blocks":
        for _ in generator():
            pass
    elif name == "reference":
        correlations = plain_loop(generator())
    elif name == "iterator":
        correlations = model.fit_blocks(generator()).canonical_correlations_
    elif name == "dask":
        correlations = model.fit(*lazy(options.rows)).canonical_correlations_
    elif name == "memmap":
        files = [np.load(Path(options.folder) / f"{view}.npy", mmap_mode="r") for view in "xy"]
        correlations = model.fit(*files).canonical_correlations_
    elif name == "kernel":
        model = KernelCCA(
            SHARED,
            gamma=1e-4 / P,
            reg=1e-6,
            approximation="nystroem",
            n_landmarks=options.landmarks,
            random_state=0,
        ).fit_blocks(generator)
    seconds = time.perf_counter() - start
    if name == "kernel":
        correlations = held_out(model)
    error = None if correlations is None else float(np.abs(correlations - PLANTED).max())
    return {"seconds": seconds, "peak": peak(), "error": error}


def peak():
    """What of this process was ever resident, in MB."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def block(number, n_rows):
    """Rows of both views, the same for the same number."""
    mix_x, mix_y = mixtures()
    views = np.random.default_rng([1, number]).standard_normal((n_rows, P + Q), dtype=np.float32)
    X, y = views[:, :P], views[:, P:]
    rho = PLANTED.astype(np.float32)
    y[:, :SHARED] *= np.sqrt(1 - rho**2)
    y[:, :SHARED] += rho * X[:, :SHARED]
    return X @ mix_x, y @ mix_y


@cache
def mixtures():
    """Two fixed matrices that are far from singular, which leave canonical correlations as they are."""
    rng = np.random.default_rng(0)
    turned = [linalg.qr(rng.normal(size=(n, n)))[0] * rng.uniform(0.5, 2, size=n) for n in (P, Q)]
    return [matrix.astype(np.float32) for matrix in turned]


def blocks(n_rows):
    """All of them, one after another."""
    for number, start in enumerate(range(0, n_rows, CHUNK)):
        yield block(number, min(CHUNK, n_rows - start))


def lazy(n_rows):
    """The same as dask arrays."""
    import dask.array as da

    def chunk(block_info=None):
        (start, stop), _ = block_info[None]["array-location"]
        return np.hstack(block(start // CHUNK, stop - start))

    sizes = tuple(min(CHUNK, n_rows - start) for start in range(0, n_rows, CHUNK))
    meta = np.empty((0, 0), dtype=np.float32)
    both = da.map_blocks(chunk, chunks=(sizes, (P + Q,)), dtype=np.float32, meta=meta)
    return both[:, :P], both[:, P:]


def write(folder, n_rows):
    """The same as two files; this process holds a block at a time."""
    from numpy.lib.format import write_array_header_1_0

    with open(folder / "x.npy", "wb") as x_file, open(folder / "y.npy", "wb") as y_file:
        for file, columns in ((x_file, P), (y_file, Q)):
            header = {"descr": "<f4", "fortran_order": False, "shape": (n_rows, columns)}
            write_array_header_1_0(file, header)
        for X, y in blocks(n_rows):
            X.tofile(x_file)
            y.tofile(y_file)


def plain_loop(pairs):
    """Canonical correlations by the textbook."""
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
    """Correlations of rows that were not learned from."""
    from skdcca.metrics import variate_correlations

    return variate_correlations(*model.transform(*block(10**9, 200_000)))


if __name__ == "__main__":
    main()
