"""Deep canonical correlation analysis."""

import warnings
import weakref
from numbers import Real
from os import PathLike
from pathlib import Path

import numpy as np
from sklearn.base import clone
from sklearn.utils import check_random_state, gen_batches
from sklearn.utils.validation import check_is_fitted
from torch import nn, optim

from skdcca._cca.linear import LinearCCA
from skdcca._deep.checkpoint import Checkpoint, fingerprint_of
from skdcca._deep.process_group import ALONE, Together
from skdcca._deep.training import (
    OPTIMIZERS,
    HeldOut,
    Pairs,
    Standardize,
    TwoBranches,
    as_module,
    check_callbacks,
    encode,
    fit_linear,
    load_state,
    read,
    resolve_device,
    seeded,
    state_of,
    train,
)
from skdcca._utils.sklearn_compat import num_samples
from skdcca._utils.validation import check_integer, check_same_length
from skdcca.base import WEIGHTING_POWER, BaseCCA
from skdcca.encoders import MLP, MelCNN
from skdcca.losses import BarlowTwinsLoss, CCALoss, EYLoss, InfoNCELoss, VICRegLoss
from skdcca.metrics import variate_correlations

LOSSES = {
    "barlow_twins": BarlowTwinsLoss,
    "cca": CCALoss,
    "ey": EYLoss,
    "infonce": InfoNCELoss,
    "vicreg": VICRegLoss,
}
# The correlation of fewer rows says nothing: none are held out then.
LEAST_HELD_OUT = 10
# Networks of fitted models, as their pickles and their attributes hold arrays only.
_NETWORKS = weakref.WeakKeyDictionary()


