"""Similarity of representations, against formulas that are written another way."""

import itertools
import warnings

import numpy as np
import pandas as pd
import pytest
from scipy import linalg
from scipy.spatial.distance import pdist, squareform

from skdcca.exceptions import FewSamplesWarning
from skdcca.representation import _cka, cka, pwcca, svcca

MEASURES = {
    "svcca": svcca,
    "pwcca": pwcca,
    "cka": cka,
    "cka biased": lambda X, Y: cka(X, Y, debiased=False),
    "cka rbf": lambda X, Y: cka(X, Y, kernel="rbf"),
    "cka rbf biased": lambda X, Y: cka(X, Y, kernel="rbf", debiased=False),
}
CCA_MEASURES = {"svcca": lambda X, Y: svcca(X, Y, variance=1), "pwcca": pwcca}


def each(measures):
    return pytest.mark.parametrize("measure", measures.values(), ids=measures)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def make_pair(rng, n=200, p=4, q=6, shared=3):
    """Return two representations with columns that are not centered and have different scales."""
    X, Y = rng.normal(size=(n, p)), rng.normal(size=(n, q))
    Y[:, :shared] += X[:, :shared]
    return X @ rng.normal(size=(p, p)) + 3, Y @ rng.normal(size=(q, q)) - 5


# Oracles


def principal_components(view, variance):
    view = view - view.mean(axis=0)
    values, vectors = np.linalg.eigh(view.T @ view)
    held = np.cumsum(values[::-1]) / values.sum()
    n_kept = np.count_nonzero(held < variance) + 1
    return view @ vectors[:, ::-1][:, :n_kept]


def mean_correlation(X, Y):
    """Return the mean cosine of the angles between the column spaces."""
    return np.cos(linalg.subspace_angles(X, Y)).mean()


def weighted_correlation(X, Y):
    """Return PWCCA with the weights of X, from covariances instead of singular vectors."""
    X, Y = X - X.mean(axis=0), Y - Y.mean(axis=0)
    x_to_y, y_to_x = np.linalg.solve(X.T @ X, X.T @ Y), np.linalg.solve(Y.T @ Y, Y.T @ X)
    squares, directions = np.linalg.eig(x_to_y @ y_to_x)
    variates = X @ directions.real
    variates /= np.linalg.norm(variates, axis=0)
    weights = np.abs(variates.T @ X).sum(axis=1)
    return np.sum(weights * np.sqrt(squares.real)) / weights.sum()


def linear_kernel(view):
    return view @ view.T


def rbf_kernel(view, bandwidth):
    distances = squareform(pdist(view))
    width = bandwidth * np.median(pdist(view))
    return np.exp(-(distances**2) / (2 * width**2))


def unbiased_hsic(K, L):
    """Return the U-statistic of Song et al.: the mean over all ordered quadruples of samples."""
    terms = [
        K[i, j] * (L[i, j] + L[q, r] - 2 * L[i, q])
        for i, j, q, r in itertools.permutations(range(len(K)), 4)
    ]
    return np.mean(terms)


def biased_hsic(K, L):
    center = np.eye(len(K)) - 1 / len(K)
    return np.trace(K @ center @ L @ center)


def alignment(K, L, hsic):
    return hsic(K, L) / np.sqrt(hsic(K, K) * hsic(L, L))


# Values


@pytest.mark.parametrize("variance", [0.5, 0.9, 0.99, 1])
def test_svcca_is_the_mean_cosine_of_subspace_angles(rng, variance):
    X, Y = make_pair(rng, p=10, q=14)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FewSamplesWarning)
        found = svcca(X, Y, variance=variance)
    kept = principal_components(X, variance), principal_components(Y, variance)
    assert found == pytest.approx(mean_correlation(*kept), abs=1e-10)


def test_svcca_of_a_part_is_one(rng):
    X = rng.normal(size=(100, 5))
    assert svcca(X[:, :2], X, variance=1) == pytest.approx(1, abs=1e-12)


def test_svcca_of_a_wide_view(rng):
    X, Y = make_pair(rng, n=50, p=3, q=3, shared=1)
    wide = Y @ np.linalg.qr(rng.normal(size=(80, 3)))[0].T
    assert svcca(X, wide) == pytest.approx(svcca(X, Y), abs=1e-10)
    assert svcca(X, wide + 1e7) == pytest.approx(svcca(X, Y), abs=1e-7)


