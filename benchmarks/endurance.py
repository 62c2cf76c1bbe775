"""Measure memory growth over 200 fits of each model and open files over 5,000 clips.

Memory is the resident memory of the process after garbage collection, and its peak, from /proc (Linux
only). Clips are alternately WAV and FLAC files of 0.2 s, read by `MelSpectrogram` in two threads, 1,000
per call.

    python benchmarks/endurance.py [--quick]
"""

import gc
import os
import sys
import tempfile
import time

import numpy as np
import soundfile
from sklearn.base import clone

from skdcca import DeepCCA, KernelCCA, LinearCCA, MelSpectrogram
from skdcca.encoders import MLP

from _common.arguments import make_parser
from _common.memory import greatest_resident, status
from _common.table import print_head, print_row

RATE = 8000


def main():
    options = make_parser(__doc__, "a tenth of it").parse_args()
    share = 10 if options.quick else 1
    stops = [20 // share, 100 // share, 200 // share]
    print_head("model", *(f"MB after {n} fits" for n in stops), "greatest", "s a fit")
    growth = [fits(name, model, stops) for name, model in models()]
    left = clips(5000 // share, 1000 // share)
    print(f"growth_mb={max(growth):.1f} files_left={left}")
    sys.exit(left != 0)


def models():
    tower = MLP((64,))
    yield "LinearCCA", LinearCCA(5)
    yield "KernelCCA", KernelCCA(5)
    yield "KernelCCA, nystroem", KernelCCA(5, approximation="nystroem", random_state=0)
    deep = DeepCCA(5, x_encoder=tower, y_encoder=tower, max_epochs=5, device="cpu", random_state=0)
    yield "DeepCCA, 5 epochs", deep


def fits(name, model, stops):
    """Return the growth of the process in MB from the first measurement to the last."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 40))
    y = X[:, :30] + rng.normal(size=(200, 30))
    memory, began = [], time.perf_counter()
    for i in range(1, stops[-1] + 1):
        clone(model).fit(X, y).transform(X)
        if i in stops:
            memory.append(resident())
    seconds = (time.perf_counter() - began) / stops[-1]
    cells = [f"{mb:.1f}" for mb in (*memory, greatest_resident() / 2**20)]
    print_row(name, *cells, f"{seconds:.3f}")
    return memory[-1] - memory[0]


def clips(n_clips, n_at_once):
    """Return the number of files left open after all clips."""
    rng = np.random.default_rng(0)
    transformer = MelSpectrogram(sample_rate=RATE, n_fft=512, duration=0.2, n_jobs=2)
    print()
    print_head("clips read", "open files", "MB")
    with tempfile.TemporaryDirectory() as folder:
        files = [os.path.join(folder, f"{i}.{('wav', 'flac')[i % 2]}") for i in range(n_clips)]
        for file in files:
            soundfile.write(file, 0.1 * rng.normal(size=2000), RATE)
        transformer.fit_transform(files[:2])
        before = n_open()
        print_row(2, before, f"{resident():.0f}")
        for first in range(0, n_clips, n_at_once):
            transformer.transform(files[first : first + n_at_once])
            print_row(f"{first + n_at_once:,}", n_open(), f"{resident():.0f}")
        return n_open() - before


def n_open():
    return len(os.listdir("/proc/self/fd"))


def resident():
    """Return the resident memory of the process in MB after garbage collection."""
    gc.collect()
    return status("VmRSS") / 2**20


if __name__ == "__main__":
    main()
