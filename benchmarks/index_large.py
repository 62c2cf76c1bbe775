"""Measure search in 10,000,000 vectors: memory, build time, recall and queries per second.

The vectors are like those of an index of songs: variates of 64 components with canonical correlations
from 0.95 down to 0.05, weighted by correlation ** 2 and normalized. The 1,000 queries are their
partners in the other view. The vectors are stored in one file, in single precision. "Alike" are the
same vectors without weights: they have the same variance in all directions, which is the hard case for
an inverted file.

Each row runs in a separate process. Memory is RssAnon, which includes Python and the libraries but
excludes file pages because the system can reclaim them; it is measured after the build and at its peak.
"Cold" are 200 queries after the system was asked to drop the cached file. The ground truth is the first
row, `faiss.knn`, which compares all vectors. IVF-PQ is the index of Faiss with residuals and 16 bytes
per vector, without the vectors themselves; its lists are trained on as many vectors as ours.

    python benchmarks/index_large.py [--items 10000000] [--folder /tmp] [--quick]
"""

import argparse
import json
import os
import tempfile
from pathlib import Path

import faiss
import joblib
import numpy as np

from skdcca import FaissNeighbors

from _common.arguments import make_parser
from _common.memory import Peak, status
from _common.processes import run_part
from _common.search import recall
from _common.synthetic import CORRELATIONS, N_COMPONENTS, partners
from _common.table import print_head, print_row
from _common.timing import timed

N_QUERIES, K, BLOCK = 1_000, 10, 100_000
POWERS = {"weighted": 2, "alike": 0}
TASKS = {
    "exact": "exact, `faiss.knn`, file",
    "memory": "`FaissNeighbors()`, memory",
    "file": "`FaissNeighbors()`, file",
    "short": "`FaissNeighbors(code_size=16)`, file",
    "ivfpq": "faiss IVF-PQ alone, memory",
}
PROBES = (64, 256)


