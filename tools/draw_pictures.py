"""Draw the plots of the user guide, one for each display of `skdcca.plotting`.

    .venv/bin/python tools/draw_pictures.py docs/pictures

The data are synthetic songs, whose audio and lyrics share a mood, and the left and right halves of
scikit-learn's digits. All plots show held-out rows.
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
    """Draw all plots."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("output", type=Path, help="folder for the plots")
    output = parser.parse_args().output
    output.mkdir(parents=True, exist_ok=True)
    for name, display in {**digits(), **songs()}.items():
        display.figure_.savefig(output / f"{name}.png", dpi=90)


def axes():
    """Return the axes of a new figure."""
    return Figure(figsize=(6, 4), layout="constrained").subplots()


def digits():
    """Draw halves of digits with a linear and a deep model."""
    data = load_digits()
    left = data.images[:, :, :4].reshape(-1, 32)
    right = data.images[:, :, 4:].reshape(-1, 32)
    X_train, X, y_train, y, _, labels = train_test_split(
        left, right, data.target, train_size=400, random_state=0
    )
    linear = LinearCCA(20, similarity="weighted").fit(X_train, y_train)
    deep = DeepCCA(
        10,
        x_encoder=MLP((256,)),
        y_encoder=MLP((256,)),
        max_epochs=80,
        patience=None,
        random_state=0,
    ).fit(X_train, y_train)
    sorted_rows = np.argsort(labels[:30], kind="stable")
    one_each = [np.flatnonzero(labels == digit)[0] for digit in range(10)]
    halves = {"names": ("left half", "right half")}
    return {
        "correlations": CorrelationDisplay.from_estimator(linear, X, y, ax=axes()),
        "history": HistoryDisplay.from_estimator(deep, ax=axes()),
        "similarity": SimilarityDisplay.from_estimator(
            linear, X[sorted_rows], y[sorted_rows], ax=axes(), **halves
        ),
        "space": SpaceDisplay.from_estimator(
            linear, X[one_each], y[one_each], labels=range(10), ax=axes(), **halves
        ),
    }


def songs():
    """Draw retrieval between audio and lyrics, and the words with the largest loadings."""
    songs = make_songs(300, duration=4.0, random_state=0)
    mel = MelSpectrogram(n_mels=40, duration=4.0)
    X = TemporalSummary().fit_transform(mel.fit_transform(songs.audio))
    counter = CountVectorizer(min_df=5)
    y = counter.fit_transform(songs.lyrics).toarray()
    scores = []
    for train, test in GroupKFold(5).split(X, groups=songs.groups):
        model = LinearCCA(3, reg=3.0).fit(X[train], y[train])
        scores.append(pair_scores(model, X[test], y[test]))
    words = counter.get_feature_names_out()
    return {
        "recall": RecallDisplay.from_predictions(scores, names=("audio", "lyrics"), ax=axes()),
        "loadings": LoadingsDisplay.from_estimator(
            model, view="y", feature_names=words, n_features=12, ax=axes()
        ),
    }


if __name__ == "__main__":
    main()
