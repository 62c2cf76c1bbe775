"""Heat map of the loadings of a linear model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from skdcca._utils.prediction import known_feature_names
from skdcca._utils.validation import check_integer, check_option
from skdcca.metrics import inside
from skdcca.plotting._common import axes_of, require_matplotlib

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class LoadingsDisplay:
    """Heat map of the columns that correlate most with the components of a linear model.

    Use it to interpret components: the loading of a column is its correlation with the variate of its
    view. Each cell shows its correlation as a number.

    Parameters
    ----------
    loadings : ndarray of shape (n_features, n_components)
        Correlation of each column of a view with each of its variates.
    feature_names : sequence of str, default=None
        Names of all columns of the view. If None, they are named ``x0``, ``x1``, ... or ``y0``,
        ``y1``, ...
    view : {"x", "y"}, default="x"
        View that the columns belong to.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        The axes of the plot.
    figure_ : matplotlib.figure.Figure
        The figure that contains the axes.
    image_ : matplotlib.image.AxesImage
        The heat map.
    strongest_ : ndarray of int
        Indices of the drawn columns, in descending order of their greatest absolute correlation.

    See Also
    --------
    skdcca.LinearCCA : The model, with the attributes `x_loadings_` and `y_loadings_`.

    Examples
    --------
    Sit-ups are the exercise that correlates most with weight, waist and pulse:

    >>> from matplotlib.figure import Figure  # with pyplot, omit ax and call plt.show()
    >>> from sklearn.datasets import load_linnerud
    >>> from skdcca import LinearCCA
    >>> from skdcca.plotting import LoadingsDisplay
    >>> exercise, physiology = load_linnerud(return_X_y=True, as_frame=True)
    >>> model = LinearCCA(1).fit(exercise, physiology)
    >>> display = LoadingsDisplay.from_estimator(model, n_features=2, ax=Figure().subplots())
    >>> display.feature_names[display.strongest_].tolist()
    ['Situps', 'Chins']
    """

    def __init__(
        self,
        *,
        loadings: NDArray,
        feature_names: Sequence[str] | NDArray | None = None,
        view: str = "x",
    ) -> None:
        self.loadings = loadings
        self.feature_names = feature_names
        self.view = view

    def plot(
        self, ax: Axes | None = None, *, n_features: int = 10, n_components: int = 3
    ) -> LoadingsDisplay:
        """Draw the strongest loadings.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Axes to draw on. If None, a new figure is created.
        n_features : int, default=10
            Number of columns to draw. The columns with the greatest absolute correlations with the drawn
            components are chosen. If there are fewer columns, all are drawn.
        n_components : int, default=3
            Number of components to draw, starting with the first. If there are fewer, all are drawn.

        Returns
        -------
        self : LoadingsDisplay
            The display, with the attributes `ax_`, `figure_`, `image_` and `strongest_`.

        Raises
        ------
        ValueError
            If `n_features` or `n_components` is not an integer >= 1.
        MissingDependencyError
            If matplotlib is not installed.
        """
        check_integer("n_features", n_features)
        check_integer("n_components", n_components)
        loadings = np.asarray(self.loadings)[:, :n_components]
        order = np.argsort(-np.abs(loadings).max(axis=1), kind="stable")
        self.strongest_ = order[:n_features]
        names = self._names()[self.strongest_]
        loadings = loadings[self.strongest_]
        self.ax_ = ax = axes_of(self, ax)
        self.figure_ = ax.figure
        largest = np.abs(loadings).max() or 1.0
        self.image_ = ax.imshow(loadings, cmap="PuOr_r", vmin=-largest, vmax=largest, aspect="auto")
        _write_values(ax, self.image_, loadings)
        components = range(loadings.shape[1])
        ax.set_xticks(components, [at + 1 for at in components])
        ax.set_yticks(range(len(names)), names)
        ax.set(xlabel="component", ylabel=f"column of {'X' if self.view == 'x' else 'y'}")
        self.figure_.colorbar(self.image_, ax=ax, label="correlation with the variate")
        return self

    def _names(self):
        if self.feature_names is None:
            return np.array([f"{self.view}{i}" for i in range(len(self.loadings))])
        return np.asarray(self.feature_names)

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        *,
        view: str = "x",
        feature_names: Sequence[str] | NDArray | None = None,
        n_features: int = 10,
        n_components: int = 3,
        ax: Axes | None = None,
    ) -> LoadingsDisplay:
        """Draw the loadings of a fitted linear model.

        Parameters
        ----------
        estimator : estimator
            A fitted `LinearCCA`, a `Pipeline` that ends in one, or a fitted search whose best
            estimator is one.
        view : {"x", "y"}, default="x"
            View that the columns belong to.
        feature_names : sequence of str, default=None
            Names of all columns of the view. If None, the names are taken from the model, the step
            before it or its `y_transformer`.
        n_features, n_components, ax
            As in `plot`.

        Returns
        -------
        display : LoadingsDisplay
            The drawn display.

        Raises
        ------
        TypeError
            If the estimator contains no two-view model, or the model has no loadings because it is not
            linear.
        ValueError
            If a parameter is out of range, or the numbers of names and columns differ.
        NotFittedError
            If the model is not fitted.
        MissingDependencyError
            If matplotlib is not installed.
        """
        require_matplotlib(cls)
        check_option("view", view, ["x", "y"])
        steps, model = inside(estimator)
        check_is_fitted(model)
        if not hasattr(model, f"{view}_loadings_"):
            raise TypeError(
                f"{type(model).__name__} has no {view}_loadings_, because its components are not "
                "linear in the columns. Use a fitted LinearCCA."
            )
        loadings = getattr(model, f"{view}_loadings_")
        if feature_names is None:
            feature_names = _known_names(steps, model, view)
        elif len(feature_names) != len(loadings):
            raise ValueError(
                f"`feature_names` must have one name for each of the {len(loadings)} columns of "
                f"view {view!r}, got {len(feature_names)}."
            )
        display = cls(loadings=loadings, feature_names=feature_names, view=view)
        return display.plot(ax, n_features=n_features, n_components=n_components)


def _write_values(ax, image, values):
    """Write the value into each cell, in a size that fits and a color that is readable."""
    cell = ax.get_window_extent().size / ax.figure.dpi * 72 / values.shape[::-1]
    size = min(
        10, *cell / (4.2, 1.3)
    )  # in points; a cell holds five characters, a margin and one line
    for (row, column), value in np.ndenumerate(values):
        brightness = image.to_rgba(value)[:3] @ np.array([0.299, 0.587, 0.114])
        color = "black" if brightness > 0.5 else "white"
        text = f"{value:+.2f}".replace("-", "−")
        ax.text(column, row, text, ha="center", va="center", color=color, fontsize=size)


def _known_names(steps, model, view):
    """Return the names that the columns had in `fit`, or None if they are unknown."""
    if view == "x":
        known, makers = getattr(model, "feature_names_in_", None), steps[-1:]
    else:
        known, makers = getattr(model, "y_feature_names_in_", None), [model.y_transformer_]
    if known is None and makers:
        return known_feature_names(makers[0])
    return known
