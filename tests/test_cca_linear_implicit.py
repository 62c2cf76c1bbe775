"""Leading components of two sparse views, against `LinearCCA` of the same views as dense arrays."""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning

from skdcca import LinearCCA
from skdcca._cca import linear as _linear
from skdcca._cca import linear_davidson as _davidson
from skdcca._cca import linear_implicit as _implicit
from skdcca._cca.linear_implicit import ImplicitView, implicit_solution, may_be_implicit


def counts(n=300, p=140, q=110, seed=0):
    """Return two sparse views of counts that share two factors."""
    rng = np.random.default_rng(seed)
    shared = rng.exponential(size=(n, 2))
    return [
        sparse.csr_array(rng.poisson(0.01 + 0.2 * shared @ weights) * rng.uniform(0.5, 5, m))
        for m, weights in ((m, rng.uniform(size=(2, m)) ** 6) for m in (p, q))
    ]


@pytest.fixture
def implicit(monkeypatch):
    """Let every fit of sparse views be implicit, and count the fits that are."""
    fits = []

    def counting(*arguments):
        fits.append(implicit_solution(*arguments))
        return fits[-1]

    monkeypatch.setattr(_linear, "implicit_solution", counting)
    monkeypatch.setattr(_implicit, "_LARGE", 10)
    monkeypatch.setattr(_implicit, "_DENSE", 0.9)
    return fits


def check_equal(found, expected, X, y):
    """Check all that a fit sets, up to the convergence of the components."""
    assert_allclose(found.canonical_correlations_, expected.canonical_correlations_, atol=1e-6)
    assert_allclose(found.reg_, expected.reg_, rtol=1e-6)
    for name in ("x_mean_", "x_scale_", "y_mean_", "y_scale_"):
        assert_allclose(getattr(found, name), getattr(expected, name), rtol=1e-5)
    assert_allclose(found.x_loadings_, expected.x_loadings_, atol=2e-3)
    assert_allclose(found.y_loadings_, expected.y_loadings_, atol=2e-3)
    x, y_variates = found.transform(X, y)
    for variates, others in zip((x, y_variates), expected.transform(X, y), strict=True):
        cosine = np.sum(variates * others, axis=0)
        cosine /= np.linalg.norm(variates, axis=0) * np.linalg.norm(others, axis=0)
        assert_allclose(cosine, 1.0, atol=1e-6)
    assert_allclose(found.predict(X), expected.predict(X), rtol=1e-2, atol=1e-2)


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"reg": 0.1},
        {"reg": (0.01, 1.0)},
        {"reg": "oas"},
        {"reg": "ledoit_wolf"},
        {"reg": 0.1, "scale": False},
        {"scale": False},
    ],
)
def test_sparse_views_give_the_components_of_dense_views(implicit, parameters):
    X, y = counts()
    found = LinearCCA(2, **parameters).fit(X, y)
    assert implicit[0] is not None
    dense = X.toarray(), y.toarray()
    check_equal(found, LinearCCA(2, **parameters).fit(*dense), *dense)
    assert len(implicit) == 1


@pytest.mark.parametrize("n", [150, 300])
def test_weights_and_constant_columns(implicit, n):
    X, y = counts(n)
    X = sparse.hstack([X, np.full((n, 1), 0.1), sparse.csr_array((n, 1))], "csr")
    weight = np.random.default_rng(1).integers(0, 4, n).astype(float)
    found = LinearCCA(2, reg=0.3).fit(X, y, sample_weight=weight)
    assert implicit[0] is not None
    dense = X.toarray(), y.toarray()
    check_equal(found, LinearCCA(2, reg=0.3).fit(*dense, sample_weight=weight), *dense)
    assert_array_equal(found.x_weights_[-2:], 0)
    assert_array_equal(found.x_loadings_[-2:], 0)


def test_multiples_of_columns_do_not_raise_the_ridge(implicit):
    X, y = counts(500)
    X = sparse.hstack([X, -3 * X[:, :20], X[:, :10]], "csr")
    found = LinearCCA(2).fit(X, y)
    assert implicit[0] is not None
    expected = LinearCCA(2).fit(X.toarray(), y.toarray())
    assert_allclose(found.reg_, expected.reg_, rtol=1e-9)


def test_float32_views(implicit):
    X, y = (view.astype(np.float32) for view in counts())
    found = LinearCCA(2).fit(X, y)
    assert implicit[0] is not None
    assert found.transform(X).dtype == np.float32
    check_equal(found, LinearCCA(2).fit(X.toarray(), y.toarray()), X.toarray(), y.toarray())


def test_a_fit_is_repeatable(implicit):
    X, y = counts()
    first, second = (LinearCCA(2, reg=0.1).fit(X, y) for _ in range(2))
    assert_array_equal(first.x_weights_, second.x_weights_)
    assert len(implicit) == 2


def test_components_of_one_factor_that_is_known(implicit):
    """Equal columns in both views have the correlation n / (n + ridge) of their number n."""
    rng = np.random.default_rng(0)
    X, y = counts(400, 120, 120)
    topic = sparse.csr_array(rng.binomial(1, 0.2, (400, 1)).astype(float))
    X, y = (sparse.hstack([view[rng.permutation(400)], *[topic] * 60], "csr") for view in (X, y))
    found = LinearCCA(1, reg=1.0).fit(X, y)
    assert implicit[0] is not None
    assert found.canonical_correlations_[0] == pytest.approx(60 / 61, abs=2e-3)


@pytest.mark.parametrize("weighted", [False, True])
def test_sums_of_squares_in_blocks(monkeypatch, weighted):
    X = counts()[0]
    monkeypatch.setattr(_implicit, "_NUMBERS", 1000)
    weight = np.random.default_rng(0).uniform(0.5, 2, X.shape[0]) if weighted else None
    view = ImplicitView(X, "X", weight)
    covariance = np.cov(X.toarray().T, aweights=weight, ddof=0)
    deviation = np.sqrt(np.diagonal(covariance))
    expected = np.square(covariance / deviation[:, None] / deviation).sum()
    assert_allclose(view.columns.squares(), expected)
    assert_allclose(view.columns.squares_of_rows(), expected)
    assert expected < view.most_squares() < 3 * expected


def test_when_products_are_used():
    X, y = sparse.csr_array((9000, 4000)), sparse.csr_array((9000, 3000))
    assert may_be_implicit(X, y, 50, ("auto", 0.1))
    for n_components, regs in ((None, (0.1, 0.1)), (100, (0.1, 0.1)), (50, (0.1, 0.0))):
        assert not may_be_implicit(X, y, n_components, regs)
    assert not may_be_implicit(X, y[:, :100], 3, (0.1, 0.1))
    assert not may_be_implicit(X[:, :2000], y[:, :2000], 5, (0.1, 0.1))
    assert not may_be_implicit(X, np.zeros((9000, 3000)), 5, (0.1, 0.1))
    assert may_be_implicit(X[:6000], sparse.csr_array((6000, 10**5)), 5, (0.1, 0.1))


def test_other_solvers_take_over_without_convergence(implicit, monkeypatch):
    X, y = counts()
    expected = LinearCCA(2, reg=0.1).fit(X.toarray(), y.toarray())
    monkeypatch.setattr(_davidson, "_MOST_ITERATIONS", 1)
    found = LinearCCA(2, reg=0.1).fit(X, y)
    assert implicit == [None]
    assert_allclose(found.canonical_correlations_, expected.canonical_correlations_)
    monkeypatch.setattr(_implicit, "_POSSIBLE", 10)
    with pytest.warns(ConvergenceWarning, match="did not converge"):
        found = LinearCCA(2, reg=0.1).fit(X, y)
    assert (found.canonical_correlations_ <= expected.canonical_correlations_ + 1e-9).all()


def test_components_beyond_the_rank_are_left_to_other_solvers(implicit):
    X, y = counts()
    y = sparse.hstack([y[:, [0]]] * 110, "csr")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = LinearCCA(2, reg=0.1).fit(X, y)
    assert implicit == [None]
    assert found.canonical_correlations_[1] == 0
