"""Plot of recall at k against the number of results k."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import binom

from skdcca.metrics import both_directions, chance, pair_scores
from skdcca.plotting._common import (
    FIRST,
    REFERENCE,
    SECOND,
    axes_of,
    check_names,
    check_square,
    mark_sparsely,
    require_matplotlib,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class RecallDisplay:
    """Recall at k against k in both directions, with the chance level.

    The recall at k is the fraction of queries whose relevant item is among the first k results. Use the
    plot to compare the two directions of a search with each other and with a random ranking.

    Parameters
    ----------
    k : array-like of shape (n_lengths,)
        Numbers of results.
    recall : dict of str to array-like of shape (n_lengths,)
        Recall at each k, with the keys ``"x_to_y"`` (queries of X search y) and ``"y_to_x"``.
    mrr : dict of str to float
        Mean reciprocal rank, with the same keys.
    n_gallery : int
        Number of items in the gallery.
    n_queries : int
        Number of queries in each direction, summed over all folds.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        The axes of the plot.
    figure_ : matplotlib.figure.Figure
        The figure that contains the axes.
    lines_ : dict of str to matplotlib.lines.Line2D
        The curves, with the keys ``"x_to_y"``, ``"y_to_x"`` and ``"chance"``.
    band_ : matplotlib.collections.PolyCollection
        The band around the chance level.

    See Also
    --------
    skdcca.metrics.retrieval_metrics : Compute recall, MRR and median rank as numbers.

    Notes
    -----
    The chance level is ``k / n_gallery``, the probability that the first `k` items of a random
    ranking include the relevant item. At each `k`, the band contains the central 95 % of the recall of
    random rankings, from the quantiles of a binomial distribution with `n_queries` draws. The band
    holds for each `k` separately, so a random curve leaves it at some `k` in more than 5 % of all
    cases.
    If queries resemble each other, such as songs of one artist, the band is too narrow.

    Examples
    --------
    >>> import numpy as np
    >>> from matplotlib.figure import Figure  # with pyplot, omit ax and call plt.show()
    >>> from sklearn.datasets import load_digits
    >>> from skdcca import LinearCCA
    >>> from skdcca.plotting import RecallDisplay
    >>> X, y = np.hsplit(load_digits().data, 2)  # upper and lower halves of digits
    >>> model = LinearCCA(10, reg=1.0).fit(X[:1000], y[:1000])
    >>> display = RecallDisplay.from_estimator(model, X[1000:], y[1000:], ax=Figure().subplots())
    >>> display.n_gallery, round(display.mrr["x_to_y"], 2)
    (797, 0.09)
    """

    def __init__(
        self,
        *,
        k: ArrayLike,
        recall: Mapping[str, ArrayLike],
        mrr: Mapping[str, float],
        n_gallery: int,
        n_queries: int,
    ) -> None:
        self.k = k
        self.recall = recall
        self.mrr = mrr
        self.n_gallery = n_gallery
        self.n_queries = n_queries

    def plot(self, ax: Axes | None = None, *, names: Sequence[str] = ("X", "y")) -> RecallDisplay:
        """Draw the curves of both directions and the chance level.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Axes to draw on. If None, a new figure is created.
        names : pair of str, default=("X", "y")
            Names of the two views in the legend, such as ``("audio", "lyrics")``.

        Returns
        -------
        self : RecallDisplay
            The display, with the attributes `ax_`, `figure_`, `lines_` and `band_`.

        Raises
        ------
        ValueError
            If `names` is not a pair.
        MissingDependencyError
            If matplotlib is not installed.
        """
        first, second = check_names(names)
        self.ax_ = ax = axes_of(self, ax)
        self.figure_ = ax.figure
        self.lines_ = {}
        for direction, title, style in (
            ("x_to_y", f"{first} to {second}", FIRST),
            ("y_to_x", f"{second} to {first}", SECOND),
        ):
            label = f"{title}, MRR {self.mrr[direction]:.3f}"
            marked = mark_sparsely(len(self.k)) | style
            (line,) = ax.plot(self.k, self.recall[direction], label=label, **marked)
            self.lines_[direction] = line
        self._plot_chance(ax)
        n = self.n_gallery
        ax.set(xscale="log", xlim=(1, n), ylim=(0, 1.02))
        ax.set(xlabel=f"k, length of the list (of {n})", ylabel="recall@k")
        ticks = _lengths_to_name(n)
        ax.set_xticks(ticks, ticks)
        ax.minorticks_off()
        ax.grid(alpha=0.3)
        ax.legend(loc="best")
        return self

    def _plot_chance(self, ax):
        chance_of_k = np.asarray(self.k) / self.n_gallery
        label = f"chance, MRR {chance(self.n_gallery)['mrr']:.3f}"
        (line,) = ax.plot(self.k, chance_of_k, linestyle=":", label=label, **REFERENCE)
        self.lines_["chance"] = line
        low, high = np.array(binom.interval(0.95, self.n_queries, chance_of_k)) / self.n_queries
        self.band_ = ax.fill_between(self.k, low, high, color="0.85", label="chance, 95 %")

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: Any,
        *,
        names: Sequence[str] = ("X", "y"),
        ax: Axes | None = None,
    ) -> RecallDisplay:
        """Compute and draw the recall of a fitted model in both directions.

        Parameters
        ----------
        estimator : estimator
            A fitted two-view model such as `LinearCCA`, a `Pipeline` that ends in one, or a fitted
            search over either.
        X, y : array-like or list
            The two views of the same rows, preferably held out; each view is the gallery of the other.
        names : pair of str, default=("X", "y")
            Names of the two views in the legend.
        ax : matplotlib.axes.Axes, default=None
            Axes to draw on. If None, a new figure is created.

        Returns
        -------
        display : RecallDisplay
            The drawn display.

        Raises
        ------
        ValueError
            If the scores are not square matrices with at least two rows, or `names` is not a pair.
        MissingDependencyError
            If matplotlib is not installed.
        """
        require_matplotlib(cls)
        return cls.from_predictions(pair_scores(estimator, X, y), names=names, ax=ax)

    @classmethod
    def from_predictions(
        cls,
        scores: ArrayLike | Sequence[ArrayLike],
        *,
        names: Sequence[str] = ("X", "y"),
        ax: Axes | None = None,
    ) -> RecallDisplay:
        """Compute and draw the recall from scores.

        Parameters
        ----------
        scores : array-like of shape (n_samples, n_samples), or list of such arrays
            Scores of every row of X with every row of y, as from `skdcca.metrics.pair_scores`, with
            the relevant items on the diagonal. If `scores` is a list with one matrix for each fold, the
            curves and the MRR are means over the folds. The chance level is then computed for the
            smallest gallery, where it is highest, and the band for the number of queries in all folds.
        names : pair of str, default=("X", "y")
            Names of the two views in the legend.
        ax : matplotlib.axes.Axes, default=None
            Axes to draw on. If None, a new figure is created.

        Returns
        -------
        display : RecallDisplay
            The drawn display.

        Raises
        ------
        ValueError
            If the scores are not square matrices with at least two rows, or `names` is not a pair.
        MissingDependencyError
            If matplotlib is not installed.
        """
        folds = [check_square(fold) for fold in _folds(scores)]
        n = min(len(fold) for fold in folds)
        k = np.unique(np.geomspace(1, n, 100).round().astype(int))
        found = [both_directions(fold, k=k) for fold in folds]
        recall, mrr = {}, {}
        for way in ("x_to_y", "y_to_x"):
            recalls = [[fold[way][f"recall@{at}"] for at in k] for fold in found]
            recall[way] = np.mean(recalls, axis=0)
            mrr[way] = float(np.mean([fold[way]["mrr"] for fold in found]))
        n_queries = sum(len(fold) for fold in folds)
        display = cls(k=k, recall=recall, mrr=mrr, n_gallery=n, n_queries=n_queries)
        return display.plot(ax, names=names)


def _folds(scores):
    """Return a list of matrices, one for each fold."""
    is_list = isinstance(scores, list | tuple) and len(scores) > 0
    return scores if is_list and np.ndim(scores[0]) == 2 else [scores]


def _lengths_to_name(n):
    """Return the integers that label a logarithmic axis from 1 to `n`."""
    steps = (1, 2, 5) if n <= 1000 else (1,)
    decades = 10 ** np.arange(int(np.log10(n)) + 1)
    return [int(step * decade) for decade in decades for step in steps if step * decade < n]
