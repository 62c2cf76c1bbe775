"""The training of a deep model, epoch by epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skdcca.metrics import inside
from skdcca.plotting._common import (
    FIRST,
    REFERENCE,
    SECOND,
    axes_of,
    mark_sparsely,
    require_matplotlib,
    use_integer_ticks,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class HistoryDisplay:
    """Training of a `DeepCCA` by epoch: the loss above, the correlations below.

    Parameters
    ----------
    history : list of dict
        ``history_`` of a fitted `DeepCCA`: for each epoch ``epoch`` and ``train_loss`` and, if rows
        were held out, ``train_correlation`` and ``valid_correlation``.

    Attributes
    ----------
    best_epoch_ : int or None
        Epoch of the greatest held-out correlation; None if no rows were held out. The model has the
        weights of this epoch, or with `warm_start` those of the best epoch of the last call.
    ax_ : matplotlib.axes.Axes
        The axes drawn on, split in two if rows were held out.
    loss_ax_ : matplotlib.axes.Axes
        The upper half, with the loss; `ax_` if no rows were held out.
    correlation_ax_ : matplotlib.axes.Axes or None
        The lower half, with the sums of the correlations.
    figure_ : matplotlib.figure.Figure
        Their figure.

    Examples
    --------
    >>> import numpy as np
    >>> from matplotlib.figure import Figure
    >>> from skdcca import DeepCCA
    >>> from skdcca.plotting import HistoryDisplay
    >>> X = np.random.default_rng(0).normal(size=(200, 4))
    >>> model = DeepCCA(2, max_epochs=3, random_state=0).fit(X, X)
    >>> display = HistoryDisplay.from_estimator(model, ax=Figure().subplots())
    >>> len(display.history), display.loss_ax_.get_ylabel()
    (3, 'loss')
    """

    def __init__(self, *, history: Sequence[Mapping[str, Any]]) -> None:
        self.history = history

    def plot(self, ax: Axes | None = None) -> HistoryDisplay:
        """Draw the history.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Axes to draw on; a new figure if None.

        Returns
        -------
        self : HistoryDisplay
            The display, with the attributes that end in an underscore.
        """
        self.ax_ = self.loss_ax_ = bottom = axes_of(self, ax)
        self.figure_ = bottom.figure
        self.best_epoch_ = self.correlation_ax_ = None
        if np.isfinite(self._values("valid_correlation")).any():
            self.loss_ax_, self.correlation_ax_ = _split(self.ax_)
            bottom = self.correlation_ax_
            self._plot_correlations(bottom)
        self.loss_ax_.plot(self._values("epoch"), self._values("train_loss"), color="black")
        self.loss_ax_.set_ylabel("loss")
        bottom.set_xlabel("epoch")
        use_integer_ticks(bottom.xaxis)
        return self

    def _values(self, name):
        return np.array([epoch.get(name, np.nan) for epoch in self.history])

    def _plot_correlations(self, ax):
        epoch, held_out = self._values("epoch"), self._values("valid_correlation")
        train = self._values("train_correlation")
        best = np.nanargmax(held_out)
        self.best_epoch_ = int(epoch[best])
        marked = mark_sparsely(len(epoch))
        ax.plot(epoch, train, label="training batches", **SECOND, **marked)
        ax.plot(epoch, held_out, label="held-out rows", **FIRST, **marked)
        ax.set_ylabel("sum of correlations")
        for panel in (self.loss_ax_, ax):
            panel.axvline(self.best_epoch_, linestyle=":", **REFERENCE)
        label = f"best epoch, {self.best_epoch_}: {held_out[best]:.2f}"
        star = {"marker": "*", "markersize": 13, "linestyle": ":", "zorder": 3}
        ax.plot(self.best_epoch_, held_out[best], label=label, **star, **REFERENCE)
        ax.legend(loc="best")

    @classmethod
    def from_estimator(cls, estimator: Any, *, ax: Axes | None = None) -> HistoryDisplay:
        """Draw the history of a fitted deep model.

        Parameters
        ----------
        estimator : estimator
            A fitted `DeepCCA`, a `Pipeline` that ends in one, or a fitted search whose best is one.
        ax : matplotlib.axes.Axes, default=None
            Axes to draw on; a new figure if None.

        Returns
        -------
        display : HistoryDisplay
            The drawn display.

        Raises
        ------
        TypeError
            If the model is not trained by epochs.
        """
        require_matplotlib(cls)
        _, model = inside(estimator)
        check_is_fitted(model)
        if not hasattr(model, "history_"):
            raise TypeError(
                f"{type(model).__name__} has no history_, as it is not trained by epochs. Use a fitted "
                "DeepCCA."
            )
        return cls(history=model.history_).plot(ax)


def _split(ax):
    """Return the two halves of the axes, one above the other, with a common horizontal axis.

    They are insets, so they move with the given axes in any layout and keep its title on top.
    """
    ax.set_axis_off()
    upper = ax.inset_axes([0, 0.54, 1, 0.46])
    lower = ax.inset_axes([0, 0, 1, 0.46], sharex=upper)
    upper.tick_params(labelbottom=False)
    return upper, lower
