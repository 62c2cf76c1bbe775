"""LinearCCA and KernelCCA on random data: invariances, and known limits."""

from typing import NamedTuple

import numpy as np
import pytest
from _properties import holds
from hypothesis import assume
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.linalg import subspace_angles
from sklearn.metrics.pairwise import polynomial_kernel, rbf_kernel
from sklearn.preprocessing import KernelCenterer

from skdcca import KernelCCA, LinearCCA

# Both estimators compute in float64. Views are mixed with condition 4 at most, and the known
# correlations lie 0.05 apart or more, so that a correct solver loses no more than 3 of 16 digits.
EXACT = 1e-12
# Vectors lose the digits of the relative gap between correlations, which is GAP or more.
VECTORS = 1e-10
GAP = 0.01
# float32 variates are rounded on their way out: numbers below 8 to half a unit of 2^-21.
ROUNDED = 2e-6


class Case(NamedTuple):
    X: np.ndarray
    y: np.ndarray
    reg: tuple
    known: np.ndarray | None
    rng: np.random.Generator

    @property
    def rounding(self):
        return VECTORS if self.X.dtype == np.float64 else ROUNDED


def rotation(rng, p):
    return np.linalg.qr(rng.normal(size=(p, p)))[0]


def invertible(rng, p):
    """Return a matrix of condition 4 at most."""
    return rotation(rng, p) * rng.uniform(0.5, 2.0, p) @ rotation(rng, p)


def views_of(rng, n, p, q):
    """Return views whose canonical correlations are known exactly."""
    base = rng.normal(size=(n, p + q))
    base = np.linalg.qr(base - base.mean(axis=0))[0]
    X, y, k = base[:, :p], base[:, p:], min(p, q)
    known = (np.arange(k, 0, -1) - rng.uniform(0, 0.7, k)) / k
    y[:, :k] = known * X[:, :k] + np.sqrt(1 - known**2) * y[:, :k]
    X = np.sqrt(n) * X @ invertible(rng, p) + rng.normal(size=p)
    y = np.sqrt(n) * y @ invertible(rng, q) + rng.normal(size=q)
    return X, y, known


def wide_views_of(rng, n, p, q):
    shared = rng.normal(size=(n, 2))
    X = shared @ rng.normal(size=(2, p)) + rng.normal(size=(n, p))
    y = shared @ rng.normal(size=(2, q)) + rng.normal(size=(n, q))
    return X, y, None


@st.composite
def cases(draw, reg=(0.0, 10.0), wide=False, dtypes=(np.float64, np.float32), n=(20, 80)):
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1), label="seed"))
    q = draw(st.integers(1, 6))
    ridge = st.floats(max(reg[0], 0.01), reg[1])
    if wide and draw(st.booleans(), label="wide"):
        # More columns than rows: solved by singular values, and without a ridge all are 1.
        X, y, known = wide_views_of(rng, draw(st.integers(8, 15)), draw(st.integers(20, 40)), q)
    else:
        X, y, known = views_of(rng, draw(st.integers(*n)), draw(st.integers(1, 6)), q)
        ridge = ridge if reg[0] else st.just(0.0) | ridge
    pair = (0.0, 0.0) if reg[1] == 0 else draw(st.tuples(ridge, ridge), label="reg")
    dtype = draw(st.sampled_from(dtypes))
    return Case(X.astype(dtype), y.astype(dtype), pair, known, rng)


def linear(X, y, reg=(0.0, 0.0), **params):
    return LinearCCA(reg=reg).fit(X, y, **params)


def apart(correlations):
    """Return which components are determined up to sign: no other correlation, nor 0, is near."""
    steps = -np.diff(np.concatenate([[np.inf], correlations, [0.0]]))
    gap = GAP * correlations[0]
    return (steps[:-1] > gap) & (steps[1:] > gap)


def assert_parallel(ours, theirs, which, atol):
    """Check that columns are equal up to sign."""
    ours, theirs = ours[:, which], theirs[:, which]
    sign = np.sign(np.sum(ours * theirs, axis=0, dtype=float))
    assert_allclose(ours * sign, theirs, atol=atol, rtol=0)