def main():
    parser = make_parser(__doc__, "a hundredth of it; about a minute")
    parser.add_argument("--items", type=int, default=10_000_000)
    parser.add_argument("--folder", default=tempfile.gettempdir(), help="where the file may be")
    parser.add_argument("--only", nargs="*", choices=TASKS, default=list(TASKS))
    parser.add_argument("--variates", nargs="*", choices=POWERS, default=list(POWERS))
    parser.add_argument("--task", choices=TASKS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.task:
        print(json.dumps(run(options.task, Path(options.folder))))
        return
    n_items = options.items // 100 if options.quick else options.items
    print_head(
        "variates",
        "search",
        "n_probe",
        "built in s",
        "memory, MB",
        "at the peak",
        "file, MB",
        "recall@10",
        "queries/s",
        "cold",
    )
    for variates in options.variates:
        with tempfile.TemporaryDirectory(dir=options.folder) as folder:
            write(Path(folder), n_items, POWERS[variates])
            for task in TASKS:
                # The ground truth is always needed; for the hard case, one search is enough.
                wanted = task in options.only and (variates == "weighted" or task == "file")
                if task == "exact" or wanted:
                    rows = run_part(__file__, "--task", task, "--folder", folder)
                    show(variates, task, rows)


def show(variates, task, rows):
    """Print the rows of a task."""
    for row in rows:
        cells = [variates, TASKS[task], row["n_probe"], f"{row['built']:.0f}"]
        cells += [f"{row['memory']:.0f}", f"{row['peak']:.0f}", f"{row['file']:.0f}"]
        cells += [f"{row['recall']:.4f}", f"{row['rate']:.0f}", row["cold"]]
        print_row(*cells)
        if "again" in row:
            print(f"<!-- saved by joblib and loaded in {row['again']:.0f} s -->", flush=True)


def write(folder, n_items, power):
    """Write the vectors and queries to files, block by block."""
    weights = (CORRELATIONS**power).astype(np.float32)
    vectors = np.lib.format.open_memmap(
        folder / "vectors.npy", "w+", np.float32, (n_items, N_COMPONENTS)
    )
    rng = np.random.default_rng(0)
    for start in range(0, n_items, BLOCK):
        size = min(BLOCK, n_items - start)
        z = rng.standard_normal((size, N_COMPONENTS), dtype=np.float32)
        if start == 0:
            noise = rng.standard_normal((N_QUERIES, N_COMPONENTS), dtype=np.float32)
            queries = partners(z[:N_QUERIES], noise).astype(np.float32)
            np.save(folder / "queries.npy", of_length_1(queries * weights))
        vectors[start : start + size] = of_length_1(z * weights)
    vectors.flush()


def of_length_1(rows):
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def run(task, folder):
    """Return the table rows of a task, one per number of probes."""
    path = folder / "vectors.npy"
    queries = np.load(folder / "queries.npy")
    peak = Peak(every=0.05)
    building = timed(build, task, path)
    search, settings = building.result
    on_file = task in ("exact", "file", "short")
    of_build = {
        "built": building.wall,
        "peak": peak.stop() / 2**20,
        "file": path.stat().st_size / 2**20 if on_file else 0,
    }
    rows = []
    for n_probe in settings:
        cold = ""
        if on_file and task != "exact":
            forget(path)
            cold = f"{rate(search, queries[:200], n_probe)[0]:.0f}"
            search(queries, n_probe)  # cache the pages that the queries need
        speed, found = rate(search, queries, n_probe)
        if task == "exact":
            np.save(folder / "truth.npy", found)
        row = {"n_probe": n_probe, "rate": speed, "cold": cold, **of_build}
        row["recall"] = recall(found, np.load(folder / "truth.npy"))
        if task == "short" and n_probe == settings[-1]:
            row["again"] = save_and_load(search.neighbors, folder / "search.joblib")
        row["memory"] = status("RssAnon") / 2**20
        rows.append(row)
    return rows


def build(task, path):
    """Return a search (a function of queries and the number of probes) and the numbers to try."""
    vectors = np.load(path, mmap_mode=None if task in ("memory", "ivfpq") else "r")
    if task == "exact":
        return lambda queries, _: exact(queries, vectors), ["all"]
    if task == "ivfpq":
        n_lists = round(np.sqrt(len(vectors)))
        quantizer = faiss.IndexFlatL2(vectors.shape[1])
        index = faiss.IndexIVFPQ(quantizer, vectors.shape[1], n_lists, 16, 8)
        index.train(vectors[:: max(1, len(vectors) // (128 * n_lists))])
        for start in range(0, len(vectors), BLOCK):
            index.add(vectors[start : start + BLOCK])

        def ivfpq(queries, n_probe):
            parameters = faiss.IVFPQSearchParameters(nprobe=n_probe)
            return index.search(queries, K, params=parameters)[1]

        del vectors
        return ivfpq, PROBES
    neighbors = FaissNeighbors(code_size=16 if task == "short" else None).fit(vectors)

    def ours(queries, n_probe):
        neighbors.set_params(n_probe=n_probe)
        return neighbors.kneighbors(queries, K, return_distance=False)

    ours.neighbors = neighbors
    return ours, PROBES


def exact(queries, vectors):
    """Find the nearest vectors exactly, block by block."""
    squares, places = [], []
    for start in range(0, len(vectors), BLOCK):
        block = np.ascontiguousarray(vectors[start : start + BLOCK])
        near, found = faiss.knn(queries, block, K)
        squares.append(near)
        places.append(found + start)
    squares, places = np.hstack(squares), np.hstack(places)
    return np.take_along_axis(places, np.argsort(squares, axis=1)[:, :K], axis=1)


def rate(search, queries, n_probe):
    """Return queries per second for one call with all queries, and the results."""
    searching = timed(search, queries, n_probe)
    return len(queries) / searching.wall, searching.result


def forget(path):
    """Ask the system to drop the cached pages of a file, except those currently mapped."""
    with open(path, "rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def save_and_load(neighbors, path):
    """Return the seconds needed to load a search whose vectors stay in their file."""
    joblib.dump(neighbors, path)
    return timed(joblib.load, path, mmap_mode="r").wall


if __name__ == "__main__":
    main()
