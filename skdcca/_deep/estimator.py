"""Deep canonical correlation analysis."""

import weakref
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import clone
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted
from torch import optim

from skdcca._deep.checkpoint import Checkpoint, fingerprint_of
from skdcca._deep.networks import Branch, encode, resolve_device
from skdcca._deep.process_group import ProcessGroup
from skdcca._deep.run import TrainingRun, resolve_batch_size
from skdcca._deep.training import OPTIMIZERS, TrainingSettings, check_callbacks
from skdcca._utils.process_group import SINGLE_PROCESS
from skdcca._utils.sklearn_compat import num_samples
from skdcca._utils.validation import (
    check_integer,
    check_number,
    check_option,
    check_same_length,
)
from skdcca.base import WEIGHTING_POWER, BaseCCA
from skdcca.encoders import MLP, MelCNN, as_encoder
from skdcca.losses import as_loss

# The correlations of fewer rows are meaningless: then no rows are held out.
_FEWEST_HELD_OUT = 10
_VIEWS = {"x": "X", "y": "y"}
# Networks of fitted models, which hold arrays only.
_NETWORKS = weakref.WeakKeyDictionary()


class DeepCCA(BaseCCA):
    """Deep canonical correlation analysis: two networks whose outputs are maximally correlated.

    It trains an encoder of each view on a common loss, then fits a `LinearCCA` on the two encodings,
    which orders and whitens the components. Views are centered and scaled by their range (vectors by
    column, arrays with more axes by channel, such as the bands of a spectrogram), so that units do not
    matter. Values more than a range from the mean, which training rows do not have, are clipped.

    Parameters
    ----------
    n_components : int, default=None
        Number of pairs of variates, and of outputs of each encoder. None: the smaller of the numbers of
        values in a sample of X and of y, at most 50, and at most a tenth of the training rows.
    x_encoder : Encoder or torch.nn.Module, default=None
        Network of the first view: an encoder of `skdcca.encoders`, or a module that maps float32 of
        shape ``(n_samples, *shape)`` to ``(n_samples, n_components)``. A copy of the module is trained,
        with new weights; `skdcca.encoders.ModuleEncoder` can keep those of a pretrained one. None:
        ``MLP()`` for vectors, ``MelCNN()`` for spectrograms, that is for samples with two axes.
    y_encoder : Encoder or torch.nn.Module, default=None
        Network of the second view, as `x_encoder`.
    loss : {"ey", "cca", "infonce", "barlow_twins", "vicreg"} or callable, default="ey"
        A name, a loss of `skdcca.losses` with its own parameters, or any callable or
        ``torch.nn.Module`` that takes two encodings and returns a scalar tensor. "ey" and "cca" have the
        same optimum, which "ey" reaches with small batches; "infonce" is for retrieval only.
    projection : {"auto", "weighted", "whitened", "raw"}, default="auto"
        Output of `transform`; `score` is the same for all.

        - ``"whitened"``: canonical variates, with variance 1 on the training rows;
        - ``"weighted"``: canonical variates scaled by their squared held-out correlations, so that
          cosines, by which retrieval ranks, rely on the components that generalize;
        - ``"raw"``: the outputs of the encoders, for losses of cosines;
        - ``"auto"``: the projection of the loss, which is "raw" for "infonce" and "weighted" for the
          others.
    reg : float, default=1e-3
        Ridge of the loss "cca" and of the `LinearCCA` on the encodings, relative to the mean variance of
        the outputs.
    optimizer : {"adamw", "adam", "sgd"} or callable, default="adamw"
        Name of an optimizer, a class of ``torch.optim``, or a ``functools.partial`` of one.
    lr : float, default=1e-3
        Largest learning rate.
    weight_decay : float, default=1e-2
        Weight decay, for optimizers that have one.
    lr_schedule : {"cosine", "constant"}, default="cosine"
        "cosine" rises over the first tenth of all batches and falls to 0 over `max_epochs`.
    batch_size : int, default=None
        Least number of rows in a batch: all rows of an epoch are spread evenly over
        ``n // batch_size`` batches, so that none is short. None: 20 rows for each component and at
        least 1000 with "cca", whose correlations are biased in small batches; 256 with other losses; all
        rows if there are fewer.
    max_epochs : int, default=100
        Largest number of passes over the training rows.
    validation_fraction : float, default=0.1
        Fraction of the rows, chosen at random, that are held out to measure the correlations after every
        epoch; the weights of the best epoch are kept. With 0, or fewer than 10 held-out rows, no rows
        are held out and the weights are those of the last epoch.
    patience : int, default=20
        Stop when the held-out correlation has not risen for this many epochs. None: never.
    device : str, default="auto"
        Where to compute: "cpu", "cuda", "cuda:1", ...; "auto" is a GPU if there is one.
    callbacks : list of skorch.callbacks.Callback or (str, Callback), default=None
        Further callbacks of skorch for training; they see ``train_correlation`` and
        ``valid_correlation`` in the history.
    checkpoint : str or path-like, default=None
        Folder for the state of the training. It is written after an epoch, and takes at most a twentieth
        of the time. If the process dies, `fit` with the same data and parameters continues from there
        and ends with the same weights, bit for bit (`callbacks` start anew). A state of other data or
        parameters is refused, so a folder is for one fit and cannot be used in a search. None: nothing
        is written.
    warm_start : bool, default=False
        Continue from the weights of the last `fit`, with the same encoders, `y_transformer_` and
        scaling, but a new optimizer and schedule.
    distributed : bool, default=False
        Train one model in several processes. Each calls `fit` with its own rows, and all end with the
        model that one process makes of the rows of all, ordered by rank. They call
        ``torch.distributed.init_process_group`` first, in a script that ``torchrun`` starts;
        `y_transformer` and `checkpoint` must be None. With False a process trains by itself, even if
        there are others.
    y_transformer : estimator, default=None
        Transformer of the second view, such as `Doc2VecLyrics`, fitted inside `fit`. None: y is numbers.
    random_state : int, RandomState instance or None, default=None
        Seed of the weights, the batches, dropout and the held-out rows. With an int a fit repeats bit
        for bit on the same machine with the same number of threads.
    verbose : int, default=0
        1 shows a progress bar with the training and held-out correlation.

    Attributes
    ----------
    canonical_correlations_ : ndarray of shape (n_components_,)
        Canonical correlations of the encodings of the training rows, descending. Those of a large
        network are all close to 1.
    validation_correlations_ : ndarray of shape (n_components_,) or None
        Correlations of the same variates on the held-out rows; None without held-out rows.
    n_epochs_ : int
        Number of epochs of training; with `warm_start`, of all calls together.
    history_ : list of dict
        One row for each epoch: ``epoch``, ``train_loss``, ``dur`` (seconds); with held-out rows
        ``train_correlation`` and ``valid_correlation``, sums over the components; and the numbers and
        texts that `callbacks` recorded. ``train_correlation`` is measured on the last batches of the
        epoch, with dropout.
    projection_ : str
        "weighted", "whitened" or "raw".
    component_weights_ : ndarray of shape (n_components_,)
        Factors of the variates in the output. With "weighted", components without a positive held-out
        correlation have the factor 0, so that unrelated views are mapped to zeros.
    linear_ : LinearCCA
        The linear model on the encodings.
    x_encoder_, y_encoder_ : Encoder
        The encoders that were used; a module is wrapped in a `skdcca.encoders.ModuleEncoder`.
    x_state_, y_state_ : dict of str to ndarray
        Weights of the networks, as in ``torch.nn.Module.state_dict``. A pickled model holds these
        arrays and no trained tensor, so a model trained on a GPU can be loaded anywhere.
    x_shape_, y_shape_ : tuple of int
        Shapes of one sample of each view.
    batch_size_ : int
        The least number of rows in a batch.
    n_components_ : int
        Number of components.
    n_features_in_ : int
        Number of columns of X, or of its second axis.
    n_features_y_ : int
        The same for y, after `y_transformer`.
    y_transformer_ : estimator or None
        The fitted transformer of the second view.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns of X, if X has names that are all strings.

    Raises
    ------
    ValueError
        From `fit`, for a parameter out of range or a constant view.
    DivergenceError
        From `fit`, if training diverged; a ValueError.
    RuntimeError
        From `fit` with `distributed`, if another process refuses its rows, fails or ends.

    Warns
    -----
    SmallBatchWarning
        If a batch has fewer rows for each component than 5 with the loss "cca", or 1 with "ey".
    RankWarning
        If an output of a network is constant or depends on the others.
    TrainingInterruptedWarning
        If training was interrupted; the model is then the best so far.
    CheckpointWarning
        If the state of the training cannot be written to `checkpoint`.

    See Also
    --------
    LinearCCA : The linear model: exact, fast, and the baseline to compare with.
    skdcca.losses : The losses and their references.
    skdcca.encoders : The networks.

    Notes
    -----
    Deep CCA was introduced by Andrew et al. [1]_. Yu et al. [2]_ applied it to music audio and lyrics,
    with convolutions that are trained with the correlation loss.

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

    def score(self, X: Any, y: Any, sample_weight: ArrayLike | None = None) -> float:
        """Return the sum of the canonical correlations of the given rows, whatever the `projection`.

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
        """Fit on the rows of this process, or together with the other processes."""
        check_option("distributed", self.distributed, (False, True))
        # Entered before anything can fail, so that the other processes learn of it.
        processes = nullcontext(SINGLE_PROCESS)
        if self.distributed:
            processes = ProcessGroup(num_samples(X))
        with processes as group, self._rollback():
            X, y = self._validate(X, y, reset=True)
            self._fit(X, y, group)
        return self

    def _fit(self, X, y, group=SINGLE_PROCESS):
        n_rows = group.total_rows(len(X))
        self._check_n_rows(n_rows)
        group.check_same(**self._facts(X, y))
        device = resolve_device(self.device)
        seed, checkpoint = self._draw_seeds(X, y, group, device)
        if not self._continues():
            self._set_up(X, y, n_rows)
        run = TrainingRun(
            X,
            y,
            group=group,
            device=device,
            n_held_out=self._count_held_out(n_rows),
            # The same rows of the same data are held out when training continues.
            split_seed=self._split_seed,
            seed=seed,
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
        """Return what must be the same in all processes."""
        params = {name: repr(value) for name, value in self.get_params(deep=False).items()}
        # Those of a single process, or of the first one.
        for name in ("callbacks", "device", "random_state", "verbose"):
            del params[name]
        comparable = {name: value for name, value in params.items() if " at 0x" not in value}
        views = {"a sample of X": X, "a sample of y": y}
        shapes = {name: f"{view.dtype} of shape {view.shape[1:]}" for name, view in views.items()}
        return comparable | shapes | {"whether a fitted model continues": self._continues()}

    def _draw_seeds(self, X, y, group, device):
        """Set the seed of the held-out rows; return that of the training, and the checkpoint.

        A training that continues from a checkpoint has the seeds that it began with.
        """
        random = check_random_state(self.random_state)
        if self._continues():
            return group.broadcast(random.randint(2**31 - 1)), None
        checkpoint = None
        if self.checkpoint is not None:
            fingerprint = fingerprint_of(self.get_params(), X, y)
            checkpoint = Checkpoint(self.checkpoint, fingerprint)
        seeds = random.randint(2**31 - 1), random.randint(2**31 - 1)
        if checkpoint is not None:
            seeds = checkpoint.open(seeds, device)
        self._split_seed, seed = group.broadcast(seeds)
        return seed, checkpoint

    def _set_up(self, X, y, n_rows):
        """Set the fitted attributes that a training with `warm_start` keeps."""
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
        """Return the outputs of a network, which is rebuilt from its weights when first needed."""
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
        """Return a copy of the encoder of a view of this shape, or the default one."""
        encoder = as_encoder(getattr(self, f"{side}_encoder"))
        if encoder is not None:
            return clone(encoder)
        if len(shape) > 2:
            raise ValueError(
                f"`{side}_encoder` must be an encoder or a torch.nn.Module for samples of shape "
                f"{shape}, got None. There is no default for more than two axes."
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
        """Raise ValueError for a view without an encoder, or with another shape than the fitted one."""
        shape = view.shape[1:]
        if reset:
            self._check_encoder(side, shape)
        if reset and not self._continues():
            return view
        fitted = getattr(self, f"{side}_shape_")
        if shape != fitted:
            raise ValueError(
                f"a sample of {_VIEWS[side]} has shape {shape}, but DeepCCA was fitted with {fitted}"
            )
        return view

    def _check_encoder(self, side, shape):
        """Raise ValueError for a view without an encoder, or another encoder than the fitted one."""
        encoder = self._new_encoder(side, shape)
        if not self._continues():
            return
        fitted = getattr(self, f"{side}_encoder_")
        if repr(encoder) != repr(fitted):
            raise ValueError(
                f"{side}_encoder={encoder!r} differs from the fitted encoder {fitted!r}, which "
                "warm_start=True continues; use the same encoder, or warm_start=False"
            )

    def _check_n_components(self, x_shape, y_shape=None):
        # The number of rows of all processes is known in `_fit` only.
        if not self.distributed:
            self._check_n_rows(x_shape[0])

    def _check_n_rows(self, n_rows):
        """Raise ValueError if the rows are too few for the validation rows and the components."""
        n_held_out = self._count_held_out(n_rows)
        if n_rows - n_held_out < 2:
            raise ValueError(
                f"validation_fraction={self.validation_fraction} holds out {n_held_out} of {n_rows} "
                "samples; at least 2 must remain for training"
            )
        super()._check_n_components((n_rows,))
        if self._continues() and self.n_components not in (None, self.n_components_):
            raise ValueError(
                f"n_components={self.n_components} differs from the {self.n_components_} outputs of the "
                "fitted networks, which warm_start=True continues; use the same number, or "
                "warm_start=False"
            )

    def _most_components(self, x_shape, y_shape):
        # Unlike a linear map, a network returns any number of outputs for one column.
        n_rows = x_shape[0] - self._count_held_out(x_shape[0])
        return {"the number of training samples - 1": n_rows - 1}

    def _count_held_out(self, n_samples):
        n_held_out = round(self.validation_fraction * n_samples)
        return n_held_out if n_held_out >= _FEWEST_HELD_OUT else 0

    def _check_parameters(self):
        """Raise an error for parameters out of range, before y becomes numbers, which may take hours."""
        check_number("reg", self.reg, ge=0)
        check_number("lr", self.lr, gt=0)
        check_number("weight_decay", self.weight_decay, ge=0)
        check_number("validation_fraction", self.validation_fraction, ge=0, lt=1)
        check_integer("max_epochs", self.max_epochs)
        check_integer("patience", self.patience, or_none=True)
        check_integer("batch_size", self.batch_size, ge=2, or_none=True)
        check_option("projection", self.projection, ("auto", "weighted", "whitened", "raw"))
        check_option("lr_schedule", self.lr_schedule, ("cosine", "constant"))
        check_random_state(self.random_state)
        as_loss(self.loss, self.reg).build()  # checks the parameters of the loss
        resolve_device(self.device)
        check_callbacks(self.callbacks)
        self._check_optimizer()
        self._check_encoders()
        self._check_checkpoint()
        self._check_distributed()

    def _check_optimizer(self):
        other_class = isinstance(self.optimizer, type) and not issubclass(
            self.optimizer, optim.Optimizer
        )
        if other_class or not callable(self.optimizer):
            otherwise = "a class of torch.optim, or a functools.partial of one"
            check_option("optimizer", self.optimizer, OPTIMIZERS, otherwise=otherwise)

    def _check_encoders(self):
        for name in ("x_encoder", "y_encoder"):
            encoder = as_encoder(getattr(self, name))
            if isinstance(encoder, type) or not (encoder is None or hasattr(encoder, "build")):
                raise ValueError(
                    f"`{name}` must be an encoder such as MLP() (an instance, not a class), a "
                    f"torch.nn.Module or None, got {encoder!r}."
                )

    def _check_checkpoint(self):
        if self.checkpoint is None:
            return
        if self.warm_start:
            raise ValueError(
                "checkpoint and warm_start=True both continue a training; use only one of them"
            )
        if not isinstance(self.checkpoint, (str, PathLike)) or Path(self.checkpoint).is_file():
            raise ValueError(f"`checkpoint` must be a folder or None, got {self.checkpoint!r}.")

    def _check_distributed(self):
        if not self.distributed:
            return
        if self.y_transformer is not None:
            raise ValueError(
                f"y_transformer={self.y_transformer!r} with distributed=True would be fitted in each "
                "process on its rows only; set it to None, and pass the numbers that a transformer "
                "fitted beforehand makes of y"
            )
        if self.checkpoint is not None:
            raise ValueError(
                f"checkpoint={str(self.checkpoint)!r} holds the training of one process, but "
                "distributed=True trains in several; use only one of them"
            )

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags
