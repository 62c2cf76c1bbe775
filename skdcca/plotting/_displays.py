"""Pictures of fitted models, as scikit-learn's Display objects.

Conventions
-----------
Each class draws one picture. ``from_estimator`` computes it from a fitted model and looks through
pipelines and searches; ``from_predictions``, where there is one, takes what was computed elsewhere. Both
return the display, which keeps the numbers as attributes under the names of its parameters, so that
``plot`` can draw them again on other axes. ``plot`` sets ``ax_`` and ``figure_`` and leaves the global
settings of matplotlib alone.

Lines differ in style and marker as well as in colour, and signs are told by numbers or position, so that
the pictures can be read in grey and by the colour-blind. They need matplotlib:
``pip install "skdcca[plot]"``.
"""

from importlib import import_module

import numpy as np
from scipy.stats import binom
from sklearn.utils.validation import check_array, check_is_fitted

from skdcca._utils.validation import check_integer, is_integer
from skdcca.metrics import (
    both_directions,
    chance,
    embed,
    inside,
    pair_scores,
    variate_correlations,
)

__all__ = [
    "CorrelationDisplay",
    "HistoryDisplay",
    "LoadingsDisplay",
    "RecallDisplay",
    "SimilarityDisplay",
    "SpaceDisplay",
]

# Two of the colours of Okabe and Ito, which the colour-blind can tell apart.
BLUE, ORANGE = "#0072B2", "#D55E00"
FIRST = {"color": BLUE, "linestyle": "-", "marker": "o", "markersize": 5}
SECOND = {
    "color": ORANGE,
    "linestyle": "--",
    "marker": "^",
    "markersize": 6,
    "markerfacecolor": "white",
}
# For those of which the line tells less than its place: zero, chance, the best epoch.
REFERENCE = {"color": "0.25", "linewidth": 1}


