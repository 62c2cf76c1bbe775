"""BiplotDisplay: columns, rows and names against the loadings of models."""

import numpy as np
import pytest
from _displays import (
    X_TEST,
    X_TRAIN,
    Y_TEST,
    Y_TRAIN,
    boxes,
    fitted_linear,
    fitted_search,
    new_axes,
    overlaps,
    quick_axes,
    texts,
)
from scipy.stats import zscore

from skdcca import KernelCCA, LinearCCA
from skdcca.plotting import BiplotDisplay


@pytest.fixture(scope="module")
def linear():
    return fitted_linear()


def random_loadings(p, q, k=3):
    """Return loadings of two wide views in the unit circle."""
    rng = np.random.default_rng(0)
    return {
        "x_loadings": rng.uniform(-0.5, 0.5, (p, k)),
        "y_loadings": rng.uniform(-0.7, 0.7, (q, k)),
    }


@pytest.mark.parametrize("components", [(0, 1), (2, 0)])
def test_points_and_lines_are_the_loadings(linear, components):
    display = BiplotDisplay.from_estimator(linear, components=components, ax=quick_axes())
    for i, loadings in enumerate((linear.x_loadings_, linear.y_loadings_)):
        expected = loadings[:, components]
        expected = expected[np.argsort(-np.linalg.norm(expected, axis=1))]
        np.testing.assert_array_equal(display.points_[i].get_xydata(), expected)
        segments = np.array(display.rays_[i].get_segments())
        np.testing.assert_array_equal(segments[:, 0], 0)
        np.testing.assert_array_equal(segments[:, 1], expected)
    assert display.ax_.get_xlabel() == f"component {components[0] + 1}"
    assert display.ax_.get_ylabel() == f"component {components[1] + 1}"


def test_views_differ_in_marker_and_line(linear):
    display = BiplotDisplay.from_estimator(linear, names=("audio", "lyrics"), ax=quick_axes())
    x, y = display.points_
    assert x.get_marker() != y.get_marker()
    assert x.get_markerfacecolor() != y.get_markerfacecolor() == "white"
    assert display.rays_[0].get_linestyle() != display.rays_[1].get_linestyle()
    assert texts(display.ax_) == ["audio", "lyrics"]


def test_only_the_strongest_columns_have_lines_and_names():
    loadings = random_loadings(200, 30)
    display = BiplotDisplay(**loadings).plot(quick_axes(), n_features=4)
    for view, chosen, drawn in zip("xy", display.strongest_, display.points_, strict=True):
        lengths = np.linalg.norm(loadings[f"{view}_loadings"][:, :2], axis=1)
        np.testing.assert_array_equal(chosen, np.argsort(-lengths)[:4])
        assert len(drawn.get_xdata()) == 4
    expected = {f"x{i}" for i in display.strongest_[0]} | {f"y{i}" for i in display.strongest_[1]}
    assert {name.get_text() for name in display.names_} == expected


def test_names_cover_neither_each_other_nor_the_legend():
    rng = np.random.default_rng(0)
    angle = rng.uniform(np.pi / 2, 0.8 * np.pi, 10)  # at the top and below the legend
    at_the_edge = np.column_stack([np.cos(angle), np.sin(angle)])
    others = rng.uniform(-0.5, 0.5, (200, 2))
    long = {"feature_names_y": [f"mean of the flux in band {i}" for i in range(200)]}
    display = BiplotDisplay(x_loadings=at_the_edge, y_loadings=others, **long)
    display.plot(new_axes(), names=("a name that makes the legend as wide as a half", "y"))
    display.figure_.draw_without_rendering()
    assert len(display.names_) == 20
    legend = display.ax_.get_legend().get_window_extent().extents
    taken = np.vstack([boxes(display.names_), legend])
    assert overlaps(taken) == []
    axes = display.ax_.get_window_extent().extents
    assert (taken[:, :2] >= axes[:2]).all()
    assert (taken[:, 2:] <= axes[2:]).all()


def test_names_for_which_there_is_no_room_are_left_out():
    loadings = {"x_loadings": np.full((90, 2), 0.5), "y_loadings": np.full((1, 2), 0.1)}
    display = BiplotDisplay(**loadings).plot(new_axes(), n_features=90)
    assert 10 < len(display.names_) < 91
    assert overlaps(boxes(display.names_)) == []


def test_rows_are_at_the_mean_of_their_standardized_variates(linear):
    display = BiplotDisplay.from_estimator(linear, X_TEST, Y_TEST, ax=quick_axes())
    zx, zy = linear.transform(X_TEST, Y_TEST)
    expected = (zscore(zx) + zscore(zy)) / 2
    np.testing.assert_allclose(display.variates, expected)
    drawn = display.rows_.get_xydata()
    scale = np.linalg.norm(expected[:, :2], axis=1).max()
    np.testing.assert_allclose(drawn, expected[:, :2] / scale)
    assert texts(display.ax_)[0] == "rows, scaled"


def test_one_view_has_its_own_variates(linear):
    display = BiplotDisplay.from_estimator(linear, X_TEST, ax=quick_axes())
    np.testing.assert_allclose(display.variates, zscore(linear.transform(X_TEST)))
    assert BiplotDisplay.from_estimator(linear, ax=quick_axes()).rows_ is None


def test_models_inside_a_search_are_found():
    search = fitted_search()
    display = BiplotDisplay.from_estimator(search, feature_names_y=list("abcd"), ax=quick_axes())
    np.testing.assert_array_equal(display.x_loadings, search.best_estimator_[-1].x_loadings_)
    names = {name.get_text() for name in display.names_}
    assert names == {"a", "b", "c", "d", *(f"x{i}" for i in range(5))}


def test_units_are_the_same_on_both_axes(linear, caplog):
    display = BiplotDisplay.from_estimator(linear, ax=new_axes())
    display.figure_.draw_without_rendering()
    width, height = np.ptp(display.ax_.transData.transform([[0, 0], [1, 1]]), axis=0)
    assert width == pytest.approx(height)
    assert caplog.records == []  # matplotlib reports limits that it cannot keep


def test_models_without_loadings_need_rows():
    model = KernelCCA(2, kernel="rbf").fit(X_TRAIN, Y_TRAIN)
    with pytest.raises(TypeError, match=r"KernelCCA has no x_loadings_.*or pass X and y"):
        BiplotDisplay.from_estimator(model)
    display = BiplotDisplay.from_estimator(model, X_TRAIN, Y_TRAIN, ax=quick_axes())
    expected = np.corrcoef(X_TRAIN[:, 0], model.transform(X_TRAIN)[:, 1])[0, 1]
    assert display.x_loadings[0, 1] == pytest.approx(expected)


def test_arguments_are_checked(linear):
    with pytest.raises(ValueError, match=r"at least two components, got 1\. .*n_components >= 2"):
        BiplotDisplay.from_estimator(LinearCCA(1).fit(X_TRAIN, Y_TRAIN))
    with pytest.raises(
        ValueError, match=r"`components` must be two different integers in \[0, 2\]"
    ):
        BiplotDisplay.from_estimator(linear, components=(0, 3))
    with pytest.raises(ValueError, match="`n_features` must be an integer >= 1, got 0"):
        BiplotDisplay.from_estimator(linear, n_features=0)
    with pytest.raises(ValueError, match=r"`feature_names_y` must have one name .* 4 .*, got 1"):
        BiplotDisplay.from_estimator(linear, feature_names_y=["a"])
