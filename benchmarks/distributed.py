"""`DeepCCA` in two processes against one, and trained from memory-mapped views against arrays.

Three tables: how far the courses of the loss are apart, for each loss, and how far those of one process
with one and with two threads are; seconds an epoch; seconds and memory for views in a file. Memory is
that of the process itself (RssAnon): pages of a file are the system's, which takes them back.

    python benchmarks/distributed.py [--part losses speed files] [--gigabytes 4]
"""

import argparse
import multiprocessing
import os
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import torch
from torch import distributed as dist

from skdcca import DeepCCA
from skdcca.encoders import MLP

CONTEXT = multiprocessing.get_context("spawn")
LOSSES = ("cca", "ey", "barlow_twins", "vicreg", "infonce")
# Of a file: columns of X and of y.
WIDTHS = 512, 64


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parts = {"losses": losses, "speed": speed, "files": files}
    parser.add_argument("--part", nargs="+", choices=parts, default=list(parts))
    parser.add_argument("--gigabytes", type=float, default=4, help="of the file of X")
    options = parser.parse_args()
    for part in options.part:
        parts[part](options)


def losses(options):
    """Greatest difference of ten epochs of the loss, of shares of 30 and 70 %."""
    print("| loss | 2 processes against 1 | relative | 2 threads against 1, relative |")
    print("|---|---|---|---|")
    for loss in LOSSES:
        one, threads, several = (
            course(loss, n_processes, n_threads)
            for n_processes, n_threads in ((1, 1), (1, 2), (2, 1))
        )
        apart = np.abs(several - one).max()
        relative, by_threads = (np.abs((other - one) / one).max() for other in (several, threads))
        print(f"| {loss} | {apart:.1e} | {relative:.1e} | {by_threads:.1e} |", flush=True)


def course(loss, n_processes, n_threads):
    params = {"loss": loss, "n_components": 10, "max_epochs": 10, "batch_size": 256}
    return np.array([row["train_loss"] for row in fitted((256,), params, n_processes, n_threads)])


def speed(options):
    """Seconds of an epoch, the least of seven after the first, as others may use the machine."""
    print("| processes | threads each | s an epoch |")
    print("|---|---|---|")
    for n_processes, n_threads in ((1, 1), (1, 2), (2, 1)):
        params = {"loss": "cca", "n_components": 50, "max_epochs": 8, "batch_size": 1000}
        history = fitted((1024, 1024), params, n_processes, n_threads)
        seconds = min(row["dur"] for row in history[1:])
        print(f"| {n_processes} | {n_threads} | {seconds:.2f} |", flush=True)


def fitted(layers, params, n_processes, n_threads):
    """History of a model of 10,000 rows of 392 columns."""
    with tempfile.TemporaryDirectory() as folder:
        queue = CONTEXT.Queue()
        processes = [
            CONTEXT.Process(
                target=fit, args=(i, n_processes, n_threads, folder, layers, params, queue)
            )
            for i in range(n_processes)
        ]
        for process in processes:
            process.start()
        history = queue.get()
        for process in processes:
            process.join()
    return history


def fit(number, n_processes, n_threads, folder, layers, params, queue):
    torch.set_num_threads(n_threads)
    rng = np.random.default_rng(0)
    shared = rng.normal(size=(10_000, 60))
    X, y = (
        (shared @ rng.normal(size=(60, 392)) + rng.normal(size=(10_000, 392))).astype(np.float32)
        for _ in range(2)
    )
    if n_processes > 1:
        dist.init_process_group(
            "gloo", init_method=f"file://{folder}/init", rank=number, world_size=n_processes
        )
        split = 3000 if len(layers) == 1 else 5000
        X, y = (view[:split] if number == 0 else view[split:] for view in (X, y))
    # Dropout would draw other numbers in each process.
    encoder = MLP(layers, activation="gelu", dropout=0)
    model = DeepCCA(
        **params, x_encoder=encoder, y_encoder=encoder, random_state=0, validation_fraction=0
    )
    model.set_params(distributed=n_processes > 1, device="cpu").fit(X, y)
    if number == 0:
        queue.put(model.history_)
    if n_processes > 1:
        dist.destroy_process_group()


def files(options):
    """Views in arrays and in files."""
    print("| views | X | limit of memory | greatest RssAnon, GB | s an epoch | s in all |")
    print("|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR", "/tmp")) as folder:
        write(Path(folder), options.gigabytes)
        for mode in (None, "r"):
            process = CONTEXT.Process(target=fit_files, args=(Path(folder), mode))
            process.start()
            process.join()
            if process.exitcode:
                where = "arrays" if mode is None else "files"
                print(f"| {where} | | {limit()} | killed ({process.exitcode}) | | |", flush=True)


def write(folder, gigabytes):
    n = int(gigabytes * 1e9 / 4 / WIDTHS[0])
    views = [
        np.lib.format.open_memmap(folder / f"{name}.npy", "w+", np.float32, (n, width))
        for name, width in zip("Xy", WIDTHS, strict=True)
    ]
    rng = np.random.default_rng(0)
    maps = [rng.normal(size=(20, width)).astype(np.float32) for width in WIDTHS]
    for start in range(0, n, 20_000):
        shared = rng.standard_normal((min(20_000, n - start), 20), dtype=np.float32)
        for view, loadings in zip(views, maps, strict=True):
            noise = rng.standard_normal((len(shared), view.shape[1]), dtype=np.float32)
            view[start : start + len(shared)] = shared @ loadings + noise


def fit_files(folder, mode):
    torch.set_num_threads(2)
    X, y = (np.load(folder / f"{name}.npy", mmap_mode=mode) for name in "Xy")
    seconds, peak = [], Peak()
    encoder = MLP((256,))
    model = DeepCCA(
        10, x_encoder=encoder, y_encoder=encoder, batch_size=1024, max_epochs=3, random_state=0
    )
    began = time.perf_counter()
    model.fit(X, y).transform(X)
    total = time.perf_counter() - began
    seconds = np.median([row["dur"] for row in model.history_])
    name, gigabytes = ("arrays" if mode is None else "files"), X.nbytes / 1e9
    cells = (
        f"{name} | {gigabytes:.1f} GB | {limit()} | {peak.stop():.2f} | {seconds:.1f} | {total:.0f}"
    )
    print(f"| {cells} |", flush=True)


def limit():
    """Limit of the control group, if it has one."""
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, kinds, group = line.split(":", 2)
        file = Path(f"/sys/fs/cgroup/memory{group}/memory.limit_in_bytes")
        if kinds == "memory" and file.exists() and int(file.read_text()) < 1e12:
            return f"{int(file.read_text()) / 1e9:.1f} GB"
    return "none"


class Peak:
    """Greatest RssAnon of this process, looked at a hundred times a second."""

    def __init__(self):
        self.greatest, self._ended = 0, threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self):
        while not self._ended.wait(0.01):
            status = Path("/proc/self/status").read_text()
            kilobytes = int(status.split("RssAnon:")[1].split()[0])
            self.greatest = max(self.greatest, kilobytes)

    def stop(self):
        """End, and give it in GB."""
        self._ended.set()
        self._thread.join()
        return self.greatest * 1024 / 1e9


if __name__ == "__main__":
    main()
