"""Draw the plots of the user guide, one for each display of `skdcca.plotting`.

    .venv/bin/python tools/draw_pictures.py docs/pictures

The data are synthetic songs, whose audio and lyrics share a mood, and the left and right halves of
scikit-learn's digits, of which held-out rows are shown; scikit-learn's diabetes data;
and a survey of statsmodels.
"""

import argparse
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from sklearn.datasets import load_diabetes, load_digits
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.model_selection import GroupKFold, train_test_split
from statsmodels.datasets import anes96

from skdcca import (
    DeepCCA,
    LinearCCA,
    MelSpectrogram,
    TemporalSummary,
    canonical_correlation_intervals,
    canonical_correlation_test,
    cca_sample_size,
)
from skdcca.datasets import make_songs
from skdcca.encoders import MLP
from skdcca.metrics import pair_scores
from skdcca.plotting import (
    BiplotDisplay,
    CorrelationDisplay,
    HelioDisplay,
    HistoryDisplay,
    LoadingsDisplay,
    RecallDisplay,
    SampleSizeDisplay,
    ScreeDisplay,
    SimilarityDisplay,
    SpaceDisplay,
)


def main():
    """Draw all plots."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("output", type=Path, help="folder for the plots")
    output = parser.parse_args().output
    output.mkdir(parents=True, exist_ok=True)
    for name, display in {**digits(), **songs(), **diabetes(), **survey()}.items():
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


def diabetes():
    """Draw the inference of patients and their blood, and a plan of a study."""
    table = load_diabetes(as_frame=True, scaled=False).data
    body = table[["age", "sex", "bmi", "bp"]]
    names = ["cholesterol", "LDL", "HDL", "cholesterol / HDL", "log triglycerides", "glucose"]
    blood = table[["s1", "s2", "s3", "s4", "s5", "s6"]].set_axis(names, axis=1)
    linear, ridge, views = LinearCCA(reg=0), LinearCCA(reg=0.1), {"names": ("body", "blood")}
    test = canonical_correlation_test(linear, body, blood, null_distribution=True, random_state=0)
    intervals = canonical_correlation_intervals(linear, body, blood, random_state=0)
    held_out = canonical_correlation_intervals(ridge, body, blood, random_state=0)
    plan = cca_sample_size(0.3, 10, 10, n_simulations=0)
    return {
        "scree": ScreeDisplay.from_test(test, ax=axes()),
        "intervals": CorrelationDisplay.from_intervals(intervals, ax=axes()),
        "held-out": CorrelationDisplay.from_intervals(held_out, ax=axes()),
        "biplot": BiplotDisplay.from_estimator(linear.fit(body, blood), ax=axes(), **views),
        "helio": HelioDisplay.from_intervals(intervals, ax=axes(), **views),
        "cross-loadings": LoadingsDisplay.from_intervals(
            intervals, view="y", kind="cross", n_components=2, ax=axes()
        ),
        "sample-size": SampleSizeDisplay.from_result(plan, ax=axes()),
    }


def survey():
    """Draw the figure of the page on result sections, from the same data."""
    table = anes96.load_pandas().data
    X = table[["selfLR", "ClinLR", "DoleLR", "PID"]]
    y = table[["educ", "income", "TVnews", "logpopul"]]
    model, options = LinearCCA(reg=0), {"confounds": table["age"], "random_state": 0}
    test = canonical_correlation_test(
        model, X, y, n_permutations=9999, null_distribution=True, **options
    )
    intervals = canonical_correlation_intervals(model, X, y, **options)
    figure = Figure(figsize=(12, 4), layout="constrained")
    scree, *parts = figure.subplots(1, 3)
    for view, part in zip("xy", parts, strict=True):
        LoadingsDisplay.from_intervals(intervals, view=view, n_components=2, ax=part)
    return {"result_section": ScreeDisplay.from_test(test, ax=scree)}


if __name__ == "__main__":
    main()
