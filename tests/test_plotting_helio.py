"""HelioDisplay: bars, intervals and names against the loadings of models."""

import numpy as np
import pytest
from _displays import (
    X_TRAIN,
    Y_TRAIN,
    boxes,
    fitted_linear,
    intervals_of,
    new_axes,
    overlaps,
    quick_axes,
)
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from skdcca import KernelCCA
from skdcca.plotting import HelioDisplay

LENGTH = 0.45  # of a bar of loading 1, with the radius of loading 0 as the unit


@pytest.fixture(scope="module")
def linear():
    return fitted_linear()


@pytest.fixture(scope="module")
def drawn(linear):
    return HelioDisplay.from_estimator(linear, names=("body", "sport"), ax=quick_axes())


def loadings_of(bars):
    """Return the loadings that the lengths and directions of bars show."""
    outward = [bar.r > 1 for bar in bars]
    return np.where(outward, 1, -1) * [bar.width / LENGTH for bar in bars]


def center_of(display):
    """Return the text at the center."""
    return display.ax_.texts[-1].get_text()


def middle(bars):
    """Return the angles of the middles of bars in radians."""
    return np.deg2rad([(bar.theta1 + bar.theta2) / 2 for bar in bars])


@pytest.mark.parametrize("component", [0, 2])
def test_bars_are_the_loadings_outward_if_positive(linear, component):
    display = HelioDisplay.from_estimator(linear, component=component, ax=quick_axes())
    for bars, loadings in zip(display.bars_, (linear.x_loadings_, linear.y_loadings_), strict=True):
        np.testing.assert_allclose(loadings_of(bars), loadings[:, component])
        inner = [bar.r - bar.width for bar in bars]
        starts = np.where(loadings[:, component] > 0, inner, [bar.r for bar in bars])
        np.testing.assert_allclose(starts, 1)
    assert center_of(display).splitlines()[0] == f"component {component + 1}"


def test_x_is_on_the_right_and_y_on_the_left_from_the_top(drawn):
    for bars, side in zip(drawn.bars_, (1, -1), strict=True):
        angles = middle(bars)
        assert (side * np.cos(angles) > 0).all()
        assert (np.diff(np.sin(angles)) < 0).all()
    assert drawn.ax_.get_title(loc="right") == "body"
    assert drawn.ax_.get_title(loc="left") == "sport"


def test_positive_bars_are_filled_and_negative_ones_hollow(drawn):
    for bars in drawn.bars_:
        for bar, loading in zip(bars, loadings_of(bars), strict=True):
            assert (bar.get_facecolor()[:3] == (1, 1, 1)) == (loading < 0)


def test_the_strongest_columns_are_drawn_in_their_order():
    rng = np.random.default_rng(0)
    values = {"x_loadings": rng.uniform(-1, 1, (200, 2)), "y_loadings": rng.uniform(-1, 1, (1, 2))}
    display = HelioDisplay(**values).plot(quick_axes(), component=1, n_features=7)
    strong = np.sort(np.argsort(-np.abs(values["x_loadings"][:, 1]))[:7])
    np.testing.assert_array_equal(display.drawn_[0], strong)
    np.testing.assert_allclose(loadings_of(display.bars_[0]), values["x_loadings"][strong, 1])
    assert [name.get_text() for name in display.names_[0]] == [f"x{i}" for i in strong]
    assert [name.get_text() for name in display.names_[1]] == ["y0"]


@pytest.mark.parametrize(("width", "n_features"), [(6, 30), (4, 5)])
def test_names_are_inside_the_figure_and_do_not_overlap(width, n_features):
    loadings = np.linspace(-1, 1, 30)[:, None]
    long = [f"the median of the $ price in year {i}" for i in range(30)]
    names = {"feature_names_x": long, "feature_names_y": long}
    display = HelioDisplay(x_loadings=loadings, y_loadings=loadings, **names)
    ax = Figure(figsize=(width, 4), layout="constrained").subplots()
    display.plot(ax, n_features=n_features)
    ax.figure.draw_without_rendering()
    taken = boxes([name for of_view in display.names_ for name in of_view])
    assert overlaps(taken) == []
    assert (taken[:, :2] >= 0).all()
    assert (taken[:, 2:] <= ax.figure.bbox.max).all()
    radius = ax.transData.transform((1.5, 0))[0] - ax.transData.transform((0, 0))[0]
    assert radius > 0.12 * width * ax.figure.dpi
    assert min(name.get_fontsize() for of_view in display.names_ for name in of_view) > 5


