"""Plot of the canonical correlations by component."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_array

from skdcca.metrics import embed, inside, variate_correlations
from skdcca.plotting._common import (
    FIRST,
    REFERENCE,
    SECOND,
    axes_of,
    require_matplotlib,
    use_integer_ticks,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class CorrelationDisplay:
    """Canonical correlations by component, on training rows and held-out rows.

    Use it to choose the ridge and the number of components. The gap between the two lines shows
    overfitting, and components whose held-out correlation is near zero describe only the training
    rows.

    Parameters
    ----------
    held_out : ndarray of shape (n_components,)
        Correlations of held-out rows.
    train : ndarray of shape (n_components,), default=None
        Correlations of the training rows. If None, they are not drawn.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        The axes of the plot.
    figure_ : matplotlib.figure.Figure
        The figure that contains the axes.
    held_out_line_, train_line_ : matplotlib.lines.Line2D
        The lines. `train_line_` is None if `train` is None.

    See Also
    --------
    skdcca.metrics.variate_correlations : Compute the correlations.
    skdcca.canonical_correlation_test : Test which correlations differ from 0.

    Examples
    --------
    >>> import numpy as np
    >>> from matplotlib.figure import Figure  # with pyplot, omit ax and call plt.show()
    >>> from sklearn.datasets import load_digits
    >>> from skdcca import LinearCCA
    >>> from skdcca.plotting import CorrelationDisplay
    >>> X, y = np.hsplit(load_digits().data, 2)  # upper and lower halves of digits
    >>> model = LinearCCA(10).fit(X[:200], y[:200])
    >>> display = CorrelationDisplay.from_estimator(model, X[200:], y[200:], ax=Figure().subplots())
    >>> f"{display.train.sum():.1f} {display.held_out.sum():.1f}"
    '7.1 2.7'
    """

    def __init__(self, *, held_out: NDArray, train: NDArray | None = None) -> None:
        self.held_out = held_out
        self.train = train

    def plot(self, ax: Axes | None = None) -> CorrelationDisplay:
        """Draw the correlations.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Axes to draw on. If None, a new figure is created.

        Returns
        -------
        self : CorrelationDisplay
            The display, with `ax_`, `figure_`, `held_out_line_` and `train_line_`.

        Raises
        ------
        MissingDependencyError
            If matplotlib is not installed.
        """
        self.ax_ = ax = axes_of(self, ax)
        self.figure_ = ax.figure
        component = np.arange(1, len(self.held_out) + 1)
        ax.axhline(0, **REFERENCE)
        self.train_line_ = None
        if self.train is not None:
            label = f"training rows, sum {np.sum(self.train):.2f}"
            (self.train_line_,) = ax.plot(component, self.train, label=label, **SECOND)
        label = f"held-out rows, sum {np.sum(self.held_out):.2f}"
        (self.held_out_line_,) = ax.plot(component, self.held_out, label=label, **FIRST)
        ax.set(xlabel="component", ylabel="canonical correlation")
        ax.set(xlim=(0.5, len(component) + 0.5), ylim=(min(0.0, *self.held_out) - 0.05, 1.05))
        use_integer_ticks(ax.xaxis)
        ax.legend(loc="best")
        return self

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: Any,
        *,
        X_train: Any = None,
        y_train: Any = None,
        ax: Axes | None = None,
    ) -> CorrelationDisplay:
        """Compute and draw the correlations of a fitted model.

        Parameters
        ----------
        estimator : estimator
            A fitted two-view model such as `LinearCCA`, a `Pipeline` that ends in one, or a fitted
            search over either.
        X, y : array-like or list
            The two views of at least two held-out rows.
        X_train, y_train : array-like or list, default=None
            The two views of the training rows. If None, the line shows the `canonical_correlations_`
            of the model. With a ridge, these values are the maxima of its objective, which are smaller
            than the correlations of the training variates. Pass the rows to see how a ridge reduces
            overfitting.
        ax : matplotlib.axes.Axes, default=None
            Axes to draw on. If None, a new figure is created.

        Returns
        -------
        display : CorrelationDisplay
            The drawn display.

        Raises
        ------
        ValueError
            If only one of `X_train` and `y_train` is given.
        MissingDependencyError
            If matplotlib is not installed.

        Notes
        -----
        For a `DeepCCA`, the correlations are those of the canonical variates, even if
        ``projection="raw"``. If ``projection="weighted"`` gives a component the weight 0, its
        correlation is 0.
        """
        require_matplotlib(cls)
        if (X_train is None) != (y_train is None):
            missing = "y_train" if y_train is None else "X_train"
            raise ValueError(
                f"`X_train` and `y_train` must be given together, got {missing}=None. Pass both or "
                "neither."
            )
        held_out = _correlations(estimator, X, y)
        if X_train is None:
            train = inside(estimator)[1].canonical_correlations_
        else:
            train = _correlations(estimator, X_train, y_train)
        return cls.from_predictions(held_out, train, ax=ax)

    @classmethod
    def from_predictions(
        cls, held_out: ArrayLike, train: ArrayLike | None = None, *, ax: Axes | None = None
    ) -> CorrelationDisplay:
        """Draw correlations that were computed elsewhere.

        Parameters
        ----------
        held_out : array-like of shape (n_components,)
            Correlations of held-out rows, as from `skdcca.metrics.variate_correlations`.
        train : array-like of shape (n_components,), default=None
            Correlations of the training rows. If None, they are not drawn.
        ax : matplotlib.axes.Axes, default=None
            Axes to draw on. If None, a new figure is created.

        Returns
        -------
        display : CorrelationDisplay
            The drawn display.

        Raises
        ------
        ValueError
            If the correlations are not one-dimensional, not finite or of different lengths.
        MissingDependencyError
            If matplotlib is not installed.
        """
        held_out = _vector("held_out", held_out)
        if train is not None:
            train = _vector("train", train)
            if len(train) != len(held_out):
                raise ValueError(
                    f"`train` must have {len(held_out)} correlations, as many as `held_out`, got "
                    f"{len(train)}."
                )
        return cls(held_out=held_out, train=train).plot(ax)


def _correlations(estimator, X, y):
    """Return the correlations of the canonical variates, for any projection of a deep model."""
    zx, zy = embed(estimator, X, y)
    _, model = inside(estimator)
    if getattr(model, "projection_", None) == "raw":
        zx, zy = model.linear_.transform(zx, zy)
    return variate_correlations(zx, zy)


def _vector(name, values):
    values = check_array(values, dtype=np.float64, ensure_2d=False, input_name=name)
    if values.ndim != 1:
        raise ValueError(
            f"`{name}` must have one number for each component, got shape {values.shape}."
        )
    return values
