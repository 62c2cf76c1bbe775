"""Draw the pictures of the guide, one of each display of `skdcca.plotting`.

    .venv/bin/python tools/draw_pictures.py docs/pictures

Of planted songs, whose audio and words share a mood, and of the left and right halves of scikit-learn's
digits; each from rows that the model has not learned from.
"""

import argparse
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from sklearn.datasets import load_digits
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.model_selection import GroupKFold, train_test_split

from skdcca import DeepCCA, LinearCCA, MelSpectrogram, TemporalSummary
from skdcca.datasets import make_songs
from skdcca.encoders import MLP
from skdcca.metrics import pair_scores
from skdcca.plotting import (
    CorrelationDisplay,
    HistoryDisplay,
    LoadingsDisplay,
    RecallDisplay,
    SimilarityDisplay,
    SpaceDisplay,
)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("output", type=Path, help="folder for the pictures")
    output = parser.parse_args().output
    output.mkdir(parents=True, exist_ok=True)
    for name, display in {**digits(), **songs()}.items():
        display.figure_.savefig(output / f"{name}.png", dpi=90)


def axes():
    return Figure(figsize=(6, 4), layout="constrained").subplots()


def digits():
    """Both halves of digits, by a linear and a deep model."""
    data = load_digits()
    left, right = data.images[:, :, :4].reshape(-1, 32), data.images[:, :, 4:].reshape(-1, 32)
    X_train, X, y_train, y, _, kinds = train_test_split(
        left, right, data.target, train_size=400, random_state=0
    )
    linear = LinearCCA(20, similarity="weighted").fit(X_train, y_train)
    networks = {"x_encoder": MLP((256,)), "y_encoder": MLP((256,))}
    deep = DeepCCA(10, **networks, max_epochs=80, patience=None, random_state=0)
    deep.fit(X_train, y_train)
    few = np.argsort(kinds[:30], kind="stable")
    one_each = [np.flatnonzero(kinds == digit)[0] for digit in range(10)]
    halves = {"names": ("left half", "right half")}
    return {
        "correlations": CorrelationDisplay.from_estimator(linear, X, y, ax=axes()),
        "history": HistoryDisplay.from_estimator(deep, ax=axes()),
        "similarity": SimilarityDisplay.from_estimator(linear, X[few], y[few], ax=axes(), **halves),
        "space": SpaceDisplay.from_estimator(
            linear, X[one_each], y[one_each], labels=range(10), ax=axes(), **halves
        ),
    }


def songs():
    """Retrieval by the sound and the words of songs, and the words that tell."""
    songs = make_songs(300, duration=4.0, random_state=0)
    mel = MelSpectrogram(n_mels=40, duration=4.0)
    X = TemporalSummary().fit_transform(mel.fit_transform(songs.audio))
    counter = CountVectorizer(min_df=5)
    y = counter.fit_transform(songs.lyrics).toarray()
    folds = []
    for train, test in GroupKFold(5).split(X, groups=songs.groups):
        model = LinearCCA(3, reg=3.0).fit(X[train], y[train])
        folds.append(pair_scores(model, X[test], y[test]))
    words = counter.get_feature_names_out()
    return {
        "recall": RecallDisplay.from_predictions(folds, names=("audio", "lyrics"), ax=axes()),
        "loadings": LoadingsDisplay.from_estimator(
            model, view="y", feature_names=words, n_features=12, ax=axes()
        ),
    }


if __name__ == "__main__":
    main()