@pytest.mark.parametrize(("p", "q"), [(4, 6), (4, 4), (1, 3)])
def test_pwcca_has_the_weights_of_the_smaller_representation(rng, p, q):
    X, Y = make_pair(rng, p=p, q=q, shared=min(p, 3))
    assert pwcca(X, Y) == pytest.approx(weighted_correlation(X, Y), abs=1e-10)
    if p < q:
        assert pwcca(Y, X) == pytest.approx(pwcca(X, Y), abs=1e-12)
    else:
        assert pwcca(Y, X) == pytest.approx(weighted_correlation(Y, X), abs=1e-10)
        assert abs(pwcca(Y, X) - pwcca(X, Y)) > 1e-3


def test_pwcca_counts_ranks_instead_of_columns(rng):
    X, Y = make_pair(rng, p=3, q=4)
    repeated = np.hstack([X, X])
    assert pwcca(repeated, Y) == pytest.approx(pwcca(X, Y), abs=1e-12)


def test_pwcca_by_hand():
    # The variates of X are its columns, with weights 3 and 1; the correlations are 1 and 0.
    first, second, third = linalg.hadamard(4)[:, 1:].T
    X = np.repeat(np.column_stack([3 * first, second]), 5, axis=0)
    Y = np.repeat(np.column_stack([first, third]), 5, axis=0)
    assert pwcca(X, Y) == pytest.approx(0.75, abs=1e-14)
    assert svcca(X, Y) == pytest.approx(0.5, abs=1e-14)
    assert cka(X, Y, debiased=False) == pytest.approx(9 / np.sqrt(82 * 2), abs=1e-14)


@pytest.mark.parametrize("kernel", ["linear", "rbf"])
@pytest.mark.parametrize("p", [1, 3, 40])
def test_cka_is_the_ratio_of_hsic(rng, kernel, p):
    X, Y = rng.normal(size=(7, p)), rng.normal(size=(7, 2)) + 3
    if kernel == "linear":
        K, L = linear_kernel(X), linear_kernel(Y)
    else:
        K, L = rbf_kernel(X, 0.7), rbf_kernel(Y, 0.7)
    found = cka(X, Y, kernel=kernel, bandwidth=0.7)
    assert found == pytest.approx(alignment(K, L, unbiased_hsic), abs=1e-10)
    found = cka(X, Y, kernel=kernel, bandwidth=0.7, debiased=False)
    assert found == pytest.approx(alignment(K, L, biased_hsic), abs=1e-10)


@pytest.mark.parametrize("kernel", ["linear", "rbf"])
@pytest.mark.parametrize("q", [5, 90])
def test_cka_in_blocks(rng, monkeypatch, kernel, q):
    X, Y = make_pair(rng, n=40, p=80, q=q)
    whole = cka(X, Y, kernel=kernel)
    monkeypatch.setattr(_cka, "_NUMBERS", 333)
    assert cka(X, Y, kernel=kernel) == pytest.approx(whole, abs=1e-12)


def test_linear_cka_needs_no_kernel_matrix(rng, monkeypatch):
    shapes = []
    products = _cka.linalg.norm
    monkeypatch.setattr(_cka.linalg, "norm", lambda a: shapes.append(a.shape) or products(a))
    cka(rng.normal(size=(500, 3)), rng.normal(size=(500, 2)))
    assert shapes == [(3, 2), (3, 3), (2, 2)]
    shapes.clear()
    cka(rng.normal(size=(10, 300)), rng.normal(size=(10, 200)))  # 10 x 10 is smaller
    assert shapes == []


def test_wide_bandwidth_keeps_digits(rng):
    # The Gaussian kernel approaches the linear one.
    X, Y = make_pair(rng, n=50)
    assert cka(X, Y, kernel="rbf", bandwidth=1e5) == pytest.approx(cka(X, Y), abs=1e-6)


def test_median_of_many_rows(rng, monkeypatch):
    X, Y = make_pair(rng, n=400)
    whole = cka(X, Y, kernel="rbf", bandwidth=0.3)
    monkeypatch.setattr(_cka, "_N_MEDIAN", 200)
    found = cka(X, Y, kernel="rbf", bandwidth=0.3)
    assert found == pytest.approx(whole, abs=0.02)
    assert cka(X, Y, kernel="rbf", bandwidth=0.3) == found
    assert abs(cka(X, Y, kernel="rbf", bandwidth=0.6) - whole) > 0.05


# Invariances


