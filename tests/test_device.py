"""Devices: torch on the CPU equals librosa and NumPy; devices that do not exist are refused."""

import copy
import pickle

import librosa
import numpy as np
import pytest
import torch
from _deep_models import no_gpu
from sklearn.preprocessing import normalize

from skdcca import CrossModalIndex, LinearCCA, MelCNNAudio, MelSpectrogram
from skdcca._utils.validation import check_device
from skdcca.persistence import load, save
from skdcca.retrieval._exact import ExactSearch

RATE = 16000


def songs():
    """Return a fading chord, stereo noise at another rate, and silence between two clicks."""
    rng = np.random.default_rng(0)
    time = np.arange(3 * RATE) / RATE
    chord = sum(np.sin(2 * np.pi * pitch * time) for pitch in (220, 277, 3000)) * np.exp(-2 * time)
    clicks = np.zeros(2 * RATE)
    clicks[[100, RATE - 100]] = 1
    return [0.3 * chord, (0.1 * rng.normal(size=(2, 3 * 22050)), 22050), clicks]


@pytest.mark.parametrize(
    "settings", [{}, {"n_fft": 1000, "hop_length": 333, "n_mels": 40, "fmin": 50.0, "fmax": 7000.0}]
)
def test_spectrograms_of_a_device_equal_librosa(settings):
    given = [songs()[0], songs()[2]]
    mel = MelSpectrogram(sample_rate=RATE, duration=2.5, device="cpu", **settings)
    for song, found in zip(given, mel.fit_transform(given), strict=True):
        waveform = librosa.util.fix_length(song.astype(np.float32), size=int(2.5 * RATE))
        power = librosa.feature.melspectrogram(
            y=waveform.astype(np.float64), sr=RATE, **settings, dtype=np.float64
        )
        last = np.flatnonzero(waveform)[-1] + 1
        sounding = power[:, : last // settings.get("hop_length", 512) + 1]
        expected = np.full_like(power, -80)
        expected[:, : sounding.shape[1]] = librosa.power_to_db(sounding, ref=np.max)
        # Rounding is relative to the peak, so it matters more at low levels.
        loud = expected > expected.max() - 50
        np.testing.assert_allclose(found[loud], expected[loud], atol=2e-4)
        np.testing.assert_allclose(found, expected, atol=5e-3)


def test_a_device_and_librosa_share_the_cache(tmp_path):
    by_librosa = MelSpectrogram(sample_rate=RATE, duration=2.0, memory=tmp_path)
    expected = by_librosa.fit_transform(songs())
    again = MelSpectrogram(sample_rate=RATE, duration=2.0, memory=tmp_path, device="cpu")
    np.testing.assert_array_equal(again.fit_transform(songs()), expected)
    alone = again.set_params(memory=None).transform(songs())
    assert not np.array_equal(alone, expected)  # so the others came from the cache
    np.testing.assert_allclose(alone, expected, atol=5e-3)


def test_embeddings_of_a_device_equal_those_of_none():
    by_librosa = MelCNNAudio(n_segments=1).fit(songs())
    on_device = MelCNNAudio(n_segments=1, device="cpu:0").fit(songs())
    expected = by_librosa.transform(songs())
    error = np.abs(on_device.transform(songs()) - expected)
    assert error.max() < 2e-3 * np.abs(expected).max()
    np.testing.assert_allclose(
        on_device.predict_tags(songs()), by_librosa.predict_tags(songs()), atol=1e-3
    )


def galleries():
    """Return rows and queries: random, with many ties, and too close for single precision."""
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
    monkeypatch.setattr("skdcca.retrieval._exact._ITEMS_ON_DEVICE", block)
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


def test_rounded_factors_change_no_answer(monkeypatch):
    """Factors of 8 bits, as in tensor cores, give other candidates and the same answers."""
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
def test_models_fitted_on_a_device_work_without_it():
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
        pytest.param(
            "cuda", "must be a device of this machine, .* no 'cuda'. Use 'cpu'", marks=no_gpu
        ),
        pytest.param("cuda:7", "must be a device of this machine, .* no 'cuda:7'", marks=no_gpu),
        ("meta", "must be a device of this machine, .* no 'meta'"),
        ("gpu", "must be the name of a torch device, such as 'cpu' or 'cuda', got 'gpu'"),
        ("", "must be the name of a torch device, .* got ''"),
        (3.5, r"must be the name of a torch device, .* got 3\.5"),
        (True, "must be the name of a torch device, .* got True"),
    ],
)
def test_missing_devices_are_refused(device, message):
    index, X, _ = make_index(None)
    for fit in (
        lambda: MelSpectrogram(duration=1.0, device=device).fit(songs()),
        lambda: MelCNNAudio(device=device).fit(songs()),
        lambda: index.set_params(device=device).fit(X),
        lambda: check_device("device", device),
    ):
        with pytest.raises(ValueError, match=f"`device` {message}"):
            fit()


def test_names_of_the_cpu():
    assert check_device("device", None) is None
    assert check_device("device", "cpu") == torch.device("cpu")
    assert check_device("device", torch.device("cpu")) == torch.device("cpu")
    assert check_device("device", "meta", must_exist=False) == torch.device("cpu")
    with pytest.raises(ValueError, match=r"`search_device` must be .* got 'gpu'"):
        check_device("search_device", "gpu")
