"""Missing packages are named with the command that installs them, and only when they are needed."""

import pytest
import soundfile
from _programs import run_without
from _songs import RATE, chirp

FAILS = """
import numpy as np
import skdcca
from skdcca.exceptions import MissingDependencyError


def fails(call, package, install=None):
    try:
        call()
    except MissingDependencyError as error:
        assert error.name == package, error
        assert f"pip install {install or package}" in str(error), error
        return str(error)
    raise AssertionError(f"{package} was not missed")


tone = np.sin(np.arange(22050.0))
"""


def test_transformers_need_neither_librosa_nor_numba():
    code = """
for name in ("MelSpectrogram", "AudioForm", "AudioDynamics"):
    transformer = getattr(skdcca, name)().fit([tone])
    fails(lambda: transformer.transform([(tone, 44100)]), "soxr")
    assert np.isfinite(transformer.transform([tone])).all()
"""
    run_without(["librosa", "numba", "soxr"], FAILS + code)


def test_reading_files_names_a_missing_soundfile(tmp_path):
    path = tmp_path / "song.wav"
    soundfile.write(path, chirp(), RATE)
    path.with_suffix(".txt").write_text("words")
    code = f"""
fails(lambda: skdcca.MelSpectrogram().fit([{str(path)!r}]), "soundfile")
fails(lambda: skdcca.datasets.load_songs({str(tmp_path)!r}), "soundfile")
"""
    run_without(["soundfile"], FAILS + code)


def test_small_parts_need_no_large_package():
    code = """
from skdcca.datasets import load_tiny_songs, make_songs

lyrics = load_tiny_songs(8000).lyrics
make_songs(2, duration=0.1)
assert skdcca.LyricsForm().fit_transform(lyrics).shape == (20, 21)
assert skdcca.LyricsCharacters().fit_transform(lyrics).shape[0] == 20
assert skdcca.LyricsSequence(skdcca.LyricsForm()).fit_transform(lyrics).shape == (20, 21, 8)
skdcca.TemporalSummary().fit_transform(np.random.default_rng(0).normal(size=(2, 3, 20)))
fails(lambda: skdcca.Doc2VecLyrics().fit(lyrics), "gensim")
fails(lambda: skdcca.MelCNNAudio, "torch")
fails(lambda: skdcca.WhisperWords().fit(["song.wav"]), "faster_whisper", '"skdcca[speech]"')
skdcca.MelSpectrogram
"""
    missing = ["librosa", "soundfile", "soxr", "torch", "gensim", "music21", "skorch"]
    missing += ["faster_whisper", "ctranslate2"]
    run_without(missing, FAILS + code)


MISSING = """
import skdcca
from skdcca import LinearCCA
from skdcca.exceptions import MissingDependencyError

for name in ("DeepCCA", "losses", "encoders", "augmentation"):
    try:
        getattr(skdcca, name)
    except MissingDependencyError as error:
        print(error)
"""


@pytest.mark.parametrize(
    ("package", "needed"),
    [
        ("torch", ["DeepCCA", "skdcca.losses", "skdcca.encoders", "skdcca.augmentation"]),
        ("skorch", ["DeepCCA"]),
    ],
)
def test_a_missing_package_is_named(package, needed):
    shown = run_without([package], MISSING).splitlines()
    assert [line.split(" needs the package")[0] for line in shown] == needed
    assert all(f"{package!r}, which is not installed" in line for line in shown)
