"""Random views with known structure, and independent computations of their correlations."""

import numpy as np
from scipy import linalg, sparse


def shared_views(n=300, p=6, q=4, *, n_shared=2, noise=1.0, seed=0):
    """Return two views that mix a few shared normal factors and add noise of their own."""
    rng = np.random.default_rng(seed)
    shared = rng.normal(size=(n, n_shared))
    X = shared @ rng.normal(size=(n_shared, p)) + noise * rng.normal(size=(n, p))
    y = shared @ rng.normal(size=(n_shared, q)) + noise * rng.normal(size=(n, q))
    return X, y


def narrow_views(n=120, p=4, q=3, seed=0):
    """Return shared views that are small enough for exact kernels."""
    return shared_views(n, p, q, seed=seed)


def scaled_views(n=200, p=7, q=4, seed=0):
    """Return shared views whose columns differ in scale and have offsets."""
    X, y = shared_views(n, p, q, n_shared=3, seed=seed)
    return X * np.geomspace(0.1, 10, p) + 5, y * np.geomspace(10, 0.1, q) - 3


def sparse_views(n=300, p=40, q=5, seed=0):
    """Return a sparse view and a dense view that depends on it."""
    rng = np.random.default_rng(seed)
    X = sparse.random_array((n, p), density=0.2, random_state=rng, format="csr")
    y = X @ rng.normal(size=(p, q)) + rng.normal(size=(n, q))
    return X, y


def circle_views(n=400, seed=0):
    """Return two views that share a factor that no linear model finds."""
    rng = np.random.default_rng(seed)
    angle = rng.uniform(0, 2 * np.pi, size=n)
    X = np.column_stack([np.cos(angle), np.sin(angle)]) + 0.1 * rng.normal(size=(n, 2))
    y = np.column_stack([np.cos(2 * angle), rng.normal(size=n)])
    return X, y + 0.1 * rng.normal(size=(n, 2))


def correlated_views(n=60, p=3, q=2, strength=(), seed=0):
    """Return independent normal views, except for as many known pairs as there are strengths."""
    rng = np.random.default_rng(seed)
    X, y = rng.normal(size=(n, p)), rng.normal(size=(n, q))
    for k, r in enumerate(strength):
        y[:, k] = r * X[:, k] + np.sqrt(1 - r**2) * y[:, k]
    return X, y


def few_related_views(n=100, p=150, q=120, *, n_true=3, noise=0.3, seed=0):
    """Return independent normal columns, of which the first ones of both views share a factor."""
    rng = np.random.default_rng(seed)
    X, y = rng.normal(size=(n, p)), rng.normal(size=(n, q))
    factor = X[:, :n_true].sum(axis=1) / np.sqrt(n_true)
    y[:, :n_true] = factor[:, None] + noise * y[:, :n_true]
    return X, y


def wishart_correlations(n, p, q, strengths, n_tables, seed=0):
    """Return the canonical correlations of simulated tables, of shape (n_tables, min(p, q)).

    The views are normal and independent, except for as many pairs of columns as there are strengths.
    Their covariances are drawn by Bartlett's decomposition of a Wishart matrix, without the rows.
    """
    rng = np.random.default_rng(seed)
    total = np.arange(p + q)
    factor = np.tril(rng.normal(size=(n_tables, p + q, p + q)), -1)
    factor[:, total, total] = np.sqrt(rng.chisquare(n - 1 - total, size=(n_tables, p + q)))
    population = np.eye(p + q)
    for k, r in enumerate(strengths):
        population[k, p + k] = population[p + k, k] = r
    rows = np.linalg.cholesky(population) @ factor
    covariance = rows @ rows.swapaxes(1, 2)
    x_root = np.linalg.cholesky(covariance[:, :p, :p])
    y_root = np.linalg.cholesky(covariance[:, p:, p:])
    whitened = np.linalg.solve(x_root, covariance[:, :p, p:]).swapaxes(1, 2)
    return np.linalg.svd(np.linalg.solve(y_root, whitened), compute_uv=False)


def cut(X, y, *weight, rows=(1, 30, 33, 33)):
    """Return the views in blocks of unequal size, one without rows."""
    return list(zip(*(np.split(view, rows) for view in (X, y, *weight)), strict=True))


def scipy_correlations(X, y):
    """Return the canonical correlations, as cosines of SciPy's principal angles."""
    angles = linalg.subspace_angles(X - X.mean(axis=0), y - y.mean(axis=0))
    return np.sort(np.cos(angles))[::-1]


def orthonormal_correlations(X, y, k=None, *, rcond=1e-11):
    """Return the canonical correlations, from orthonormal bases of views that may lack rank."""
    left = [linalg.orth(view - view.mean(axis=0), rcond=rcond) for view in (X, y)]
    return linalg.svdvals(left[0].T @ left[1])[:k]


def assert_same_variates(first, second, X, y, tolerance=1e-8):
    """Check that two models have the same correlations, and variates up to the sign of a pair."""
    np.testing.assert_allclose(
        first.canonical_correlations_, second.canonical_correlations_, atol=tolerance
    )
    for ours, theirs in zip(first.transform(X, y), second.transform(X, y), strict=True):
        sign = np.sign(np.sum(ours * theirs, axis=0))
        np.testing.assert_allclose(ours, theirs * sign, atol=tolerance)
