"""SimilarityDisplay: the image of the scores and its diagonal."""

import numpy as np
import pytest
from _displays import X_TEST, Y_TEST, fitted_search, new_axes

from skdcca.metrics import pair_scores
from skdcca.plotting import SimilarityDisplay


@pytest.fixture(scope="module")
def wrapped():
    return fitted_search()


def test_the_image_is_the_scores_and_the_diagonal_is_outlined(wrapped):
    display = SimilarityDisplay.from_estimator(
        wrapped, X_TEST, Y_TEST, names=("audio", "lyrics"), ax=new_axes()
    )
    scores = pair_scores(wrapped, X_TEST, Y_TEST)
    np.testing.assert_allclose(display.image_.get_array(), scores)
    centers = [path.vertices[:4].mean(axis=0) for path in display.diagonal_.get_paths()]
    np.testing.assert_allclose(centers, np.repeat(np.arange(60), 2).reshape(60, 2))
    assert display.ax_.get_ylabel() == "row of audio"  # imshow counts rows downwards
    assert display.ax_.get_xlabel() == "row of lyrics"
    display.figure_.draw_without_rendering()