def assert_same_pairs(ours, theirs, which, atol):
    """Check the variates of both views; a sign may change only in both together."""
    assert_parallel(np.vstack(ours), np.vstack(theirs), which, atol)


def assert_same_correlations(ours, theirs, atol=EXACT):
    assert_allclose(ours.canonical_correlations_, theirs.canonical_correlations_, atol=atol, rtol=0)


# Linear


@holds(case=cases(reg=(0.0, 0.0)))
def test_known_correlations_are_found(case):
    ours = linear(case.X, case.y).canonical_correlations_
    # Rounding the views to float32 changes their true correlations.
    atol = EXACT if case.X.dtype == np.float64 else 1e-6
    assert_allclose(ours, case.known, atol=atol, rtol=0)


@holds(case=cases(reg=(0.0, 0.0)))
def test_correlations_are_cosines_of_the_principal_angles(case):
    X, y = (v.astype(float) - v.mean(axis=0, dtype=float) for v in (case.X, case.y))
    expected = np.cos(np.sort(subspace_angles(X, y)))
    assert_allclose(linear(case.X, case.y).canonical_correlations_, expected, atol=EXACT, rtol=0)


@holds(case=cases(wide=True))
def test_order_of_rows_does_not_matter(case):
    fitted = linear(case.X, case.y, case.reg)
    order = case.rng.permutation(len(case.X))
    again = linear(case.X[order], case.y[order], case.reg)
    assert_same_correlations(again, fitted)
    which = apart(fitted.canonical_correlations_)
    weights = [(m.x_weights_, m.y_weights_) for m in (again, fitted)]
    assert_same_pairs(*weights, which, VECTORS)


@holds(case=cases(wide=True))
def test_order_of_columns_is_that_of_weights(case):
    fitted = linear(case.X, case.y, case.reg)
    a, b = (case.rng.permutation(v.shape[1]) for v in (case.X, case.y))
    again = linear(case.X[:, a], case.y[:, b], case.reg)
    assert_same_correlations(again, fitted)
    which = apart(fitted.canonical_correlations_)
    expected = fitted.x_weights_[a], fitted.y_weights_[b]
    assert_same_pairs((again.x_weights_, again.y_weights_), expected, which, VECTORS)
    assert_allclose(again.x_scale_, fitted.x_scale_[a], rtol=EXACT)


@holds(case=cases(wide=True))
def test_duplicated_rows_equal_weights_of_two(case):
    X, y, n = case.X, case.y, len(case.X)
    fitted = linear(X, y, case.reg)
    twice = linear(np.vstack([X, X]), np.vstack([y, y]), case.reg)
    weighted = linear(X, y, case.reg, sample_weight=np.full(n, 2.0))
    assert_same_correlations(twice, fitted)
    assert_same_correlations(weighted, twice)
    which = apart(fitted.canonical_correlations_)
    # Variances divide by the number of rows less 1.
    factor = np.sqrt((2 * n - 1) / (2 * n - 2))
    for name in ("x_weights_", "y_weights_"):
        once, ours, of_weights = (getattr(m, name) for m in (fitted, twice, weighted))
        assert_parallel(ours, factor * once, which, VECTORS)
        assert_parallel(of_weights, ours, which, VECTORS)


@holds(case=cases(wide=True))
def test_weights_are_repetitions(case):
    times = case.rng.integers(0, 4, size=len(case.X))
    assume(np.count_nonzero(times) > 4)
    rows = np.repeat(np.arange(len(times)), times)
    weighted = linear(case.X, case.y, case.reg, sample_weight=times)
    repeated = linear(case.X[rows], case.y[rows], case.reg)
    assert_same_correlations(weighted, repeated)
    which = apart(repeated.canonical_correlations_)
    # With few distinct rows a view may nearly lose a rank.
    pairs = (m.transform(case.X[rows], case.y[rows]) for m in (weighted, repeated))
    assert_same_pairs(*pairs, which, max(1e-8, case.rounding))


