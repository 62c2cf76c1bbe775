"""Search in 10,000,000 vectors: what an index has in memory, takes to build, finds and answers a second.

The vectors are what an index of songs searches: variates of 64 components, whose canonical correlations
fall from 0.95 to 0.05, weighted by correlation ** 2 and of length 1; 1,000 queries are those of their
partners in the other view. They lie in one file, in single precision. "Alike" are the same without
weights: they vary alike in all directions, the hard case for any inverted file.

Each row is a process of its own. Memory is what is resident and belongs to it alone (RssAnon), after the
build and at its peak, with Python and the libraries; pages of the file, which the system lets go when
others need them, are not in it. Cold are 200 queries after the system was asked to forget the file.
The truth is `faiss.knn`, which compares all, and is the first row. IVF-PQ is faiss's own, of 16
bytes a vector and residuals, without the vectors; its lists are trained on as many vectors as ours.

    python benchmarks/index_large.py [--items 10000000] [--folder /tmp] [--quick]
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import faiss
import joblib
import numpy as np

from skdcca import FaissNeighbors

N_COMPONENTS, N_QUERIES, K, BLOCK = 64, 1_000, 10, 100_000
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
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--items", type=int, default=10_000_000)
    parser.add_argument("--folder", default=tempfile.gettempdir(), help="where the file may be")
    parser.add_argument("--only", nargs="*", choices=TASKS, default=list(TASKS))
    parser.add_argument("--variates", nargs="*", choices=POWERS, default=list(POWERS))
    parser.add_argument("--quick", action="store_true", help="a hundredth of it; about a minute")
    parser.add_argument("--task", choices=TASKS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.task:
        print(json.dumps(run(options.task, Path(options.folder))))
        return
    n_items = options.items // 100 if options.quick else options.items
    print(
        "| variates | search | n_probe | built in s | memory, MB | at the peak | file, MB | recall@10 | "
        "queries/s | cold |"
    )
    print("|---" * 10 + "|")
    for variates in options.variates:
        with tempfile.TemporaryDirectory(dir=options.folder) as folder:
            write(Path(folder), n_items, POWERS[variates])
            for task in TASKS:
                # The truth is always needed; of the hard case, one search tells enough.
                wanted = task in options.only and (variates == "weighted" or task == "file")
                if task == "exact" or wanted:
                    show(variates, task, ask(task, folder))


def show(variates, task, rows):
    for row in rows:
        cells = [variates, TASKS[task], row["n_probe"], f"{row['built']:.0f}"]
        cells += [f"{row['memory']:.0f}", f"{row['peak']:.0f}", f"{row['file']:.0f}"]
        cells += [f"{row['recall']:.4f}", f"{row['rate']:.0f}", row["cold"]]
        print(f"| {' | '.join(map(str, cells))} |", flush=True)
        if "again" in row:
            print(f"<!-- kept and loaded again by joblib in {row['again']:.0f} s -->", flush=True)


def write(folder, n_items, power):
    """The vectors and queries as files, a block at a time."""
    correlations = np.linspace(0.95, 0.05, N_COMPONENTS)
    weights = (correlations**power).astype(np.float32)
    vectors = np.lib.format.open_memmap(
        folder / "vectors.npy", "w+", np.float32, (n_items, N_COMPONENTS)
    )
    rng = np.random.default_rng(0)
    for start in range(0, n_items, BLOCK):
        size = min(BLOCK, n_items - start)
        z = rng.standard_normal((size, N_COMPONENTS), dtype=np.float32)
        if start == 0:
            noise = rng.standard_normal((N_QUERIES, N_COMPONENTS), dtype=np.float32)
            partners = correlations * z[:N_QUERIES] + np.sqrt(1 - correlations**2) * noise
            np.save(folder / "queries.npy", of_length_1(partners.astype(np.float32) * weights))
        vectors[start : start + size] = of_length_1(z * weights)
    vectors.flush()


def of_length_1(rows):
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def ask(task, folder):
    """Run a task in a process of its own."""
    command = [sys.executable, __file__, "--task", task, "--folder", str(folder)]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


def run(task, folder):
    """Rows of the table of a task, one for each number of probes."""
    path = folder / "vectors.npy"
    queries = np.load(folder / "queries.npy")
    peak = Peak()
    began = time.perf_counter()
    search, settings = build(task, path)
    built = time.perf_counter() - began
    peak.stop()
    on_file = task in ("exact", "file", "short")
    rows = []
    for n_probe in settings:
        again = {}
        cold = ""
        if on_file and task != "exact":
            forget(path)
            cold = f"{rate(search, queries[:200], n_probe)[0]:.0f}"
            search(queries, n_probe)  # what the queries need is at hand again
        speed, found = rate(search, queries, n_probe)
        if task == "exact":
            np.save(folder / "truth.npy", found)
        truth = np.load(folder / "truth.npy")
        recall = np.mean([len(set(a) & set(b)) / K for a, b in zip(found, truth, strict=True)])
        if task == "short" and n_probe == settings[-1]:
            again = {"again": keep_and_load(search.neighbors, folder / "search.joblib")}
        rows.append(
            {
                "n_probe": n_probe,
                "built": built,
                "memory": anonymous(),
                "peak": peak.most,
                "file": path.stat().st_size / 2**20 if on_file else 0,
                "recall": recall,
                "rate": speed,
                "cold": cold,
                **again,
            }
        )
    return rows


def build(task, path):
    """A function of queries and the number of probes that gives places, and the numbers to try."""
    vectors = np.load(path, mmap_mode=None if task in ("memory", "ivfpq") else "r")
    if task == "exact":
        return lambda queries, _: exact(queries, vectors), ["all"]
    if task == "ivfpq":
        n_lists = round(np.sqrt(len(vectors)))
        centres = faiss.IndexFlatL2(vectors.shape[1])
        index = faiss.IndexIVFPQ(centres, vectors.shape[1], n_lists, 16, 8)
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
    """The nearest of all vectors, block by block."""
    squares, places = [], []
    for start in range(0, len(vectors), BLOCK):
        block = np.ascontiguousarray(vectors[start : start + BLOCK])
        near, found = faiss.knn(queries, block, K)
        squares.append(near)
        places.append(found + start)
    squares, places = np.hstack(squares), np.hstack(places)
    return np.take_along_axis(places, np.argsort(squares, axis=1)[:, :K], axis=1)


def rate(search, queries, n_probe):
    """Queries a second, asked all at once, and what was found."""
    began = time.perf_counter()
    found = search(queries, n_probe)
    return len(queries) / (time.perf_counter() - began), found


def forget(path):
    """Ask the system to drop the pages of a file that it has at hand, but for those mapped now."""
    with open(path, "rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def keep_and_load(neighbors, path):
    """Seconds to load a search whose vectors stay in its file."""
    joblib.dump(neighbors, path)
    began = time.perf_counter()
    joblib.load(path, mmap_mode="r")
    return time.perf_counter() - began


def anonymous():
    """Memory in MB that belongs to this process alone."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("RssAnon:")[1].split()[0]) / 1024


class Peak:
    """The most memory there was, looked at twenty times a second until `stop`."""

    def __init__(self):
        self.most, self._done = 0.0, threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self):
        while not self._done.wait(0.05):
            self.most = max(self.most, anonymous())

    def stop(self):
        """Look no more."""
        self._done.set()
        self._thread.join()


if __name__ == "__main__":
    main()
