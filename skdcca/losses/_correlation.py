"""Losses that maximize canonical correlations."""

from skdcca._utils.optional import needed_by
from skdcca._utils.validation import check_number
from skdcca.losses._base import (
    DEAD_VARIANCE,
    LabeledLoss,
    Loss,
    centered,
    check_pair,
    check_rows,
    class_codes,
)

with needed_by("skdcca.losses"):
    import torch


class CCALoss(Loss):
    r"""Correlation loss of deep CCA: minus the sum of the canonical correlations of the encodings.

    It is invariant to invertible linear maps of either view, except for the ridge. It needs large
    batches: with n rows and k outputs, the correlations of a batch are too high by about
    :math:`\sqrt{k / n}`. Use at least 20 rows for each output, or `EYLoss`, which needs fewer.

    Parameters
    ----------
    reg : float, default=1e-3
        Ridge, >= 0, relative to the mean variance of the outputs of a view, so its effect does not
        depend on their scale. ``DeepCCA(loss="cca")`` passes its own `reg`.

    Raises
    ------
    ValueError
        When the loss is called, if `reg` is negative, if the encodings have different numbers of rows,
        or if there are fewer than two rows.

    See Also
    --------
    EYLoss : Loss with the same optimum up to scale, for small batches.

    Notes
    -----
    With :math:`\Sigma` the covariances of the encodings in a batch, the loss [1]_ is

    .. math::
        -\Big\| (\Sigma_{xx} + \rho_x I)^{-1/2}\, \Sigma_{xy}\, (\Sigma_{yy} + \rho_y I)^{-1/2} \Big\|_*,

    where :math:`\|\cdot\|_*` is the sum of the singular values and
    :math:`\rho_x = \mathtt{reg} \operatorname{tr}(\Sigma_{xx}) / k`. The encodings are whitened by
    Cholesky factors, which give the same value as the inverse square roots. An eigendecomposition is not
    used because its gradient divides by the differences of eigenvalues, and is NaN if two of them are
    equal, for example if several outputs are constant or if the outputs are white.

    References
    ----------
    .. [1] G. Andrew, R. Arora, J. Bilmes and K. Livescu, "Deep canonical correlation analysis",
       ICML 2013.

    Examples
    --------
    The three canonical correlations of an encoding and a linear map of it are 1:

    >>> import torch
    >>> from skdcca.losses import CCALoss
    >>> z = torch.randn(100, 3, generator=torch.Generator().manual_seed(0))
    >>> print(f"{CCALoss(reg=0)(z, 2 * z + 1):.3f}")
    -3.000
    """

    name = "cca"
    min_rows_per_component = 5  # with fewer, the correlations of a batch are strongly biased
    small_batches = False

    def __init__(self, reg: float = 1e-3) -> None:
        self.reg = reg

    def default_batch_size(self, n_components: int) -> int:
        """Return the batch size that `DeepCCA` uses with ``batch_size=None``.

        It is 20 rows for each component, and at least 1000.

        Parameters
        ----------
        n_components : int
            Number of components.

        Returns
        -------
        batch_size : int
            Smallest number of rows in a batch.
        """
        return max(1000, 20 * n_components)

    @classmethod
    def _from_name(cls, reg):
        return cls(reg)

    def _check_parameters(self):
        check_number("reg", self.reg, ge=0)

    def _compute(self, zx, zy, group):
        n, zx, zy = centered(zx, zy, group)
        xx, yy, xy = group.sum_tensors(zx.T @ zx, zy.T @ zy, zx.T @ zy)
        left, right = self._whitener(xx / (n - 1)), self._whitener(yy / (n - 1))
        cross = xy / (n - 1)
        half = torch.linalg.solve_triangular(left, cross, upper=False)
        white = torch.linalg.solve_triangular(right, half.T, upper=False)
        return -torch.linalg.svdvals(white).sum()

    def _whitener(self, covariance):
        """Return the Cholesky factor of a covariance with its ridge."""
        # Even with reg=0, duplicate outputs need a ridge larger than the rounding errors of float64.
        ridge = max(self.reg, 1e-10) * covariance.diagonal().mean() + DEAD_VARIANCE
        return torch.linalg.cholesky(covariance + ridge * torch.eye(len(covariance)).to(covariance))