@holds(case=cases(wide=True))
def test_views_swap(case):
    fitted = linear(case.X, case.y, case.reg)
    swapped = linear(case.y, case.X, case.reg[::-1])
    assert_same_correlations(swapped, fitted)
    which = apart(fitted.canonical_correlations_)
    ours = swapped.transform(case.y, case.X)[::-1]
    assert_same_pairs(ours, fitted.transform(case.X, case.y), which, case.rounding)


@holds(case=cases(wide=True))
def test_units_of_columns_do_not_matter(case):
    fitted = linear(case.X, case.y, case.reg)
    others = []
    for view in (case.X, case.y):
        p = view.shape[1]
        scale = 10.0 ** case.rng.uniform(-3, 3, p) * case.rng.choice([-1, 1], p)
        shift = scale * case.rng.uniform(-10, 10, p)
        others.append((view * scale + shift).astype(view.dtype))
    again = linear(*others, case.reg)
    # An offset of ten deviations costs float32 one of its seven digits, in the views themselves.
    exact = case.X.dtype == np.float64
    assert_same_correlations(again, fitted, atol=EXACT if exact else 1e-5)
    which = apart(fitted.canonical_correlations_)
    pairs = again.transform(*others), fitted.transform(case.X, case.y)
    assert_same_pairs(*pairs, which, 1e-8 if exact else 1e-3)


@holds(case=cases(reg=(0.0, 0.0), dtypes=(np.float64,)))
def test_without_a_ridge_no_basis_matters(case):
    fitted = linear(case.X, case.y)
    X = case.X @ invertible(case.rng, case.X.shape[1])
    y = case.y @ rotation(case.rng, case.y.shape[1])
    again = linear(X, y)
    assert_same_correlations(again, fitted)
    which = apart(fitted.canonical_correlations_)
    assert_same_pairs(again.transform(X, y), fitted.transform(case.X, case.y), which, VECTORS)


@holds(case=cases(wide=True))
def test_signs_are_those_of_the_largest_loading(case):
    fitted, again = (linear(case.X, case.y, case.reg) for _ in range(2))
    for name in ("x_weights_", "y_weights_", "canonical_correlations_"):
        assert_array_equal(getattr(again, name), getattr(fitted, name))
    p = case.X.shape[1]
    loadings = np.corrcoef(case.X.T, fitted.transform(case.X).T)[:p, p:]
    assert (loadings.max(axis=0) >= -loadings.min(axis=0) - 1e-5).all()


@holds(case=cases(wide=True))
def test_negating_x_negates_the_weights_of_y(case):
    fitted, minus = linear(case.X, case.y, case.reg), linear(-case.X, case.y, case.reg)
    assert_same_correlations(minus, fitted)
    size = np.sort(abs(fitted.x_loadings_), axis=0)
    # Rounding decides which of two equal loadings is larger.
    clear = size[-1] - (size[-2] if len(size) > 1 else 0) > 1e-6
    which = apart(fitted.canonical_correlations_) & clear
    weights, same = minus.x_weights_[:, which], fitted.x_weights_[:, which]
    assert_allclose(weights, same, atol=VECTORS)
    assert_allclose(minus.y_weights_[:, which], -fitted.y_weights_[:, which], atol=VECTORS)


@holds(case=cases(wide=True))
def test_linear_variates_have_the_moments_of_the_objective(case):
    """Variance plus penalty is 1; other covariances are 0, except the correlations."""
    fitted = linear(case.X, case.y, case.reg)
    k = fitted.n_components_
    zx, zy = fitted.transform(case.X.astype(float), case.y.astype(float))
    C = np.cov(zx.T, zy.T)
    rho = fitted.canonical_correlations_
    assert (np.diff(rho) <= 0).all()
    assert rho[0] <= 1
    assert_allclose(C[:k, k:], np.diag(rho), atol=VECTORS)
    for z, w, view, reg in [
        (C[:k, :k], fitted.x_weights_, case.X, case.reg[0]),
        (C[k:, k:], fitted.y_weights_, case.y, case.reg[1]),
    ]:
        w = w * view.std(axis=0, ddof=1, dtype=float)[:, None]
        assert_allclose(z + reg * w.T @ w, np.eye(k), atol=VECTORS)


