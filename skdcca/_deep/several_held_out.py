"""Measure the correlations of several views on rows that the networks have not seen."""

import warnings
from typing import NamedTuple

import numpy as np
import torch
from skorch.callbacks import Callback

from skdcca._cca import pairs_of
from skdcca._deep.decision import deviations, influences
from skdcca._deep.networks import encode
from skdcca._deep.plan import FEWEST_HELD_OUT
from skdcca._deep.several_rows import count_common
from skdcca.exceptions import FewSamplesWarning, PerfectCorrelationWarning, RankWarning
from skdcca.metrics import variate_correlations

# The linear model of an epoch is silent, because that of the last one warns.
_OF_FINAL_MODEL = (FewSamplesWarning, PerfectCorrelationWarning, RankWarning)


class SeveralHeldOut(NamedTuple):
    """Variates of held-out rows, at variance 1 in the training rows.

    A pair of views is measured if at least `FEWEST_HELD_OUT` of the rows have both.

    Attributes
    ----------
    variates : ndarray of shape (n_views, n_held_out, n_components)
        Variates of all views; NaN where a row lacks a view.
    rows : ndarray of int
        Positions of the rows among all rows.
    """

    variates: np.ndarray
    rows: np.ndarray

    def pairs(self):
        """Yield the numbers of the views of each measured pair, and the rows that have both."""
        present = ~np.isnan(self.variates[:, :, 0])
        for i, j in pairs_of(len(present)):
            both = present[i] & present[j]
            if both.sum() >= FEWEST_HELD_OUT:
                yield (i, j), both

    def pair_correlations(self, weight=None):
        """Return the correlations of each measured pair of views, by their numbers."""
        return {
            (i, j): variate_correlations(
                self.variates[i, both], self.variates[j, both], _part(weight, both)
            )
            for (i, j), both in self.pairs()
        }

    def correlations(self, weight=None):
        """Return the mean correlations of the measured pairs."""
        return np.mean(list(self.pair_correlations(weight).values()), axis=0)

    def deviations(self, weight=None):
        """Return the standard deviations of the variates of each view, or None without rows."""
        found = []
        for variates in self.variates:
            has = ~np.isnan(variates[:, 0])
            found.append(deviations(variates[has], _part(weight, has)) if has.any() else None)
        return found

    def influences(self, weight):
        """Return the sum of the mean correlations, and the influence of each row on it."""
        totals, influence = [], np.zeros(len(self.rows))
        for (i, j), both in self.pairs():
            share = weight[both].sum()
            total, of_pair = influences(
                self.variates[i, both], self.variates[j, both], weight[both] / share
            )
            totals.append(total)
            influence[both] += of_pair / share
        return float(np.mean(totals)), influence / len(totals)


class MeasurePairs(Callback):
    """Record the mean correlations of all pairs on training rows and held-out rows after each epoch.

    As with `HeldOut`, the linear model is fitted on the last batches of the epoch, in which each pair
    of views has at least 20 rows for each component, if an epoch has as many.

    Parameters
    ----------
    kind : SeveralViews
        Kind of the fit, which fits the linear model.
    rows : SeveralRows
        All rows.
    split : Split
        Training rows and held-out rows.
    reg : float
        Ridge of the linear model.
    """

    def __init__(self, kind, rows, split, reg):
        self.kind = kind
        self.rows = rows
        self.split = split
        self.reg = reg

    def on_epoch_begin(self, net, **kwargs):
        """Discard the batches of the previous epoch."""
        self.last, self.n_common = [], 0

    def on_batch_end(self, net, batch=None, training=False, y_pred=None, **kwargs):
        """Keep the encodings of the last batches."""
        n_rows, _, present = batch[1]
        if present is None:
            present = np.ones((n_rows, len(y_pred)), dtype=bool)
        else:
            present = present.cpu().numpy()
        counts = count_common(present)
        self.last.append((counts, present, [encodings.detach() for encodings in y_pred]))
        self.n_common = self.n_common + counts  # of all batches that are kept
        enough = 20 * y_pred[0].shape[1]
        while len(self.last) > 1 and (self.n_common - self.last[0][0]).min() >= enough:
            self.n_common = self.n_common - self.last.pop(0)[0]

    def on_epoch_end(self, net, **kwargs):
        """Record the sums of the correlations."""
        rows, split, kind = self.rows, self.split, self.kind
        present, training = self._training_encodings(net)
        with warnings.catch_warnings():
            for kind_of_warning in _OF_FINAL_MODEL:
                warnings.simplefilter("ignore", kind_of_warning)
            linear = kind.fit_alive(present, training, self.reg)
        held_out = kind.project(rows, split, linear, self._encode(net, split.held_out))
        weight = rows.weights.of(split.held_out)
        net.history.record("train_correlation", float(linear.canonical_correlations_.sum()))
        net.history.record("valid_correlation", float(held_out.correlations(weight).sum()))

    def _training_encodings(self, net):
        """Return which views training rows have, and the encodings of each view for these rows."""
        if self.n_common.min() < 2:  # batches leave out a view that only one of their rows has
            return self.rows.present[self.split.training], self._encode(net, self.split.training)
        _, present, encodings = zip(*self.last, strict=True)
        parts = [torch.cat(of_view).cpu().numpy() for of_view in zip(*encodings, strict=True)]
        return np.concatenate(present), parts

    def _encode(self, net, positions):
        """Return the encodings of each view for the rows that have it."""
        networks = zip(net.module_.children(), self.rows.views, strict=True)
        return [
            encode(network, view, self.rows.of_view(i, positions))
            for i, (network, view) in enumerate(networks)
        ]


def _part(weight, rows):
    return None if weight is None else weight[rows]
