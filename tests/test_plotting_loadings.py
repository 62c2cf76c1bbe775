"""LoadingsDisplay against the correlations of NumPy, names of columns, and intervals."""

import numpy as np
import pytest
from _displays import (
    RNG,
    X_TRAIN,
    Y_TRAIN,
    X,
    Y,
    fitted_linear,
    fitted_search,
    intervals_of,
    new_axes,
    quick_axes,
    small_deep,
)
from matplotlib.figure import Figure
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.utils import Bunch

from skdcca import KernelCCA, LinearCCA
from skdcca.metrics import embed
from skdcca.plotting import LoadingsDisplay

# Columns of a DataFrame and loadings of two components, of which the interval of one contains 0.
LOADINGS = np.array([[0.9, 0.2], [-0.5, 0.6]])
LIMITS = (LOADINGS - 0.3, LOADINGS + 0.3)


@pytest.fixture(scope="module")
def linear():
    return fitted_linear()


@pytest.fixture(scope="module")
def wrapped():
    return fitted_search()


@pytest.mark.parametrize("view", ["x", "y"])
def test_loadings_are_correlations_of_columns_with_variates_strongest_first(wrapped, view):
    display = LoadingsDisplay.from_estimator(
        wrapped, view=view, n_features=3, n_components=2, ax=new_axes()
    )
    columns = (X_TRAIN if view == "x" else Y_TRAIN).T
    variates = embed(wrapped, X_TRAIN, Y_TRAIN)["xy".index(view)]
    expected = np.corrcoef(columns, variates.T)[: len(columns), len(columns) :][:, :2]
    strongest = np.argsort(-np.abs(expected).max(axis=1))[:3]
    np.testing.assert_array_equal(display.strongest_, strongest)
    np.testing.assert_allclose(display.image_.get_array(), expected[strongest], atol=1e-10)
    ticks = [text.get_text() for text in display.ax_.get_yticklabels()]
    assert ticks == [f"{view}{i}" for i in strongest]
    written = [float(text.get_text().replace("−", "-")) for text in display.ax_.texts]
    np.testing.assert_allclose(written, expected[strongest].ravel(), atol=0.00501)


def test_signs_are_written_and_colors_are_symmetric():
    display = LoadingsDisplay(loadings=np.array([[-0.25], [0.5], [-0.125]])).plot(new_axes())
    assert [text.get_text() for text in display.ax_.texts] == ["+0.50", "−0.25", "−0.12"]
    assert [text.get_text() for text in display.ax_.get_yticklabels()] == ["x1", "x0", "x2"]
    assert display.image_.get_clim() == (-0.5, 0.5)


def test_numbers_fit_into_small_cells():
    loadings = RNG.uniform(-1, 1, size=(20, 8))
    ax = Figure(figsize=(5, 4), layout="constrained").subplots()
    LoadingsDisplay(loadings=loadings).plot(ax, n_features=20, n_components=8)
    ax.figure.draw_without_rendering()
    cell = ax.get_window_extent().size / (8, 20)
    assert all((text.get_window_extent().size <= cell).all() for text in ax.texts)


def test_loadings_that_are_all_zero_are_drawn():
    display = LoadingsDisplay(loadings=np.zeros((3, 1))).plot(new_axes())
    display.figure_.draw_without_rendering()
    np.testing.assert_array_equal(display.strongest_, [0, 1, 2])


def test_names_come_from_the_model_the_steps_or_the_transformer():
    pandas = pytest.importorskip("pandas")
    songs = ["sun sea sun", "sea sand", "sand sun", "sun", "sea sea sand sand", "sand"] * 20
    dense = FunctionTransformer(lambda counts: counts.toarray(), feature_names_out="one-to-one")
    frame = pandas.DataFrame(X[:120], columns=list("abcde"))

    def names(model, view, **more):
        display = LoadingsDisplay.from_estimator(model, view=view, ax=new_axes(), **more)
        return list(display.feature_names)

    of_text = LinearCCA(2, y_transformer=make_pipeline(CountVectorizer(), dense))
    model = of_text.fit(frame, songs)
    assert names(model, "x") == list("abcde")
    assert names(model, "y") == ["sand", "sea", "sun"]
    assert names(model, "y", feature_names=["1", "2", "3"]) == ["1", "2", "3"]
    assert names(make_pipeline(StandardScaler(), of_text).fit(frame, songs), "x") == list("abcde")
    assert names(LinearCCA(2).fit(X[:120], frame), "y") == list("abcde")


def test_transformers_without_names_leave_the_columns_numbered():
    silent = FunctionTransformer()  # has no get_feature_names_out
    pipeline = make_pipeline(silent, LinearCCA(2, y_transformer=silent)).fit(X, Y)
    for view, n in (("x", 5), ("y", 4)):
        display = LoadingsDisplay.from_estimator(pipeline, view=view, ax=new_axes())
        ticks = {text.get_text() for text in display.ax_.get_yticklabels()}
        assert ticks == {f"{view}{i}" for i in range(n)}


@pytest.mark.parametrize("model", [KernelCCA(2), small_deep()])
def test_models_without_loadings_are_refused(model):
    model = make_pipeline(StandardScaler(), model).fit(X_TRAIN, Y_TRAIN)
    with pytest.raises(TypeError, match=r"(Kernel|Deep)CCA has no x_loadings_.*fitted LinearCCA"):
        LoadingsDisplay.from_estimator(model)


