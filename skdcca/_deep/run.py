"""Train the networks of a deep model, each on its part of the rows."""

import math
import warnings
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from skdcca._deep.ensemble import JoinedBranch, joined_state
from skdcca._deep.held_out import Split
from skdcca._deep.networks import encode, load_state, seeded, state_of
from skdcca._deep.steps import warn_if_short
from skdcca._deep.training import train
from skdcca._utils.warnings import warn
from skdcca.exceptions import FewSamplesWarning, SmallBatchWarning, TrainingInterruptedWarning

# Ridge of the linear model on the variates of several networks, which are nearly equal.
_JOINED_REG = 0.1
# Bounds of the default batch size, unless the loss needs larger batches.
_BATCHES_AN_EPOCH, _SMALLEST_BATCH = 8, 32


class Training(NamedTuple):
    """Networks, loss and settings of a training, shared by all networks of a fit.

    Attributes
    ----------
    branches : tuple of Branch
        Descriptions of the networks of all views.
    loss : Loss
        Loss to be minimized.
    settings : TrainingSettings
        Parameters of the training.
    reg : float
        Ridge of the linear model on the outputs of a network.
    kind : TwoViews or SeveralViews
        What depends on the number of views.
    """

    branches: tuple
    loss: object
    settings: object
    reg: float
    kind: object


@dataclass(frozen=True)
class FittedVariates:
    """Model that turns all views into variates, with the variates of held-out rows.

    Attributes
    ----------
    states : tuple of dict of str to ndarray
        Weights of the networks of all views; None if the model is linear in the views.
    linear : LinearCCA or MultiCCA
        Linear model on the outputs of the networks, or on the views.
    split : Split
        Rows that `linear` is fitted on; none of them are held out if there are folds.
    x_encodings : ndarray of shape (n_local_rows, n_outputs) or None
        Outputs of the network of the first view; None if the model is linear in the views.
    held_out : HeldOutVariates, SeveralHeldOut or None
        Variates of rows that neither a network nor its linear model has seen.
    history : list of dict
        One entry for each epoch of each network.
    n_networks : int
        Number of networks of each view; 0 if the model is linear in the views.
    """

    states: tuple
    linear: object
    split: Split
    x_encodings: np.ndarray | None
    held_out: object
    history: list
    n_networks: int


class TrainingRun:
    """Training of one network for each view.

    Parameters
    ----------
    rows : FitRows
        Rows of the fit.
    split : Split
        Training rows, and rows that are held out.
    seed : int
        Seed of the networks, batches and dropout.
    """

    def __init__(self, rows, split, seed):
        self.rows, self.split, self.seed = rows, split, seed
        self.group = rows.process_group

    def train(self, training, *, states=None, checkpoint=None, stops_early=True, warns=True):
        """Train the networks of all views.

        Parameters
        ----------
        training : Training
            Networks, loss and settings.
        states : tuple of dict of str to ndarray, default=None
            Weights to start from. If None, new weights are drawn.
        checkpoint : Checkpoint, default=None
            Callback that saves the state of the training run and restores it. If None, nothing is saved.
        stops_early : bool, default=True
            Measure the correlations on held-out rows after each epoch, and keep the best epoch.
        warns : bool, default=True
            Warn if the training is too short, unless it starts from given weights.

        Returns
        -------
        states : tuple of dict of str to ndarray
            Weights of all networks.
        history : list of dict
            One entry for each epoch.
        complete : bool
            False if the training was interrupted.
        """
        rows, split, group, kind = self.rows, self.split, self.group, training.kind
        with seeded(self.seed, rows.device):
            module = self._build_networks(training, states)
            # The generator of the batches is set up before the loss, which may draw weights from it.
            generator = group.batch_generator(self.seed, rows.device)
            pairs = rows.batches(split, generator)
            objective = kind.objective(training.loss, group)
            held_out = None
            if stops_early and len(split.held_out):
                held_out = kind.measure(rows, split, training.reg)
            history, complete = train(
                module,
                objective,
                pairs,
                training.settings,
                held_out=held_out,
                checkpoint=checkpoint,
            )
        if complete and warns and states is None:
            warn_if_short(history, training.settings, len(split.training))
        if not complete:
            _warn_interrupted(len(history), training.settings.max_epochs, held_out)
        group.broadcast_state(module)
        return tuple(map(state_of, module.children())), history, complete

    def _build_networks(self, training, states):
        """Return the networks of all views, the same in all processes."""
        rows, branches = self.rows, training.branches
        local_rows = self.group.local_rows(self.split.training)
        networks = []
        for i, (branch, view) in enumerate(zip(branches, rows.views, strict=True)):
            network, state = branch.build(), states and states[i]
            if state is None:
                network[0].fit(view, rows.of_view(i, local_rows), branch.view, self.group)
            else:
                load_state(network, state)
            networks.append(network)
        for branch, network, view in zip(branches, networks, rows.views, strict=True):
            branch.check_outputs(network, view)
        module = training.kind.module(networks)
        self.group.broadcast_state(module)
        self.group.convert_batch_norm(module)
        return module