class CorrelationDisplay:
    """Canonical correlations by component: of training rows, and of rows not learned from.

    The gap between the two lines is what a model has learned by heart; where the lower one meets zero,
    the components hold for nothing but the training rows.

    Parameters
    ----------
    held_out : ndarray of shape (n_components,)
        Correlations of rows that were not learned from.
    train : ndarray of shape (n_components,), default=None
        Correlations of the training rows. None: they are not drawn.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        The axes drawn on.
    figure_ : matplotlib.figure.Figure
        Their figure.
    held_out_line_, train_line_ : matplotlib.lines.Line2D
        The lines; `train_line_` is None without `train`.

    Examples
    --------
    >>> import numpy as np
    >>> from matplotlib.figure import Figure  # with pyplot, leave ax out and call plt.show()
    >>> from skdcca import LinearCCA
    >>> from skdcca.plotting import CorrelationDisplay
    >>> rng = np.random.default_rng(0)
    >>> shared = rng.normal(size=(400, 2))
    >>> X, y = (np.hstack([shared + rng.normal(size=(400, 2)), rng.normal(size=(400, 8))]) for _ in "Xy")
    >>> model = LinearCCA(4).fit(X[:200], y[:200])
    >>> display = CorrelationDisplay.from_estimator(model, X[200:], y[200:], ax=Figure().subplots())
    >>> f"{display.train.sum():.1f} {display.held_out.sum():.1f}"
    '1.7 0.9'
    """

    def __init__(self, *, held_out, train=None):
        self.held_out = held_out
        self.train = train

    def plot(self, ax=None):
        """Draw the correlations.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Where to draw. None: a new figure.

        Returns
        -------
        self : CorrelationDisplay
            The display, with the attributes that end in an underscore.
        """
        self.ax_ = ax = _axes(self, ax)
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
        _whole_ticks(ax.xaxis)
        ax.legend(loc="best")
        return self

    @classmethod
    def from_estimator(cls, estimator, X, y, *, X_train=None, y_train=None, ax=None):
        """Measure and draw the correlations of a fitted model.

        Parameters
        ----------
        estimator : estimator
            A fitted canonical correlation model, a `Pipeline` that ends in one, or a fitted search.
        X, y : array-like or list
            The two views of rows that were not learned from, at least two.
        X_train, y_train : array-like or list, default=None
            The training rows, to measure them likewise. None: the line is the model's
            ``canonical_correlations_``. With a ridge those are the shrunk maxima of its objective,
            smaller than the correlations of the training variates; to see what a ridge does against
            learning by heart, give the rows.
        ax : matplotlib.axes.Axes, default=None
            Where to draw. None: a new figure.

        Returns
        -------
        display : CorrelationDisplay
            The display, drawn.

        Raises
        ------
        ValueError
            If only one of `X_train` and `y_train` is given.

        Notes
        -----
        Of a `DeepCCA` it is the canonical variates that are measured, with the projection "raw" too. A
        component to which the projection "weighted" gives the weight 0 counts as 0.
        """
        _require_matplotlib(cls)
        if (X_train is None) != (y_train is None):
            given, missing = ("X", "y") if y_train is None else ("y", "X")
            raise ValueError(
                f"{given}_train is given and {missing}_train=None; give both, or neither for the "
                "correlations that the model keeps"
            )
        held_out = _correlations(estimator, X, y)
        if X_train is None:
            train = inside(estimator)[1].canonical_correlations_
        else:
            train = _correlations(estimator, X_train, y_train)
        return cls.from_predictions(held_out, train, ax=ax)

    @classmethod
    def from_predictions(cls, held_out, train=None, *, ax=None):
        """Draw correlations that were computed elsewhere.

        Parameters
        ----------
        held_out : array-like of shape (n_components,)
            Correlations of rows that were not learned from, as from
            `skdcca.metrics.variate_correlations`.
        train : array-like of shape (n_components,), default=None
            Correlations of the training rows.
        ax : matplotlib.axes.Axes, default=None
            Where to draw. None: a new figure.

        Returns
        -------
        display : CorrelationDisplay
            The display, drawn.
        """
        held_out = _vector("held_out", held_out)
        if train is not None:
            train = _vector("train", train)
            if len(train) != len(held_out):
                raise ValueError(
                    f"train has {len(train)} correlations and held_out {len(held_out)}; they must be "
                    "of the same components"
                )
        return cls(held_out=held_out, train=train).plot(ax)


