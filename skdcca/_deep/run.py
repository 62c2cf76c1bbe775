"""One fit of `DeepCCA`: train the networks, then fit the linear model."""

from dataclasses import dataclass

import numpy as np
from sklearn.utils import gen_batches

from skdcca._cca import LinearCCA
from skdcca._deep.batches import Pairs, read
from skdcca._deep.encodings import fit_linear
from skdcca._deep.networks import TwoBranches, encode, load_state, seeded, state_of
from skdcca._deep.row_weights import RowWeights
from skdcca._deep.training import HeldOut, train
from skdcca._utils.warnings import warn
from skdcca.exceptions import SmallBatchWarning, TrainingInterruptedWarning
from skdcca.losses import build_objective
from skdcca.metrics import variate_correlations


@dataclass(frozen=True)
class FittedNetworks:
    """Result of a training run.

    Attributes
    ----------
    states : tuple of dict of str to ndarray
        Weights of both networks.
    history : list of dict
        One entry for each epoch.
    linear : LinearCCA
        Linear model on the encodings.
    validation_correlations : ndarray of shape (n_components,) or None
        Correlations of the variates of the held-out rows; None if no rows are held out.
    y_mean : ndarray
        Mean of the second view.
    y_of_variates : ndarray of shape (n_components, n_features_y)
        Coefficients that predict the centered second view from the variates of the first.
    """

    states: tuple
    history: list
    linear: LinearCCA
    validation_correlations: np.ndarray | None
    y_mean: np.ndarray
    y_of_variates: np.ndarray


class TrainingRun:
    """Training run, with the state of one fit of `DeepCCA`.

    Parameters
    ----------
    X, y : ndarray
        Local rows of both views.
    group : process group
        Processes that fit the model.
    device : torch.device
        Device on which to compute.
    n_held_out : int
        Total number of held-out rows.
    split_seed : int
        Seed of the choice of held-out rows.
    seed : int
        Seed of the networks, batches and dropout.
    sample_weight : ndarray, default=None
        Weight of each local row, >= 0. Rows with weight 0 are not used. If None, all rows have weight 1.

    Attributes
    ----------
    rows : ndarray of int
        Positions of the training rows among the rows of all processes.
    local_rows, held_out : ndarray of int
        Positions of the training rows and of the held-out rows of this process.
    """

    def __init__(self, X, y, *, group, device, n_held_out, split_seed, seed, sample_weight=None):
        self.views = X, y
        self.group = group
        self.device = device
        self.n_held_out = n_held_out
        self.seed = seed
        self.weights = RowWeights(sample_weight, group)
        order = self.weights.shuffled(split_seed, group.total_rows(len(X)))
        self.rows = order[n_held_out:]
        self.local_rows = group.local_rows(self.rows)
        self.held_out_rows = np.sort(order[:n_held_out])
        self.held_out = group.local_rows(self.held_out_rows)
        self.weights.check_training_rows(self.rows)

    def fit(self, branches, loss, settings, reg, *, states=None, checkpoint=None):
        """Train the networks of both views, and fit a linear model on their outputs.

        Parameters
        ----------
        branches : pair of Branch
            Descriptions of the networks.
        loss : Loss
            Loss to be minimized.
        settings : TrainingSettings
            Parameters of the training.
        reg : float
            Ridge of the linear model.
        states : pair of dict of str to ndarray, default=None
            Weights to start from. If None, new weights are drawn.
        checkpoint : Checkpoint, default=None
            Callback that saves the state of the training run and restores it. If None, nothing is saved.

        Returns
        -------
        fitted : FittedNetworks
            Result of the training run.
        """
        states, history = self._train(branches, states, loss, settings, reg, checkpoint)
        # The encodings come from rebuilt networks, as they will in later calls of `transform`.
        zx, zy = (
            encode(branch.rebuild(state).to(self.device), view)
            for branch, state, view in zip(branches, states, self.views, strict=True)
        )
        linear = self._fit_linear(LinearCCA(branches[0].n_outputs, reg=reg), zx, zy)
        y_mean, y_of_variates = self._regress_y(linear._project_x(zx))
        held_out = self._held_out_correlations(linear, zx, zy)
        return FittedNetworks(states, history, linear, held_out, y_mean, y_of_variates)

    def _train(self, branches, states, loss, settings, reg, checkpoint):
        """Return the trained weights of both networks, and the history."""
        with seeded(self.seed, self.device):
            module = self._build_networks(branches, states)
            # The generator of the batches is set up before the loss, which may draw weights from it.
            generator = self.group.batch_generator(self.seed, self.device)
            shares = self.weights.unequal(self.rows)
            pairs = Pairs(*self.views, self.rows, self.group, generator, shares)
            objective = build_objective(loss, self.group)
            held_out = None
            if self.n_held_out:
                linear, weight = LinearCCA(reg=reg), self.weights.of(self.held_out_rows)
                held_out = HeldOut(*self.views, self.held_out, linear, self.group, weight)
            history, complete = train(
                module, objective, pairs, settings, held_out=held_out, checkpoint=checkpoint
            )
        if not complete:
            _warn_interrupted(len(history), settings.max_epochs, self.n_held_out)
        self.group.broadcast_state(module)
        return (state_of(module.x_network), state_of(module.y_network)), history

    def _build_networks(self, branches, states):
        """Return both networks, the same in all processes."""
        networks = []
        for branch, view, state in zip(branches, self.views, states or (None, None), strict=True):
            network = branch.build()
            if state is None:
                network[0].fit(view, self.local_rows, branch.view, self.group)
            else:
                load_state(network, state)
            networks.append(network)
        for branch, network, view in zip(branches, networks, self.views, strict=True):
            branch.check_outputs(network, view)
        module = TwoBranches(*networks)
        self.group.broadcast_state(module)
        self.group.convert_batch_norm(module)
        return module

    def _fit_linear(self, linear, zx, zy):
        """Fit the linear model on the encodings of the local rows."""
        rows = np.sort(self.local_rows)
        weight = self.weights.of_local(rows)
        return self.group.broadcast(fit_linear(linear, zx[rows], zy[rows], self.group, weight))

    def _held_out_correlations(self, linear, zx, zy):
        """Return the correlations of the held-out variates, or None if no rows are held out."""
        if not self.n_held_out:
            return None
        encodings = [self.group.gather_rows(z[self.held_out]) for z in (zx, zy)]
        weight = self.weights.of(self.held_out_rows)
        return variate_correlations(*linear.transform(*encodings), weight)

    def _regress_y(self, variates):
        """Return the mean of y and its regression coefficients on the (nearly white) variates."""
        rows, y = np.sort(self.local_rows), self.views[1]
        weight = self.weights.of_local(rows)
        total = (
            self.group.count(len(rows)) if weight is None else self.group.all_reduce(weight.sum())
        )
        blocks = list(gen_batches(len(rows), 256))
        read_rows = [rows[block] for block in blocks]
        sums = 0.0
        for block, (values,) in zip(blocks, read([y], read_rows), strict=True):
            sums += _weighted(values.numpy(), weight, block).sum(axis=0, dtype=np.float64)
        mean = self.group.all_reduce(sums / total)
        products = 0.0
        for block, (values,) in zip(blocks, read([y], read_rows), strict=True):
            centered = _weighted(values.numpy() - mean, weight, block)
            products += variates[rows[block]].T @ centered.reshape(len(centered), -1)
        return mean, self.group.all_reduce(products) / (total - 1)


def _weighted(values, weight, block):
    """Return rows multiplied by the weights of their block, or unchanged without weights."""
    if weight is None:
        return values
    return values * weight[block].reshape(-1, *(1,) * (values.ndim - 1))


def resolve_batch_size(batch_size, n_rows, n_components, loss):
    """Return the smallest number of rows in a batch; warn if it is too small for the loss."""
    size = loss.default_batch_size(n_components) if batch_size is None else batch_size
    size = min(size, n_rows)
    least = loss.min_rows_per_component
    if size < least * n_components:
        larger = "a larger batch_size" if size < n_rows else "more samples"
        warn(
            f"Batches of {size} rows are too small for {n_components} components, which will fit noise. "
            f"Use fewer components, or {larger}: at least {least} rows for each component.",
            SmallBatchWarning,
        )
    return size


def _warn_interrupted(n_epochs, max_epochs, n_held_out):
    state = "best epoch so far" if n_held_out and n_epochs else "last batch"
    warn(
        f"Training was interrupted by Ctrl-C or a callback after {n_epochs} of {max_epochs} epochs. The "
        f"model has the weights of the {state}.",
        TrainingInterruptedWarning,
    )
