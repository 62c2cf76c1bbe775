"""Generate the files that every later version must load: models and their outputs.

    python tools/make_fixtures.py

They are written to ``tests/data/format-N``, where N is the format of this version. Files of a released
format are never regenerated, because they test that old files still load; the script does not write to
an existing folder.
"""

from pathlib import Path

import numpy as np
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import StandardScaler

from skdcca import CrossModalIndex, DeepCCA, Doc2VecLyrics, KernelCCA, LinearCCA, LyricsForm
from skdcca.datasets import make_songs
from skdcca.encoders import MLP
from skdcca.metrics import embed
from skdcca.persistence import save
from skdcca.persistence._files import FORMAT

FOLDER = Path(__file__).parents[1] / "tests" / "data" / f"format-{FORMAT}"
N_TRAIN = 60


def models(X, y, lyrics):
    """Return fitted models by file name."""
    words = FeatureUnion(
        [("words", Doc2VecLyrics(6, epochs=10, random_state=0)), ("form", LyricsForm())]
    )
    linear = make_pipeline(StandardScaler(), LinearCCA(2, reg=1.0, y_transformer=words))
    networks = {"x_encoder": MLP((8,)), "y_encoder": MLP((8,), batch_norm=False)}
    deep = DeepCCA(2, **networks, max_epochs=5, random_state=0).fit(X, y)
    return {
        "linear": linear.fit(X, lyrics),
        "kernel": KernelCCA(2).fit(X, y),
        "landmarks": KernelCCA(2, approximation="nystroem", n_landmarks=20, random_state=0).fit(
            X, y
        ),
        "deep": deep,
        "index": CrossModalIndex(deep).fit(
            X,
            ids=[f"song {i}" for i in range(len(X))],
            metadata=[{"row": i} for i in range(len(X))],
        ),
    }


def main():
    FOLDER.mkdir(parents=True)
    rng = np.random.default_rng(0)
    songs = make_songs(N_TRAIN + 5, duration=1.0, sample_rate=8000, random_state=0)
    X = np.column_stack([songs.audio_mood, rng.normal(size=(len(songs.lyrics), 3))])
    y = np.column_stack([songs.audio_mood**2, rng.normal(size=(len(songs.lyrics), 2))])
    y += 0.1 * rng.normal(size=y.shape)
    train, test = slice(0, N_TRAIN), slice(N_TRAIN, None)
    answers = {"X": X[test], "y": y[test], "lyrics": np.array(songs.lyrics[test])}
    for name, model in models(X[train], y[train], songs.lyrics[train]).items():
        save(model, FOLDER / f"{name}.skdcca", notes={"made by": "tools/make_fixtures.py"})
        if name == "index":
            answers["scores"], answers["ids"] = model.query(y=y[test], n_neighbors=3)
            continue
        second = answers["lyrics"].tolist() if name == "linear" else y[test]
        answers[f"{name}_zx"], answers[f"{name}_zy"] = embed(model, X[test], second)
    np.savez_compressed(FOLDER / "answers.npz", **answers)


if __name__ == "__main__":
    main()