class RecallDisplay:
    """Recall over the length of the list that a person looks through, beside chance.

    Parameters
    ----------
    k : array-like of shape (n_lengths,)
        Lengths of the list.
    recall : dict of str to array-like of shape (n_lengths,)
        The recall of each length, of ``"x_to_y"`` (X asks for y) and of ``"y_to_x"``.
    mrr : dict of str to float
        Mean reciprocal rank, with the same keys.
    n_gallery : int
        Number of items to choose from.
    n_queries : int
        Number of queries in each direction, all folds together.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        The axes drawn on.
    figure_ : matplotlib.figure.Figure
        Their figure.
    lines_ : dict of str to matplotlib.lines.Line2D
        The curves of ``"x_to_y"``, ``"y_to_x"`` and ``"chance"``.
    band_ : matplotlib.collections.PolyCollection
        The band about chance.

    Notes
    -----
    A list of `k` items in random order holds the right one with probability ``k / n_gallery``: the line
    of chance. The band is the central 95 % of the recall at each `k` of such an order, the quantiles of
    a binomial distribution of `n_queries` draws. One curve is outside it at some `k` more often than at
    a given one, and queries that resemble each other (songs of one artist) make it too narrow.

    Examples
    --------
    >>> import numpy as np
    >>> from matplotlib.figure import Figure
    >>> from skdcca import LinearCCA
    >>> from skdcca.plotting import RecallDisplay
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(150, 4))
    >>> y = X + rng.normal(size=(150, 4))
    >>> model = LinearCCA().fit(X[:100], y[:100])
    >>> display = RecallDisplay.from_estimator(model, X[100:], y[100:], ax=Figure().subplots())
    >>> display.n_gallery, round(display.mrr["x_to_y"], 1)
    (50, 0.4)
    """

    def __init__(self, *, k, recall, mrr, n_gallery, n_queries):
        self.k = k
        self.recall = recall
        self.mrr = mrr
        self.n_gallery = n_gallery
        self.n_queries = n_queries

    def plot(self, ax=None, *, names=("X", "y")):
        """Draw the curves of both directions and chance.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Where to draw. None: a new figure.
        names : pair of str, default=("X", "y")
            What the legend calls the two views: ``("audio", "lyrics")``, say.

        Returns
        -------
        self : RecallDisplay
            The display, with the attributes that end in an underscore.
        """
        first, second = _check_names(names)
        self.ax_ = ax = _axes(self, ax)
        self.figure_ = ax.figure
        self.lines_ = {}
        for direction, title, style in (
            ("x_to_y", f"{first} to {second}", FIRST),
            ("y_to_x", f"{second} to {first}", SECOND),
        ):
            label = f"{title}, MRR {self.mrr[direction]:.3f}"
            marked = {"markevery": max(1, len(self.k) // 10)} | style
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
    def from_estimator(cls, estimator, X, y, *, names=("X", "y"), ax=None):
        """Let a fitted model search in both directions and draw its recall.

        Parameters
        ----------
        estimator : estimator
            A fitted canonical correlation model, a `Pipeline` that ends in one, or a fitted search.
        X, y : array-like or list
            The two views of the same rows, best of such as were not learned from; each side is the
            gallery of the other.
        names : pair of str, default=("X", "y")
            What the legend calls the two views.
        ax : matplotlib.axes.Axes, default=None
            Where to draw. None: a new figure.

        Returns
        -------
        display : RecallDisplay
            The display, drawn.
        """
        _require_matplotlib(cls)
        return cls.from_predictions(pair_scores(estimator, X, y), names=names, ax=ax)

    @classmethod
    def from_predictions(cls, scores, *, names=("X", "y"), ax=None):
        """Draw the recall of scores that a model gave.

        Parameters
        ----------
        scores : array-like of shape (n_samples, n_samples), or list of them
            Score of every X with every y, as from `skdcca.metrics.pair_scores`; the right answers are
            on the diagonal. Of a list, one matrix a fold, the curves and the MRR are the means of the
            folds, and chance is that of the smallest gallery, where it is greatest, with the queries of
            all folds.
        names : pair of str, default=("X", "y")
            What the legend calls the two views.
        ax : matplotlib.axes.Axes, default=None
            Where to draw. None: a new figure.

        Returns
        -------
        display : RecallDisplay
            The display, drawn.
        """
        several = isinstance(scores, (list, tuple)) and len(scores) and np.ndim(scores[0]) == 2
        folds = [_square(fold) for fold in (scores if several else [scores])]
        n = min(len(fold) for fold in folds)
        k = np.unique(np.geomspace(1, n, 100).round().astype(int))
        found = [both_directions(fold, k=k) for fold in folds]

        directions = ("x_to_y", "y_to_x")
        recall = {
            way: np.mean([[fold[way][f"recall@{at}"] for at in k] for fold in found], axis=0)
            for way in directions
        }
        return cls(
            k=k,
            recall=recall,
            mrr={way: float(np.mean([fold[way]["mrr"] for fold in found])) for way in directions},
            n_gallery=n,
            n_queries=sum(len(fold) for fold in folds),
        ).plot(ax, names=names)


class HistoryDisplay:
    """The training of a `DeepCCA`, epoch by epoch: loss above, correlations below.

    Parameters
    ----------
    history : list of dict
        ``history_`` of a fitted `DeepCCA`: of each epoch ``epoch`` and ``train_loss`` and, if rows
        were held out, ``train_correlation`` and ``valid_correlation``.

    Attributes
    ----------
    best_epoch_ : int or None
        The epoch of the greatest held-out correlation; None if no rows were held out. Its weights are
        those of the model, unless `warm_start` went on from it: then the best of the last call are.
    ax_ : matplotlib.axes.Axes
        The axes drawn on. They are split in two, unless no rows were held out.
    loss_ax_ : matplotlib.axes.Axes
        The upper half, with the loss; `ax_` itself if no rows were held out.
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

    def __init__(self, *, history):
        self.history = history

    def plot(self, ax=None):
        """Draw the history.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Where to draw. None: a new figure.

        Returns
        -------
        self : HistoryDisplay
            The display, with the attributes that end in an underscore.
        """
        self.ax_ = self.loss_ax_ = bottom = _axes(self, ax)
        self.figure_ = bottom.figure
        self.best_epoch_ = self.correlation_ax_ = None
        if np.isfinite(self._course("valid_correlation")).any():
            self.loss_ax_, self.correlation_ax_ = _split(self.ax_)
            bottom = self.correlation_ax_
            self._plot_correlations(bottom)
        self.loss_ax_.plot(self._course("epoch"), self._course("train_loss"), color="black")
        self.loss_ax_.set_ylabel("loss")
        bottom.set_xlabel("epoch")
        _whole_ticks(bottom.xaxis)
        return self

    def _course(self, name):
        return np.array([epoch.get(name, np.nan) for epoch in self.history])

    def _plot_correlations(self, ax):
        epoch, held_out = self._course("epoch"), self._course("valid_correlation")
        best = np.nanargmax(held_out)
        self.best_epoch_ = int(epoch[best])
        marked = {"markevery": max(1, len(epoch) // 10)}
        ax.plot(
            epoch, self._course("train_correlation"), label="training batches", **SECOND, **marked
        )
        ax.plot(epoch, held_out, label="held-out rows", **FIRST, **marked)
        ax.set_ylabel("sum of correlations")
        for panel in (self.loss_ax_, ax):
            panel.axvline(self.best_epoch_, linestyle=":", **REFERENCE)
        label = f"best epoch, {self.best_epoch_}: {held_out[best]:.2f}"
        star = {"marker": "*", "markersize": 13, "linestyle": ":", "zorder": 3}
        ax.plot(self.best_epoch_, held_out[best], label=label, **star, **REFERENCE)
        ax.legend(loc="best")

    @classmethod
    def from_estimator(cls, estimator, *, ax=None):
        """Draw the history of a fitted deep model.

        Parameters
        ----------
        estimator : estimator
            A fitted `DeepCCA`, a `Pipeline` that ends in one, or a fitted search whose best is one.
        ax : matplotlib.axes.Axes, default=None
            Where to draw. None: a new figure.

        Returns
        -------
        display : HistoryDisplay
            The display, drawn.

        Raises
        ------
        TypeError
            For a model that is not trained by epochs.
        """
        _require_matplotlib(cls)
        _, model = inside(estimator)
        check_is_fitted(model)
        if not hasattr(model, "history_"):
            raise TypeError(
                f"{type(model).__name__} has no history_, as it is not trained by epochs; give a "
                "fitted DeepCCA"
            )
        return cls(history=model.history_).plot(ax)


class SpaceDisplay:
    """Two components of the shared space, in which each pair is joined by a line.

    The shorter the lines beside the distances between pairs, the better one view finds the other.

    Parameters
    ----------
    zx, zy : ndarray of shape (n_samples, n_components)
        Embeddings of the two views, row by row the same samples; two components at least.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        The axes drawn on.
    figure_ : matplotlib.figure.Figure
        Their figure.
    points_ : pair of matplotlib.lines.Line2D
        The points of X and of y.
    pairs_ : matplotlib.collections.LineCollection
        The lines that join them.

    Examples
    --------
    >>> import numpy as np
    >>> from matplotlib.figure import Figure
    >>> from skdcca import LinearCCA
    >>> from skdcca.plotting import SpaceDisplay
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(120, 3))
    >>> y = X + 0.5 * rng.normal(size=(120, 3))
    >>> model = LinearCCA().fit(X[:100], y[:100])
    >>> display = SpaceDisplay.from_estimator(model, X[100:], y[100:], ax=Figure().subplots())
    >>> display.zx.shape
    (20, 3)
    """

    def __init__(self, *, zx, zy):
        self.zx = zx
        self.zy = zy

    def plot(self, ax=None, *, components=(0, 1), labels=None, names=("X", "y")):
        """Draw the points and the lines between pairs.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Where to draw. None: a new figure.
        components : pair of int, default=(0, 1)
            Which components, counted from 0, are drawn to the right and upwards.
        labels : sequence of str of length n_samples, default=None
            Text beside each point of X; an empty one leaves it out. Good for a few.
        names : pair of str, default=("X", "y")
            What the legend calls the two views.

        Returns
        -------
        self : SpaceDisplay
            The display, with the attributes that end in an underscore.
        """
        zx, zy = (np.asarray(z) for z in (self.zx, self.zy))
        components = _check_components(components, zx.shape[1])
        labels = _check_labels(labels, len(zx))
        names = _check_names(names)
        self.ax_ = ax = _axes(self, ax)
        self.figure_ = ax.figure
        zx, zy = zx[:, components], zy[:, components]
        self.pairs_ = _join(ax, zx, zy)
        styles = (FIRST, SECOND)
        self.points_ = tuple(
            ax.plot(*z.T, label=name, **(style | {"linestyle": "none"}))[0]
            for z, name, style in zip((zx, zy), names, styles, strict=True)
        )
        for point, partner, label in zip(zx, zy, labels, strict=True):
            _write_beside(ax, point, partner, label)
        ax.set(xlabel=f"component {components[0] + 1}", ylabel=f"component {components[1] + 1}")
        ax.legend(loc="best")
        return self

    @classmethod
    def from_estimator(
        cls, estimator, X, y, *, components=(0, 1), labels=None, names=("X", "y"), ax=None
    ):
        """Embed both views by a fitted model and draw them.

        Parameters
        ----------
        estimator : estimator
            A fitted canonical correlation model, a `Pipeline` that ends in one, or a fitted search.
        X, y : array-like or list
            The two views of the same rows.
        components, labels, names, ax
            As for `plot`.

        Returns
        -------
        display : SpaceDisplay
            The display, drawn.

        Raises
        ------
        ValueError
            For a model with a single component.
        """
        _require_matplotlib(cls)
        zx, zy = embed(estimator, X, y)
        return cls.from_predictions(
            zx, zy, components=components, labels=labels, names=names, ax=ax
        )

    @classmethod
    def from_predictions(cls, zx, zy, *, components=(0, 1), labels=None, names=("X", "y"), ax=None):
        """Draw embeddings that were computed elsewhere.

        Parameters
        ----------
        zx, zy : array-like of shape (n_samples, n_components)
            Embeddings of the two views, as from `skdcca.metrics.embed`.
        components, labels, names, ax
            As for `plot`.

        Returns
        -------
        display : SpaceDisplay
            The display, drawn.
        """
        zx = check_array(zx, dtype=np.float64, input_name="zx")
        zy = check_array(zy, dtype=np.float64, input_name="zy")
        if zx.shape != zy.shape:
            raise ValueError(f"zx has shape {zx.shape} and zy {zy.shape}; they must be the same")
        if zx.shape[1] < 2:
            raise ValueError(
                "zx and zy have a single component, and the picture needs two; fit a model with "
                "n_components of 2 or more"
            )
        return cls(zx=zx, zy=zy).plot(ax, components=components, labels=labels, names=names)


class LoadingsDisplay:
    """The columns that make up the components of a linear model, by their correlations with them.

    A heat map of the strongest columns, the correlation written into each cell.

    Parameters
    ----------
    loadings : ndarray of shape (n_features, n_components)
        Correlation of each column of a view with each of its variates.
    feature_names : sequence of str of length n_features, default=None
        Names of the columns. None: ``x0``, ``x1``, ... (or ``y0``, ``y1``, ...).
    view : {"x", "y"}, default="x"
        Which view it is.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        The axes drawn on.
    figure_ : matplotlib.figure.Figure
        Their figure.
    image_ : matplotlib.image.AxesImage
        The heat map.
    strongest_ : ndarray of int
        The columns that are drawn, from the one with the greatest correlation (of either sign) down.

    Examples
    --------
    >>> import numpy as np
    >>> from matplotlib.figure import Figure
    >>> from skdcca import LinearCCA
    >>> from skdcca.plotting import LoadingsDisplay
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(200, 5))
    >>> model = LinearCCA(1).fit(X, X[:, 2] - 0.3 * X[:, 4])
    >>> display = LoadingsDisplay.from_estimator(model, n_features=2, ax=Figure().subplots())
    >>> display.strongest_
    array([2, 4])
    """

    def __init__(self, *, loadings, feature_names=None, view="x"):
        self.loadings = loadings
        self.feature_names = feature_names
        self.view = view

    def plot(self, ax=None, *, n_features=10, n_components=3):
        """Draw the strongest loadings.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Where to draw. None: a new figure.
        n_features : int, default=10
            Number of columns, those with the greatest correlation with any of the components drawn; all
            if there are fewer.
        n_components : int, default=3
            Number of components, from the first; all if there are fewer.

        Returns
        -------
        self : LoadingsDisplay
            The display, with the attributes that end in an underscore.
        """
        check_integer("n_features", n_features)
        check_integer("n_components", n_components)
        loadings = np.asarray(self.loadings)[:, :n_components]
        order = np.argsort(-np.abs(loadings).max(axis=1), kind="stable")
        self.strongest_ = order[:n_features]
        names = self._names()[self.strongest_]
        loadings = loadings[self.strongest_]
        self.ax_ = ax = _axes(self, ax)
        self.figure_ = ax.figure
        most = np.abs(loadings).max() or 1.0
        self.image_ = ax.imshow(loadings, cmap="PuOr_r", vmin=-most, vmax=most, aspect="auto")
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
        cls, estimator, *, view="x", feature_names=None, n_features=10, n_components=3, ax=None
    ):
        """Draw the loadings of a fitted linear model.

        Parameters
        ----------
        estimator : estimator
            A fitted `LinearCCA`, a `Pipeline` that ends in one, or a fitted search whose best is one.
        view : {"x", "y"}, default="x"
            Which view.
        feature_names : sequence of str of length n_features, default=None
            Names of the columns. None: those that the model, the step before it or its `y_transformer`
            knows.
        n_features, n_components, ax
            As for `plot`.

        Returns
        -------
        display : LoadingsDisplay
            The display, drawn.

        Raises
        ------
        TypeError
            For a model without loadings.
        ValueError
            For another `view`, or names that do not fit.
        """
        _require_matplotlib(cls)
        if not isinstance(view, str) or view not in ("x", "y"):
            raise ValueError(f"view={view!r}; it must be 'x' or 'y'")
        steps, model = inside(estimator)
        check_is_fitted(model)
        if not hasattr(model, f"{view}_loadings_"):
            raise TypeError(
                f"{type(model).__name__} has no {view}_loadings_: its components are not sums of "
                "columns; give a fitted LinearCCA"
            )
        loadings = getattr(model, f"{view}_loadings_")
        if feature_names is None:
            feature_names = _known_names(steps, model, view)
        elif len(feature_names) != len(loadings):
            raise ValueError(
                f"feature_names has {len(feature_names)} names, and the view {view!r} has "
                f"{len(loadings)} columns; give one for each"
            )
        display = cls(loadings=loadings, feature_names=feature_names, view=view)
        return display.plot(ax, n_features=n_features, n_components=n_components)


class SimilarityDisplay:
    """Scores of every X with every y, the right answers outlined on the diagonal.

    Parameters
    ----------
    scores : ndarray of shape (n_samples, n_samples)
        Score of every X (rows) with every y (columns).

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        The axes drawn on.
    figure_ : matplotlib.figure.Figure
        Their figure.
    image_ : matplotlib.image.AxesImage
        The heat map.
    diagonal_ : matplotlib.collections.PolyCollection
        The outlines of the right answers.

    Examples
    --------
    >>> import numpy as np
    >>> from matplotlib.figure import Figure
    >>> from skdcca import LinearCCA
    >>> from skdcca.plotting import SimilarityDisplay
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(120, 3))
    >>> y = X + 0.5 * rng.normal(size=(120, 3))
    >>> model = LinearCCA().fit(X[:100], y[:100])
    >>> display = SimilarityDisplay.from_estimator(model, X[100:], y[100:], ax=Figure().subplots())
    >>> display.scores.shape
    (20, 20)
    """

    def __init__(self, *, scores):
        self.scores = scores

    def plot(self, ax=None, *, names=("X", "y")):
        """Draw the scores.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Where to draw. None: a new figure.
        names : pair of str, default=("X", "y")
            What the axes call the two views.

        Returns
        -------
        self : SimilarityDisplay
            The display, with the attributes that end in an underscore.
        """
        first, second = _check_names(names)
        self.ax_ = ax = _axes(self, ax)
        self.figure_ = ax.figure
        self.image_ = ax.imshow(self.scores, cmap="cividis")
        self.diagonal_ = _outline_diagonal(ax, len(self.scores))
        ax.set(xlabel=f"row of {second}", ylabel=f"row of {first}")
        _whole_ticks(ax.xaxis)
        _whole_ticks(ax.yaxis)
        self.figure_.colorbar(self.image_, ax=ax, label="score (outlined: the right answers)")
        return self

    @classmethod
    def from_estimator(cls, estimator, X, y, *, names=("X", "y"), ax=None):
        """Let a fitted model compare every X with every y and draw the scores.

        Parameters
        ----------
        estimator : estimator
            A fitted canonical correlation model, a `Pipeline` that ends in one, or a fitted search.
        X, y : array-like or list
            The two views of the same rows; some tens of them can be told apart.
        names : pair of str, default=("X", "y")
            What the axes call the two views.
        ax : matplotlib.axes.Axes, default=None
            Where to draw. None: a new figure.

        Returns
        -------
        display : SimilarityDisplay
            The display, drawn.
        """
        _require_matplotlib(cls)
        return cls.from_predictions(pair_scores(estimator, X, y), names=names, ax=ax)

    @classmethod
    def from_predictions(cls, scores, *, names=("X", "y"), ax=None):
        """Draw scores that a model gave.

        Parameters
        ----------
        scores : array-like of shape (n_samples, n_samples)
            Score of every X with every y, as from `skdcca.metrics.pair_scores`.
        names : pair of str, default=("X", "y")
            What the axes call the two views.
        ax : matplotlib.axes.Axes, default=None
            Where to draw. None: a new figure.

        Returns
        -------
        display : SimilarityDisplay
            The display, drawn.
        """
        return cls(scores=_square(scores)).plot(ax, names=names)


def _require_matplotlib(cls):
    """Say what to install, before any work."""
    try:
        import_module("matplotlib")
    except ImportError as error:
        raise ImportError(
            f'{cls.__name__} draws with matplotlib; pip install "skdcca[plot]"'
        ) from error


def _axes(display, ax):
    """The given axes, or those of a new figure."""
    _require_matplotlib(type(display))
    if ax is None:
        import matplotlib.pyplot as plt

        _, ax = plt.subplots(layout="constrained")
    return ax


def _split(ax):
    """Two halves of the axes above one another, with a common horizontal axis.

    As insets they move with the given axes, whatever lays these out, and keep its title on top.
    """
    ax.set_axis_off()
    upper = ax.inset_axes([0, 0.54, 1, 0.46])
    lower = ax.inset_axes([0, 0, 1, 0.46], sharex=upper)
    upper.tick_params(labelbottom=False)
    return upper, lower


def _whole_ticks(axis):
    from matplotlib.ticker import MaxNLocator

    axis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10], min_n_ticks=1))


def _lengths_to_name(n):
    """Whole lengths of a list to write below a logarithmic axis that ends at `n`."""
    steps = (1, 2, 5) if n <= 1000 else (1,)
    decades = 10 ** np.arange(int(np.log10(n)) + 1)
    return [int(step * decade) for decade in decades for step in steps if step * decade < n]


def _join(ax, zx, zy):
    from matplotlib.collections import LineCollection

    pairs = LineCollection(np.stack([zx, zy], axis=1), colors="0.6", linewidths=0.8, zorder=1)
    return ax.add_collection(pairs)


def _write_beside(ax, point, partner, label):
    """Text on the side of the point where the line to its partner is not."""
    shift, end = (-6, "right") if partner[0] > point[0] else (6, "left")
    offset = {"xytext": (shift, 0), "textcoords": "offset points"}
    ax.annotate(label, point, **offset, ha=end, va="center", fontsize="small")


def _write_values(ax, image, values):
    """The number of each cell into it, as small as it must be and in what can be read on its colour."""
    cell = ax.get_window_extent().size / ax.figure.dpi * 72 / values.shape[::-1]
    size = min(10, *cell / (4.2, 1.3))  # in points; five characters and a margin, one line
    for (row, column), value in np.ndenumerate(values):
        brightness = image.to_rgba(value)[:3] @ np.array([0.299, 0.587, 0.114])
        colour = "black" if brightness > 0.5 else "white"
        text = f"{value:+.2f}".replace("-", "−")
        ax.text(column, row, text, ha="center", va="center", color=colour, fontsize=size)


def _outline_diagonal(ax, n):
    """Squares about the cells of the diagonal, white within black, to be seen on dark and on light."""
    from matplotlib.collections import PolyCollection
    from matplotlib.patheffects import Normal, Stroke

    corners = np.array([(-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5)])
    squares = np.arange(n)[:, None, None] + corners
    width = np.clip(30 / n, 0.5, 1.2)
    effects = [Stroke(linewidth=2 * width, foreground="black"), Normal()]
    outlines = PolyCollection(
        squares, facecolors="none", edgecolors="white", linewidths=width, path_effects=effects
    )
    return ax.add_collection(outlines)


def _correlations(estimator, X, y):
    """Correlations of the canonical variates, whatever a deep model's projection makes of them."""
    zx, zy = embed(estimator, X, y)
    _, model = inside(estimator)
    if getattr(model, "projection_", None) == "raw":
        zx, zy = model.linear_.transform(zx, zy)
    return variate_correlations(zx, zy)