def fit_one(rows, split, seed, training, *, states=None, checkpoint=None):
    """Train one network for each view, which stops early if rows are held out."""
    run = TrainingRun(rows, split, seed)
    states, history, _ = run.train(training, states=states, checkpoint=checkpoint)
    return _with_linear(rows, split, states, history, training)


def _with_linear(rows, split, states, history, training):
    """Return the model of one network for each view, with a linear model on its outputs."""
    encodings = _encode(rows, training.branches, states)
    kind, n_components = training.kind, training.branches[0].n_outputs
    linear = kind.fit_encodings(rows, split, encodings, n_components, training.reg)
    held_out = kind.held_out(rows, split, linear, encodings)
    return FittedVariates(states, linear, split, encodings[0], held_out, history, n_networks=1)


def fit_several(rows, splits, seeds, training):
    """Train a network for each split, for a fixed number of epochs, and join them.

    If the training is interrupted, the remaining splits are left out.
    """
    networks, history = [], []
    for number, (split, seed) in enumerate(zip(splits, seeds, strict=True)):
        run = TrainingRun(rows, split, seed)
        states, course, complete = run.train(training, stops_early=False, warns=number == 0)
        history += [{"network": number} | row for row in course]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FewSamplesWarning)  # the joined model warns
            networks.append(_with_linear(rows, split, states, history, training))
        if not complete:
            break
    if len(networks) == 1:  # the training of the first one was interrupted
        return networks[0]
    kind = training.kind
    states = _joined_states(networks, kind)
    branches = [JoinedBranch(branch, len(networks)) for branch in training.branches]
    whole = rows.hold_out(0, 0)
    encodings = _encode(rows, branches, states)
    n_components = training.branches[0].n_outputs
    linear = kind.fit_encodings(rows, whole, encodings, n_components, _JOINED_REG)
    held_out = kind.pooled([network.held_out for network in networks])
    n_networks = len(networks)
    return FittedVariates(states, linear, whole, encodings[0], held_out, history, n_networks)


def _joined_states(networks, kind):
    """Return the weights of the joined networks of all views."""
    of_views = zip(*(network.states for network in networks), strict=True)
    linears = zip(*(kind.whitening(network.linear) for network in networks), strict=True)
    return tuple(
        joined_state(states, *zip(*whitening, strict=True))
        for states, whitening in zip(of_views, linears, strict=True)
    )


def _encode(rows, branches, states):
    """Return the outputs of rebuilt networks for all local rows, as later calls of `transform` do."""
    return tuple(
        encode(branch.rebuild(state).to(rows.device), view)
        for branch, state, view in zip(branches, states, rows.views, strict=True)
    )


def resolve_batch_size(batch_size, n_rows, n_components, loss, share=1):
    """Return the smallest number of rows in a batch; warn if it is too small for the loss.

    Where rows lack views, `share` is the fraction of rows that have a pair of views on average. The
    loss of a pair then has as many rows as with complete rows.
    """
    least = math.ceil(loss.min_rows_per_component / share)
    if batch_size is None:
        size = math.ceil(loss.default_batch_size(n_components) / share)
        if loss.small_batches:
            for_steps = max(n_rows // _BATCHES_AN_EPOCH, _SMALLEST_BATCH, least * n_components)
            size = min(size, for_steps)
    else:
        size = batch_size
    size = min(size, n_rows)
    if size < least * n_components:
        larger = "a larger batch_size" if size < n_rows else "more samples"
        warn(
            f"Batches of {size} rows are too small for {n_components} components, which will fit noise. "
            f"Use fewer components, or {larger}: at least {least} rows for each component.",
            SmallBatchWarning,
        )
    return size


def _warn_interrupted(n_epochs, max_epochs, held_out):
    state = "best epoch so far" if held_out and n_epochs else "last batch"
    warn(
        f"Training was interrupted by Ctrl-C or a callback after {n_epochs} of {max_epochs} epochs. The "
        f"model has the weights of the {state}.",
        TrainingInterruptedWarning,
    )
