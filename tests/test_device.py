"""Devices: torch on the CPU answers as librosa and NumPy do; other names are heeded or refused."""

import copy
import pickle

import librosa
import numpy as np
import pytest
import torch
from skdcca.retrieval._exact import ExactSearch
from sklearn.preprocessing import normalize

from skdcca import CrossModalIndex, LinearCCA, MelCNNAudio, MelSpectrogram, retrieval
from skdcca._utils.validation import check_device
from skdcca.persistence import load, save

RATE = 16000
no_gpu = pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")


def songs():
    """A chord that fades, noise in stereo at another rate, and silence after a click."""
    rng = np.random.default_rng(0)
    time = np.arange(3 * RATE) / RATE
    chord = sum(np.sin(2 * np.pi * pitch * time) for pitch in (220, 277, 3000)) * np.exp(-2 * time)
    click = np.zeros(2 * RATE)
    click[100] = 1
    return [0.3 * chord, (0.1 * rng.normal(size=(2, 3 * 22050)), 22050), click]


@pytest.mark.parametrize(
    "settings", [{}, {"n_fft": 1000, "hop_length": 333, "n_mels": 40, "fmin": 50.0, "fmax": 7000.0}]
)
def test_spectrograms_of_a_device_are_those_of_librosa(settings):
    given = [songs()[0], songs()[2]]
    mel = MelSpectrogram(sample_rate=RATE, duration=2.5, device="cpu", **settings)
    for song, found in zip(given, mel.fit_transform(given), strict=True):
        waveform = librosa.util.fix_length(song.astype(np.float32), size=int(2.5 * RATE))
        power = librosa.feature.melspectrogram(
            y=waveform.astype(np.float64), sr=RATE, **settings, dtype=np.float64
        )
        expected = librosa.power_to_db(power)
        # Rounding is of the size of the peak, and counts the more the lower the level.
        loud = expected > expected.max() - 50
        np.testing.assert_allclose(found[loud], expected[loud], atol=2e-4)
        np.testing.assert_allclose(found, expected, atol=5e-3)


def test_a_device_and_librosa_share_the_cache(tmp_path):
    by_librosa = MelSpectrogram(sample_rate=RATE, duration=2.0, memory=tmp_path)
    expected = by_librosa.fit_transform(songs())
    again = MelSpectrogram(sample_rate=RATE, duration=2.0, memory=tmp_path, device="cpu")
    np.testing.assert_array_equal(again.fit_transform(songs()), expected)
    alone = again.set_params(memory=None).transform(songs())
    assert not np.array_equal(alone, expected)  # so these were the cache's
    np.testing.assert_allclose(alone, expected, atol=5e-3)


def test_embeddings_of_a_device_are_those_of_none():
    by_librosa = MelCNNAudio(n_segments=1).fit(songs())
    on_device = MelCNNAudio(n_segments=1, device="cpu:0").fit(songs())
    expected = by_librosa.transform(songs())
    error = np.abs(on_device.transform(songs()) - expected)
    assert error.max() < 2e-3 * np.abs(expected).max()
    np.testing.assert_allclose(
        on_device.predict_tags(songs()), by_librosa.predict_tags(songs()), atol=1e-3
    )


def galleries():
    """Rows and queries: of all kinds, of many that tie, and such as single precision cannot tell."""
    rng = np.random.default_rng(0)
    rows, queries = normalize(rng.normal(size=(3_000, 8))), normalize(rng.normal(size=(40, 8)))
    tied = rows.copy()
    tied[500:560] = tied[2_900:] = tied[7]
    close = rows.copy()
    close[::60] = queries[0] + 1e-9 * rng.normal(size=(50, 8))
    return {
        "plain": (rows, queries),
        "ties": (tied, np.vstack([queries, tied[7:8]])),
        "close": (close, queries),
        "large": (1e6 * rows, queries),
        "zeros": (rows * (np.arange(3_000) % 50 == 0)[:, None], np.vstack([queries, 0 * queries])),
    }


@pytest.mark.parametrize("block", [64, 1_000, 2**16])
@pytest.mark.parametrize("kind", galleries())
def test_the_search_on_a_device_is_exact(kind, block, monkeypatch):
    monkeypatch.setattr(retrieval, "_ON_DEVICE", block)
    rows, queries = galleries()[kind]
    products = (queries @ rows.T).round(10)
    for k in (1, 10, 100):
        order = np.argsort(-products, axis=1, kind="stable")[:, :k]
        scores, places = ExactSearch(rows, 10, torch.device("cpu")).top(queries, k)
        np.testing.assert_array_equal(places, order)
        expected = np.take_along_axis(products, order, axis=1)
        np.testing.assert_allclose(scores, expected, rtol=1e-14, atol=2e-10)


