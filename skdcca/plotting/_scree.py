"""Plot of canonical correlations with the band of permutations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from skdcca._utils.validation import check_number
from skdcca.plotting._common import (
    FIRST,
    axes_of,
    require_fields,
    require_matplotlib,
    use_integer_ticks,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_TEST = "canonical_correlation_test"


class ScreeDisplay:
    """Canonical correlations by component, with those of permuted pairs.

    Use it to see how many components are more than chance. The band contains the correlations of most
    permutations, by component. Filled markers are significant.

    Parameters
    ----------
    correlations : ndarray of shape (n_components,)
        Canonical correlations.
    p_values : ndarray of shape (n_components,)
        P-value of each component.
    null_distribution : ndarray of shape (n_permutations, n_components), default=None
        Correlations of permuted pairs. If None, the band is not drawn.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        The axes of the plot.
    figure_ : matplotlib.figure.Figure
        The figure that contains the axes.
    significant_, others_ : matplotlib.lines.Line2D
        The markers of the significant components and of the others.
    band_ : matplotlib.patches.StepPatch
        The band, or None if `null_distribution` is None.

    See Also
    --------
    skdcca.canonical_correlation_test : Compute p-values and the null distribution.
    skdcca.plotting.CorrelationDisplay : Correlations of held-out rows, or with intervals.

    Examples
    --------
    >>> from matplotlib.figure import Figure  # with pyplot, omit ax and call plt.show()
    >>> from sklearn.datasets import load_linnerud
    >>> from skdcca import LinearCCA, canonical_correlation_test
    >>> from skdcca.plotting import ScreeDisplay
    >>> X, y = load_linnerud(return_X_y=True)
    >>> result = canonical_correlation_test(
    ...     LinearCCA(reg=0), X, y, null_distribution=True, random_state=0
    ... )
    >>> display = ScreeDisplay.from_test(result, alpha=0.1, ax=Figure().subplots())
    >>> display.significant_.get_xdata().tolist()
    [1]
    """

    def __init__(
        self,
        *,
        correlations: NDArray,
        p_values: NDArray,
        null_distribution: NDArray | None = None,
    ) -> None:
        self.correlations = correlations
        self.p_values = p_values
        self.null_distribution = null_distribution

    def plot(self, ax: Axes | None = None, *, alpha: float = 0.05) -> ScreeDisplay:
        """Draw the correlations and the band.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Axes to draw on. If None, a new figure is created.
        alpha : float, default=0.05
            Level of significance. The leading components with p-values up to it are marked, and the
            band ends at the quantiles ``alpha`` and ``1 - alpha`` of the permutations, so that the
            correlation of a component that is significant by itself is above the band.

        Returns
        -------
        self : ScreeDisplay
            The display, with `ax_`, `figure_`, `significant_`, `others_` and `band_`.

        Raises
        ------
        ValueError
            If `alpha` is not in (0, 0.5).
        MissingDependencyError
            If matplotlib is not installed.
        """
        check_number("alpha", alpha, gt=0, lt=0.5)
        self.ax_ = ax = axes_of(self, ax)
        self.figure_ = ax.figure
        correlations = np.asarray(self.correlations)
        component = np.arange(1, len(correlations) + 1)
        self.band_ = self._draw_band(alpha)
        style = {"color": FIRST["color"], "zorder": 2.5}
        ax.plot(component, correlations, linewidth=1, **style)
        found = np.logical_and.accumulate(np.asarray(self.p_values) <= alpha)
        markers = style | {"linestyle": "none", "marker": "o"}
        label = f"significant at {alpha:.2g}: {found.sum()} of {len(found)}"
        (self.significant_,) = ax.plot(
            component[found], correlations[found], label=label, **markers
        )
        markers |= {"markerfacecolor": "white", "label": "" if found.all() else "not significant"}
        (self.others_,) = ax.plot(component[~found], correlations[~found], **markers)
        ax.set(xlabel="component", ylabel="canonical correlation")
        ax.set(xlim=(0.5, len(component) + 0.5), ylim=(min(-0.02, correlations.min() - 0.05), 1.05))
        use_integer_ticks(ax.xaxis)
        ax.legend(loc="best", fontsize="small")
        return self

    def _draw_band(self, alpha):
        """Draw the band that contains most permutations, one step for each component."""
        if self.null_distribution is None:
            return None
        low, high = np.quantile(self.null_distribution, [alpha, 1 - alpha], axis=0)
        edges = np.arange(len(high) + 1) + 0.5
        label = f"permuted pairs, {alpha:.1%} to {1 - alpha:.1%}".replace(".0%", " %")
        band = self.ax_.stairs(high, edges, baseline=low, fill=True, color="0.85", label=label)
        self.ax_.stairs(high, edges, baseline=None, color="0.4", linestyle="--")
        return band

    @classmethod
    def from_test(cls, result: Any, *, alpha: float = 0.05, ax: Axes | None = None) -> ScreeDisplay:
        """Draw the result of a test.

        Parameters
        ----------
        result : sklearn.utils.Bunch
            Result of `skdcca.canonical_correlation_test`. A test by permutation needs
            ``null_distribution=True``. For tests by a formula, no band is drawn.
        alpha, ax
            As in `plot`.

        Returns
        -------
        display : ScreeDisplay
            The drawn display.

        Raises
        ------
        TypeError
            If `result` is not the result of a test.
        ValueError
            If it is a test by permutation without its null distribution, or `alpha` is not in
            (0, 0.5).
        MissingDependencyError
            If matplotlib is not installed.
        """
        require_matplotlib(cls)
        require_fields(result, ["correlations", "p_values"], _TEST)
        null = getattr(result, "null_distribution_", None)
        if null is None and getattr(result, "method", None) == "permutation":
            raise ValueError(
                "`result` must have null_distribution_, which the test did not keep. Test with "
                "null_distribution=True."
            )
        display = cls(
            correlations=result.correlations, p_values=result.p_values, null_distribution=null
        )
        return display.plot(ax, alpha=alpha)
