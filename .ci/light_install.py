"""Check an installation without torch, skorch, gensim and the packages for audio.

What needs none of them must work, and the rest must name the package to install.

Run by .ci/run in an environment that has none of them.
"""

import importlib.util
import sys
import tempfile
from pathlib import Path

import numpy as np

import skdcca
from skdcca.exceptions import MissingDependencyError

HEAVY = (
    "torch",
    "skorch",
    "gensim",
    "librosa",
    "soxr",
    "soundfile",
    "matplotlib",
    "faiss",
    "fastapi",
)
for package in HEAVY:
    assert importlib.util.find_spec(package) is None, f"{package} is installed here"

rng = np.random.default_rng(0)
X = rng.normal(size=(200, 6))
y = X[:, :4] + rng.normal(size=(200, 4))

# What works
for model in (
    skdcca.LinearCCA(3),
    skdcca.KernelCCA(3),
    skdcca.KernelCCA(3, approximation="nystroem", n_landmarks=50, random_state=0),
):
    model.fit(X, y)
    expected = model.transform(X)
    file = Path(tempfile.mkdtemp()) / "model.skdcca"
    skdcca.save(model, file)
    np.testing.assert_array_equal(skdcca.load(file).transform(X), expected)
    index = skdcca.CrossModalIndex(model).fit(X, y)
    scores, ids = index.query(y=y[:5], n_neighbors=3)
    assert scores.shape == ids.shape == (5, 3)
    skdcca.save(index, file)
    np.testing.assert_array_equal(skdcca.load(file).query(y=y[:5], n_neighbors=3)[1], ids)
assert skdcca.metrics.mrr_scorer(skdcca.LinearCCA(3).fit(X, y), X, y) > 0.1
test = skdcca.canonical_correlation_test(
    skdcca.LinearCCA(2), X, y, n_permutations=99, random_state=0
)
assert test.p_values[0] == 0.01
classical = skdcca.LinearCCA(2, reg=0)
assert skdcca.canonical_correlation_intervals(classical, X, y, random_state=0).detected.all()
assert "Wilks" in str(skdcca.canonical_summary(classical, X, y, confounds=y[:, 3]))
assert skdcca.cca_sample_size(0.5, 6, 4, random_state=0).n_samples < 200
assert skdcca.compare_models(classical, skdcca.LinearCCA(2), X, y, random_state=0).p_value > 0.01
assert skdcca.representation.cka(X, y) > 0.1
assert skdcca.LyricsForm().fit_transform(["one fine day", "a day in May"]).shape[0] == 2
WAVEFORM = np.sin(np.arange(22050.0))
assert skdcca.MelSpectrogram(duration=1.0).fit_transform([WAVEFORM]).shape[0] == 1

# What says which package it needs


def missing(package, call):
    """Check that a call names the package that it needs."""
    try:
        call()
    except MissingDependencyError as error:
        if f"pip install {package}" not in str(error):
            raise
        print(f"  {error}")
    else:
        sys.exit(f"nothing says that {package} is missing")


print("Without the heavy packages:")
missing("torch", lambda: skdcca.DeepCCA)
missing("torch", lambda: skdcca.losses.EYLoss)
missing("torch", lambda: skdcca.encoders.MLP)
missing("torch", lambda: skdcca.MelCNNAudio)
missing("soxr", lambda: skdcca.MelSpectrogram(duration=1.0).fit_transform([(WAVEFORM, 44100)]))
missing("gensim", lambda: skdcca.Doc2VecLyrics(5, min_count=1).fit(["one fine day"]))
print(f"everything else of skdcca {skdcca.__version__} works")
