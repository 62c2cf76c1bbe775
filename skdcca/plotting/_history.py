"""Plot of the training of a deep model by epoch."""

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
    """Training history of a `DeepCCA` by epoch: the loss above, the correlations below.

    Use it to choose `max_epochs` and the learning rate. If the held-out correlation falls while
    the correlation of the training batches rises, the model overfits.

    Parameters
    ----------
    history : list of dict
        The attribute `history_` of a fitted `DeepCCA`. Each dict has the keys ``epoch`` and
        ``train_loss`` and, if rows were held out, ``train_correlation`` and ``valid_correlation``.
        With several networks, it also has the key ``network``, and each network has a line.

    Attributes
    ----------
    best_epoch_ : int or None
        Epoch with the greatest held-out correlation; None if no rows were held out. The model has the
        weights of this epoch. With `warm_start`, it has the weights of the best epoch of the
        last call of `fit`.
    ax_ : matplotlib.axes.Axes
        The axes of the plot. They are split in two if rows were held out.
    loss_ax_ : matplotlib.axes.Axes
        The upper axes with the loss; the same as `ax_` if no rows were held out.
    correlation_ax_ : matplotlib.axes.Axes or None
        The lower axes with the sums of the correlations; None if no rows were held out.
    figure_ : matplotlib.figure.Figure
        The figure that contains the axes.

    See Also
    --------
    skdcca.DeepCCA : The model, with the attribute `history_`.

    Examples
    --------
    >>> import numpy as np
    >>> from matplotlib.figure import Figure  # with pyplot, omit ax and call plt.show()
    >>> from sklearn.datasets import load_digits
    >>> from skdcca import DeepCCA
    >>> from skdcca.plotting import HistoryDisplay
    >>> X, y = np.hsplit(load_digits().data, 2)  # upper and lower halves of digits
    >>> model = DeepCCA(2, n_networks=1, fallback=None, max_epochs=3, random_state=0)
    >>> model = model.fit(X[:200] / 16, y[:200] / 16)
    >>> display = HistoryDisplay.from_estimator(model, ax=Figure().subplots())
    >>> len(display.history), display.loss_ax_.get_ylabel()
    (3, 'loss')
    """

    def __init__(self, *, history: Sequence[Mapping[str, Any]]) -> None:
        self.history = history

    def plot(self, ax: Axes | None = None) -> HistoryDisplay:
        """Draw the loss and the correlations.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Axes to draw on. If None, a new figure is created.

        Returns
        -------
        self : HistoryDisplay
            The display, with `best_epoch_` and the attributes of the axes and the figure.

        Raises
        ------
        MissingDependencyError
            If matplotlib is not installed.
        """
        self.ax_ = self.loss_ax_ = bottom = axes_of(self, ax)
        self.figure_ = bottom.figure
        self.best_epoch_ = self.correlation_ax_ = None
        if np.isfinite(self._values("valid_correlation")).any():
            self.loss_ax_, self.correlation_ax_ = _split(self.ax_)
            bottom = self.correlation_ax_
            self._plot_correlations(bottom)
        epoch, loss, network = map(self._values, ("epoch", "train_loss", "network"))
        for number in np.unique(network):  # NaN if there is a single network
            rows = np.isnan(network) if np.isnan(number) else network == number
            self.loss_ax_.plot(epoch[rows], loss[rows], color="black")
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
        """Draw the training history of a fitted deep model.

        Parameters
        ----------
        estimator : estimator
            A fitted `DeepCCA`, a `Pipeline` that ends in one, or a fitted search whose best
            estimator is one.
        ax : matplotlib.axes.Axes, default=None
            Axes to draw on. If None, a new figure is created.

        Returns
        -------
        display : HistoryDisplay
            The drawn display.

        Raises
        ------
        TypeError
            If the estimator contains no two-view model, or the model is not trained in epochs.
        NotFittedError
            If the model is not fitted.
        MissingDependencyError
            If matplotlib is not installed.
        """
        require_matplotlib(cls)
        _, model = inside(estimator)
        check_is_fitted(model)
        if not hasattr(model, "history_"):
            raise TypeError(
                f"{type(model).__name__} has no history_, because it is not trained in epochs. Use "
                "a fitted DeepCCA."
            )
        return cls(history=model.history_).plot(ax)


def _split(ax):
    """Return two new axes, one above the other, that share a horizontal axis and fill the given axes.

    The new axes are insets, so that they follow the given axes in any layout, below the title.
    """
    ax.set_axis_off()
    upper = ax.inset_axes([0, 0.54, 1, 0.46])
    lower = ax.inset_axes([0, 0, 1, 0.46], sharex=upper)
    upper.tick_params(labelbottom=False)
    return upper, lower