def test_parameters_of_loadings_are_checked(linear):
    with pytest.raises(ValueError, match=r"`view` must be one of \['x', 'y'\], got 'audio'"):
        LoadingsDisplay.from_estimator(linear, view="audio")
    with pytest.raises(
        ValueError,
        match="`feature_names` must have one name for each of the 5 columns of view 'x', got 1",
    ):
        LoadingsDisplay.from_estimator(linear, feature_names=["a"])
    for name in ("n_features", "n_components"):
        with pytest.raises(ValueError, match=f"`{name}` must be an integer >= 1, got 0"):
            LoadingsDisplay.from_estimator(linear, **{name: 0})
    with pytest.raises(ValueError, match=r"`kind` must be one of \['cross', 'own'\], got 'both'"):
        LoadingsDisplay.from_estimator(linear, kind="both")


def correlations(columns, variates):
    """Return the correlations of columns with variates, by NumPy."""
    n = columns.shape[1]
    return np.corrcoef(columns.T, variates.T)[:n, n:]


@pytest.mark.parametrize("view", ["x", "y"])
@pytest.mark.parametrize("ridge", [{"reg": 0}, {"reg": (3.0, 0.1)}, {"reg": 2.0, "scale": False}])
def test_cross_loadings_are_correlations_with_the_other_variates(view, ridge):
    constant = np.column_stack([10 * X_TRAIN, np.full(len(X_TRAIN), 0.1)])
    model = make_pipeline(StandardScaler(), LinearCCA(3, **ridge)).fit(constant, Y_TRAIN)
    display = LoadingsDisplay.from_estimator(model, view=view, kind="cross", ax=quick_axes())
    zx, zy = embed(model, constant, Y_TRAIN)
    columns, variates = (X_TRAIN, zy) if view == "x" else (Y_TRAIN, zx)
    expected = correlations(columns, variates)
    np.testing.assert_allclose(display.loadings[: len(expected)], expected, atol=1e-10)
    np.testing.assert_array_equal(display.loadings[len(expected) :], 0)
    other = "y" if view == "x" else "X"
    label = display.image_.colorbar.ax.get_ylabel()
    assert label == f"correlation with the variate of {other}"


def test_cross_loadings_of_a_file_of_an_earlier_version_are_measured():
    model = LinearCCA(2, reg=5.0).fit(X_TRAIN, Y_TRAIN)
    del model._x_of_variates
    with pytest.raises(ValueError, match=r"an earlier version saved it\. Pass X and y"):
        LoadingsDisplay.from_estimator(model, kind="cross")
    display = LoadingsDisplay.from_estimator(model, X, Y, kind="cross", ax=quick_axes())
    expected = correlations(X, model.transform(X, Y)[1])
    np.testing.assert_allclose(display.loadings, expected, atol=1e-10)


def test_loadings_of_a_kernel_model_are_measured_on_rows():
    constant = np.column_stack([Y_TRAIN, np.full(len(Y_TRAIN), 0.1)])
    model = KernelCCA(2, kernel="rbf").fit(X_TRAIN, constant)
    display = LoadingsDisplay.from_estimator(model, X_TRAIN, constant, view="y", ax=quick_axes())
    expected = correlations(Y_TRAIN, model.transform_y(constant))
    np.testing.assert_allclose(display.loadings[:-1], expected, atol=1e-10)
    np.testing.assert_array_equal(display.loadings[-1], 0)


def test_rows_do_not_change_the_loadings_of_a_linear_model(linear):
    display = LoadingsDisplay.from_estimator(linear, X[:20], Y[:20], ax=quick_axes())
    np.testing.assert_array_equal(display.loadings, linear.x_loadings_)


def test_loadings_whose_interval_contains_0_are_pale_and_in_parentheses():
    display = LoadingsDisplay(loadings=LOADINGS, intervals=LIMITS).plot(quick_axes())
    written = [text.get_text() for text in display.ax_.texts]
    assert written == ["+0.90", "(+0.20)", "−0.50", "+0.60"]
    alpha = display.image_.get_alpha()
    assert alpha[0, 1] < 0.5
    np.testing.assert_array_equal(np.delete(alpha.ravel(), 1), 1)
    assert "interval contains 0" in display.ax_.get_xlabel()
    display.figure_.draw_without_rendering()


def test_intervals_are_in_the_order_of_the_columns_that_are_drawn():
    display = LoadingsDisplay(loadings=LOADINGS[::-1], intervals=[at[::-1] for at in LIMITS])
    display.plot(quick_axes())
    written = [text.get_text() for text in display.ax_.texts]
    assert written == ["+0.90", "(+0.20)", "−0.50", "+0.60"]
    assert display.strongest_.tolist() == [1, 0]


@pytest.mark.parametrize("kind", ["own", "cross"])
def test_intervals_come_from_a_result(linear, kind):
    result = intervals_of(linear)
    result.feature_names_y = list("abcd")
    display = LoadingsDisplay.from_intervals(result, view="y", kind=kind, ax=quick_axes())
    field = "y_loadings" if kind == "own" else "y_cross_loadings"
    np.testing.assert_array_equal(display.loadings, result[field])
    for limit, name in zip(display.intervals, ("low", "high"), strict=True):
        np.testing.assert_array_equal(limit, result[f"{field}_{name}"])
    assert list(display.feature_names) == list("abcd")


def test_results_without_loadings_are_refused():
    with pytest.raises(TypeError, match="`result` must have x_loadings, got a Bunch without it"):
        LoadingsDisplay.from_intervals(Bunch(held_out=np.ones((5, 2))))


def test_long_names_and_dollars_are_drawn():
    names = ["price in $ of the first $", "a" * 200]
    display = LoadingsDisplay(loadings=LOADINGS, feature_names=names).plot(new_axes())
    display.figure_.draw_without_rendering()
    short = [text.get_text() for text in display.ax_.get_yticklabels()]
    assert short[0] == names[0]
    assert short[1] == "aaaaaaaaaaaaaaa…aaaaaaaaaaaaaa"
