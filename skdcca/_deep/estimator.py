"""Deep canonical correlation analysis."""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from os import PathLike
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

from skdcca._cca import check_weight
from skdcca._deep.checks import check_parameters, class_numbers, shared_facts
from skdcca._deep.fitting import fit_model, split_rows
from skdcca._deep.held_out import group_numbers
from skdcca._deep.inputs import InputMixin, check_n_rows, from_older_file
from skdcca._deep.networks import encode, fitted_network, resolve_device
from skdcca._deep.plan import make_plan
from skdcca._deep.process_group import ProcessGroup
from skdcca._deep.regression import regress_y
from skdcca._deep.rows import FitRows
from skdcca._deep.trained import TrainedMixin
from skdcca._deep.two_views import TwoViews, linear_inputs
from skdcca._utils.process_group import SINGLE_PROCESS
from skdcca._utils.sklearn_compat import num_samples
from skdcca._utils.validation import check_option, check_pairs
from skdcca.base import BaseCCA, comparison_arguments


class DeepCCA(TrainedMixin, InputMixin, BaseCCA):
    r"""Deep canonical correlation analysis, with networks whose outputs are maximally correlated.

    `DeepCCA` trains one network (encoder) for each view on a common loss, and then fits a `LinearCCA` on
    the outputs of both networks (the encodings), which orders and whitens the components. Networks and
    a plain `LinearCCA` are compared on held-out rows: the networks are kept only if they are clearly
    better, otherwise the fitted model is the linear one. `decision_` has the figures.

    Begin with the defaults. With fewer than 1,000 rows, five networks are trained, each without a fifth
    of the rows, and joined into one model; memory, file size and the time of `transform` grow with
    their number. With more rows there is one network, which stops early. If rows come in groups that
    resemble each other, such as the windows of a song, pass ``groups`` to `fit`. For retrieval alone,
    try ``loss="infonce"``, and for correlation alone ``loss="ey"``.

    Both views may be vectors, of shape ``(n_samples, n_features)``, or arrays with more axes, such as
    spectrograms of shape ``(n_samples, n_mels, n_frames)``. Each channel (index along axis 1, such as a
    column of vectors or a band of a spectrogram) is centered and divided by its range, so units do not
    matter. A value that differs from the mean of its channel by more than the range is clipped; this
    cannot happen to training rows.

    Parameters
    ----------
    n_components : int, default=None
        Number of pairs of variates, and number of outputs of each network. If None, it is the minimum of
        the size of a sample of X, the size of a sample of y, 50, and a tenth of the number of training
        rows, but at least 1. With ``projection="raw"`` the number of rows sets no limit.
    x_encoder : Encoder or torch.nn.Module, default=None
        Network of the first view. An encoder of `skdcca.encoders` builds a network for the shape of the
        view. A module must map a float32 tensor of shape ``(n_samples, *shape)`` to a tensor of shape
        ``(n_samples, n_components)``. A copy of the module is trained from new weights; to start from
        the weights of the module, pass ``ModuleEncoder(module, keep_weights=True)``. If None, ``MLP()``
        is used for vectors, ``MelCNN()`` for samples with two axes, and ``ImageCNN()`` for samples with
        three axes.
    y_encoder : Encoder or torch.nn.Module, default=None
        Network of the second view, with the same options.
    loss : str, Loss or callable, default="ey_infonce"
        Loss of the encodings of both views: "barlow_twins", "cca", "ey", "ey_infonce", "infonce" or
        "vicreg". Pass a loss of `skdcca.losses` to set its parameters, or any
        callable or ``torch.nn.Module`` that takes two encodings and returns a scalar tensor. "ey" and
        "cca" both maximize correlation, but "ey" works with smaller batches. "infonce" optimizes
        retrieval instead, and "ey_infonce" is "ey" with a small part of it.
    fallback : {"linear"} or None, default="linear"
        If "linear", the networks are kept only if the sum of their correlations on held-out rows exceeds
        that of a `LinearCCA` by more than two standard errors, or by more than one with several
        networks. Otherwise the model is a ``LinearCCA(reg="ledoit_wolf")`` on all rows, and a
        `LinearFallbackWarning` is issued. If None, the networks are always kept, as they
        are if there is no comparison: with ``projection="raw"``, `warm_start` or `labels`, without
        held-out rows, and for views with more than one axis a sample.
    n_networks : int, default=None
        Number of networks of each view, >= 1. Several networks hold out different folds (of at least
        five), are trained for the same number of gradient steps without early stopping, and are joined:
        a `LinearCCA` turns the variates of all of them into the components of the model. If None, there
        are five for fewer than 1,000 rows of vectors, and one otherwise. Several networks cannot be
        combined with ``projection="raw"``, `checkpoint`, `warm_start` or `distributed`.
    similarity : {"weighted", "cosine", "likelihood"} or float, default="likelihood"
        How `compare`, the retrieval scorers and indexes score a row of X for a row of y, as in
        `LinearCCA`. The correlations and variances of held-out rows are used (those of the training rows
        if none are held out). With a `projection` other than "whitened", the score is always the cosine
        of the output of `transform`.
    projection : {"auto", "raw", "weighted", "whitened"}, default="auto"
        Output of `transform`. It does not change `score`.

        - ``"whitened"``: canonical variates, with variance 1 on the training rows;
        - ``"weighted"``: canonical variates multiplied by their squared held-out correlations (training
          correlations if no rows are held out), for plain cosines outside of skdcca;
        - ``"raw"``: encodings, for losses that are computed from cosines;
        - ``"auto"``: the `projection` attribute of the loss, which is "raw" for "infonce" and
          "whitened" for the other losses and for callables.
    reg : float, default=1e-3
        Ridge, >= 0, of the `LinearCCA` on the encodings and of ``loss="cca"``, relative to the mean
        variance of the outputs. A loss object has its own `reg`.
    optimizer : {"adam", "adamw", "sgd"} or callable, default="adamw"
        Name of an optimizer, a class of ``torch.optim``, or a ``functools.partial`` of one.
    lr : float, default=None
        Largest learning rate, > 0. If None, it is 0.002 for a single network on 1,000 rows or more, and
        0.001 otherwise. If training diverges, divide it by 10. Linear networks, such as ``MLP(())``, are
        trained with 50 times this rate by "adam" and "adamw".
    weight_decay : float, default=1e-2
        Weight decay, >= 0. Ignored if the optimizer does not support it.
    lr_schedule : {"constant", "cosine"}, default="cosine"
        With "cosine", the learning rate rises during the first twentieth of the gradient steps and then
        falls to 0.
    batch_size : int, default=None
        Smallest number of rows in a batch, >= 2. The rows of an epoch are spread evenly over
        ``n_rows // batch_size`` batches, so no batch is smaller. If None, it is an eighth of the
        training rows, but at least 32 and at most 256. With ``loss="cca"``, whose correlations are
        biased in small batches, it is 20 rows for each component, but at least 1000. If there are fewer
        training rows than `batch_size`, all of them form a single batch. With the losses "ey_infonce"
        and "infonce", memory grows with the square of the batch size.
    max_epochs : int, default=None
        Maximum number of passes over the training rows, >= 1. If None, there are 35 epochs, but at least
        1,000 gradient steps; with fewer than 1,000 rows, at least 300 steps, and several networks have
        only these 300 steps.
    validation_fraction : float, default=0.1
        Fraction of the rows that a single network holds out, in [0, 1); several networks hold out folds
        instead. Held-out rows are chosen at random, by group if groups are given. The correlation on
        them is measured after every epoch, and the weights of the best epoch are kept. If fewer than 10
        rows would be held out, none are, and the weights of the last epoch are kept. If 0, no network
        holds out rows.
    patience : int, default=20
        Number of epochs without a rise of the held-out correlation after which training stops, >= 1, but
        at least as many as have 300 gradient steps. If None, training never stops early. Ignored if no
        rows are held out, and with several networks.
    augmentation : callable, default=None
        Function ``(x, y) -> (x, y)`` that changes the samples of a training batch, such as
        `skdcca.augmentation.Warp`. It gets both views as tensors of shape ``(n_samples, *shape)``, with
        values as passed to `fit`, and returns tensors of the same shapes. Random numbers should come
        from the default generator of torch, which `random_state` seeds.
    device : str, default="auto"
        Device on which to compute, such as "cpu", "cuda" or "cuda:1". "auto" is a GPU if one is
        available, otherwise the CPU.
    callbacks : list of skorch.callbacks.Callback or (str, Callback), default=None
        Additional skorch callbacks. If rows are held out, the history that callbacks can read contains
        ``train_correlation`` and ``valid_correlation``.
    checkpoint : str or path-like, default=None
        Folder in which the state of training is saved after epochs; saving takes at most 5 % of the
        time. If the process dies, calling `fit` again with the same data and parameters continues from
        the saved state and ends with the same weights, bit for bit; `callbacks` start again. The folder
        belongs to one fit: `fit` raises an error if the checkpoint has other data or parameters, so
        `checkpoint` cannot be used in a search. If None, nothing is saved.
    warm_start : bool, default=False
        Continue from the weights of the previous `fit`, with the same encoders, `y_transformer_` and
        scaling, but with a new optimizer and schedule. After a fit that kept the linear model, training
        begins with new weights; after a fit of several networks, it cannot continue.
    distributed : bool, default=False
        Train one model in several processes. Each process calls `fit` with its own rows. All processes
        end with the same model: the one that a single process would fit to all rows, concatenated in
        the order of the ranks. Call
        ``torch.distributed.init_process_group`` first, in a script that ``torchrun`` starts.
        `y_transformer` and `checkpoint` must be None. If False, each process trains its own model, even
        if there are other processes.
    y_transformer : estimator, default=None
        Transformer of the second view, for example `Doc2VecLyrics`; `fit` fits a clone of it. If None, y
        must be numeric.
    random_state : int, RandomState instance or None, default=None
        Seed of the weights, the batches, dropout and the choice of held-out rows. Pass an int to
        reproduce a fit bit for bit, on the same machine with the same number of threads.
    verbose : int, default=0
        If > 0, show a progress bar with the loss and the training and held-out correlations, and print
        the decision.

    Attributes
    ----------
    canonical_correlations_ : ndarray of shape (n_components_,)
        Canonical correlations of the encodings of the training rows, in descending order. For a large
        network they are all close to 1. With ``projection="raw"``, there are at most as many as
        `linear_` has components.
    validation_correlations_ : ndarray of shape (n_components_,) or None
        Correlations of the variates on the held-out rows. With several networks, each row's variates are
        those of the network that holds it out. None if no rows are held out.
    decision_ : dict
        ``model`` is "linear" or "networks", and ``reason`` tells why. If both were compared, also
        ``networks`` and ``linear`` (sums of the correlations of the held-out rows), ``difference``,
        its ``standard_error`` (infinitesimal jackknife over rows or groups) and ``n_rows``.
    n_networks_ : int
        Number of networks of each view; 0 if the model is linear.
    n_epochs_ : int
        Number of completed epochs of each network; with `warm_start`, the total over all calls of `fit`.
    history_ : list of dict
        One entry for each epoch: ``epoch``, ``train_loss``, ``dur`` (seconds) and the numbers and texts
        that `callbacks` recorded. With several networks also ``network``, the number of the network
        from 0. If a single network holds out rows, also ``train_correlation`` and
        ``valid_correlation``, which are sums over the components. ``train_correlation`` is measured on
        the last batches of the epoch, with dropout.
    projection_ : str
        "raw", "weighted" or "whitened".
    component_weights_ : ndarray of shape (n_components_,)
        Factors by which `transform` multiplies the variates. They are all 1 unless `projection_` is
        "weighted". With "weighted", a component whose held-out correlation is not positive has factor
        0, so unrelated views are mapped to zeros.
    linear_ : LinearCCA
        Linear model on the encodings of one network, on the variates of several networks, or on the
        views themselves if the model is linear. With ``projection="raw"`` it has at most one component
        less than training rows.
    x_encoder_, y_encoder_ : Encoder
        Encoders of both views. A module is wrapped in a `skdcca.encoders.ModuleEncoder`.
    x_state_, y_state_ : dict of str to ndarray or None
        Weights of the networks of both views, as in ``torch.nn.Module.state_dict``. They are NumPy
        arrays, so a model that was trained on a GPU can be loaded on any machine. None if the model is
        linear.
    x_shape_, y_shape_ : tuple of int
        Shape of one sample of each view.
    batch_size_ : int
        Smallest number of rows in a batch.
    n_components_ : int
        Number of components.
    n_features_in_ : int
        Size of axis 1 of X, which is its number of columns or channels.
    n_features_y_ : int
        Size of axis 1 of y, after `y_transformer`.
    y_transformer_ : estimator or None
        The fitted transformer of the second view.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns of X. Only defined if all of them are strings.

    Raises
    ------
    ValueError
        From `fit`, if a parameter is out of range, if a view is invalid or constant, if there are too
        few rows, or if the output of a network or loss has the wrong shape.
    DivergenceError
        From `fit`, if training diverges. From `transform`, `predict` and `score`, if the network
        returns NaN or infinity. It is a subclass of ValueError.
    RuntimeError
        From `fit` with `distributed`, if another process fails, ends or does not answer.

    Warns
    -----
    LinearFallbackWarning
        If the linear model is kept.
    ShortTrainingWarning
        If `max_epochs` gives fewer than 300 gradient steps, or if the last epoch is the best one of a
        constant learning rate, unless `warm_start` continues a fit.
    SmallBatchWarning
        If a batch has fewer than 5 rows for each component with the loss "cca", or fewer rows than
        components with "ey".
    RankWarning
        If an output of a network is constant or depends on other outputs.
    TrainingInterruptedWarning
        If Ctrl-C or a callback interrupts training. The model has the weights of the best epoch so far.
    CheckpointWarning
        If the state of training cannot be written to `checkpoint`.

    See Also
    --------
    LinearCCA : Linear CCA, exact and fast; the model to compare with.
    KernelCCA : Nonlinear CCA with kernels.
    DeepMultiCCA : Networks of more than two views, of which rows may lack some.
    skdcca.losses : Losses, with their formulas and references.
    skdcca.encoders : Encoders, which build the network of a view.

    Notes
    -----
    Deep CCA [1]_ trains the weights of two networks f and g to maximize the correlation of their
    encodings ``f(X)`` and ``g(y)``. With :math:`\Sigma` the covariances of the encodings, the loss "cca"
    is minus the sum of their canonical correlations,

    .. math::
        -\Big\| (\Sigma_{xx} + \rho_x I)^{-1/2}\, \Sigma_{xy}\, (\Sigma_{yy} + \rho_y I)^{-1/2} \Big\|_*,

    where :math:`\|\cdot\|_*` is the sum of the singular values, and the ridges are `reg` times the mean
    variance of the outputs. The larger part of the default loss, `skdcca.losses.EYLoss`, is also
    minimized by maximally correlated encodings, but needs no whitening. Yu et al. [2]_ applied deep CCA
    to music audio and lyrics, with convolutions that are trained by the correlation loss.

    References
    ----------
    .. [1] G. Andrew, R. Arora, J. Bilmes and K. Livescu, "Deep canonical correlation analysis",
       ICML 2013.
    .. [2] Y. Yu, S. Tang, F. Raposo and L. Chen, "Deep cross-modal correlation learning for audio and
       lyrics in music retrieval", 2017, arXiv:1711.08976.

    Examples
    --------
    X is a point on a circle, and the first column of y is the cosine of twice its angle. A linear model
    finds no correlation on held-out rows, but a deep model does:

    >>> import numpy as np
    >>> from skdcca import DeepCCA, LinearCCA
    >>> rng = np.random.default_rng(0)
    >>> angle = rng.uniform(0, 2 * np.pi, size=2000)
    >>> X = np.column_stack([np.cos(angle), np.sin(angle)]) + 0.1 * rng.normal(size=(2000, 2))
    >>> y = np.column_stack([np.cos(2 * angle), rng.normal(size=2000)])
    >>> deep = DeepCCA(n_components=1, max_epochs=20, random_state=0).fit(X[:1000], y[:1000])
    >>> linear = LinearCCA(n_components=1).fit(X[:1000], y[:1000])
    >>> print(f"{abs(linear.score(X[1000:], y[1000:])):.1f} {deep.score(X[1000:], y[1000:]):.1f}")
    0.0 1.0

    The history contains the held-out correlation after each epoch. After the last epoch it is:

    >>> print(f"{deep.history_[-1]['valid_correlation']:.1f}")
    1.0

    The parameters of an encoder are set with a double underscore, also in a grid search:

    >>> from skdcca.encoders import MLP
    >>> deep = DeepCCA(n_components=1, x_encoder=MLP((64, 64)), loss="cca")
    >>> deep.set_params(x_encoder__dropout=0.1).x_encoder
    MLP(dropout=0.1, hidden_layer_sizes=(64, 64))
    """

    def __init__(
        self,
        n_components: int | None = None,
        *,
        x_encoder: Any = None,
        y_encoder: Any = None,
        loss: Any = "ey_infonce",
        fallback: str | None = "linear",
        n_networks: int | None = None,
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
        warm_start: bool = False,
        distributed: bool = False,
        y_transformer: Any = None,
        random_state: int | np.random.RandomState | None = None,
        verbose: int = 0,
    ) -> None:
        self.n_components = n_components
        self.x_encoder = x_encoder
        self.y_encoder = y_encoder
        self.loss = loss
        self.fallback = fallback
        self.n_networks = n_networks
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
        self.warm_start = warm_start
        self.distributed = distributed
        self.y_transformer = y_transformer
        self.random_state = random_state
        self.verbose = verbose

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
        X : array-like of shape (n_samples, n_features) or (n_samples, ...)
            First view.
        y : array-like of shape (n_samples, n_features_y) or (n_samples, ...), or input of \
