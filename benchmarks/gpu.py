"""Measure the speedup of a GPU for spectrograms, embeddings, training and exact search.

Everything is measured in one run on the same data: with `device="cuda"`, with `device="cpu"` and, if
available, without torch (librosa, NumPy). After a warm-up, the minimum time over several alternating
rounds is reported. Songs are 30 s waveforms at their final sample rate, so that nothing is read or
resampled; `benchmarks/features.py` measures the cost of files. The difference is the largest one
between the results of the first column and of any other. Without a GPU, the script prints a note and
measures the rest on a tenth of the data.

    python benchmarks/gpu.py [--jobs 4] [--quick]
"""

import numpy as np
import torch

from skdcca import CrossModalIndex, DeepCCA, LinearCCA, MelCNNAudio, MelSpectrogram
from skdcca.encoders import MLP, MelCNN

from _common.arguments import make_parser
from _common.synthetic import N_COMPONENTS, chord, partners
from _common.table import print_head, print_row
from _common.timing import least_seconds, timed

SECONDS, N_QUERIES = 30.0, 1_000


def main():
    parser = make_parser(__doc__, "a tenth of the data; under 60 s")
    parser.add_argument("--jobs", type=int, default=1, help="songs at a time")
    options = parser.parse_args()
    devices, heads = [None, "cpu"], ["without torch", "CPU"]
    has_gpu = torch.cuda.is_available()
    if has_gpu:
        devices.append("cuda")
        heads.append("GPU")
    small = options.quick or not has_gpu
    print(torch.cuda.get_device_name() if has_gpu else "no GPU: a tenth of the data, on the CPU")
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads\n")
    print_head("", *heads, "largest difference")
    for name, measure in TASKS.items():
        rates, apart = measure(devices, small, options.jobs)
        cells = ["" if rate is None else f"{rate:.3g}" for rate in rates]
        print_row(name, *cells, f"{apart:.1e}")


def difference(results):
    """Return the largest difference between the first result and any other."""
    return max(float(np.abs(result - results[0]).max()) for result in results)


def songs(n, rate):
    """Return waveforms of random chords in noise."""
    axis = np.arange(int(SECONDS * rate)) / rate
    found = []
    for i in range(n):
        rng = np.random.default_rng(i)
        tones = chord(rng, axis)
        found.append((0.4 * tones + 0.05 * rng.normal(size=axis.size)).astype(np.float32))
    return found


def spectrograms(devices, small, n_jobs):
    """Return songs per second; the difference is in dB."""
    given = songs(20 if small else 200, 22050)
    mels = [MelSpectrogram(device=device, n_jobs=n_jobs).fit(given) for device in devices]
    calls = [lambda mel=mel: mel.transform(given) for mel in mels]
    seconds, results = least_seconds(calls, 3)
    return [len(given) / taken for taken in seconds], difference(results)


def embeddings(devices, small, n_jobs):
    """Return songs per second; the difference is relative to the largest value."""
    given = songs(4 if small else 40, 16000)
    networks = [MelCNNAudio(device=device, n_jobs=n_jobs).fit(given) for device in devices]
    calls = [lambda network=network: network.transform(given) for network in networks]
    seconds, results = least_seconds(calls, 2)
    return [len(given) / taken for taken in seconds], difference(results) / results[0].max()


def vectors(devices, small, n_jobs):
    """Return seconds per epoch for vectors; the difference is that of the mean correlation."""
    rng = np.random.default_rng(0)
    n = 2_000 if small else 20_000
    shared = rng.normal(size=(n, 50))
    X, y = (np.hstack([shared, rng.normal(size=(n, 342))]).astype(np.float32) for _ in "xy")
    return training(devices, X, y, MLP((1024, 1024)), 1 if small else 5)


def convolutions(devices, small, n_jobs):
    """Return the same for spectrograms of 96 bands and 323 frames."""
    rng = np.random.default_rng(0)
    n = 200 if small else 2_000
    y = rng.normal(size=(n, 50)).astype(np.float32)
    X = rng.normal(size=(n, 96, 323)).astype(np.float32) + y[:, :1, None]
    return training(devices, X, y, MelCNN(), 1 if small else 5)


def training(devices, X, y, encoder, n_epochs):
    """Return seconds per epoch, from fits of one and several epochs, and the score difference."""
    rates, scores = [], []
    for device in devices:
        if device is None:
            rates.append(None)
            continue
        seconds = []
        for epochs in (1, 1, 1 + n_epochs):  # the first round is a warm-up
            model = DeepCCA(10, x_encoder=encoder, max_epochs=epochs, device=device, random_state=0)
            seconds.append(timed(model.fit, X, y).wall)
        rates.append((seconds[2] - seconds[1]) / n_epochs)
        scores.append(np.mean(model.canonical_correlations_))
    return rates, difference(scores)


def search(devices, small, n_jobs):
    """Return queries per second for the best 10; the difference is that of their scores."""
    n_items, n_train = 200_000 if small else 2_000_000, 20_000
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n_items, N_COMPONENTS)).astype(np.float32)
    y = partners(X[:n_train], rng.normal(size=(n_train, N_COMPONENTS)))
    model = LinearCCA().fit(X[:n_train], y)
    indexes = [CrossModalIndex(model, device=device).fit(X) for device in devices]
    asked = y[:N_QUERIES]
    calls = [lambda index=index: index.query(y=asked) for index in indexes]
    seconds, results = least_seconds(calls, 3)
    if difference([ids for _, ids in results]):
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
