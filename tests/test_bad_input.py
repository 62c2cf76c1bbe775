"""The fixture of the tests of bad input that makes all work fail."""

import gensim.models.doc2vec
import numpy as np
import pytest
from _bad_files import noise
from _bad_input import LYRICS

from skdcca import (
    AudioDynamics,
    AudioForm,
    DeepCCA,
    Doc2VecLyrics,
    KernelCCA,
    LinearCCA,
    MelCNNAudio,
    MelSpectrogram,
    MultiCCA,
    SparseCCA,
    canonical_correlation_test,
    save,
)
from skdcca._audio import spectra
from skdcca.datasets import make_songs

X = np.random.default_rng(0).normal(size=(30, 3))
MODEL = LinearCCA(1).fit(X, X)
CALLS = {
    "MelSpectrogram": lambda path: MelSpectrogram(duration=0.5).fit_transform([noise()]),
    "AudioForm": lambda path: AudioForm().fit_transform([noise()]),
    "AudioDynamics": lambda path: AudioDynamics().fit_transform([noise()]),
    "MelCNNAudio": lambda path: MelCNNAudio().fit_transform([noise()]),
    "Doc2VecLyrics": lambda path: Doc2VecLyrics(4, epochs=2, random_state=0).fit(LYRICS),
    "LinearCCA": lambda path: LinearCCA().fit(X, X),
    "KernelCCA": lambda path: KernelCCA().fit(X, X),
    "MultiCCA": lambda path: MultiCCA([("a", "passthrough", [0]), ("b", "passthrough", [1])]).fit(
        X
    ),
    "SparseCCA": lambda path: SparseCCA().fit(X, X),
    "DeepCCA": lambda path: DeepCCA(fallback=None, max_epochs=1).fit(X, X),
    "make_songs": lambda path: make_songs(1, duration=0.1),
    "canonical_correlation_test": lambda path: canonical_correlation_test(MODEL, X, X),
    "save": lambda path: save(MODEL, path),
}


@pytest.mark.parametrize("name", CALLS)
def test_the_fixture_no_work_detects_work(name, no_work, tmp_path):
    with pytest.raises((AssertionError, ValueError), match="work was done"):  # `save` explains it
        CALLS[name](tmp_path / "model")


def test_the_fixture_no_work_replaces_names_of_other_packages(no_work):
    assert gensim.models.doc2vec.Doc2Vec.train is spectra._power_blocks
