"""Curves of a sample-size plan."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from skdcca.plotting._common import (
    FIRST,
    FOURTH,
    SECOND,
    THIRD,
    axes_of,
    legend_above,
    mark_sparsely,
    require_fields,
    require_matplotlib,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_CURVES = {
    "power": ("power", FIRST),
    "in_sample": ("correlation, training", SECOND),
    "held_out": ("correlation, held-out", THIRD),
    "weight_agreement": ("weight agreement", FOURTH),
}


class SampleSizeDisplay:
    """Power, correlations and agreement of weights by the number of samples.

    Use it to plan a study: a vertical line marks each number of samples that the plan requires. The gap
    between the correlations of training rows and held-out rows shows how optimistic a smaller study
    would be.

    Parameters
    ----------
    n_samples : array-like of shape (n_points,)
        Numbers of samples of the curves.
    power : array-like of shape (n_points,)
        Probability that the test finds the first component.
    in_sample, held_out : array-like of shape (n_points,)
        Expected correlation of training rows and of held-out rows.
    weight_agreement : array-like of shape (n_points,)
        Expected agreement of the weights with those of the population, 1 if they are the same.
    required : dict of str to int, default=None
        Required number of samples by what it is required for. If None, no line is drawn.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        The axes of the plot.
    figure_ : matplotlib.figure.Figure
        The figure that contains the axes.
    lines_ : dict of str to matplotlib.lines.Line2D
        The curves, by the names of the parameters.
    required_lines_ : dict of str to matplotlib.lines.Line2D
        The vertical lines, by the keys of `required`.

    See Also
    --------
    skdcca.cca_sample_size : Compute the plan.

    Examples
    --------
    >>> from matplotlib.figure import Figure  # with pyplot, omit ax and call plt.show()
    >>> from skdcca import cca_sample_size
    >>> from skdcca.plotting import SampleSizeDisplay
    >>> plan = cca_sample_size(0.5, 5, 5, random_state=0)
    >>> display = SampleSizeDisplay.from_result(plan, ax=Figure().subplots())
    >>> display.required == {"power": plan.n_samples_power, "weights": plan.n_samples_weights}
    True
    """

    def __init__(
        self,
        *,
        n_samples: ArrayLike,
        power: ArrayLike,
        in_sample: ArrayLike,
        held_out: ArrayLike,
        weight_agreement: ArrayLike,
        required: dict[str, int] | None = None,
    ) -> None:
        self.n_samples = n_samples
        self.power = power
        self.in_sample = in_sample
        self.held_out = held_out
        self.weight_agreement = weight_agreement
        self.required = required

    def plot(self, ax: Axes | None = None) -> SampleSizeDisplay:
        """Draw the curves and the required numbers of samples.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Axes to draw on. If None, a new figure is created.

        Returns
        -------
        self : SampleSizeDisplay
            The display, with `ax_`, `figure_`, `lines_` and `required_lines_`.

        Raises
        ------
        MissingDependencyError
            If matplotlib is not installed.
        """
        self.ax_ = ax = axes_of(self, ax)
        self.figure_ = ax.figure
        n = np.asarray(self.n_samples)
        some = mark_sparsely(len(n))
        self.lines_ = {
            name: ax.plot(n, getattr(self, name), label=label, **some, **style)[0]
            for name, (label, style) in _CURVES.items()
        }
        styles = ["-", (0, (6, 3)), (0, (1, 2))]
        self.required_lines_ = {
            reason: ax.axvline(
                at, color="0.25", linestyle=style, linewidth=1.5, label=f"n = {at} for {reason}"
            )
            for (reason, at), style in zip((self.required or {}).items(), styles, strict=False)
        }
        ax.set(xlabel="number of samples", ylabel="power, correlation, agreement")
        ax.set(xscale="log", ylim=(-0.02, 1.05))
        _use_plain_ticks(ax)
        legend_above(ax, ncols=3)
        return self

    @classmethod
    def from_result(cls, result: Any, *, ax: Axes | None = None) -> SampleSizeDisplay:
        """Draw the result of a plan.

        Parameters
        ----------
        result : sklearn.utils.Bunch
            Result of `skdcca.cca_sample_size`.
        ax : matplotlib.axes.Axes, default=None
            Axes to draw on. If None, a new figure is created.

        Returns
        -------
        display : SampleSizeDisplay
            The drawn display.

        Raises
        ------
        TypeError
            If `result` is not the result of a plan.
        MissingDependencyError
            If matplotlib is not installed.
        """
        require_matplotlib(cls)
        source = "cca_sample_size"
        require_fields(result, ["curve", "n_samples_power", "n_samples_weights"], source)
        require_fields(result.curve, ["n_samples", *_CURVES], source)
        curves = {name: result.curve[name] for name in _CURVES}
        required = {"power": result.n_samples_power, "weights": result.n_samples_weights}
        return cls(n_samples=result.curve.n_samples, required=required, **curves).plot(ax)


def _use_plain_ticks(ax):
    """Label the logarithmic axis with plain numbers, 100 rather than a power of ten."""
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    ax.xaxis.set_major_locator(LogLocator(subs=[1, 2, 5]))
    ax.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    ax.xaxis.set_minor_formatter(NullFormatter())
