"""Regress the second view on the variates of the first."""

import numpy as np
from scipy import linalg
from sklearn.utils import gen_batches

from skdcca._deep.batches import read


def regress_y(rows, split, variates):
    """Return the mean of y, and its regression coefficients on variates of X.

    The views may be in files, so y is read in blocks.

    Parameters
    ----------
    rows : FitRows
        Rows of the fit.
    split : Split
        The training rows are used.
    variates : ndarray of shape (n_local_rows, n_components)
        Variates of the first view.

    Returns
    -------
    mean : ndarray of shape (...)
        Mean of a sample of y.
    coefficients : ndarray of shape (n_components, n_features_y)
        Coefficients that predict the centered samples, flattened.
    """
    y, group = rows.views[1], rows.process_group
    positions, weight = rows.of_training(split)
    weight = np.ones(len(positions)) if weight is None else weight
    total = group.all_reduce(weight.sum())
    blocks = list(gen_batches(len(positions), 256))
    wanted = [positions[block] for block in blocks]
    sums = 0.0
    for block, (values,) in zip(blocks, read([y], wanted), strict=True):
        sums += np.tensordot(weight[block], values.numpy().astype(np.float64), axes=1)
    mean = group.all_reduce(sums / total)
    z = variates[positions]
    z = z - group.all_reduce(weight @ z) / total
    products = 0.0
    for block, (values,) in zip(blocks, read([y], wanted), strict=True):
        centered = values.numpy() - mean
        products += (z[block].T * weight[block]) @ centered.reshape(len(centered), -1)
    products = group.all_reduce(products)
    scatter = group.all_reduce((z.T * weight) @ z)
    # Components without variance have coefficients of 0.
    return mean, linalg.lstsq(scatter, products)[0]
