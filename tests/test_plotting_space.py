"""SpaceDisplay: points, lines and labels of two views."""

import numpy as np
import pytest
from _displays import X_TEST, Y_TEST, X, Y, fitted_search, new_axes, texts
from matplotlib import pyplot as plt

from skdcca import LinearCCA
from skdcca.metrics import embed
from skdcca.plotting import SpaceDisplay


@pytest.fixture(scope="module")
def wrapped():
    return fitted_search()


def test_points_and_lines_are_the_embeddings(wrapped):
    display = SpaceDisplay.from_estimator(
        wrapped, X_TEST, Y_TEST, components=(2, 0), names=("audio", "lyrics"), ax=new_axes()
    )
    zx, zy = (z[:, [2, 0]] for z in embed(wrapped, X_TEST, Y_TEST))
    np.testing.assert_allclose(display.points_[0].get_xydata(), zx)
    np.testing.assert_allclose(display.points_[1].get_xydata(), zy)
    np.testing.assert_allclose(display.pairs_.get_segments(), np.stack([zx, zy], axis=1))
    assert display.points_[0].get_marker() != display.points_[1].get_marker()
    assert (display.ax_.get_xlabel(), display.ax_.get_ylabel()) == ("component 3", "component 1")
    assert texts(display.ax_) == ["audio", "lyrics"]


def test_labels_stand_beside_the_points_of_x_away_from_the_lines():
    zx, zy = np.array([[0.0, 1.0], [2.0, 3.0]]), np.array([[1.0, 1.0], [1.0, 2.0]])
    display = SpaceDisplay.from_predictions(zx, zy, labels=["a", "b"], ax=new_axes())
    a, b = display.ax_.texts
    assert (a.get_text(), a.xy, a.get_ha()) == ("a", (0.0, 1.0), "right")
    assert (b.get_text(), b.xy, b.get_ha()) == ("b", (2.0, 3.0), "left")


@pytest.mark.parametrize(
    "components", [(0, 5), (0, 0), (0,), (-1, 0), (0, 1, 2), (0.0, 1.0), 1, "01", (True, False)]
)
def test_missing_components_are_refused(components):
    with pytest.raises(
        ValueError, match=r"`components` must be two different integers in \[0, 4\], got"
    ):
        SpaceDisplay.from_predictions(X, X, components=components)
    assert plt.get_fignums() == []


def test_fewer_than_two_components_are_refused():
    with pytest.raises(ValueError, match=r"at least two components, got 1\. .*n_components >= 2"):
        SpaceDisplay.from_estimator(LinearCCA(1).fit(X, Y), X, Y)
    with pytest.raises(
        ValueError, match=r"`zx` and `zy` must have the same shape, got \(160, 5\) and \(160, 4\)"
    ):
        SpaceDisplay.from_predictions(X, Y)
    with pytest.raises(
        ValueError, match="`labels` must have one text for each of 160 points, got 2"
    ):
        SpaceDisplay.from_predictions(X, X, labels=["a", "b"])