`y_transformer`
            Second view. Row i of X and row i of y are the same sample.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row, >= 0. A row with weight 2 counts as two rows, and a row with weight 0 is
            not used, except that `y_transformer` is fitted on all rows without weights. If None, all
            rows have weight 1. See the Notes.
        groups : array-like of shape (n_samples,), default=None
            Group of each row, such as its song or artist. All rows of a group are either held out or
            trained on, so pass groups if rows of a group resemble each other: otherwise the held-out
            correlations are too high. To pass them through a `Pipeline` or a search, enable metadata
            routing and call ``model.set_fit_request(groups=True)``.
        labels : array-like of shape (n_samples,), default=None
            Class of each row, for a loss that brings all rows of a class together, such as `EYLoss`
            and `InfoNCELoss`. If None, only row i of X and row i of y belong together.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        TypeError
            If `y_transformer` is not a transformer.
        ValueError
            If a parameter, a view, a weight, a group or a label is invalid; see the description of the
            class.

        Notes
        -----
        An epoch has as many rows as there are positive weights. They are drawn anew for each epoch
        in proportion to their weights: a row is in as many batches as its weight is times the mean
        weight, rounded up or down at random. Held-out rows are chosen regardless of their weights.
        The correlations on them, the linear model, `component_weights_` and the coefficients of
        `predict` are computed with the weights themselves, exactly.
        """
        return self._learn(X, y, sample_weight, groups, labels)

    def score(self, X: Any, y: Any, sample_weight: ArrayLike | None = None) -> float:
        """Return the sum of the correlations of all pairs of variates on the given rows.

        On held-out rows this is the total correlation captured, the standard measure of the deep CCA
        literature. It does not depend on `projection`.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, ...)
            First view, with at least two rows.
        y : array-like of shape (n_samples, n_features_y) or input of `y_transformer`
            Second view.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row, >= 0. If None, all rows have the same weight.

        Returns
        -------
        total : float
            Sum of the correlations, between ``-n_components_`` and ``n_components_``.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If the views are invalid, as in `transform`, or have fewer than two rows.
        """
        check_is_fitted(self)
        X = self._validate_x(X)
        check_pairs(X, y)
        zx, zy = self._encode("x", X), self._encode("y", self._validate_y(y))
        return self.linear_.score(zx, zy, sample_weight)

    def comparison(self) -> dict[str, Any]:
        """Return the arguments with which `compare` calls `skdcca.metrics.similarity`.

        Returns
        -------
        arguments : dict
            Empty for the cosine of the output of `transform`. Otherwise ``correlations`` and
            ``deviations`` of held-out rows (of the training rows if none are held out), with ``power``
            unless `similarity` is "likelihood".

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If `similarity` is not an allowed value.
        """
        check_is_fitted(self)
        kind = self._check_similarity()
        if kind == "cosine" or self.projection_ != "whitened":
            return {}
        measured = {"correlations": self._measured_correlations()}
        if self._deviations is not None:
            measured["deviations"] = self._deviations
        return comparison_arguments(kind, **measured)

    def _learn(self, X, y, sample_weight=None, groups=None, labels=None):
        """Fit on the rows of this process, or together with the other processes."""
        check_option("distributed", self.distributed, (False, True))
        # The group is entered before anything can fail, so that the other processes are informed.
        processes = nullcontext(SINGLE_PROCESS)
        if self.distributed:
            processes = ProcessGroup(num_samples(X))
        with processes as process_group, self._rollback():
            # The weights of one process may all be 0.
            weight = check_weight(sample_weight, X, complete=not self.distributed)
            numbers = group_numbers(groups, X, process_group)
            codes = class_numbers(labels, X, self)
            X, y = self._validate(X, y, reset=True)
            self._fit(X, y, weight, process_group, numbers, codes)
        return self

    def _fit(self, X, y, weight=None, process_group=SINGLE_PROCESS, groups=None, labels=None):
        passed = {"Passing sample_weight": weight is not None, "Passing groups": groups is not None}
        passed |= {"Continuing a fitted model": self._continues()}
        process_group.check_same(**shared_facts(self, X, y) | passed)
        n_rows = process_group.total_rows(len(X))
        if weight is not None:
            n_rows = process_group.count(np.count_nonzero(weight))
        plan = make_plan(self, n_rows, X.shape[1:], y.shape[1:], labels is not None)
        check_n_rows(self, n_rows, plan)
        device = resolve_device(self.device)
        of_rows = {"sample_weight": weight, "groups": groups, "labels": labels}
        seed, checkpoint = self._draw_seeds((X, y), of_rows, device, process_group)
        rows = FitRows((X, y), device, process_group, weight, groups, labels)
        # The same rows are held out when training continues.
        splits = split_rows(rows, plan, self._split_seed)
        n_training = min((len(split.training) for split in splits), default=n_rows)
        self._check_n_training(n_training)
        if not self._continues():
            self._set_up(X, y, n_training)
        branches = self._branch("x"), self._branch("y")
        training = self._training(
            branches, TwoViews(), device, plan, n_rows=n_rows, n_training=n_training
        )
        fitted, history, self.decision_ = fit_model(
            rows,
            plan,
            splits,
            [seed + i for i in range(len(splits))],
            training,
            states=(self.x_state_, self.y_state_) if self._continues() else None,
            checkpoint=checkpoint,
        )
        self._set_fitted(rows, fitted, history)

    def _set_fitted(self, rows, fitted, history):
        """Set the fitted attributes, and the weights of the components."""
        self._set_history(history)
        self.n_networks_ = fitted.n_networks
        self.x_state_, self.y_state_ = fitted.states
        self.linear_ = fitted.linear
        self.canonical_correlations_ = fitted.linear.canonical_correlations_
        self.validation_correlations_ = self._deviations = None
        if fitted.held_out is not None:
            weight = rows.weights.of(fitted.held_out.rows)
            self.validation_correlations_ = fitted.held_out.correlations(weight)
            self._deviations = fitted.held_out.deviations(weight)
        if fitted.n_networks:
            variates = fitted.linear._project_x(fitted.x_encodings)
            self._y_mean, self._y_of_variates = regress_y(rows, fitted.split, variates)
        self._set_projection()

    def _project_x(self, X):
        encodings = self._encode("x", X)
        if self.projection_ == "raw":
            return encodings.astype(X.dtype, copy=False)
        return (self.linear_._project_x(encodings) * self.component_weights_).astype(X.dtype)

    def _project_y(self, y):
        encodings = self._encode("y", y)
        if self.projection_ == "raw":
            return encodings.astype(y.dtype, copy=False)
        return (self.linear_._project_y(encodings) * self.component_weights_).astype(y.dtype)

    def _predict_y(self, X):
        inputs = self._encode("x", X)
        if self.x_state_ is None:
            return self.linear_._predict_y(inputs)[:, : self.y_shape_[0]]
        variates = self.linear_._project_x(inputs)
        return (variates @ self._y_of_variates).reshape(-1, *self.y_shape_) + self._y_mean

    def _encode(self, side, view):
        """Return the input of the linear model: outputs of a network, or the view itself."""
        state = getattr(self, f"{side}_state_")
        if state is None:
            return linear_inputs(view, self.n_components_)
        network = fitted_network(self, side, state)
        return encode(network, view)

    def _check_parameters(self):
        super()._check_parameters()
        check_parameters(self)

    def __setstate__(self, state):
        defaults = type(self)().get_params(deep=False)
        super().__setstate__(defaults | from_older_file(state))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags
