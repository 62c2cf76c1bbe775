"""The leading components of exact kernel CCA, found without eigenvectors of the kernels."""

import numpy as np
import pytest
from scipy import linalg
from sklearn.metrics.pairwise import pairwise_kernels

from skdcca import KernelCCA
from skdcca._cca import kernel, kernel_krylov
from skdcca.exceptions import DegenerateKernelWarning, RankWarning

N, K = 400, 4


def circles(n=N, seed=0):
    """Two noisy views of an angle: its cosine and sine, and those of twice the angle."""
    rng = np.random.default_rng(seed)
    angle = rng.uniform(0, 2 * np.pi, n)
    views = [np.column_stack([np.cos(t * angle), np.sin(t * angle)]) for t in (1, 2)]
    return [
        np.hstack([view + 0.3 * rng.normal(size=(n, 2)), rng.normal(size=(n, 2))]) for view in views
    ]


def by_eigenvectors(X, y, names, gammas, ridges):
    """Return all squared correlations, and the variates of X, by SciPy from dense smoothers."""
    smoothers = []
    for view, name, gamma, reg in zip((X, y), names, gammas, ridges, strict=True):
        gram = pairwise_kernels(
            view, metric=name, filter_params=True, gamma=gamma, degree=3, coef0=1
        )
        centering = np.eye(len(gram)) - 1 / len(gram)
        gram = centering @ gram @ centering
        ridge = reg * np.trace(gram) * np.eye(len(gram))
        smoothers.append(linalg.solve(gram + ridge, gram, assume_a="pos"))
    values, vectors = linalg.eigh(smoothers[0])
    root = vectors * np.sqrt(np.clip(values, 0, None)) @ vectors.T
    squares, p = linalg.eigh(root @ smoothers[1] @ root)
    return squares[::-1], (root @ p)[:, ::-1] * np.sqrt(len(X) - 1)


@pytest.fixture
def no_eigenvectors(monkeypatch):
    def fail(*_):
        raise AssertionError("the eigenvectors of a kernel were computed")

    monkeypatch.setattr(kernel, "KernelView", fail)


@pytest.mark.usefixtures("no_eigenvectors")
@pytest.mark.parametrize(
    ("names", "ridges"),
    [
        (("rbf", "rbf"), (0.01, 0.01)),
        (("rbf", "rbf"), (0.001, 0.1)),
        (("laplacian", "poly"), (0.01, 1.0)),
        (("linear", "linear"), (0.01, 0.0001)),  # of rank 4
    ],
)
def test_leading_components_are_those_of_dense_eigenvectors(names, ridges):
    X, y = circles()
    cca = KernelCCA(K, kernel=names[0], y_kernel=names[1], gamma=0.1, scale=False, reg=ridges)
    cca.fit(X, y)
    squares, variates = by_eigenvectors(X, y, names, (0.1, 0.1), ridges)
    np.testing.assert_allclose(cca.canonical_correlations_**2, squares[:K], rtol=0, atol=1e-12)
    ours = cca.transform(X)
    signs = np.sign(np.sum(ours * variates[:, :K], axis=0))
    np.testing.assert_allclose(ours, variates[:, :K] * signs, atol=1e-9)


def test_predictions_and_variates_of_y_are_those_of_all_components():
    X, y = circles()
    few, every = KernelCCA(K).fit(X, y), KernelCCA().fit(X, y)
    new_x, new_y = circles(50, seed=1)
    zx, zy = few.transform(new_x, new_y)
    ax, ay = (z[:, :K] for z in every.transform(new_x, new_y))
    signs = np.sign(np.sum(zx * ax, axis=0))
    np.testing.assert_allclose(zx, ax * signs, atol=1e-9)
    np.testing.assert_allclose(zy, ay * signs, atol=1e-9)
    expected = ax @ every._y_of_variates[:, :K].T + y.mean(axis=0)
    np.testing.assert_allclose(few.predict(new_x), expected, atol=1e-9)


def test_more_components_than_the_rank_are_found_by_eigenvectors():
    X, y = circles()
    with pytest.warns(RankWarning, match="which is 2"):
        cca = KernelCCA(K, kernel="linear").fit(X[:, :2], y)
    assert (cca.canonical_correlations_[2:] == 0).all()


def test_slow_convergence_is_given_up(monkeypatch):
    X, y = circles()
    monkeypatch.setattr(kernel_krylov, "_HALFWAY", 1e-14)
    maps = KernelCCA(K).fit(X, y)
    found = kernel_krylov.leading_components((X, y), (maps._x_map, maps._y_map), (1e-4, 1e-4), K)
    assert found is None


def test_rounding_errors_larger_than_the_ridge_are_still_an_error():
    X, y = circles()
    X[0] = 1e9  # the distances to this row have no correct digit
    with pytest.raises(ValueError, match="kernel of X must be positive semi-definite"):
        KernelCCA(K, gamma=1e-3, scale=False).fit(X, y)


def test_a_degenerate_kernel_is_reported():
    X, y = circles()
    with pytest.warns(DegenerateKernelWarning, match="identity"):
        KernelCCA(1, gamma=1e6, y_gamma=0.1).fit(X, y)


def test_the_result_does_not_depend_on_the_random_state():
    X, y = circles()
    fits = [KernelCCA(K, random_state=seed).fit(X, y).x_coefs_ for seed in (0, 1)]
    np.testing.assert_array_equal(*fits)