@holds(case=cases(reg=(0.0, 0.0)))
def test_correlations_are_those_of_the_variates(case):
    fitted = linear(case.X, case.y)
    zx, zy = fitted.transform(case.X, case.y)
    ours = [np.corrcoef(a, b)[0, 1] for a, b in zip(zx.T, zy.T, strict=True)]
    assert_allclose(ours, fitted.canonical_correlations_, atol=case.rounding)


@holds(case=cases(reg=(0.0, 0.0)))
def test_a_tiny_ridge_changes_nothing(case):
    # Variances are 1/16 or more in each direction, of which 1e-10 is 2e-9 or less.
    assert_same_correlations(linear(case.X, case.y, (1e-10,) * 2), linear(case.X, case.y), 1e-8)


@holds(case=cases(reg=(0.0, 0.0)))
def test_a_huge_ridge_is_partial_least_squares(case):
    huge = 1e8
    fitted = linear(case.X, case.y, (huge, huge))
    p = case.X.shape[1]
    cross = np.corrcoef(case.X.T.astype(float), case.y.T.astype(float))[:p, p:]
    left, singular, right = np.linalg.svd(cross, full_matrices=False)
    # The variances are 1e-8 of the ridge, with eigenvalues up to 6.
    ours = fitted.canonical_correlations_ * huge
    assert_allclose(ours, singular, atol=1e-6 * singular[0])
    directions = [
        np.sqrt(huge) * w * scale[:, None]
        for w, scale in [(fitted.x_weights_, fitted.x_scale_), (fitted.y_weights_, fitted.y_scale_)]
    ]
    assert_same_pairs(directions, (left, right.T), apart(singular), 1e-5)


@holds(case=cases(wide=True), more=st.floats(0.01, 10.0))
def test_more_ridge_is_less_correlation(case, more):
    reg_x, reg_y = case.reg
    less = linear(case.X, case.y, (reg_x, reg_y + more)).canonical_correlations_
    assert (less <= linear(case.X, case.y, case.reg).canonical_correlations_ + EXACT).all()


@holds(case=cases(reg=(0.0, 0.0)))
def test_another_column_is_no_less_correlation(case):
    column = case.rng.normal(size=(len(case.X), 1)).astype(case.X.dtype)
    fewer = linear(case.X, case.y).canonical_correlations_
    more = linear(np.hstack([case.X, column]), case.y).canonical_correlations_
    assert (more[: len(fewer)] >= fewer - EXACT).all()


@holds(case=cases())
def test_linear_rows_are_transformed_alone(case):
    fitted = linear(case.X, case.y, case.reg)
    rows = slice(0, 5)
    zx, zy = fitted.transform(case.X[rows], case.y[rows])
    alone = [fitted.transform(x[None], v[None]) for x, v in zip(case.X[rows], case.y, strict=False)]
    atol = 1e-12 if case.X.dtype == np.float64 else ROUNDED
    assert_allclose(np.vstack([a for a, _ in alone]), zx, atol=atol)
    assert_allclose(np.vstack([b for _, b in alone]), zy, atol=atol)


@pytest.mark.filterwarnings("ignore::skdcca.exceptions.PerfectCorrelationWarning")
@holds(case=cases(), cuts=st.sets(st.integers(2, 79), max_size=4))
def test_a_stream_equals_one_fit_however_cut(case, cuts):
    cuts = sorted(c for c in cuts if c < len(case.X))
    streamed = LinearCCA(reg=case.reg)
    for rows in np.split(np.arange(len(case.X)), cuts):
        streamed.partial_fit(case.X[rows], case.y[rows])
    fitted = linear(case.X, case.y, case.reg)
    assert_same_correlations(streamed, fitted)
    which = apart(fitted.canonical_correlations_)
    pairs = (m.transform(case.X, case.y) for m in (streamed, fitted))
    assert_same_pairs(*pairs, which, case.rounding)


# Kernels

# A Gaussian kernel has eigenvalues down to rounding. Those directions weigh little on the training
# rows; on new ones, and as dual coefficients, they cost up to half of the digits.
KERNEL = 1e-10
NEW_ROWS = 1e-6