@each(MEASURES)
def test_equal_representations_have_similarity_one(rng, measure):
    X, _ = make_pair(rng)
    assert measure(X, X) == pytest.approx(1, abs=1e-12)


@each(MEASURES)
def test_shifts_and_scales_change_nothing(rng, measure):
    X, Y = make_pair(rng)
    moved = 1e-3 * X + rng.normal(size=4), 1e4 * Y
    assert measure(*moved) == pytest.approx(measure(X, Y), abs=1e-9)


@each(MEASURES)
def test_order_of_rows_and_columns_changes_nothing(rng, measure):
    X, Y = make_pair(rng)
    order = rng.permutation(len(X))
    assert measure(X[order][:, ::-1], Y[order]) == pytest.approx(measure(X, Y), abs=1e-12)


@each(MEASURES)
def test_rotation_changes_nothing(rng, measure):
    X, Y = make_pair(rng)
    rotation, _ = np.linalg.qr(rng.normal(size=(6, 6)))  # of Y, which does not give the weights
    assert measure(X, Y @ rotation) == pytest.approx(measure(X, Y), abs=1e-9)


@each(CCA_MEASURES)
def test_linear_maps_change_nothing(rng, measure):
    X, Y = make_pair(rng)
    mapped = Y @ rng.normal(size=(6, 6))
    assert measure(X, mapped) == pytest.approx(measure(X, Y), abs=1e-9)


def test_what_linear_maps_change(rng):
    X, Y = make_pair(rng)
    mapped = X * [1, 10, 100, 1000]
    assert abs(cka(mapped, Y) - cka(X, Y)) > 0.01
    assert abs(pwcca(mapped, Y) - pwcca(X, Y)) > 0.01  # X has the weights


@each({name: MEASURES[name] for name in MEASURES if name != "pwcca"})
def test_symmetry(rng, measure):
    X, Y = make_pair(rng, p=5, q=5)
    assert measure(X, Y) == pytest.approx(measure(Y, X), abs=1e-12)


# Chance


def test_debiased_cka_of_unrelated_representations_is_near_zero():
    found = []
    for seed in range(30):
        X, Y = np.random.default_rng(seed).normal(size=(2, 50, 100))
        found.append([cka(X, Y), cka(X, Y, debiased=False), cka(X, Y, kernel="rbf")])
    debiased, biased, rbf = np.mean(found, axis=0)
    assert abs(debiased) < 0.01
    assert abs(rbf) < 0.01
    assert biased > 0.6
    assert np.min(found) < 0  # not clipped


@pytest.mark.parametrize(
    ("n", "p", "q"), [(100, 11, 11), (100, 8, 40), (60, 40, 35), (40, 3, 200), (20, 30, 40)]
)
@each(CCA_MEASURES)
def test_warning_states_the_similarity_by_chance(measure, n, p, q):
    found = []
    for seed in range(10):
        rng = np.random.default_rng(seed)
        views = rng.normal(size=(n, p)), rng.normal(size=(n, q))
        with pytest.warns(FewSamplesWarning, match=f"n_samples = {n} rows") as caught:
            found.append(measure(*views))
    text = str(caught[0].message)
    stated = float(text.partition("about ")[2][:4])
    assert stated == pytest.approx(np.mean(found), abs=0.02)
    assert f"compares {min(p, n - 1)} and {min(q, n - 1)} directions" in text
    assert caught[0].filename == __file__


@each(CCA_MEASURES)
def test_enough_rows_give_no_warning(rng, measure):
    X, Y = rng.normal(size=(2, 100, 10))
    measure(X, Y)  # a warning is an error
    with pytest.warns(FewSamplesWarning):
        measure(X[:99], Y[:99])


def test_truncated_directions_are_counted(rng):
    X = rng.normal(size=(60, 2)) @ rng.normal(size=(2, 50)) + 1e-4 * rng.normal(size=(60, 50))
    svcca(X, X)
    with pytest.warns(FewSamplesWarning, match="50 and 50 directions"):
        pwcca(X, X)


# Input


@each(MEASURES)
def test_constant_columns_have_no_effect(rng, measure):
    X, Y = make_pair(rng)
    padded = np.hstack([X, np.full((len(X), 2), 0.1)])
    assert measure(padded, Y) == pytest.approx(measure(X, Y), abs=1e-12)


@each(MEASURES)
def test_offsets_far_larger_than_the_variation(rng, measure):
    X, Y = make_pair(rng)
    moved = np.hstack([X + 1e7, np.full((len(X), 1), 1e12)])
    assert measure(moved, Y) == pytest.approx(measure(X, Y), abs=1e-6)


