"""Compare `DeepCCA` in two processes with one, and memory-mapped views with arrays.

There are three tables: the difference in training loss, next to that between one process with one and
with two threads; seconds per epoch; and seconds and memory for views in a file. Memory is RssAnon of
the process, which excludes file pages because the system can reclaim them.

    python benchmarks/distributed.py [--part losses speed files] [--gigabytes 4]
"""

import multiprocessing
import os
import tempfile
from pathlib import Path

import numpy as np
import torch
from torch import distributed as dist

from skdcca import DeepCCA
from skdcca.encoders import MLP

from _common.arguments import make_parser
from _common.memory import Peak
from _common.table import print_head, print_row
from _common.timing import timed

CONTEXT = multiprocessing.get_context("spawn")
LOSSES = ("cca", "ey", "barlow_twins", "vicreg", "infonce")
WIDTHS = 512, 64  # columns of X and of y in files
KINDS = {None: "arrays", "r": "files"}  # by mode of the memory map


def main():
    parser = make_parser(__doc__)
    parts = {"losses": losses, "speed": speed, "files": files}
    parser.add_argument("--part", nargs="+", choices=parts, default=list(parts))
    parser.add_argument("--gigabytes", type=float, default=4, help="of the file of X")
    options = parser.parse_args()
    for part in options.part:
        parts[part](options)


def losses(options):
    """Print the largest difference over ten epochs of a loss, with 30% and 70% of the rows."""
    print_head("loss", "2 processes against 1", "relative", "2 threads against 1, relative")
    for loss in LOSSES:
        one, threads, several = (
            course(loss, n_processes, n_threads)
            for n_processes, n_threads in ((1, 1), (1, 2), (2, 1))
        )
        apart = np.abs(several - one).max()
        relative, by_threads = (np.abs((other - one) / one).max() for other in (several, threads))
        print_row(loss, f"{apart:.1e}", f"{relative:.1e}", f"{by_threads:.1e}")


def course(loss, n_processes, n_threads):
    """Return the training loss of each epoch."""
    params = {"loss": loss, "n_components": 10, "max_epochs": 10, "batch_size": 256}
    return np.array([row["train_loss"] for row in fitted((256,), params, n_processes, n_threads)])


def speed(options):
    """Print the seconds per epoch: the minimum after the first, because the machine may be shared."""
    print_head("processes", "threads each", "s an epoch")
    for n_processes, n_threads in ((1, 1), (1, 2), (2, 1)):
        params = {"loss": "cca", "n_components": 50, "max_epochs": 8, "batch_size": 1000}
        history = fitted((1024, 1024), params, n_processes, n_threads)
        seconds = min(row["dur"] for row in history[1:])
        print_row(n_processes, n_threads, f"{seconds:.2f}")


def fitted(layers, params, n_processes, n_threads):
    """Return the history of a model of 10,000 rows of 392 columns."""
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
    # Dropout draws different numbers in each process.
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
    """Print the memory and time for views in arrays and in files."""
    print_head("views", "X", "limit of memory", "greatest RssAnon, GB", "s an epoch", "s in all")
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR", "/tmp")) as folder:
        write(Path(folder), options.gigabytes)
        for mode in (None, "r"):
            process = CONTEXT.Process(target=fit_files, args=(Path(folder), mode))
            process.start()
            process.join()
            if process.exitcode:
                print_row(KINDS[mode], "", limit(), f"killed ({process.exitcode})", "", "")


def write(folder, gigabytes):
    """Write views that share 20 directions, block by block."""
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
    """Fit a model and print the row of its memory and time."""
    torch.set_num_threads(2)
    X, y = (np.load(folder / f"{name}.npy", mmap_mode=mode) for name in "Xy")
    peak = Peak(every=0.01)
    encoder = MLP((256,))
    model = DeepCCA(
        10, x_encoder=encoder, y_encoder=encoder, batch_size=1024, max_epochs=3, random_state=0
    )
    total = timed(lambda: model.fit(X, y).transform(X)).wall
    seconds = np.median([row["dur"] for row in model.history_])
    cells = [f"{X.nbytes / 1e9:.1f} GB", limit(), f"{peak.stop() / 1e9:.2f}"]
    print_row(KINDS[mode], *cells, f"{seconds:.1f}", f"{total:.0f}")


def limit():
    """Return the memory limit of the control group, or "none"."""
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, kinds, group = line.split(":", 2)
        file = Path(f"/sys/fs/cgroup/memory{group}/memory.limit_in_bytes")
        if kinds == "memory" and file.exists() and int(file.read_text()) < 1e12:
            return f"{int(file.read_text()) / 1e9:.1f} GB"
    return "none"


if __name__ == "__main__":
    main()