def kernel_cases(**params):
    # Shares of the total variance, so a smaller ridge than that of LinearCCA; below, the variates
    # depend on directions with hardly any variance.
    return cases(reg=(0.01, 1.0), n=(20, 50), **params)


DOUBLE = {"dtypes": (np.float64,)}
gammas = st.floats(0.03, 0.5)


def gaussian(case, n_components=4, **params):
    return KernelCCA(n_components, **{"reg": case.reg} | params, scale=False)


def first(model):
    """Return the determined components, without the last, whose neighbor is unknown."""
    return np.append(apart(model.canonical_correlations_)[:-1], False)


def new_rows(case):
    return (
        case.rng.normal(size=(6, v.shape[1])).astype(v.dtype) + v.mean(axis=0)
        for v in (case.X, case.y)
    )


def assert_same_kernel_model(ours, theirs, case, others=None, atol=KERNEL):
    """Compare two models; `others` are the rows of the first, if they differ."""
    assert_same_correlations(ours, theirs, atol)
    which = first(theirs)
    atol = max(100 * atol, case.rounding)
    views = case.X, case.y
    assert_same_pairs(ours.transform(*(others or views)), theirs.transform(*views), which, atol)


@holds(case=kernel_cases())
def test_kernels_order_of_rows_does_not_matter(case):
    order = case.rng.permutation(len(case.X))
    X, y = new_rows(case)
    fitted = gaussian(case).fit(case.X, case.y)
    again = gaussian(case).fit(case.X[order], case.y[order])
    assert_same_kernel_model(again, fitted, case)
    assert_same_pairs(again.transform(X, y), fitted.transform(X, y), first(fitted), NEW_ROWS)


@holds(case=kernel_cases())
def test_kernels_views_swap(case):
    fitted = gaussian(case).fit(case.X, case.y)
    swapped = gaussian(case, reg=case.reg[::-1]).fit(case.y, case.X)
    assert_same_correlations(swapped, fitted, KERNEL)
    ours = swapped.transform(case.y, case.X)[::-1]
    atol = max(case.rounding, 100 * KERNEL)
    assert_same_pairs(ours, fitted.transform(case.X, case.y), first(fitted), atol)


@holds(case=kernel_cases(**DOUBLE), gamma=gammas)
def test_gaussian_kernels_depend_only_on_distances(case, gamma):
    fitted = gaussian(case, gamma=gamma).fit(case.X, case.y)
    others = tuple(
        v @ rotation(case.rng, v.shape[1]) + 10 * case.rng.normal(size=v.shape[1])
        for v in (case.X, case.y)
    )
    again = gaussian(case, gamma=gamma).fit(*others)
    assert_same_kernel_model(again, fitted, case, others)


@holds(case=kernel_cases(**DOUBLE), power=st.floats(-3, 3))
def test_scaled_gamma_has_no_unit(case, power):
    others = case.X * 10.0**power, case.y * -(10.0**-power)
    fitted, again = gaussian(case).fit(case.X, case.y), gaussian(case).fit(*others)
    assert_same_kernel_model(again, fitted, case, others)


@holds(case=cases(dtypes=(np.float64,)))
def test_linear_kernel_on_standardized_columns_is_linear_cca(case):
    X, y = ((v - v.mean(axis=0)) / v.std(axis=0) for v in (case.X, case.y))
    (reg_x, reg_y), p, q = case.reg, X.shape[1], y.shape[1]
    expected = LinearCCA(reg=(reg_x * p, reg_y * q)).fit(X, y)
    ours = KernelCCA(kernel="linear", reg=case.reg, scale=False).fit(X, y)
    assert ours.n_components_ == expected.n_components_
    assert_same_correlations(ours, expected)
    which = apart(expected.canonical_correlations_)
    for rows in [(X, y), tuple(new_rows(case))]:
        assert_same_pairs(ours.transform(*rows), expected.transform(*rows), which, VECTORS)


