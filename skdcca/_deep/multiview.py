"""Deep canonical correlation analysis of more than two views, of which rows may lack some."""

from collections.abc import Callable, Sequence
from os import PathLike
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted

from skdcca._cca import BaseMultiCCA, check_weight, pairs_of
from skdcca._deep.checks import check_encoder, check_training_parameters, class_numbers
from skdcca._deep.fitting import fit_model, split_rows
from skdcca._deep.held_out import group_numbers
from skdcca._deep.inputs import check_n_rows, new_encoder
from skdcca._deep.networks import Branch, encode, fitted_network, resolve_device
from skdcca._deep.plan import plan_for_shapes, resolve_projection
from skdcca._deep.several_rows import SeveralRows
from skdcca._deep.several_views import SeveralViews
from skdcca._deep.trained import TrainedMixin
from skdcca._utils.process_group import SINGLE_PROCESS
from skdcca._utils.sklearn_compat import num_samples, safe_indexing
from skdcca.base import check_similarity, comparison_arguments


class DeepMultiCCA(TrainedMixin, BaseMultiCCA):
    r"""Deep canonical correlation analysis (CCA) of two or more views, of which rows may lack some.

    `DeepMultiCCA` is to `MultiCCA` what `DeepCCA` is to `LinearCCA`: it trains one network (encoder)
    for each view on the mean of a loss over all pairs of views, and then fits a `MultiCCA` on the
    outputs of all networks (the encodings). The networks are kept only if they are clearly better
    than a plain `MultiCCA` on held-out rows; `decision_` has the figures. The views are columns of one
    table, as in `MultiCCA`, and rows may lack some of them. With two views the model is `DeepCCA`.

    The output of the transformer of a view goes into its encoder. It may have more than two axes: a
    column of audio files becomes spectrograms by `MelSpectrogram`, which `MelCNN` reads. Each channel
    is scaled internally, as in `DeepCCA`.

    Parameters
    ----------
    views : list of (str, transformer or {"passthrough", "drop"}, columns)
        Name, transformer and columns of each view, as in `MultiCCA`. The output of a transformer must
        be dense; it has shape ``(n_samples, n_features)``, or more axes.
    n_components : int, default=None
        Number of components, and number of outputs of each network. If None, it is the minimum of the
        sizes of a sample of all views, 50, and a tenth of the number of training rows of the smallest
        view, but at least 1. With ``projection="raw"`` the number of rows sets no limit.
    encoders : Encoder, torch.nn.Module or dict, default=None
        Encoder of each view by its name, or one for all views. Views without an encoder have the
        default of `DeepCCA` for the shape of their samples. Parameters of an encoder of a dict are set
        as ``encoders__name__parameter``.
    loss : str, Loss or callable, default="ey_infonce"
        Loss of the encodings of two views, as in `DeepCCA`. A pair of views uses the rows of a batch
        that have both, and counts in proportion to their number. Weights of a loss, such as a learned
        temperature, are trained for each pair.
    fallback : {"linear"} or None, default="linear"
        If "linear", the networks are kept only if the sum of their mean correlations on held-out rows
        exceeds that of a `MultiCCA` as described in `DeepCCA`. Otherwise the model is a
        ``MultiCCA(reg="ledoit_wolf")`` on all rows. If None, the networks are always kept.
    n_networks : int, default=None
        Number of networks of each view, >= 1, as in `DeepCCA`: several networks hold out different
        folds of rows and are joined. If None, there are five for fewer than 1,000 rows of vectors, and
        one otherwise.
    output : {"variates", "consensus"}, default="variates"
        What `transform` returns: the variates of all views side by side, or an estimate of the factors
        that all views share. It can be changed after `fit`.
    similarity : {"weighted", "cosine", "likelihood"} or float, default="likelihood"
        How `compare` scores a row of one view for a row of another one, as in `LinearCCA`. The
        correlations and variances of held-out rows are used where they are measured. With a
        `projection` other than "whitened", the score is the cosine of the output of `transform`.
    projection : {"auto", "raw", "weighted", "whitened"}, default="auto"
        Variates that `transform` returns, as in `DeepCCA`: "raw" are the encodings, which "auto" takes
        for the loss "infonce". It changes neither `score` nor ``output="consensus"``.
    reg : float, default=1e-3
        Ridge, >= 0, of the `MultiCCA` on the encodings and of ``loss="cca"``.
    optimizer, lr, weight_decay, lr_schedule : default="adamw", None, 1e-2, "cosine"
        As in `DeepCCA`.
    batch_size : int, default=None
        Smallest number of rows in a batch, >= 2, as in `DeepCCA`. If rows lack views, the default is
        larger, so that the pairs of views have as many rows on average.
    max_epochs, validation_fraction, patience : default=None, 0.1, 20
        As in `DeepCCA`.
    augmentation : callable, default=None
        Function that gets the tensor of each view of a training batch, in the order of the views, and
        returns as many changed ones. A tensor has only the rows that have the view.
    device, callbacks, checkpoint : default="auto", None, None
        As in `DeepCCA`.
    random_state : int, RandomState instance or None, default=None
        Seed of the weights, the batches, dropout and the choice of held-out rows.
    verbose : int, default=0
        If > 0, show a progress bar, and print the decision.

    Attributes
    ----------
    canonical_correlations_ : ndarray of shape (n_components_,)
        Correlations of the variates of the training rows, averaged over all pairs of views.
    pair_correlations_ : dict of (str, str) to ndarray of shape (n_components_,)
        Correlations of each pair of views on the training rows.
    validation_correlations_ : ndarray of shape (n_components_,) or None
        Mean correlations of the pairs on the held-out rows; None if no rows are held out.
    validation_pair_correlations_ : dict of (str, str) to ndarray of shape (n_components_,)
        Correlations of each pair on the held-out rows. Pairs that have fewer than 10 of them in common
        are left out.
    decision_ : dict
        Whether the model is "linear" or "networks", and why, as in `DeepCCA`.
    n_networks_ : int
        Number of networks of each view; 0 if the model is linear.
    linear_ : MultiCCA
        Linear model on the encodings, or on the views themselves if the model is linear.
    encoders_ : dict of str to Encoder
        Encoder of each view.
    states_ : dict of str to (dict of str to ndarray or None)
        Weights of the network of each view, as NumPy arrays; None if the model is linear.
    shapes_ : dict of str to tuple of int
        Shape of one sample of each view, after its transformer.
    transformers_ : dict of str to transformer
        The fitted transformers, or "passthrough".
    history_ : list of dict
        One entry for each epoch, as in `DeepCCA`. ``train_correlation`` and ``valid_correlation`` are
        sums of the mean correlations of the pairs.
    n_epochs_, batch_size_ : int
        Number of completed epochs of each network, and smallest number of rows in a batch.
    projection_ : str
        "raw", "weighted" or "whitened".
    component_weights_ : ndarray of shape (n_components_,)
        Factors by which `transform` multiplies the variates; 1 unless `projection_` is "weighted".
    output_indices_ : dict of str to slice
        Columns of each view in the output of `transform` with ``output="variates"``.
    n_components_ : int
        Number of components.
    n_features_in_ : int
        Number of columns of X.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns of X. Only defined if all of them are strings.

    Raises
    ------
    TypeError
        From `fit`, if a transformer is not a transformer, or returns a sparse matrix.
    ValueError
        From `fit`, if a parameter is out of range; if a view contains infinity or text, or is constant;
        if a row has none of the views or only a part of one; if two views have fewer than two training
        rows in common; or if the output of a network or loss has the wrong shape.
    DivergenceError
        If training diverges, or a network returns NaN or infinity. It is a subclass of ValueError.

    Warns
    -----
    LinearFallbackWarning
        If the linear model is kept.
    RankWarning
        If `n_components` exceeds the rank of a view in the linear model, or of the outputs of a network.
    ShortTrainingWarning, SmallBatchWarning, TrainingInterruptedWarning, CheckpointWarning
        As in `DeepCCA`.

    See Also
    --------
    DeepCCA : Two views, with predictions of one from the other, and training in several processes.
    MultiCCA : The linear model of several views.

    Notes
    -----
    **Missing views.** A row that lacks a view never reaches its transformer or its network. A batch
    has rows of all kinds; the loss of two views is computed from the rows that have both, and a pair
    with fewer than two of them in a batch is skipped. `MultiCCA` then weights the encodings of
    incomplete rows, as described there. With ``output="consensus"``, a factor is estimated from the
    views that a row has, with the correlations and variances of held-out rows.

    The sum of the correlations of all pairs is one of the objectives of CCA of several views [1]_.
    Networks with another objective, a shared representation of all views, are described in [2]_.

    References
    ----------
    .. [1] J. R. Kettenring, "Canonical analysis of several sets of variables", Biometrika 58 (1971).
    .. [2] A. Benton, H. Khayrallah, B. Gujral, D. A. Reisinger, S. Zhang and R. Arora, "Deep
       generalized canonical correlation analysis", RepL4NLP 2019.

    Examples
    --------
    The first view is a point on a circle; the others are the cosine of twice its angle with noise, and
    every third row lacks the last one. No linear model relates the first view to the others:

    >>> import numpy as np
    >>> from skdcca import DeepMultiCCA, MultiCCA
    >>> from skdcca.encoders import MLP
    >>> rng = np.random.default_rng(0)
    >>> angle = rng.uniform(0, 2 * np.pi, size=1500)
    >>> noise = rng.normal(size=(1500, 4))
    >>> X = np.column_stack([np.cos(angle), np.sin(angle), *[np.cos(2 * angle)] * 2]) + 0.2 * noise
    >>> X[:1000:3, 3] = np.nan
    >>> views = [
    ...     ("point", "passthrough", [0, 1]),
    ...     ("cosine", "passthrough", [2]),
    ...     ("again", "passthrough", [3]),
    ... ]
    >>> encoders = {name: MLP((32,)) for name, _, _ in views}
    >>> deep = DeepMultiCCA(views, 1, encoders=encoders, max_epochs=40, random_state=0).fit(X[:1000])
    >>> linear = MultiCCA(views, 1).fit(X[:1000])
    >>> print(f"{linear.score(X[1000:]):.1f} {deep.score(X[1000:]):.1f}")
    0.3 0.9

    Any view finds any other one:

    >>> za = deep.transform_view("point", X[1000:1003, :2])
    >>> deep.compare(za, deep.transform_view("cosine", X[1000:, 2]), pair=("point", "cosine")).shape
    (3, 500)

    Parameters of transformers and encoders have the names of the views, also in a grid search:

    >>> deep.set_params(encoders__point__dropout=0.1).encoders["point"]
    MLP(dropout=0.1, hidden_layer_sizes=(32,))
    """

    _takes_arrays = True
    # `DeepCCA` has parameters of these names.
    distributed = False
    warm_start = False

    def __init__(
        self,
        views: Sequence[tuple[str, Any, Any]],
        n_components: int | None = None,
        *,
        encoders: Any = None,
        loss: Any = "ey_infonce",
        fallback: str | None = "linear",
        n_networks: int | None = None,
        output: str = "variates",
        similarity: str | float = "likelihood",
        projection: str = "auto",
        reg: float = 1e-3,
        optimizer: str | Callable[..., Any] = "adamw",
        lr: float | None = None,
        weight_decay: float = 1e-2,
        lr_schedule: str = "cosine",
        batch_size: int | None = None,
        max_epochs: int | None = None,
        validation_fraction: float = 0.1,
        patience: int | None = 20,
        augmentation: Callable[..., Any] | None = None,
        device: str = "auto",
        callbacks: Sequence[Any] | None = None,
        checkpoint: str | PathLike[str] | None = None,
        random_state: int | np.random.RandomState | None = None,
        verbose: int = 0,
    ) -> None:
        self.views = views
        self.n_components = n_components
        self.encoders = encoders
        self.loss = loss
        self.fallback = fallback
        self.n_networks = n_networks
        self.output = output
        self.similarity = similarity
        self.projection = projection
        self.reg = reg
        self.optimizer = optimizer
        self.lr = lr
        self.weight_decay = weight_decay
        self.lr_schedule = lr_schedule
        self.batch_size = batch_size
        self.max_epochs = max_epochs
        self.validation_fraction = validation_fraction
        self.patience = patience
        self.augmentation = augmentation
        self.device = device
        self.callbacks = callbacks
        self.checkpoint = checkpoint
        self.random_state = random_state
        self.verbose = verbose

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters of the model, of the transformers of its views, and of its encoders.

        Parameters
        ----------
        deep : bool, default=True
            If True, include the transformers by the names of their views, their parameters as
            ``name__parameter``, and those of encoders by name as ``encoders__name__parameter``.

        Returns
        -------
        params : dict
            Parameters by name.
        """
        params = super().get_params(deep=deep)
        if deep and isinstance(self.encoders, dict):
            for name, encoder in self.encoders.items():
                params[f"encoders__{name}"] = encoder
                if hasattr(encoder, "get_params"):
                    nested = encoder.get_params()
                    params |= {f"encoders__{name}__{key}": nested[key] for key in nested}
        return params

    def set_params(self, **params: Any) -> Self:
        """Set parameters of the model, of the transformers of its views, or of its encoders.

        Parameters
        ----------
        **params : dict
            Parameters of the model; transformers by the name of their view; encoders by name as
            ``encoders__name``; or parameters of both as ``name__parameter`` and
            ``encoders__name__parameter``.

        Returns
        -------
        self : object
            The model.
        """
        if "encoders" in params:
            self.encoders = params.pop("encoders")
        if isinstance(self.encoders, dict):
            self._set_encoders({key: params.pop(key) for key in list(params) if _is_encoder(key)})
        return super().set_params(**params)

    def _set_encoders(self, params):
        """Set the encoders of a dictionary, then their parameters."""
        for key in sorted(params, key=lambda key: key.count("__")):
            name, _, parameter = key.removeprefix("encoders__").partition("__")
            if not parameter:
                self.encoders = self.encoders | {name: params[key]}
            elif name in self.encoders:
                self.encoders[name].set_params(**{parameter: params[key]})
            else:
                raise ValueError(
                    f"Invalid parameter {key!r}: `encoders` has no encoder {name!r}, only "
                    f"{sorted(self.encoders)}."
                )

    def fit(
        self,
        X: Any,
        y: Any = None,
        sample_weight: ArrayLike | None = None,
        *,
        groups: ArrayLike | None = None,
        labels: ArrayLike | None = None,
    ) -> Self:
        """Train the networks, and keep them if they are better than a linear model.

        Parameters
        ----------
        X : {DataFrame, array-like} of shape (n_samples, n_features)
            Table with the columns of all views.
        y : None
            Ignored.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row, >= 0, as in `DeepCCA.fit`. A row with weight 0 is ignored. If None, all
            rows have weight 1.
        groups : array-like of shape (n_samples,), default=None
            Group of each row, such as its song or artist. All rows of a group are either held out or
            trained on, so pass groups if rows of a group resemble each other.
        labels : array-like of shape (n_samples,), default=None
            Class of each row, for a loss that brings all rows of a class together, such as `EYLoss`
            and `InfoNCELoss`. If None, only the views of the same row belong together.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        TypeError
            If a transformer is not a transformer, or the output of one is sparse.
        ValueError
            If the table, a weight, a group, a label or a parameter is invalid; see the description of
            the class.
        """
        with self._rollback():
            self._check_parameters()
            X = self._check_table(X, reset=True)
            weight = check_weight(sample_weight, X)
            facts = [
                weight,
                group_numbers(groups, X, SINGLE_PROCESS),
                class_numbers(labels, X, self),
            ]
            self._check_most_components(num_samples(X))
            if weight is not None and not weight.all():
                kept = np.flatnonzero(weight)
                X, facts = safe_indexing(X, kept), _take(facts, kept)
            present, views = self._fit_views(X)
            kept = present.any(axis=1)  # other rows have only views that are dropped
            self._fit(present[kept], views, *_take(facts, kept))
        return self

    def _fit(self, present, views, weight, groups, labels):
        names, n_rows = list(self._columns), len(present)
        plan = plan_for_shapes(self, n_rows, list(self.shapes_.values()), labels is not None)
        check_n_rows(self, n_rows, plan)
        device = resolve_device(self.device)
        of_rows = {"sample_weight": weight, "groups": groups, "labels": labels}
        seed, checkpoint = self._draw_seeds((views, present), of_rows, device)
        rows = SeveralRows(tuple(views), device, **of_rows, present=present, names=names)
        splits = split_rows(rows, plan, self._split_seed)
        parts = [split.training for split in splits] or [np.arange(n_rows)]
        self._set_up(min(present[part].sum(axis=0).min() for part in parts))
        training = self._training(
            tuple(map(self._branch, names)),
            SeveralViews(names, self.n_components_),
            device,
            plan,
            n_rows=n_rows,
            n_training=min(map(len, parts)),
            share=rows.share,
        )
        seeds = [seed + i for i in range(len(splits))]
        fitted, history, self.decision_ = fit_model(
            rows, plan, splits, seeds, training, checkpoint=checkpoint
        )
        self._set_fitted(rows, fitted, history)

    def _set_up(self, n_training):
        """Set the number of components and the encoders; a view has at least `n_training` rows."""
        self._check_most_components(n_training)
        self.n_components_ = self._resolve_n_components(self.shapes_.values(), n_training)
        self.encoders_ = {
            name: new_encoder(f"encoders[{name!r}]", self._given_encoder(name), shape)
            for name, shape in self.shapes_.items()
        }
        self.history_ = []

    def _check_most_components(self, n_rows):
        """Raise ValueError if `n_components` needs more training rows than this."""
        k = self.n_components
        if k is not None and k > n_rows - 1 and resolve_projection(self) != "raw":
            raise ValueError(
                f"`n_components` must be <= {n_rows - 1} (the number of training samples of the "
                f"smallest view - 1), got {k}. Use a smaller number, or None."
            )

    def _given_encoder(self, name):
        return self.encoders.get(name) if isinstance(self.encoders, dict) else self.encoders

    def _branch(self, name):
        """Return the description of a network of a view."""
        parameter = f"encoders[{name!r}]"
        shape = self.shapes_[name]
        return Branch(
            f"the view {name!r}", self.encoders_[name], shape, self.n_components_, parameter
        )

    def _set_fitted(self, rows, fitted, history):
        """Set the fitted attributes, and the weights of the components."""
        names = list(self._columns)
        self._set_history(history)
        self.n_networks_ = fitted.n_networks
        self.states_ = dict(zip(names, fitted.states, strict=True))
        self.linear_ = fitted.linear
        self._pair_correlations = fitted.linear._pair_correlations
        self.canonical_correlations_ = fitted.linear.canonical_correlations_
        self._set_held_out(names, rows, fitted.held_out)
        self._set_projection()

    def _set_held_out(self, names, rows, held_out):
        """Set the correlations of pairs and the deviations of views, of held-out rows if any."""
        self.validation_correlations_, self._deviations = None, {}
        self._best_correlations = self.linear_._factor_correlations()
        self._is_measured = np.zeros(len(self._pair_correlations), dtype=bool)
        if held_out is None:
            return
        weight = rows.weights.of(held_out.rows)
        self.validation_correlations_ = held_out.correlations(weight)
        self._deviations = dict(zip(names, held_out.deviations(weight), strict=True))
        numbers = pairs_of(len(names))
        for pair, correlations in held_out.pair_correlations(weight).items():
            self._best_correlations[numbers.index(pair)] = correlations
            self._is_measured[numbers.index(pair)] = True

    @property
    def validation_pair_correlations_(self) -> dict[tuple[str, str], NDArray]:
        """Correlations of each pair of views on the held-out rows, if it has enough of them."""
        check_is_fitted(self)
        best = zip(self.pair_correlations_, self._best_correlations, strict=True)
        return {pair: r for (pair, r), known in zip(best, self._is_measured, strict=True) if known}

    def comparison(self, pair: tuple[str, str] | None = None) -> dict[str, Any]:
        """Return the arguments with which `compare` calls `skdcca.metrics.similarity`.

        Parameters
        ----------
        pair : tuple of two str, default=None
            Names of the views that are compared, in this order.

        Returns
        -------
        arguments : dict
            Empty for the cosine of the output of `transform`. Otherwise ``correlations`` and, for a
            pair, ``deviations`` of held-out rows (of the training rows if none are held out), with
            ``power`` unless `similarity` is "likelihood".

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If `pair` is not a pair of views, or `similarity` is not an allowed value.
        """
        check_is_fitted(self)
        check_similarity(self.similarity)
        known = None if pair is None else self._known_pair(pair)
        if self.similarity == "cosine" or self.projection_ != "whitened":
            return {}
        if known is None:
            measured = {"correlations": self._measured_correlations()}
        elif known in self.validation_pair_correlations_:
            measured = {
                "correlations": self.validation_pair_correlations_[known],
                "deviations": tuple(self._deviations[name] for name in pair),
            }
        else:
            measured = {"correlations": self.pair_correlations_[known]}
        return comparison_arguments(self.similarity, **measured)

    def _factor_correlations(self):
        """Return the correlations of all pairs, of held-out rows where they are measured."""
        return self._best_correlations

    def _fitted_correlations(self):
        if self._is_measured.any():
            return self._best_correlations
        return self.linear_._fitted_correlations()

    def _pair_weights(self):
        return self.linear_._pair_weights()

    def _standard_variates(self, X):
        """Return the variates with variance 1, on held-out rows where there are any."""
        return self._variates(X, lambda name, view: self._scaled(name, self._whitened(name, view)))

    def _standardized(self, name, z):
        """Return variates with variance 1, given what `transform_view` returned for a view."""
        if self.projection_ == "raw":
            z = self.linear_._project(name, z)
        weights = self.component_weights_
        return self._scaled(name, z / np.where(weights > 0, weights, 1.0))

    def _scaled(self, name, z):
        """Return variates with variance 1 on held-out rows, or on the training rows without any."""
        deviation = self._deviations.get(name)
        if deviation is None:
            return self.linear_._standardized(name, z)
        return z / np.where(deviation > 0, deviation, 1.0)

    def _project(self, name, view):
        """Return what `transform` returns for a view."""
        view = self._checked(name, view)
        if self.projection_ == "raw":
            return self._encode(name, view).astype(view.dtype, copy=False)
        return (self._whitened(name, view) * self.component_weights_).astype(view.dtype)

    def _whitened(self, name, view):
        """Return the variates of a view, with variance 1 on the training rows."""
        return self.linear_._project(name, self._encode(name, view))

    def _encode(self, name, view):
        """Return the input of the linear model: outputs of a network, or the view itself."""
        state = self.states_[name]
        if state is None:
            return view
        network = fitted_network(self, name, state)
        return encode(network, view)

    def _set_shapes(self, shapes):
        self.shapes_ = dict(zip(self._columns, shapes, strict=True))

    def _shape_of(self, name):
        return self.shapes_[name]

    def _checked(self, name, view):
        if view.shape[1:] != self.shapes_[name]:
            raise ValueError(
                f"A sample of the view {name!r} must have shape {self.shapes_[name]} after its "
                f"transformer, as in `fit`, got {view.shape[1:]}."
            )
        return view

    def _continues(self):
        return False

    def _relevant_params(self):
        """Return the parameters that a checkpoint compares; the views are compared by their values."""
        params = self.get_params(deep=False)
        for name in ("views", "encoders", "output", "similarity"):
            del params[name]
        return params | {
            f"encoders__{name}": new_encoder(name, self._given_encoder(name), shape)
            for name, shape in self.shapes_.items()
        }

    def _check_parameters(self):
        self._check_views()
        check_training_parameters(self)
        if not isinstance(self.encoders, dict):
            check_encoder("encoders", self.encoders)
            return
        unknown = sorted(set(self.encoders) - {name for name, _, _ in self.views}, key=str)
        if unknown:
            raise ValueError(
                f"`encoders` must have names of the views {[name for name, _, _ in self.views]}, got "
                f"{unknown}. Rename or remove them."
            )
        for name, encoder in self.encoders.items():
            check_encoder(f"encoders[{name!r}]", encoder)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = False
        return tags


def _take(facts, rows):
    return [fact if fact is None else fact[rows] for fact in facts]


def _is_encoder(key):
    return key.startswith("encoders__")