class DeepCCA(BaseCCA):
    """Deep canonical correlation analysis: two networks whose outputs are as correlated as can be.

    Trains an encoder of each view on a common objective, then fits a `LinearCCA` on the two encodings,
    which orders and whitens the components. Views are centred and scaled by their range inside (a vector
    column by column, an array of more axes channel by channel: spectrograms by band), so that units do
    not matter; values more than a range from the mean, as none was in training, are held there.

    Parameters
    ----------
    n_components : int, default=None
        Number of pairs of variates, and of outputs of each encoder. None: the smaller of the numbers of
        values in a sample of X and of y, at most 50, and at most a tenth of the training rows.
    x_encoder : Encoder, default=None
        Network of the first view; see `skdcca.encoders`. None: ``MLP()`` for vectors, ``MelCNN()`` for
        spectrograms, that is for samples of two axes.
    y_encoder : Encoder, default=None
        Network of the second view; None as for `x_encoder`.
    loss : {"ey", "cca", "infonce", "barlow_twins", "vicreg"} or callable, default="ey"
        Objective: a name, a loss of `skdcca.losses` with parameters of its own, or any callable or
        ``torch.nn.Module`` that takes two encodings and gives a scalar tensor. "ey" and "cca" have the
        same optimum, the first reaches it in small batches; "infonce" serves retrieval alone.
    projection : {"auto", "weighted", "whitened", "raw"}, default="auto"
        What `transform` gives; `score` is the same for all.

        - ``"whitened"``: canonical variates, of variance 1 on the training rows;
        - ``"weighted"``: canonical variates scaled by their squared held-out correlations, so that the
          cosine, on which retrieval rests, heeds those that can be relied on;
        - ``"raw"``: the outputs of the encoders as they are, for losses that are themselves
          about cosines;
        - ``"auto"``: "raw" for the loss "infonce", "weighted" for others.
    reg : float, default=1e-3
        Ridge of the loss "cca" and of the `LinearCCA` on the encodings, relative to the mean variance of
        the outputs.
    optimizer : {"adamw", "adam", "sgd"} or callable, default="adamw"
        Optimizer, by name, as a class of ``torch.optim``, or as a ``functools.partial`` of one.
    lr : float, default=1e-3
        Largest learning rate.
    weight_decay : float, default=1e-2
        Weight decay of the optimizer, if it has one.
    lr_schedule : {"cosine", "constant"}, default="cosine"
        "cosine" rises over the first tenth of all batches and falls to 0 over `max_epochs`.
    batch_size : int, default=None
        Least number of rows in a batch: all rows of an epoch are spread evenly over
        ``n // batch_size`` batches, so that none is short. None: 20 rows for each component and at
        least 1000 with "cca", whose correlations are made up in a small batch; 256 with other losses;
        all rows if there are fewer.
    max_epochs : int, default=100
        Passes over the training rows, at most.
    validation_fraction : float, default=0.1
        Share of the rows, chosen at random, that are held out to measure the correlations after every
        epoch; the weights of the best epoch are kept. 0, or fewer than 10 held-out rows: none are, and
        the weights are those of the last epoch.
    patience : int, default=20
        Stop when the held-out correlation has not risen for this many epochs. None: never.
    device : str, default="auto"
        Where to compute: "cpu", "cuda", "cuda:1", ...; "auto" is a GPU if there is one.
    callbacks : list of skorch.callbacks.Callback or (str, Callback), default=None
        Further callbacks of skorch for training; they see ``train_correlation`` and
        ``valid_correlation`` in the history.
    checkpoint : str or path-like, default=None
        Folder to write the state of the training to, after an epoch and so that it costs a twentieth of
        the time at most. If the process dies, `fit` with the same data and parameters goes on from there
        and ends with the same weights, bit for bit (`callbacks` begin anew). A state of other data or
        parameters is refused: a folder serves one fit, so none of a search. None: nothing is written.
    warm_start : bool, default=False
        Let `fit` go on from the weights of the last call, with the same encoders, `y_transformer_` and
        scaling, but a new optimizer and schedule.
    distributed : bool, default=False
        Let several processes train one model: each calls `fit` with rows of its own, and ends with what
        one process makes of all rows, one process's after the other's. They call
        ``torch.distributed.init_process_group`` first, in a script that ``torchrun`` starts;
        `y_transformer` and `checkpoint` must be None. False: a process trains by itself, whatever
        others there are.
    y_transformer : estimator, default=None
        Transformer of the second view (`Doc2VecLyrics`, say), fitted inside `fit`. None: y is numbers.
    random_state : int, RandomState instance or None, default=None
        Seed of the weights, the batches, dropout and the held-out rows. An int makes a fit repeat bit
        for bit on the same machine with the same number of threads.
    verbose : int, default=0
        1 shows a progress bar with the training and held-out correlation.

    Attributes
    ----------
    canonical_correlations_ : ndarray of shape (n_components_,)
        Canonical correlations of the encodings of the training rows, descending. Those of a large
        network are all close to 1.
    validation_correlations_ : ndarray of shape (n_components_,) or None
        Correlations of the same variates on the held-out rows; None if there are none.
    n_epochs_ : int
        Number of epochs of training, all calls together with `warm_start`.
    history_ : list of dict
        Of each epoch: ``epoch``, ``train_loss``, ``dur`` (seconds), and with held-out rows
        ``train_correlation`` and ``valid_correlation``, sums over the components; and the numbers and
        texts that `callbacks` recorded. ``train_correlation`` is that of the last batches as they were
        trained on, with dropout.
    projection_ : str
        "weighted", "whitened" or "raw".
    component_weights_ : ndarray of shape (n_components_,)
        What `projection_` multiplies the variates by; 0 for "weighted" components without a positive
        held-out correlation, so that views that share nothing are all zeros.
    linear_ : LinearCCA
        The linear model on the encodings.
    x_encoder_, y_encoder_ : Encoder
        The encoders that were used.
    x_state_, y_state_ : dict of str to ndarray
        Weights of the networks, as in ``torch.nn.Module.state_dict``. A pickled model holds
        these and no tensor, so that one trained on a GPU loads anywhere.
    x_shape_, y_shape_ : tuple of int
        Shapes of one sample of each view.
    batch_size_ : int
        The least number of rows in a batch.
    n_components_ : int
        Number of components.
    n_features_in_ : int
        Number of columns of X, or of its second axis.
    n_features_y_ : int
        The same of y, after `y_transformer`.
    y_transformer_ : estimator or None
        The fitted transformer of the second view.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns of X, if X has names that are all strings.

    Raises
    ------
    ValueError
        From `fit`, for a parameter out of range, a constant view, or training that diverged.
    RuntimeError
        From `fit` with `distributed`, if another process refuses its rows, fails or ends.

    Warns
    -----
    UserWarning
        If a batch has fewer rows for each component than 5 with the loss "cca", or 1 with "ey"; if an
        output of a network has died; if training was interrupted (the model is then the best so far).

    See Also
    --------
    LinearCCA : The linear model; exact and fast, and the one to beat.
    skdcca.losses : What the objectives are, and their sources.

    Notes
    -----
    Deep CCA is due to Andrew et al. [1]_; its use for music audio and lyrics, with convolutions
    trained by the correlation objective, to Yu et al. [2]_.

    References
    ----------
    .. [1] G. Andrew, R. Arora, J. Bilmes and K. Livescu, "Deep canonical correlation analysis",
       ICML 2013.
    .. [2] Y. Yu, S. Tang, F. Raposo and L. Chen, "Deep cross-modal correlation learning for audio and
       lyrics in music retrieval", 2017, arXiv:1711.08976.

    Examples
    --------
    >>> import numpy as np
    >>> from skdcca import DeepCCA, LinearCCA
    >>> rng = np.random.default_rng(0)
    >>> angle = rng.uniform(0, 2 * np.pi, size=2000)
    >>> X = np.column_stack([np.cos(angle), np.sin(angle)]) + 0.1 * rng.normal(size=(2000, 2))
    >>> y = np.column_stack([np.cos(2 * angle), rng.normal(size=2000)])
    >>> deep = DeepCCA(1, max_epochs=20, random_state=0).fit(X[:1000], y[:1000])
    >>> linear = LinearCCA(1).fit(X[:1000], y[:1000])
    >>> print(f"{linear.score(X[1000:], y[1000:]):.1f} {deep.score(X[1000:], y[1000:]):.1f}")
    -0.0 1.0
    """

    _over = ALONE

    def __init__(
        self,
        n_components=None,
        *,
        x_encoder=None,
        y_encoder=None,
        loss="ey",
        projection="auto",
        reg=1e-3,
        optimizer="adamw",
        lr=1e-3,
        weight_decay=1e-2,
        lr_schedule="cosine",
        batch_size=None,
        max_epochs=100,
        validation_fraction=0.1,
        patience=20,
        device="auto",
        callbacks=None,
        checkpoint=None,
        warm_start=False,
        distributed=False,
        y_transformer=None,
        random_state=None,
        verbose=0,
    ):
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

    def score(self, X, y, sample_weight=None):
        """Sum of the canonical correlations of the given rows, whatever the `projection`.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, ...)
            The first view, at least two rows.
        y : array-like of shape (n_samples, n_features_y) or what `y_transformer` takes
            The second view.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row.

        Returns
        -------
        total : float
            At most `n_components_`.
        """
        check_is_fitted(self)
        X = self._validate_x(X)
        check_same_length(X, y)
        zx, zy = self._encode("x", X), self._encode("y", self._validate_y(y))
        return self.linear_.score(zx, zy, sample_weight)

    def _learn(self, X, y):
        _check_option(self, "distributed", (False, True))
        if not self.distributed:
            return super()._learn(X, y)
        with Together(num_samples(X)) as self._over:
            try:
                return super()._learn(X, y)
            finally:
                vars(self).pop("_over", None)

    def _fit(self, X, y):
        over = self._over
        over.agree(**self._facts(X, y))
        loss = self._resolve_loss()
        device = resolve_device(self.device)
        seed, checkpoint = self._draw_seeds(X, y, device)
        if not self._continues():
            self._set_up(X, y)
        # The same rows of the same data are held out when training goes on.
        n_rows = over.of_all(len(X))
        order = check_random_state(self._split_seed).permutation(n_rows)
        n_valid = self._n_held_out(n_rows)
        valid, rows = over.own(np.sort(order[:n_valid])), order[n_valid:]
        self.batch_size_ = self._resolve_batch_size(len(rows), loss)
        with seeded(seed, device):
            module = TwoBranches(
                self._training_network("x", X, over.own(rows)),
                self._training_network("y", y, over.own(rows)),
            )
            self._check_outputs(module, X, y)
            over.share_state(module)
            over.share_layers(module)
            pairs = Pairs(X, y, rows, over, over.shuffler(seed, device))
            history = self._train(module, as_module(loss, over), pairs, valid, device, checkpoint)
        over.share_state(module)
        done = len(self.history_)
        self.history_ = self.history_ + [row | {"epoch": done + row["epoch"]} for row in history]
        self.n_epochs_ = len(self.history_)
        self.x_state_ = state_of(module.x_network)
        self.y_state_ = state_of(module.y_network)
        self._fit_linear(X, y, np.sort(over.own(rows)), valid, loss)

    def _facts(self, X, y):
        """What must be the same in all processes, for them to do the same."""
        params = {name: repr(value) for name, value in self.get_params(deep=False).items()}
        for name in ("callbacks", "device", "random_state", "verbose"):
            del params[name]  # of each process alone, or of the first
        known = {name: value for name, value in params.items() if " at 0x" not in value}
        views = {"a sample of X": X, "a sample of y": y}
        shapes = {name: f"{view.dtype} of shape {view.shape[1:]}" for name, view in views.items()}
        return known | shapes | {"going on with a fitted model": self._continues()}

    def _draw_seeds(self, X, y, device):
        """Seeds of the held-out rows and of the training; those of a checkpoint that is gone on with."""
        random = check_random_state(self.random_state)
        if self._continues():
            return self._over.first(random.randint(2**31 - 1)), None
        checkpoint = None
        if self.checkpoint is not None:
            checkpoint = Checkpoint(self.checkpoint, fingerprint_of(self, X, y))
        seeds = random.randint(2**31 - 1), random.randint(2**31 - 1)
        if checkpoint is not None:
            seeds = checkpoint.open(seeds, device)
        self._split_seed, seed = self._over.first(seeds)
        return seed, checkpoint

    def _set_up(self, X, y):
        self.x_shape_, self.y_shape_ = X.shape[1:], y.shape[1:]
        n_rows = self._over.of_all(len(X))
        n_rows -= self._n_held_out(n_rows)
        most = min(np.prod(self.x_shape_), np.prod(self.y_shape_), 50, n_rows // 10)
        self.n_components_ = int(self.n_components or max(1, most))
        self.x_encoder_ = _resolve_encoder(self.x_encoder, self.x_shape_, "x_encoder")
        self.y_encoder_ = _resolve_encoder(self.y_encoder, self.y_shape_, "y_encoder")
        self.history_ = []

    def _train(self, module, objective, pairs, valid, device, checkpoint):
        held_out = None
        if self._over.count(len(valid)):
            held_out = HeldOut(*pairs.views, valid, LinearCCA(reg=self.reg), self._over)
        history, complete = train(
            module,
            objective,
            pairs,
            held_out=held_out,
            optimizer=OPTIMIZERS.get(self.optimizer, self.optimizer),
            lr=self.lr,
            weight_decay=self.weight_decay,
            lr_schedule=self.lr_schedule,
            batch_size=self.batch_size_,
            max_epochs=self.max_epochs,
            patience=self.patience,
            device=device,
            callbacks=self.callbacks,
            checkpoint=checkpoint,
            verbose=self.verbose,
            over=self._over,
        )
        if not complete:
            warnings.warn(
                f"training was interrupted, by Ctrl-C or a callback, after {len(history)} of "
                f"{self.max_epochs} epochs; the model is "
                + ("the best so far" if held_out and history else "as it was then"),
                stacklevel=7,
            )
        return history

    def _fit_linear(self, X, y, rows, valid, loss):
        """Order and whiten the components, and measure them on the held-out rows."""
        zx, zy = self._encode("x", X), self._encode("y", y)
        linear = LinearCCA(self.n_components_, reg=self.reg)
        self.linear_ = self._over.first(fit_linear(linear, zx[rows], zy[rows], self._over))
        self._learn_y(self.linear_._project_x(zx), y, rows)
        self.canonical_correlations_ = self.linear_.canonical_correlations_
        self.validation_correlations_ = None
        if self._over.count(len(valid)):
            held_out = (self._over.rows(z[valid]) for z in (zx, zy))
            self.validation_correlations_ = variate_correlations(*self.linear_.transform(*held_out))
        self.projection_ = self.projection
        if self.projection == "auto":
            self.projection_ = "raw" if isinstance(loss, InfoNCELoss) else "weighted"
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

    def _learn_y(self, variates, y, rows):
        """Regression of the numbers of y on the variates, which are white (with the ridge)."""
        n_rows = self._over.count(len(rows))
        blocks = [rows[block] for block in gen_batches(len(rows), 256)]
        mean = sum(y.numpy().sum(axis=0, dtype=np.float64) for (y,) in read([y], blocks)) / n_rows
        self._y_mean = self._over.sum(mean)
        products = 0.0
        for some, (block,) in zip(blocks, read([y], blocks), strict=True):
            products += variates[some].T @ (block.numpy() - self._y_mean).reshape(len(some), -1)
        self._y_of_variates = self._over.sum(products) / (n_rows - 1)

    def _predict_y(self, X):
        variates = self.linear_._project_x(self._encode("x", X))
        return (variates @ self._y_of_variates).reshape(-1, *self.y_shape_) + self._y_mean

    def _encode(self, side, view):
        """Outputs of the network of a side, rebuilt from its weights when it is first needed."""
        device = resolve_device(self.device, must_exist=False)
        networks = _NETWORKS.setdefault(self, {})
        state = getattr(self, f"{side}_state_")
        built_from, network = networks.get((side, device), (None, None))
        if built_from is not state:
            with seeded(0, "cpu"):
                network = load_state(self._build(side), state).to(device)
            networks[side, device] = state, network
        return encode(network, view)

    def _training_network(self, side, view, rows):
        network = self._build(side)
        if hasattr(self, f"{side}_state_") and self._continues():
            return load_state(network, getattr(self, f"{side}_state_"))
        network[0].learn(view, rows, {"x": "X", "y": "y"}[side], self._over)
        return network

    def _build(self, side):
        shape, encoder = getattr(self, f"{side}_shape_"), getattr(self, f"{side}_encoder_")
        network = encoder.build(shape, self.n_components_)
        if not isinstance(network, nn.Module):
            raise TypeError(
                f"{type(encoder).__name__}.build gave a {type(network).__name__}; it must give a "
                "torch.nn.Module"
            )
        return nn.Sequential(Standardize(shape), network)

    def _check_outputs(self, module, X, y):
        """Refuse networks that give what is no encoding, before they are trained."""
        for side, view in (("x", X), ("y", y)):
            found = encode(getattr(module, f"{side}_network"), view, np.arange(2)).shape
            if found != (2, self.n_components_):
                raise ValueError(
                    f"the network that {getattr(self, f'{side}_encoder_')} builds gives shape {found} "
                    f"for 2 samples; it must be (2, n_outputs) with n_outputs={self.n_components_}"
                )

    def _continues(self):
        return self.warm_start and hasattr(self, "linear_")

    def _validate_x(self, X, *, reset=False, min_rows=1):
        X = super()._validate_x(X, reset=reset and not self._continues(), min_rows=min_rows)
        if reset:
            self._check_encoder("x", X.shape[1:])
        return self._check_shape(X, "x_shape_", "X", reset)

    def _validate_y(self, y, *, reset=False, min_rows=1):
        y = super()._validate_y(y, reset=reset and not self._continues(), min_rows=min_rows)
        if reset:
            self._check_encoder("y", y.shape[1:])
        return self._check_shape(y, "y_shape_", "y", reset)

    def _check_encoder(self, side, shape):
        """Refuse a view without a network, or another network than the one to go on with."""
        name = f"{side}_encoder"
        encoder = _resolve_encoder(getattr(self, name), shape, name)
        if self._continues() and repr(encoder) != repr(fitted := getattr(self, f"{name}_")):
            raise ValueError(
                f"{name}={encoder!r} with warm_start=True, but the network to go on with is {fitted!r}"
            )

    def _check_shape(self, view, fitted, name, reset):
        if reset and not self._continues():
            return view
        if view.shape[1:] != getattr(self, fitted):
            raise ValueError(
                f"a sample of {name} has shape {view.shape[1:]}, but DeepCCA was fitted with "
                f"{getattr(self, fitted)}"
            )
        return view

    def _check_n_components(self, x_shape, y_shape=None):
        x_shape = (self._over.of_all(x_shape[0]), *x_shape[1:])
        n_held_out = self._n_held_out(x_shape[0])
        if x_shape[0] - n_held_out < 2:
            raise ValueError(
                f"validation_fraction={self.validation_fraction} holds out {n_held_out} of "
                f"{x_shape[0]} samples; at least 2 must be left to train on"
            )
        super()._check_n_components(x_shape, y_shape)
        if self._continues() and self.n_components not in (None, self.n_components_):
            raise ValueError(
                f"n_components={self.n_components} with warm_start=True, but the networks to go on "
                f"with have {self.n_components_} outputs"
            )

    def _most_components(self, x_shape, y_shape):
        # Unlike a linear map, a network makes any number of outputs of one column.
        n_rows = x_shape[0] - self._n_held_out(x_shape[0])
        return {"the number of training samples - 1": n_rows - 1}

    def _n_held_out(self, n_samples):
        n_held_out = round(self.validation_fraction * n_samples)
        return n_held_out if n_held_out >= LEAST_HELD_OUT else 0

    def _resolve_loss(self):
        if self.loss == "cca":
            return CCALoss(self.reg)
        if isinstance(self.loss, str) and self.loss in LOSSES:
            return LOSSES[self.loss]()
        if not callable(self.loss) or isinstance(self.loss, type):
            raise ValueError(
                f"loss={self.loss!r}; it must be one of {sorted(LOSSES)}, or a callable that takes two "
                "encodings (an object, not a class)"
            )
        return self.loss

    def _resolve_batch_size(self, n_rows, loss):
        k = self.n_components_
        if self.batch_size is None:
            size = max(1000, 20 * k) if isinstance(loss, CCALoss) else 256
        else:
            size = self.batch_size
        size = min(size, n_rows)
        # The correlations of a batch are biased, the gradient of the Eckart-Young loss hardly.
        least = {CCALoss: 5, EYLoss: 1}.get(type(loss), 0)
        if size < least * k:
            remedy = "take fewer components"
            remedy += ", or a larger batch_size" if size < n_rows else ", or more samples"
            warnings.warn(
                f"batches of {size} rows tell little of the correlations of {k} components, which will "
                f"be fitted by chance: {remedy} ({least} rows for each component at the least)",
                stacklevel=7,
            )
        return size

    def _check_parameters(self):
        """Refuse what cannot be before the second view becomes numbers, which may take hours."""
        _check_number(self, "reg", least=0)
        _check_number(self, "lr", above=0)
        _check_number(self, "weight_decay", least=0)
        _check_number(self, "validation_fraction", least=0, below=1)
        check_integer("max_epochs", self.max_epochs)
        check_integer("patience", self.patience, or_none=True)
        check_integer("batch_size", self.batch_size, ge=2, or_none=True)
        _check_option(self, "projection", ("auto", "weighted", "whitened", "raw"))
        _check_option(self, "lr_schedule", ("cosine", "constant"))
        if not callable(self.optimizer) or _is_class_but_no(optim.Optimizer, self.optimizer):
            _check_option(self, "optimizer", tuple(OPTIMIZERS))
        check_random_state(self.random_state)
        as_module(self._resolve_loss())
        resolve_device(self.device)
        check_callbacks(self.callbacks)
        self._check_checkpoint()
        self._check_distributed()
        for name in ("x_encoder", "y_encoder"):
            encoder = getattr(self, name)
            if isinstance(encoder, type) or not (encoder is None or hasattr(encoder, "build")):
                raise ValueError(
                    f"{name}={encoder!r}; it must be an encoder, such as MLP() or a subclass of "
                    "skdcca.encoders.Encoder, or None"
                )

    def _check_checkpoint(self):
        if self.checkpoint is None:
            return
        if self.warm_start:
            raise ValueError(
                "checkpoint and warm_start=True both go on with a training; give one of them"
            )
        if not isinstance(self.checkpoint, (str, PathLike)) or Path(self.checkpoint).is_file():
            raise ValueError(f"checkpoint={self.checkpoint!r}; it must be a folder, or None")

    def _check_distributed(self):
        if not self.distributed:
            return
        if self.y_transformer is not None:
            raise ValueError(
                f"y_transformer={self.y_transformer!r} with distributed=True would be fitted in each "
                "process on its rows alone; leave it out, and give the numbers that one fitted "
                "beforehand makes of y"
            )
        if self.checkpoint is not None:
            raise ValueError(
                f"checkpoint={str(self.checkpoint)!r} holds the training of one process, but "
                "distributed=True trains in several; leave one of them out"
            )

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags


def _resolve_encoder(encoder, shape, name):
    if encoder is not None:
        return clone(encoder)
    if len(shape) > 2:
        raise ValueError(
            f"{name}=None has no network for samples of shape {shape}; give an encoder"
        )
    return MLP() if len(shape) == 1 else MelCNN()


def _is_class_but_no(base, value):
    return isinstance(value, type) and not issubclass(value, base)


def _check_number(estimator, name, least=-np.inf, above=-np.inf, below=np.inf):
    value = getattr(estimator, name)
    number = isinstance(value, Real) and not isinstance(value, bool)
    if not number or not (least <= value < below and value > above):
        bound = f"from {least}" if above == -np.inf else f"above {above}"
        bound += f" to below {below}" if below < np.inf else ", and finite"
        raise ValueError(f"{name}={value!r}; it must be a number {bound}")


def _check_option(estimator, name, options):
    value = getattr(estimator, name)
    if value not in options:
        raise ValueError(f"{name}={value!r}; it must be one of {options}")