@holds(case=kernel_cases(), gamma=gammas, n_landmarks=st.sampled_from([50, 300]))
def test_nystroem_of_all_rows_is_exact(case, gamma, n_landmarks):
    exact = gaussian(case, gamma=gamma).fit(case.X, case.y)
    near = gaussian(
        case, gamma=gamma, approximation="nystroem", n_landmarks=n_landmarks, random_state=0
    ).fit(case.X, case.y)
    # Features divide by roots of eigenvalues, which costs half of the digits.
    assert_same_correlations(near, exact, 1e-8)
    for rows in [(case.X, case.y), tuple(new_rows(case))]:
        assert_same_pairs(near.transform(*rows), exact.transform(*rows), first(exact), 1e-5)


KERNELS = {
    "rbf": lambda gamma: lambda a, b: rbf_kernel(a, b, gamma=gamma),
    "poly": lambda gamma: lambda a, b: polynomial_kernel(a, b, degree=3, gamma=gamma, coef0=1),
}


@pytest.mark.parametrize("kernel", KERNELS)
@holds(case=kernel_cases(**DOUBLE), gamma=gammas)
def test_precomputed_kernels_equal_named_ones(kernel, case, gamma):
    function = KERNELS[kernel](gamma)
    n = 3 if kernel == "poly" else 4  # the rank of a cubic of one column
    named = gaussian(case, n, kernel=kernel, gamma=gamma).fit(case.X, case.y)
    kernels = function(case.X, case.X), function(case.y, case.y)
    ours = gaussian(case, n, kernel="precomputed").fit(*kernels)
    assert_same_kernel_model(ours, named, case, kernels)
    X, y = new_rows(case)
    pair = ours.transform(function(X, case.X), function(y, case.y))
    assert_same_pairs(pair, named.transform(X, y), first(named), NEW_ROWS)


@holds(case=kernel_cases(**DOUBLE), gamma=gammas)
def test_kernels_are_centered_as_kernel_centerer_does(case, gamma):
    kernels, centered = [], []
    for view, new in zip((case.X, case.y), new_rows(case), strict=True):
        train, rows = (rbf_kernel(v, view, gamma=gamma) for v in (view, new))
        centerer = KernelCenterer().fit(train)
        kernels.append((train, rows))
        centered.append((centerer.transform(train), centerer.transform(rows)))
    (Kx, Kx_new), (Ky, Ky_new) = kernels
    (Cx, Cx_new), (Cy, Cy_new) = centered
    raw = gaussian(case, kernel="precomputed").fit(Kx, Ky)
    ours = gaussian(case, kernel="precomputed").fit(Cx, Cy)
    assert_same_correlations(ours, raw, KERNEL)
    atol = 100 * KERNEL
    assert_same_pairs(ours.transform(Cx, Cy), raw.transform(Kx, Ky), first(raw), atol)
    pairs = ours.transform(Cx_new, Cy_new), raw.transform(Kx_new, Ky_new)
    assert_same_pairs(*pairs, first(raw), NEW_ROWS)


@holds(case=kernel_cases(**DOUBLE), gamma=gammas, power=st.floats(-6, 6))
def test_a_kernel_has_no_unit(case, gamma, power):
    Kx, Ky = (rbf_kernel(v, gamma=gamma) for v in (case.X, case.y))
    fitted, again = (
        gaussian(case, kernel="precomputed").fit(K, Ky) for K in (Kx, Kx * 10.0**power)
    )
    assert_same_correlations(again, fitted, KERNEL)
    pairs = again.transform(Kx * 10.0**power, Ky), fitted.transform(Kx, Ky)
    assert_same_pairs(*pairs, first(fitted), 100 * KERNEL)


@holds(case=kernel_cases(), gamma=gammas)
def test_duplicated_rows_change_no_correlation_of_kernels(case, gamma):
    fitted = gaussian(case, gamma=gamma).fit(case.X, case.y)
    twice = gaussian(case, gamma=gamma).fit(np.tile(case.X, (2, 1)), np.tile(case.y, (2, 1)))
    assert_same_correlations(twice, fitted, KERNEL)