def _known_names(steps, model, view):
    """Names of the columns that the model learned from, None if nobody knows."""
    if view == "x":
        known, makers = getattr(model, "feature_names_in_", None), steps[-1:]
    else:
        known, makers = model._y_names, [model.y_transformer_]
    if known is None and makers:
        try:
            return makers[0].get_feature_names_out()
        except (AttributeError, ValueError):  # not every transformer names what it makes
            return None
    return known


def _vector(name, values):
    values = check_array(values, dtype=np.float64, ensure_2d=False, input_name=name)
    if values.ndim != 1:
        raise ValueError(f"{name} has shape {values.shape}; it must be one number a component")
    return values


def _square(scores):
    scores = check_array(scores, dtype=np.float64, input_name="scores")
    if scores.shape[0] != scores.shape[1] or len(scores) < 2:
        raise ValueError(
            f"scores has shape {scores.shape}; it must be square, with two rows or more: row i of X "
            "belongs to row i of y"
        )
    return scores


def _check_names(names):
    if isinstance(names, str) or len(names) != 2:
        raise ValueError(f"names={names!r}; it must be a pair, of the two views")
    return tuple(names)


def _check_components(components, n):
    whole = np.ndim(components) == 1 and all(is_integer(at, ge=0) for at in components)
    if not whole or len(components) != 2 or len(set(components)) != 2 or max(components) >= n:
        raise ValueError(
            f"components={components!r}; it must be two different whole numbers from 0 to {n - 1}"
        )
    return list(components)


def _check_labels(labels, n):
    labels = [""] * n if labels is None else labels
    if len(labels) != n:
        raise ValueError(f"labels has {len(labels)} texts for {n} points; give one for each")
    return labels
