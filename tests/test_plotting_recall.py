"""RecallDisplay against the scores of scikit-learn and the binomial distribution."""

import numpy as np
import pytest
from _displays import SCORES, X_TEST, X_TRAIN, Y_TEST, Y_TRAIN, new_axes, texts
from scipy.stats import binom
from sklearn.metrics import label_ranking_average_precision_score, top_k_accuracy_score

from skdcca import LinearCCA
from skdcca.metrics import pair_scores
from skdcca.plotting import RecallDisplay


def test_recall_is_the_top_k_accuracy_of_scikit_learn():
    display = RecallDisplay.from_predictions(SCORES, ax=new_axes())
    for direction, scores in (("x_to_y", SCORES), ("y_to_x", SCORES.T)):
        line = display.lines_[direction]
        expected = [
            top_k_accuracy_score(np.arange(30), scores, k=k) if k < 30 else 1.0
            for k in line.get_xdata()
        ]
        np.testing.assert_allclose(line.get_ydata(), expected)
        mrr = label_ranking_average_precision_score(np.eye(30), scores)
        assert any(f"MRR {mrr:.3f}" in text for text in texts(display.ax_))


def test_chance_is_a_line_and_the_binomial_quantiles():
    display = RecallDisplay.from_predictions(SCORES, ax=new_axes())
    k = np.arange(1, 31)
    np.testing.assert_array_equal(display.lines_["chance"].get_xdata(), k)
    np.testing.assert_allclose(display.lines_["chance"].get_ydata(), k / 30)
    low, high = band(display, k)
    np.testing.assert_allclose(low, binom.ppf(0.025, 30, k / 30) / 30)
    np.testing.assert_allclose(high, binom.ppf(0.975, 30, k / 30) / 30)
    harmonic = np.sum(1 / k) / 30
    assert f"chance, MRR {harmonic:.3f}" in texts(display.ax_)


def band(display, k):
    """Return the lower and upper end of the band at each `k`."""
    points = display.band_.get_paths()[0].vertices
    at = [points[np.isclose(points[:, 0], one), 1] for one in k]
    return np.array([one.min() for one in at]), np.array([one.max() for one in at])


def test_the_band_covers_random_rankings():
    rng = np.random.default_rng(1)
    display = RecallDisplay.from_predictions(rng.normal(size=(40, 40)), ax=new_axes())
    (low,), (high,) = band(display, [10])
    rankings = rng.normal(size=(500, 40, 40))
    recalls = np.array([top_k_accuracy_score(np.arange(40), one, k=10) for one in rankings])
    inside = np.mean((low <= recalls) & (recalls <= high))
    assert 0.94 <= inside <= 0.99  # above 0.95, as the recall of 40 queries is discrete


def test_folds_are_averaged_at_the_smallest_gallery_and_their_queries_counted():
    folds = [SCORES, SCORES[:20, :20], SCORES[5:, 5:]]
    display = RecallDisplay.from_predictions(folds, names=("audio", "lyrics"), ax=new_axes())
    k = np.arange(1, 21)
    assert (display.n_gallery, display.n_queries) == (20, 75)
    accuracies = [top_k_accuracy_score(np.arange(len(fold)), fold, k=5) for fold in folds]
    assert display.lines_["x_to_y"].get_ydata()[4] == pytest.approx(np.mean(accuracies))
    np.testing.assert_allclose(band(display, k)[1], binom.ppf(0.975, 75, k / 20) / 75)
    mrr = np.mean([label_ranking_average_precision_score(np.eye(len(f)), f.T) for f in folds])
    assert f"lyrics to audio, MRR {mrr:.3f}" in texts(display.ax_)


def test_recall_uses_the_similarity_of_the_model():
    model = LinearCCA(3, similarity="likelihood").fit(X_TRAIN, Y_TRAIN)
    display = RecallDisplay.from_estimator(model, X_TEST, Y_TEST, ax=new_axes())
    scores = pair_scores(model, X_TEST, Y_TEST)
    accuracy = top_k_accuracy_score(np.arange(60), scores, k=3)
    assert display.recall["x_to_y"][2] == pytest.approx(accuracy)


@pytest.mark.parametrize("n", [2, 7, 60, 999, 5000])
def test_ticks_are_integers_below_the_size_of_the_gallery(n):
    recall = {way: np.ones(2) for way in ("x_to_y", "y_to_x")}
    mrr = {"x_to_y": 1.0, "y_to_x": 1.0}
    display = RecallDisplay(k=[1, n], recall=recall, mrr=mrr, n_gallery=n, n_queries=n)
    ax = display.plot(new_axes()).ax_
    ax.figure.draw_without_rendering()
    ticks = [text.get_text() for text in ax.get_xticklabels()]
    assert ticks[0] == "1"
    assert all(tick.isdigit() and int(tick) < n for tick in ticks)
    assert len(ax.xaxis.get_ticklocs(minor=True)) == 0
    assert len(ticks) <= 9