def test_names_are_at_the_height_of_their_bars(drawn):
    for bars, names in zip(drawn.bars_, drawn.names_, strict=True):
        heights = [name.get_position()[1] for name in names]
        np.testing.assert_allclose(heights, 1.58 * np.sin(middle(bars)))


@pytest.mark.parametrize("kind", ["own", "cross"])
def test_intervals_are_lines_along_the_bars(linear, kind):
    result = intervals_of(linear)
    result.feature_names_x = list("abcde")
    display = HelioDisplay.from_intervals(result, component=1, kind=kind, ax=quick_axes())
    assert [name.get_text() for name in display.names_[0]] == list("abcde")
    lines = [lines for lines in display.ax_.collections if isinstance(lines, LineCollection)]
    for view, of_view, bars in zip("xy", lines, display.bars_, strict=True):
        field = f"{view}_loadings" if kind == "own" else f"{view}_cross_loadings"
        np.testing.assert_allclose(loadings_of(bars), result[field][:, 1])
        segments = np.array(of_view.get_segments())
        radius = np.linalg.norm(segments, axis=2)
        limits = np.column_stack([result[f"{field}_low"][:, 1], result[f"{field}_high"][:, 1]])
        np.testing.assert_allclose((radius - 1) / LENGTH, limits)
        along = np.cos(middle(bars))
        np.testing.assert_allclose(segments[:, :, 0] / radius, np.column_stack([along, along]))


def test_cross_loadings_are_correlations_with_the_variates_of_the_other_view(linear):
    display = HelioDisplay.from_estimator(linear, kind="cross", ax=quick_axes())
    expected = np.corrcoef(Y_TRAIN.T, linear.transform(X_TRAIN).T)[:4, 4:]
    np.testing.assert_allclose(display.y_loadings, expected)
    assert "cross-loadings" in center_of(display)


def test_loadings_of_0_are_drawn():
    zeros = np.zeros((2, 1))
    display = HelioDisplay(x_loadings=zeros, y_loadings=zeros).plot(new_axes())
    display.figure_.draw_without_rendering()
    np.testing.assert_array_equal(loadings_of(display.bars_[0]), 0)


def test_models_without_loadings_need_rows():
    model = KernelCCA(1, kernel="rbf").fit(X_TRAIN, Y_TRAIN)
    with pytest.raises(TypeError, match=r"KernelCCA has no x_loadings_.*or pass X and y"):
        HelioDisplay.from_estimator(model)
    display = HelioDisplay.from_estimator(model, X_TRAIN, Y_TRAIN, ax=quick_axes())
    expected = np.corrcoef(Y_TRAIN[:, 3], model.transform_y(Y_TRAIN)[:, 0])[0, 1]
    assert display.y_loadings[3, 0] == pytest.approx(expected)


def test_arguments_are_checked(linear):
    with pytest.raises(ValueError, match=r"`component` must be an integer in \[0, 2\], got 3"):
        HelioDisplay.from_estimator(linear, component=3)
    with pytest.raises(ValueError, match="`n_features` must be an integer >= 1, got 0"):
        HelioDisplay.from_estimator(linear, n_features=0)
    with pytest.raises(ValueError, match="`kind` must be one of"):
        HelioDisplay.from_estimator(linear, kind="both")
    with pytest.raises(ValueError, match=r"`feature_names_x` must have one name .* 5 .*, got 1"):
        HelioDisplay.from_estimator(linear, feature_names_x=["a"])