def test_svcca_keeps_directions_of_little_variance(rng):
    X, Y = make_pair(rng)
    tiny = (X - X.mean(axis=0)) * [1, 1e-5, 1e-10, 1e-15]
    assert svcca(tiny, Y, variance=1) == pytest.approx(svcca(X, Y, variance=1), abs=1e-9)


@each(MEASURES)
def test_tables_lists_and_single_precision(rng, measure):
    X, Y = make_pair(rng)
    expected = measure(X, Y)
    assert measure(pd.DataFrame(X), Y.tolist()) == pytest.approx(expected, abs=1e-12)
    assert measure(X.astype(np.float32), Y) == pytest.approx(expected, abs=1e-6)
    assert type(expected) is float


@each(MEASURES)
def test_extreme_units(rng, measure):
    X, Y = make_pair(rng)
    assert measure(1e180 * X, 1e-180 * Y) == pytest.approx(measure(X, Y), abs=1e-9)


@each(MEASURES)
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda X: X[:, None],
            r"`X` must have shape .*got \(20, 1, 3\)\. .*reshape.*mean\(axis=1\)",
        ),
        (lambda X: X[:, :, None, None], r"got \(20, 3, 1, 1\)\. .*mean\(axis=\(2, 3\)\)"),
        (lambda X: X[:, 0], r"got \(20,\)\. For one feature, pass X\[:, None\]"),
        (lambda X: X[:10], r"X and Y must have the same number of samples, got 10 and 20"),
        (lambda X: np.where(X[3, 1] == X, np.nan, X), "X contains NaN"),
        (lambda X: np.full_like(X, 0.1), "`X` must have a column that varies, got 20 equal rows"),
    ],
)
def test_bad_input(rng, measure, change, message):
    X, Y = rng.normal(size=(2, 20, 3))
    with pytest.raises(ValueError, match=message):
        measure(change(X), Y)


def test_bad_second_input(rng):
    X, Y = rng.normal(size=(2, 20, 3))
    with pytest.raises(ValueError, match="`Y` must have a column"):
        cka(X, 0 * Y)
    with pytest.raises(ValueError, match="Y contains NaN"):
        svcca(X, np.nan * Y)
    with pytest.raises(ValueError, match="same order"):
        pwcca(pd.DataFrame(X), pd.DataFrame(Y)[::-1])


def test_bad_options(rng):
    X, Y = rng.normal(size=(2, 20, 3))
    with pytest.raises(ValueError, match=r"`variance` must be .* in \(0, 1\], got 99"):
        svcca(X, Y, variance=99)
    with pytest.raises(ValueError, match=r"`kernel` must be one of \['linear', 'rbf'\]"):
        cka(X, Y, kernel="cosine")
    with pytest.raises(ValueError, match="`debiased` must be"):
        cka(X, Y, debiased="yes")
    with pytest.raises(ValueError, match=r"`bandwidth` must be .* > 0, got 0"):
        cka(X, Y, kernel="rbf", bandwidth=0)


def test_least_number_of_rows(rng):
    X, Y = rng.normal(size=(2, 4, 2))
    assert -1 <= cka(X, Y) <= 1
    assert 0 <= cka(X[:2], Y[:2], debiased=False) <= 1
    with pytest.raises(ValueError, match="minimum of 4"):
        cka(X[:3], Y[:3])
    with pytest.raises(ValueError, match="minimum of 2"):
        cka(X[:1], Y[:1], debiased=False)


@pytest.mark.parametrize("kernel", ["linear", "rbf"])
def test_debiased_cka_of_rows_that_are_equally_far_apart(rng, kernel):
    Y = rng.normal(size=(9, 2))
    with pytest.raises(ValueError, match="`X` must vary after debiasing"):
        cka(np.eye(9) + 2, Y, kernel=kernel)
    assert cka(np.eye(9) + 2, Y, kernel=kernel, debiased=False) > 0


def test_debiased_cka_of_one_row_that_differs(rng):
    X, Y = np.full((20, 2), 0.1), rng.normal(size=(20, 2))
    X[4] = 7
    with pytest.raises(ValueError, match="`Y` must vary after debiasing"):
        cka(Y, X)
    with pytest.raises(ValueError, match="`Y` must have a median distance above 0"):
        cka(Y, X, kernel="rbf")