class EYLoss(LabeledLoss):
    r"""Eckart-Young (EY) loss of canonical correlation analysis, for small batches.

    It maximizes correlation without whitening, and is the larger part of the default loss of `DeepCCA`,
    `EYInfoNCELoss`. Unlike `CCALoss`, it has a gradient with little bias in small batches, so it needs
    only one row for each component. The default ``reg=0`` suits most data.

    With labels, it is the loss of cluster CCA [2]_: each row of one view is paired with all rows of its
    class in the other view. At most ``n_classes - 1`` components can then be correlated.

    Parameters
    ----------
    reg : float, default=0.0
        Ridge, >= 0, that is added to the variance of each output of both views. The loss determines the
        scale of the outputs: without a ridge, their variance is at most 1/2 at the optimum.

    Raises
    ------
    ValueError
        When the loss is called, if `reg` is negative, if the encodings have different shapes, or if
        there are fewer than two rows.

    See Also
    --------
    CCALoss : Minus the sum of the canonical correlations, for large batches.
    InfoNCELoss : Loss for retrieval.
    EYInfoNCELoss : Sum of both, for correlation and retrieval at once.

    Notes
    -----
    With :math:`\Sigma` the covariances of the encodings in a batch, the loss of Chapman, Wells and
    Aguila [1]_ is

    .. math:: -2 \operatorname{tr}(C) + \operatorname{tr}(V^2), \quad
        C = \Sigma_{xy} + \Sigma_{yx}, \quad
        V = \Sigma_{xx} + \Sigma_{yy} + 2\, \mathtt{reg}\, I.

    Without a ridge, its minimum over linear maps is minus the sum of the *squared* canonical
    correlations :math:`r_i^2`. It is reached by the leading canonical variates, scaled to variance
    :math:`r_i / 2`, and by any common rotation of them. `DeepCCA` undoes scale and rotation with the
    `LinearCCA` that it fits on the encodings.

    With labels, the covariances are those of all pairs of rows of the same class. They are computed from
    sums over classes, so the cost does not grow with the number of pairs.

    References
    ----------
    .. [1] J. Chapman, L. Wells and A. L. Aguila, "Unconstrained stochastic CCA: unifying multiview and
       self-supervised learning", ICLR 2024, arXiv:2310.01012.
    .. [2] N. Rasiwasia, D. Mahajan, V. Mahadevan and G. Aggarwal, "Cluster canonical correlation
       analysis", AISTATS 2014.

    Examples
    --------
    Equal encodings with variance 1/2 have correlation 1 and reach the minimum of -1. With another scale,
    the same correlation has a higher loss:

    >>> import torch
    >>> from skdcca.losses import EYLoss
    >>> z = torch.tensor([[1.0], [-1.0]]) / 2  # variance 1/2
    >>> print(f"{EYLoss()(z, z):.3f} {EYLoss()(2 * z, 2 * z):.3f}")
    -1.000 8.000

    Pass an object to set the ridge:

    >>> from skdcca import DeepCCA
    >>> deep = DeepCCA(n_components=5, loss=EYLoss(reg=0.01))
    >>> deep.set_params(loss__reg=0.1).loss
    EYLoss(reg=0.1)
    """

    name = "ey"
    min_rows_per_component = 1

    def __init__(self, reg: float = 0.0) -> None:
        self.reg = reg

    def _check_parameters(self):
        check_number("reg", self.reg, ge=0)

    def _compute(self, zx, zy, group, labels=None):
        return eckart_young(zx, zy, group, labels, self.reg)


def eckart_young(zx, zy, group, labels=None, reg=0.0):
    """Return the Eckart-Young loss of the rows of a process group."""
    moments = _pair_moments if labels is None else _class_moments
    n, scatter, product = moments(zx, zy, group, labels)
    variance = scatter / (n - 1) + 2 * reg * torch.eye(len(scatter)).to(scatter)
    return variance.square().sum() - 4 * product / (n - 1)


def _pair_moments(zx, zy, group, labels):
    """Return the number of pairs, the sum of the scatter matrices, and the trace of the product."""
    n, zx, zy = centered(zx, zy, group, same_width=True)
    return n, *group.sum_tensors(zx.T @ zx + zy.T @ zy, (zx * zy).sum())


def _class_moments(zx, zy, group, labels):
    """Return the same over all pairs of rows of the same class, in a single process."""
    check_pair(zx, zy, same_width=True)
    check_rows(len(zx))
    codes, counts = class_codes(labels, zx)
    n_pairs = counts[codes][:, None].double()  # of each row
    n = n_pairs.sum()
    zx, zy = (z.double() - (n_pairs * z.double()).sum(dim=0) / n for z in (zx, zy))
    scatter = zx.T @ (n_pairs * zx) + zy.T @ (n_pairs * zy)
    x_sums, y_sums = (z.new_zeros(len(counts), z.shape[1]).index_add(0, codes, z) for z in (zx, zy))
    return n, scatter, (x_sums * y_sums).sum()