def test_candidates_come_from_the_device():
    rows, queries = galleries()["ties"]
    search = ExactSearch(rows, 10, torch.device("cpu"))
    search.single = search.single[torch.randperm(len(rows))]
    assert not np.array_equal(search.top(queries, 5)[1], ExactSearch(rows, 10).top(queries, 5)[1])


def test_torch_that_rounds_factors_is_allowed_for(monkeypatch):
    """As with tensor cores: factors of 8 bits give other candidates, and the same answers."""
    rows, queries = galleries()["plain"]
    rows = np.hstack([rows, np.zeros((len(rows), 24))])
    queries = np.hstack([queries, np.zeros((len(queries), 24))])
    expected = ExactSearch(rows, 10).top(queries, 10)[1]
    before = torch.get_float32_matmul_precision()
    try:
        torch.set_float32_matmul_precision("medium")
        search = ExactSearch(rows, 10, torch.device("cpu"))
        search.single = search.single.bfloat16().float()
        np.testing.assert_array_equal(search.top(queries, 10)[1], expected)
    finally:
        torch.set_float32_matmul_precision(before)


def make_index(device, n=400):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, 5))
    y = X + rng.normal(size=X.shape)
    return CrossModalIndex(LinearCCA().fit(X, y), device=device).fit(X, y), X, y


def test_an_index_on_a_device_answers_the_same(tmp_path):
    index, X, y = make_index(None)
    on_device, _, _ = make_index("cpu")
    again = [pickle.loads(pickle.dumps(on_device)), copy.deepcopy(on_device)]
    save(on_device, tmp_path / "index.skdcca")
    again.append(load(tmp_path / "index.skdcca"))
    for asked in ({"X": X}, {"y": y}):
        for one in (on_device, *again):
            for found, expected in zip(one.query(**asked), index.query(**asked), strict=True):
                np.testing.assert_array_equal(found, expected)
    assert index.set_params(device="cpu").query(y=y) is not None
    assert isinstance(index._galleries["x"].single, torch.Tensor)
    assert on_device.chance_score("y") == index.chance_score("y")


def test_fitted_estimators_keep_no_tensors(tmp_path):
    index, X, _ = make_index("cpu")
    index.query(X=X)
    mel = MelSpectrogram(sample_rate=RATE, duration=1.0, device="cpu").fit(songs())
    audio = MelCNNAudio(device="cpu").fit(songs())
    for fitted in (index, mel, audio):
        assert b"torch" not in pickle.dumps(fitted)


@no_gpu
def test_what_was_fitted_on_a_device_works_without_it():
    index, _, y = make_index(None)
    expected = index.query(y=y)[1]
    mel = MelSpectrogram(sample_rate=RATE, duration=1.0).fit(songs())
    audio = MelCNNAudio(n_segments=1).fit(songs()[:1])
    on_cpu = [mel.transform(songs()), audio.transform(songs()[:1])]
    for fitted in (index, mel, audio):
        fitted.device = "cuda:0"
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(index)).query(y=y)[1], expected)
    np.testing.assert_allclose(mel.transform(songs()), on_cpu[0], atol=5e-3)
    np.testing.assert_allclose(audio.transform(songs()[:1]), on_cpu[1], atol=5e-3)


@pytest.mark.parametrize(
    ("device", "message"),
    [
        pytest.param("cuda", "torch finds no such device here; take 'cpu' or None", marks=no_gpu),
        pytest.param("cuda:7", "torch finds no such device here", marks=no_gpu),
        ("meta", "torch finds no such device here"),
        ("gpu", "it must be the name of a device of torch, such as 'cpu' or 'cuda'"),
        ("", "it must be the name of a device"),
        (3.5, "it must be the name of a device"),
        (True, "it must be the name of a device"),
    ],
)
def test_devices_that_are_not_there_are_refused(device, message):
    index, X, _ = make_index(None)
    for fit in (
        lambda: MelSpectrogram(duration=1.0, device=device).fit(songs()),
        lambda: MelCNNAudio(device=device).fit(songs()),
        lambda: index.set_params(device=device).fit(X),
        lambda: check_device(device),
    ):
        with pytest.raises(ValueError, match=f"device={device!r}.*{message}"):
            fit()


def test_names_of_the_cpu():
    assert check_device(None) is None
    assert check_device("cpu") == torch.device("cpu")
    assert check_device(torch.device("cpu")) == torch.device("cpu")
    assert check_device("meta", must_exist=False) == torch.device("cpu")
    with pytest.raises(ValueError, match="search_device='gpu'"):
        check_device("gpu", name="search_device")
