"""What a GPU saves: spectrograms, embeddings, training and exact search, there and on the CPU beside it.

Everything is measured in one run on the same data: with `device="cuda"`, with `device="cpu"`, and, of
what has one, without torch (librosa, NumPy). Each is warmed up, and the least time of several rounds in
turn counts. Songs are waveforms of 30 s at their final rate, so that nothing is read or resampled; what
a file costs besides, on the CPU, `benchmarks/features.py` tells. The difference is the largest of what
any column gives to what the first one gives. Where there is no GPU, the script says so, and measures the
rest on a tenth of the data.

    python benchmarks/gpu.py [--jobs 4] [--quick]
"""

import argparse
import time

import numpy as np
import torch

from skdcca import CrossModalIndex, DeepCCA, LinearCCA, MelCNNAudio, MelSpectrogram
from skdcca.encoders import MLP, MelCNN

SECONDS, N_COMPONENTS, N_QUERIES = 30.0, 64, 1_000


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", type=int, default=1, help="songs at a time")
    parser.add_argument("--quick", action="store_true", help="a tenth of the data; under 60 s")
    options = parser.parse_args()
    there = torch.cuda.is_available()
    small = options.quick or not there
    devices = [None, "cpu", *(["cuda"] if there else [])]
    print(torch.cuda.get_device_name() if there else "no GPU here: the CPU alone, a tenth of it")
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads\n")
    heads = ["without torch", "CPU", *(["GPU"] if there else [])]
    print(f"| | {' | '.join(heads)} | largest difference |")
    print("|---" * (len(heads) + 2) + "|")
    for name, measure in TASKS.items():
        rates, apart = measure(devices, small, options.jobs)
        cells = ["" if rate is None else f"{rate:.3g}" for rate in rates]
        print(f"| {name} | {' | '.join(cells)} | {apart:.1e} |", flush=True)


def least(calls, rounds):
    """Least seconds of each call, in turn, after one to warm up, and what that one gave."""
    given = [call() for call in calls]
    seconds = [np.inf] * len(calls)
    for _ in range(rounds):
        for i, call in enumerate(calls):
            began = time.perf_counter()
            call()
            seconds[i] = min(seconds[i], time.perf_counter() - began)
    return seconds, given


def difference(given):
    return max(float(np.abs(of - given[0]).max()) for of in given)


def songs(n, rate):
    """Chords of changing pitch among noise."""
    axis = np.arange(int(SECONDS * rate)) / rate
    found = []
    for i in range(n):
        rng = np.random.default_rng(i)
        pitch = 220 * 2 ** (rng.integers(0, 24, size=(3, 1)) / 12)
        tones = np.sin(2 * np.pi * pitch * axis).mean(axis=0)
        found.append((0.4 * tones + 0.05 * rng.normal(size=axis.size)).astype(np.float32))
    return found


def spectrograms(devices, small, n_jobs):
    """Songs a second; the difference is in dB."""
    given = songs(20 if small else 200, 22050)
    mels = [MelSpectrogram(device=device, n_jobs=n_jobs).fit(given) for device in devices]
    seconds, results = least([lambda mel=mel: mel.transform(given) for mel in mels], 3)
    return [len(given) / taken for taken in seconds], difference(results)


def embeddings(devices, small, n_jobs):
    """Songs a second; the difference is a share of the largest number."""
    given = songs(4 if small else 40, 16000)
    networks = [MelCNNAudio(device=device, n_jobs=n_jobs).fit(given) for device in devices]
    seconds, results = least([lambda of=of: of.transform(given) for of in networks], 2)
    return [len(given) / taken for taken in seconds], difference(results) / results[0].max()


def vectors(devices, small, n_jobs):
    """Seconds an epoch of towers of 392-1024-1024-50; the difference is of the mean correlation."""
    rng = np.random.default_rng(0)
    n = 2_000 if small else 20_000
    shared = rng.normal(size=(n, 50))
    X, y = (np.hstack([shared, rng.normal(size=(n, 342))]).astype(np.float32) for _ in "xy")
    return training(devices, X, y, MLP((1024, 1024)), 1 if small else 5)


def convolutions(devices, small, n_jobs):
    """The same of spectrograms of 96 bands and 323 frames."""
    rng = np.random.default_rng(0)
    n = 200 if small else 2_000
    y = rng.normal(size=(n, 50)).astype(np.float32)
    X = rng.normal(size=(n, 96, 323)).astype(np.float32) + y[:, :1, None]
    return training(devices, X, y, MelCNN(), 1 if small else 5)


def training(devices, X, y, encoder, n_epochs):
    """Seconds an epoch: the difference of fits of one epoch and of more."""
    rates, scores = [], []
    for device in devices:
        if device is None:
            rates.append(None)
            continue
        seconds = []
        for epochs in (1, 1, 1 + n_epochs):  # the first warms up
            model = DeepCCA(10, x_encoder=encoder, max_epochs=epochs, device=device, random_state=0)
            began = time.perf_counter()
            model.fit(X, y)
            seconds.append(time.perf_counter() - began)
        rates.append((seconds[2] - seconds[1]) / n_epochs)
        scores.append(np.mean(model.canonical_correlations_))
    return rates, difference(scores)


def search(devices, small, n_jobs):
    """Queries a second of the exact search for the best 10; the difference is of their scores."""
    n_items = 200_000 if small else 2_000_000
    rng = np.random.default_rng(0)
    correlations = np.linspace(0.95, 0.05, N_COMPONENTS)
    X = rng.normal(size=(n_items, N_COMPONENTS)).astype(np.float32)
    noise = rng.normal(size=(20_000, N_COMPONENTS))
    y = correlations * X[:20_000] + np.sqrt(1 - correlations**2) * noise
    model = LinearCCA().fit(X[:20_000], y)
    indexes = [CrossModalIndex(model, device=device).fit(X) for device in devices]
    asked = y[:N_QUERIES]
    seconds, results = least([lambda of=of: of.query(y=asked) for of in indexes], 3)
    places = [ids for _, ids in results]
    if difference(places):
        raise AssertionError("a device finds other items")
    return [N_QUERIES / taken for taken in seconds], difference([scores for scores, _ in results])


TASKS = {
    "`MelSpectrogram`, songs/s": spectrograms,
    "`MelCNNAudio`, songs/s": embeddings,
    "`DeepCCA`, vectors, s an epoch": vectors,
    "`DeepCCA`, `MelCNN`, s an epoch": convolutions,
    "exact search, queries/s": search,
}


if __name__ == "__main__":
    main()
