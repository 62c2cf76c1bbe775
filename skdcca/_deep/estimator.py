"""Deep canonical correlation analysis."""

import weakref
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from os import PathLike
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import clone
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from skdcca._cca import check_weight
from skdcca._deep.checkpoint import Checkpoint, fingerprint_of
from skdcca._deep.checks import check_parameters
from skdcca._deep.networks import Branch, encode, resolve_device
from skdcca._deep.process_group import ProcessGroup
from skdcca._deep.run import TrainingRun, resolve_batch_size
from skdcca._deep.training import TrainingSettings
from skdcca._utils.process_group import SINGLE_PROCESS
from skdcca._utils.sklearn_compat import num_samples
from skdcca._utils.validation import check_option, check_pairs
from skdcca.base import WEIGHTING_POWER, BaseCCA
from skdcca.encoders import MLP, MelCNN, as_encoder
from skdcca.losses import as_loss

# If fewer rows than this would be held out, none are, because their correlations would be meaningless.
_FEWEST_HELD_OUT = 10
_VIEWS = {"x": "X", "y": "y"}
# Networks of fitted models. The models themselves contain only arrays, so that they can be pickled.
_NETWORKS = weakref.WeakKeyDictionary()


class DeepCCA(BaseCCA):
    r"""Deep canonical correlation analysis, with two networks whose outputs are maximally correlated.

    `DeepCCA` trains one network (encoder) for each view on a common loss, and then fits a `LinearCCA` on
    the outputs of both networks (the encodings), which orders and whitens the components.

    Fit a `LinearCCA` first: with few rows it may be better, and it shows whether a network is worth its
    time. Then begin with the defaults of `DeepCCA`. If the held-out correlation still rises in the
    last epochs, increase `max_epochs` or `patience`. If it is far below the training correlation, use a
    smaller network or more dropout. For retrieval alone, try ``loss="infonce"``.

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
        rows, but at least 1.
    x_encoder : Encoder or torch.nn.Module, default=None
        Network of the first view. An encoder of `skdcca.encoders` builds a network for the shape of the
        view. A module must map a float32 tensor of shape ``(n_samples, *shape)`` to a tensor of shape
        ``(n_samples, n_components)``. A copy of the module is trained from new weights; to start from
        the weights of the module, pass ``ModuleEncoder(module, keep_weights=True)``. If None, ``MLP()``
        is used for vectors and ``MelCNN()`` for samples with two axes.
    y_encoder : Encoder or torch.nn.Module, default=None
        Network of the second view, with the same options.
    loss : {"barlow_twins", "cca", "ey", "infonce", "vicreg"} or callable, default="ey"
        Loss of the encodings of both views. Pass a loss of `skdcca.losses` to set its parameters, or any
        callable or ``torch.nn.Module`` that takes two encodings and returns a scalar tensor. "ey" and
        "cca" both maximize correlation, but "ey" works with smaller batches. "infonce" optimizes
        retrieval instead.
    projection : {"auto", "raw", "weighted", "whitened"}, default="auto"
        Output of `transform`. It does not change `score`.

        - ``"whitened"``: canonical variates, with variance 1 on the training rows;
        - ``"weighted"``: canonical variates multiplied by their squared held-out correlations (training
          correlations if no rows are held out), so that the components that generalize dominate the
          cosines by which retrieval ranks;
        - ``"raw"``: encodings, for losses that are computed from cosines;
        - ``"auto"``: the `projection` attribute of the loss, which is "raw" for "infonce" and
          "weighted" for the other losses and for callables.
    reg : float, default=1e-3
        Ridge, >= 0, of the `LinearCCA` on the encodings and of ``loss="cca"``, relative to the mean
        variance of the outputs. A loss object has its own `reg`.
    optimizer : {"adam", "adamw", "sgd"} or callable, default="adamw"
        Name of an optimizer, a class of ``torch.optim``, or a ``functools.partial`` of one.
    lr : float, default=1e-3
        Largest learning rate, > 0. If training diverges, divide it by 10.
    weight_decay : float, default=1e-2
        Weight decay, >= 0. Ignored if the optimizer does not support it.
    lr_schedule : {"constant", "cosine"}, default="cosine"
        With "cosine", the learning rate rises during the first tenth of `max_epochs` and then falls to
        0.
    batch_size : int, default=None
        Smallest number of rows in a batch, >= 2. The rows of an epoch are spread evenly over
        ``n_rows // batch_size`` batches, so no batch is smaller. If None, the loss sets it: 256 for
        most losses. With ``loss="cca"``, whose correlations are biased in small batches, it is 20 rows
        for each component, but at least 1000. If there are fewer training rows than `batch_size`, all of
        them form a single batch.
    max_epochs : int, default=100
        Maximum number of passes over the training rows, >= 1.
    validation_fraction : float, default=0.1
        Fraction of the rows that are held out, in [0, 1). Held-out rows are chosen at random. The
        correlation on them is measured after every epoch, and the weights of the best epoch are kept.
        If fewer than 10 rows would be held out, none are, and the weights of the last epoch are kept.
    patience : int, default=20
        Number of epochs without a rise of the held-out correlation after which training stops, >= 1.
        If None, training never stops early. Ignored if no rows are held out.
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
        scaling, but with a new optimizer and schedule.
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
        If > 0, show a progress bar with the loss and the training and held-out correlations.

    Attributes
    ----------
    canonical_correlations_ : ndarray of shape (n_components_,)
        Canonical correlations of the encodings of the training rows, in descending order. For a large
        network they are all close to 1.
    validation_correlations_ : ndarray of shape (n_components_,) or None
        Correlations of the variates on the held-out rows. None if no rows are held out.
    n_epochs_ : int
        Number of completed epochs; with `warm_start`, the total over all calls of `fit`.
    history_ : list of dict
        One entry for each epoch: ``epoch``, ``train_loss``, ``dur`` (seconds) and the numbers and texts
        that `callbacks` recorded. If rows are held out, also ``train_correlation`` and
        ``valid_correlation``, which are sums over the components. ``train_correlation`` is measured on
        the last batches of the epoch, with dropout.
    projection_ : str
        "raw", "weighted" or "whitened".
    component_weights_ : ndarray of shape (n_components_,)
        Factors by which `transform` multiplies the variates. They are all 1 unless `projection_` is
        "weighted". With "weighted", a component whose held-out correlation is not positive has factor
        0, so unrelated views are mapped to zeros.
    linear_ : LinearCCA
        Linear model on the encodings.
    x_encoder_, y_encoder_ : Encoder
        Encoders of both views. A module is wrapped in a `skdcca.encoders.ModuleEncoder`.
    x_state_, y_state_ : dict of str to ndarray
        Weights of both networks, as in ``torch.nn.Module.state_dict``. They are NumPy arrays, so a
        model that was trained on a GPU can be loaded on any machine.
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
    variance of the outputs. The default loss, `skdcca.losses.EYLoss`, is also minimized by maximally
    correlated encodings, but needs no whitening. Yu et al. [2]_ applied deep CCA to music audio and
    lyrics, with convolutions that are trained by the correlation loss.

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
        loss: Any = "ey",
        projection: str = "auto",
        reg: float = 1e-3,
        optimizer: str | Callable[..., Any] = "adamw",
        lr: float = 1e-3,
        weight_decay: float = 1e-2,
        lr_schedule: str = "cosine",
        batch_size: int | None = None,
        max_epochs: int = 100,
        validation_fraction: float = 0.1,
        patience: int | None = 20,
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
        self.device = device
        self.callbacks = callbacks
        self.checkpoint = checkpoint
        self.warm_start = warm_start
        self.distributed = distributed
        self.y_transformer = y_transformer
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, X: Any, y: Any = None, sample_weight: ArrayLike | None = None) -> Self:
        """Train both networks, and fit the linear model on their outputs.

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

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        TypeError
            If `y_transformer` is not a transformer.
        ValueError
            If a parameter, a view or a weight is invalid; see the description of the class.

        Notes
        -----
        An epoch has as many rows as there are positive weights. They are drawn anew for each epoch
        in proportion to their weights: a row is in as many batches as its weight is times the mean
        weight, rounded up or down at random. Held-out rows are chosen regardless of their weights.
        The correlations on them, the linear model, `component_weights_` and the coefficients of
        `predict` are computed with the weights themselves, exactly.
        """
        return self._learn(X, y, sample_weight)

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

    def _learn(self, X, y, sample_weight=None):
        """Fit on the rows of this process, or together with the other processes."""
        check_option("distributed", self.distributed, (False, True))
        # The group is entered before anything can fail, so that the other processes are informed.
        processes = nullcontext(SINGLE_PROCESS)
        if self.distributed:
            processes = ProcessGroup(num_samples(X))
        with processes as group, self._rollback():
            # The weights of one process may all be 0.
            weight = check_weight(sample_weight, X, complete=not self.distributed)
            X, y = self._validate(X, y, reset=True)
            self._fit(X, y, weight, group)
        return self

    def _fit(self, X, y, weight=None, group=SINGLE_PROCESS):
        facts = self._facts(X, y) | {"Passing sample_weight": weight is not None}
        group.check_same(**facts)
        n_rows = group.total_rows(len(X))
        if weight is not None:
            n_rows = group.count(np.count_nonzero(weight))
        self._check_n_rows(n_rows)
        device = resolve_device(self.device)
        seed, checkpoint = self._draw_seeds(X, y, weight, group, device)
        if not self._continues():
            self._set_up(X, y, n_rows)
        run = TrainingRun(
            X,
            y,
            group=group,
            device=device,
            n_held_out=self._count_held_out(n_rows),
            # The same rows are held out when training continues.
            split_seed=self._split_seed,
            seed=seed,
            sample_weight=weight,
        )
        loss = as_loss(self.loss, self.reg)
        self.batch_size_ = resolve_batch_size(
            self.batch_size, len(run.rows), self.n_components_, loss
        )
        fitted = run.fit(
            (self._branch("x"), self._branch("y")),
            loss,
            self._settings(device),
            self.reg,
            states=(self.x_state_, self.y_state_) if self._continues() else None,
            checkpoint=checkpoint,
        )
        self._set_fitted(fitted, loss)

    def _facts(self, X, y):
        """Return the values that must be the same in all processes."""
        params = {name: repr(value) for name, value in self.get_params(deep=False).items()}
        # These may differ: they concern a single process, or are taken from process 0.
        for name in ("callbacks", "device", "random_state", "verbose"):
            del params[name]
        comparable = {f"`{name}`": value for name, value in params.items() if " at 0x" not in value}
        views = {"A sample of X": X, "A sample of y": y}
        shapes = {name: f"{view.dtype} of shape {view.shape[1:]}" for name, view in views.items()}
        return comparable | shapes | {"Continuing a fitted model": self._continues()}

    def _draw_seeds(self, X, y, weight, group, device):
        """Set the seed of the held-out rows; return the seed of the training run and the checkpoint.

        A training run that continues from a checkpoint keeps the seeds with which it began.
        """
        random = check_random_state(self.random_state)
        if self._continues():
            return group.broadcast(random.randint(2**31 - 1)), None
        checkpoint = None
        if self.checkpoint is not None:
            fingerprint = fingerprint_of(self.get_params(), X, y, weight)
            checkpoint = Checkpoint(self.checkpoint, fingerprint)
        seeds = random.randint(2**31 - 1), random.randint(2**31 - 1)
        if checkpoint is not None:
            seeds = checkpoint.open(seeds, device)
        self._split_seed, seed = group.broadcast(seeds)
        return seed, checkpoint

    def _set_up(self, X, y, n_rows):
        """Set the fitted attributes that a later fit with `warm_start` keeps."""
        self.x_shape_, self.y_shape_ = X.shape[1:], y.shape[1:]
        n_rows -= self._count_held_out(n_rows)
        most = min(np.prod(self.x_shape_), np.prod(self.y_shape_), 50, n_rows // 10)
        self.n_components_ = int(self.n_components or max(1, most))
        self.x_encoder_ = self._new_encoder("x", self.x_shape_)
        self.y_encoder_ = self._new_encoder("y", self.y_shape_)
        self.history_ = []

    def _settings(self, device):
        return TrainingSettings(
            optimizer=self.optimizer,
            lr=self.lr,
            weight_decay=self.weight_decay,
            lr_schedule=self.lr_schedule,
            batch_size=self.batch_size_,
            max_epochs=self.max_epochs,
            patience=self.patience,
            callbacks=self.callbacks,
            verbose=self.verbose,
            device=device,
        )

    def _set_fitted(self, fitted, loss):
        """Set the fitted attributes, and the weights of the components."""
        n_done = len(self.history_)
        self.history_ = self.history_ + [
            row | {"epoch": n_done + row["epoch"]} for row in fitted.history
        ]
        self.n_epochs_ = len(self.history_)
        self.x_state_, self.y_state_ = fitted.states
        self.linear_ = fitted.linear
        self.canonical_correlations_ = fitted.linear.canonical_correlations_
        self.validation_correlations_ = fitted.validation_correlations
        self._y_mean, self._y_of_variates = fitted.y_mean, fitted.y_of_variates
        self.projection_ = loss.projection if self.projection == "auto" else self.projection
        self.component_weights_ = np.ones(self.n_components_)
        if self.projection_ == "weighted":
            measured = self.validation_correlations_
            measured = self.canonical_correlations_ if measured is None else measured
            self.component_weights_ = np.clip(measured, 0, None) ** WEIGHTING_POWER

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
        variates = self.linear_._project_x(self._encode("x", X))
        return (variates @ self._y_of_variates).reshape(-1, *self.y_shape_) + self._y_mean

    def _encode(self, side, view):
        """Return the outputs of a network, which is rebuilt from its weights on first use."""
        device = resolve_device(self.device, must_exist=False)
        networks = _NETWORKS.setdefault(self, {})
        state = getattr(self, f"{side}_state_")
        built_from, network = networks.get((side, device), (None, None))
        if built_from is not state:
            network = self._branch(side).rebuild(state).to(device)
            networks[side, device] = state, network
        return encode(network, view)

    def _branch(self, side):
        encoder, shape = getattr(self, f"{side}_encoder_"), getattr(self, f"{side}_shape_")
        return Branch(_VIEWS[side], encoder, shape, self.n_components_)

    def _new_encoder(self, side, shape):
        """Return a copy of the encoder of a view, or the default encoder for this shape."""
        encoder = as_encoder(getattr(self, f"{side}_encoder"))
        if encoder is not None:
            return clone(encoder)
        if len(shape) > 2:
            raise ValueError(
                f"`{side}_encoder` must be an encoder or a torch.nn.Module for samples of shape "
                f"{shape}, got None. Set it, because there is no default for more than two axes."
            )
        return MLP() if len(shape) == 1 else MelCNN()

    def _continues(self):
        return self.warm_start and hasattr(self, "linear_")

    def _validate_x(self, X, *, reset=False, min_rows=1):
        X = super()._validate_x(X, reset=reset and not self._continues(), min_rows=min_rows)
        return self._check_view("x", X, reset)

    def _validate_y(self, y, *, reset=False, min_rows=1):
        y = super()._validate_y(y, reset=reset and not self._continues(), min_rows=min_rows)
        return self._check_view("y", y, reset)

    def _check_view(self, side, view, reset):
        """Return the view; raise ValueError if its shape does not suit the encoder or fitted model."""
        shape = view.shape[1:]
        if reset:
            self._check_encoder(side, shape)
        if reset and not self._continues():
            return view
        fitted = getattr(self, f"{side}_shape_")
        if shape != fitted:
            raise ValueError(
                f"A sample of {_VIEWS[side]} must have shape {fitted}, as in `fit`, got {shape}. Pass "
                "samples of the same shape."
            )
        return view

    def _check_encoder(self, side, shape):
        """Raise ValueError if no encoder suits the shape, or if the encoder is not the fitted one."""
        encoder = self._new_encoder(side, shape)
        if not self._continues():
            return
        fitted = getattr(self, f"{side}_encoder_")
        if repr(encoder) != repr(fitted):
            raise ValueError(
                f"`{side}_encoder` must be the fitted {fitted!r} with warm_start=True, got {encoder!r}. "
                "Use the same encoder, or set warm_start=False."
            )

    def _check_n_components(self, x_shape, y_shape=None):
        # With several processes, the total number of rows is known only in `_fit`.
        if not self.distributed:
            self._check_n_rows(x_shape[0])

    def _check_n_rows(self, n_rows):
        """Raise ValueError if there are too few rows for the held-out rows and the components."""
        n_held_out = self._count_held_out(n_rows)
        if n_rows - n_held_out < 2:
            raise ValueError(
                f"`validation_fraction` must leave at least 2 samples for training, got "
                f"{self.validation_fraction}, which holds out {n_held_out} of {n_rows}. Use a smaller "
                "fraction."
            )
        super()._check_n_components((n_rows,))
        if self._continues() and self.n_components not in (None, self.n_components_):
            raise ValueError(
                f"`n_components` must be the {self.n_components_} of the fitted networks with "
                f"warm_start=True, got {self.n_components}. Use the same number, or set "
                "warm_start=False."
            )

    def _most_components(self, x_shape, y_shape):
        # The columns set no limit here, because a network can have more outputs than inputs.
        n_rows = x_shape[0] - self._count_held_out(x_shape[0])
        return {"the number of training samples - 1": n_rows - 1}

    def _count_held_out(self, n_samples):
        n_held_out = round(self.validation_fraction * n_samples)
        return n_held_out if n_held_out >= _FEWEST_HELD_OUT else 0

    def _check_parameters(self):
        check_parameters(self)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags
