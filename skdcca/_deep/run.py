"""Train networks for `DeepCCA`, each on its part of the rows."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from skdcca._cca import LinearCCA
from skdcca._deep.batches import Pairs, blocks_of_rows
from skdcca._deep.decision import HeldOutVariates
from skdcca._deep.encodings import fit_linear
from skdcca._deep.ensemble import JoinedBranch, joined_state
from skdcca._deep.held_out import Split
from skdcca._deep.networks import TwoBranches, encode, load_state, seeded, state_of
from skdcca._deep.steps import warn_if_short
from skdcca._deep.training import HeldOut, train
from skdcca._utils.warnings import warn
from skdcca.exceptions import SmallBatchWarning, TrainingInterruptedWarning
from skdcca.losses import build_objective

# Ridge of the linear model on the variates of several networks, which are nearly equal.
_JOINED_REG = 0.1
# Bounds of the default batch size, unless the loss needs larger batches.
_BATCHES_AN_EPOCH, _SMALLEST_BATCH = 8, 32


class Training(NamedTuple):
    """Networks, loss and settings of a training, shared by all networks of a fit.

    Attributes
    ----------
    branches : pair of Branch
        Descriptions of the networks of both views.
    loss : Loss
        Loss to be minimized.
    settings : TrainingSettings
        Parameters of the training.
    reg : float
        Ridge of the linear model on the outputs of a network.
    """

    branches: tuple
    loss: object
    settings: object
    reg: float


@dataclass(frozen=True)
class FittedVariates:
    """Model that turns both views into variates, with the variates of held-out rows.

    Attributes
    ----------
    states : pair of dict of str to ndarray
        Weights of the networks of both views; None if the model is linear in the views.
    linear : LinearCCA
        Linear model on the outputs of the networks, or on the views.
    split : Split
        Rows that `linear` is fitted on; none of them are held out if there are folds.
    x_encodings : ndarray of shape (n_local_rows, n_outputs) or None
        Outputs of the network of the first view; None if the model is linear in the views.
    held_out : HeldOutVariates or None
        Variates of rows that neither a network nor its linear model has seen.
    history : list of dict
        One entry for each epoch of each network.
    n_networks : int
        Number of networks of each view; 0 if the model is linear in the views.
    """

    states: tuple
    linear: LinearCCA
    split: Split
    x_encodings: np.ndarray | None
    held_out: HeldOutVariates | None
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
        """Train the networks of both views.

        Parameters
        ----------
        training : Training
            Networks, loss and settings.
        states : pair of dict of str to ndarray, default=None
            Weights to start from. If None, new weights are drawn.
        checkpoint : Checkpoint, default=None
            Callback that saves the state of the training run and restores it. If None, nothing is saved.
        stops_early : bool, default=True
            Measure the correlations on held-out rows after each epoch, and keep the best epoch.
        warns : bool, default=True
            Warn if the training is too short, unless it starts from given weights.

        Returns
        -------
        states : pair of dict of str to ndarray
            Weights of both networks.
        history : list of dict
            One entry for each epoch.
        complete : bool
            False if the training was interrupted.
        """
        rows, split, group = self.rows, self.split, self.group
        with seeded(self.seed, rows.device):
            module = self._build_networks(training.branches, states)
            # The generator of the batches is set up before the loss, which may draw weights from it.
            generator = group.batch_generator(self.seed, rows.device)
            shares = rows.weights.unequal(split.training)
            pairs = Pairs(*rows.views, split.training, group, generator, shares, rows.labels)
            objective = build_objective(training.loss, group)
            held_out = None
            if stops_early and len(split.held_out):
                linear, weight = LinearCCA(reg=training.reg), rows.weights.of(split.held_out)
                local = rows.of_held_out(split)
                held_out = HeldOut(*rows.views, local, linear, group, weight)
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
        return (state_of(module.x_network), state_of(module.y_network)), history, complete

    def _build_networks(self, branches, states):
        """Return both networks, the same in all processes."""
        local_rows = self.group.local_rows(self.split.training)
        networks = []
        for branch, view, state in zip(
            branches, self.rows.views, states or (None, None), strict=True
        ):
            network = branch.build()
            if state is None:
                network[0].fit(view, local_rows, branch.view, self.group)
            else:
                load_state(network, state)
            networks.append(network)
        for branch, network, view in zip(branches, networks, self.rows.views, strict=True):
            branch.check_outputs(network, view)
        module = TwoBranches(*networks)
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
    linear = _fit_linear(rows, split, encodings, training)
    held_out = held_out_variates(rows, split, linear, encodings)
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
        networks.append(_with_linear(rows, split, states, history, training))
        if not complete:
            break
    if len(networks) == 1:  # the training of the first one was interrupted
        return networks[0]
    states = _joined_states(networks)
    branches = [JoinedBranch(branch, len(networks)) for branch in training.branches]
    whole = rows.hold_out(0, 0)
    encodings = _encode(rows, branches, states)
    n_components = training.branches[0].n_outputs
    positions, weight = rows.of_training(whole)
    linear = LinearCCA(n_components, reg=_JOINED_REG)
    fit_linear(linear, *(z[positions] for z in encodings), weight=weight)
    held_out = pooled([network.held_out for network in networks])
    n_networks = len(networks)
    return FittedVariates(states, linear, whole, encodings[0], held_out, history, n_networks)


def _joined_states(networks):
    """Return the weights of the joined networks of both views."""
    x_states, y_states = zip(*(network.states for network in networks), strict=True)
    linears = [network.linear for network in networks]
    of_x = [model.x_mean_ for model in linears], [model.x_weights_ for model in linears]
    of_y = [model.y_mean_ for model in linears], [model.y_weights_ for model in linears]
    return joined_state(x_states, *of_x), joined_state(y_states, *of_y)


def _encode(rows, branches, states):
    """Return the outputs of rebuilt networks for all local rows, as later calls of `transform` do."""
    return tuple(
        encode(branch.rebuild(state).to(rows.device), view)
        for branch, state, view in zip(branches, states, rows.views, strict=True)
    )


def _fit_linear(rows, split, encodings, training):
    """Fit the linear model on the outputs for the training rows of all processes."""
    group = rows.process_group
    positions, weight = rows.of_training(split)
    # Only encodings that are used as they are may have more columns than there are training rows.
    n_components = min(training.branches[0].n_outputs, len(split.training) - 1)
    linear = LinearCCA(n_components, reg=training.reg)
    zx, zy = (z[positions] for z in encodings)
    return group.broadcast(fit_linear(linear, zx, zy, group, weight))


def held_out_variates(rows, split, linear, inputs):
    """Return the variates of the held-out rows of all processes, or None if none are held out.

    `inputs` are both inputs of the linear model, for all local rows.
    """
    if not len(split.held_out):
        return None
    local, group = rows.of_held_out(split), rows.process_group
    zx = group.gather_rows(_project(linear._project_x, inputs[0], local))
    zy = group.gather_rows(_project(linear._project_y, inputs[1], local))
    return HeldOutVariates(zx, zy, split.held_out)


def _project(function, view, rows):
    """Project rows in blocks, because a view may be in a file."""
    blocks = blocks_of_rows(rows, view.shape[1])
    return np.concatenate([function(view[block]) for block in blocks])


def pooled(found):
    """Return the held-out variates of several folds as one, or None if no rows are held out."""
    if found[0] is None:
        return None
    return HeldOutVariates(*(np.concatenate(parts) for parts in zip(*found, strict=True)))


def resolve_batch_size(batch_size, n_rows, n_components, loss):
    """Return the smallest number of rows in a batch; warn if it is too small for the loss."""
    least = loss.min_rows_per_component
    if batch_size is None:
        size = loss.default_batch_size(n_components)
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