@pytest.mark.parametrize("approximation", [None, "nystroem", "rff"])
@holds(case=kernel_cases())
def test_kernel_rows_are_transformed_alone(approximation, case):
    fitted = gaussian(case, 2, approximation=approximation, n_landmarks=15, random_state=0)
    X, y = new_rows(case)
    zx, zy = fitted.fit(case.X, case.y).transform(X, y)
    alone = [fitted.transform(x[None], v[None]) for x, v in zip(X, y, strict=True)]
    # The products are summed in another order, with large coefficients of both signs.
    atol = 1e-8 if case.X.dtype == np.float64 else ROUNDED
    assert_allclose(np.vstack([a for a, _ in alone]), zx, atol=atol)
    assert_allclose(np.vstack([b for _, b in alone]), zy, atol=atol)


@holds(case=kernel_cases(**DOUBLE), gamma=gammas)
def test_kernel_variates_have_the_moments_of_the_objective(case, gamma):
    """Variance plus penalty is 1; other covariances are 0, except the correlations."""
    fitted = gaussian(case, gamma=gamma).fit(case.X, case.y)
    zx, zy = fitted.transform(case.X, case.y)
    C, rho = np.cov(zx.T, zy.T), fitted.canonical_correlations_
    assert (np.diff(rho) <= 0).all()
    assert rho[0] <= 1
    assert_allclose(C[:4, 4:], np.diag(rho), atol=100 * KERNEL)
    for z, coefs, view, reg in [
        (C[:4, :4], fitted.x_coefs_, case.X, case.reg[0]),
        (C[4:, 4:], fitted.y_coefs_, case.y, case.reg[1]),
    ]:
        K = KernelCenterer().fit_transform(rbf_kernel(view, gamma=gamma))
        penalty = reg * np.trace(K) / (len(K) - 1) * coefs.T @ K @ coefs
        assert_allclose(z + penalty, np.eye(4), atol=100 * KERNEL)


@holds(case=kernel_cases(**DOUBLE), gamma=gammas)
def test_a_huge_ridge_is_kernel_partial_least_squares(case, gamma):
    huge, n = 1e7, len(case.X)
    fitted = gaussian(case, gamma=gamma, reg=huge).fit(case.X, case.y)
    roots, total = [], []
    for view in (case.X, case.y):
        K = KernelCenterer().fit_transform(rbf_kernel(view, gamma=gamma))
        values, vectors = np.linalg.eigh(K)
        roots.append(vectors * np.sqrt(np.maximum(values, 0)) @ vectors.T)
        total.append(np.trace(K))
    left, singular, right = np.linalg.svd(roots[0] @ roots[1])
    # Share 1 of the variance is 1e-7 of this ridge.
    ours = fitted.canonical_correlations_ * huge * np.sqrt(total[0] * total[1])
    assert_allclose(ours, singular[:4], atol=1e-6 * singular[0])
    pair = [
        z * np.sqrt(huge * t / (n - 1))
        for z, t in zip(fitted.transform(case.X, case.y), total, strict=True)
    ]
    expected = roots[0] @ left[:, :4], roots[1] @ right[:4].T
    assert_same_pairs(pair, expected, first(fitted), 1e-5)


@holds(case=kernel_cases(), more=st.floats(0.01, 1.0))
def test_more_ridge_on_kernels_is_less_correlation(case, more):
    reg_x, reg_y = case.reg
    less = gaussian(case, reg=(reg_x + more, reg_y)).fit(case.X, case.y).canonical_correlations_
    most = gaussian(case).fit(case.X, case.y).canonical_correlations_
    assert (less <= most + KERNEL).all()


@holds(case=kernel_cases())
def test_signs_are_those_of_the_largest_coefficient(case):
    fitted, again = (gaussian(case).fit(case.X, case.y) for _ in range(2))
    for name in ("x_coefs_", "y_coefs_", "x_intercept_", "y_intercept_"):
        assert_array_equal(getattr(again, name), getattr(fitted, name))
    largest = abs(fitted.x_coefs_).argmax(axis=0)
    assert (fitted.x_coefs_[largest, np.arange(4)] > 0).all()
