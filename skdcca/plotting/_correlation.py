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
    legend_above,
    require_fields,
    require_matplotlib,
    use_integer_ticks,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class CorrelationDisplay:
    """Canonical correlations by component: training rows, held-out rows and intervals.

    Use it to choose the ridge and the number of components. The gap between the two lines shows
    overfitting, and components whose held-out correlation is near zero describe only the training
    rows.

    Parameters
    ----------
    held_out : ndarray of shape (n_components,), default=None
        Correlations of held-out rows. If None, they are not drawn.
    train : ndarray of shape (n_components,), default=None
        Correlations of the training rows. If None, they are not drawn.
    held_out_std : ndarray of shape (n_components,), default=None
        Standard deviation of `held_out` over folds, drawn as error bars.
    corrected : ndarray of shape (n_components,), default=None
        Correlations without the bias of `train`. If None, they are not drawn.
    low, high : ndarray of shape (n_components,), default=None
        Limits of the intervals of `corrected`, drawn as error bars. If None, there are none.
    detected : ndarray of bool of shape (n_components,), default=None
        Components whose interval does not contain 0. The others are drawn as crosses. If None, no
        component is crossed out.
    threshold : float, default=None
        Correlation up to which a first component is hard to distinguish from chance, drawn as a
        horizontal line. If None or 0, it is not drawn.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        The axes of the plot.
    figure_ : matplotlib.figure.Figure
        The figure that contains the axes.
    held_out_line_, train_line_, corrected_line_ : matplotlib.lines.Line2D
        The lines, or None where the values are None.
    undetected_ : matplotlib.lines.Line2D
        The crosses, or None if there are none.

    See Also
    --------
    skdcca.metrics.variate_correlations : Compute the correlations.
    skdcca.canonical_correlation_test : Test which correlations differ from 0.
    skdcca.canonical_correlation_intervals : Compute corrected correlations and intervals.

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

    def __init__(
        self,
        *,
        held_out: NDArray | None = None,
        train: NDArray | None = None,
        held_out_std: NDArray | None = None,
        corrected: NDArray | None = None,
        low: NDArray | None = None,
        high: NDArray | None = None,
        detected: NDArray | None = None,
        threshold: float | None = None,
    ) -> None:
        self.held_out = held_out
        self.train = train
        self.held_out_std = held_out_std
        self.corrected = corrected
        self.low = low
        self.high = high
        self.detected = detected
        self.threshold = threshold

    def plot(self, ax: Axes | None = None) -> CorrelationDisplay:
        """Draw the correlations.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Axes to draw on. If None, a new figure is created.

        Returns
        -------
        self : CorrelationDisplay
            The display, with `ax_`, `figure_`, the lines and `undetected_`.

        Raises
        ------
        ValueError
            If there are no correlations at all.
        MissingDependencyError
            If matplotlib is not installed.
        """
        drawn = [v for v in (self.held_out, self.corrected, self.train) if v is not None]
        if not drawn:
            raise ValueError("One of `held_out`, `corrected` and `train` must be given, got None.")
        self.ax_ = ax = axes_of(self, ax)
        self.figure_ = ax.figure
        ax.axhline(0, **REFERENCE)
        self.train_line_ = self._draw("training rows", self.train, SECOND)
        self.held_out_line_ = self._draw("held-out rows", self.held_out, FIRST, self._spread())
        self.corrected_line_ = self._draw("corrected", self.corrected, FIRST, self._interval())
        self.undetected_ = self._cross_out()
        if self.threshold:
            label = f"detection threshold {self.threshold:.2f}"
            ax.axhline(self.threshold, label=label, **REFERENCE | {"linestyle": ":"})
        lowest = min(0.0, *map(np.min, drawn), *map(np.min, self._lower_ends()))
        ax.set(xlabel="component", ylabel="canonical correlation")
        ax.set(xlim=(0.5, len(drawn[0]) + 0.5), ylim=(lowest - 0.05, 1.05))
        use_integer_ticks(ax.xaxis)
        if self.held_out_std is None and self.corrected is None:
            ax.legend(loc="best")
        else:  # "best" does not see error bars
            legend_above(ax, ncols=2)
        return self

    def _draw(self, label, values, style, errors=None):
        """Draw a line, with error bars if there are any, and return it."""
        if values is None:
            return None
        component = np.arange(1, len(values) + 1)
        if errors is None:
            label = f"{label}, sum {np.sum(values):.2f}"
            return self.ax_.plot(component, values, label=label, **style)[0]
        lengths, meaning = errors
        bars = {"capsize": 3, "elinewidth": 1, "label": f"{label}, with {meaning}"}
        return self.ax_.errorbar(component, values, lengths, **bars, **style)[0]

    def _spread(self):
        """Return the lengths of the error bars of the held-out correlations and their meaning."""
        if self.held_out_std is None:
            return None
        return self.held_out_std, "deviation of folds"

    def _interval(self):
        """Return the lengths of the error bars of the corrected correlations and their meaning."""
        if self.corrected is None or self.low is None or self.high is None:
            return None
        values = np.asarray(self.corrected)
        lengths = np.maximum([values - self.low, self.high - values], 0.0)
        return lengths, "interval"

    def _lower_ends(self):
        """Return the lower ends of the error bars."""
        if self.held_out is not None and self.held_out_std is not None:
            yield np.asarray(self.held_out) - self.held_out_std
        if self.low is not None:
            yield self.low

    def _cross_out(self):
        """Cross out the components whose interval contains 0."""
        if self.detected is None or self.corrected is None or np.all(self.detected):
            return None
        at = np.flatnonzero(~np.asarray(self.detected, dtype=bool))
        style = {"linestyle": "none", "marker": "X", "markersize": 9, "markeredgecolor": "white"}
        label = "not detected"
        return self.ax_.plot(
            at + 1, np.asarray(self.corrected)[at], label=label, color="0.25", **style
        )[0]

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

    @classmethod
    def from_intervals(cls, result: Any, *, ax: Axes | None = None) -> CorrelationDisplay:
        """Draw correlations with their intervals or with their spread over folds.

        Parameters
        ----------
        result : sklearn.utils.Bunch
            Result of `skdcca.canonical_correlation_intervals`. For a `LinearCCA` with ``reg=0``, the
            corrected correlations are drawn with their intervals, next to those of the training
            rows. For other models, the means of the held-out correlations over folds are drawn, with
            their standard deviations.
        ax : matplotlib.axes.Axes, default=None
            Axes to draw on. If None, a new figure is created.

        Returns
        -------
        display : CorrelationDisplay
            The drawn display.

        Raises
        ------
        TypeError
            If `result` has neither corrected nor held-out correlations.
        MissingDependencyError
            If matplotlib is not installed.

        Examples
        --------
        >>> import numpy as np
        >>> from matplotlib.figure import Figure  # with pyplot, omit ax and call plt.show()
        >>> from skdcca import LinearCCA, canonical_correlation_intervals
        >>> from skdcca.plotting import CorrelationDisplay
        >>> rng = np.random.default_rng(0)
        >>> X = rng.normal(size=(200, 3))
        >>> y = np.column_stack([X[:, 0] + rng.normal(size=200), rng.normal(size=(200, 2))])
        >>> result = canonical_correlation_intervals(LinearCCA(reg=0), X, y, random_state=0)
        >>> display = CorrelationDisplay.from_intervals(result, ax=Figure().subplots())
        >>> display.undetected_.get_xdata().tolist()  # the components without a link
        [2, 3]
        """
        require_matplotlib(cls)
        if getattr(result, "corrected", None) is None:
            fields = ["held_out_mean", "held_out_std", "correlations"]
            shown = ["held_out", "held_out_std", "train"]
        else:
            fields = ["corrected", "low", "high", "detected", "threshold", "correlations"]
            shown = [*fields[:-1], "train"]
        require_fields(result, fields, "canonical_correlation_intervals")
        values = {name: result[field] for name, field in zip(shown, fields, strict=True)}
        return cls(**values).plot(ax)


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
