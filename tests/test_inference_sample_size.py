"""Sample-size plans against published plans and simulated data."""

import numpy as np
import pytest
from _views import correlated_views, scipy_correlations
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats

from skdcca import LinearCCA, cca_sample_size
from skdcca.inference import _first_root_draws
from skdcca.inference._first_root import expected_values, power_of
from skdcca.inference._first_root_draws import draw_first_root, draw_null_squares
from skdcca.inference._largest_root import largest_root_critical_value


@pytest.fixture(scope="module")
def plan():
    return cca_sample_size(0.4, 6, 3, random_state=0)


@pytest.mark.parametrize(("correlation", "n"), [(0.3, 112), (0.5, 37)])
def test_one_column_a_side_needs_the_samples_of_a_pearson_correlation(correlation, n):
    # Exact numbers of samples for a two-sided test at level 0.05 with a power of 0.9.
    plan = cca_sample_size(correlation, 1, 1, n_simulations=0)
    assert abs(plan.n_samples - n) <= 1
    assert plan.n_samples_weights == 7
    assert plan.weight_error == 0
    assert (plan.simulated_power, plan.simulated_weight_error) == (None, None)


def test_power_of_a_regression_equals_its_exact_distribution():
    # The squared multiple correlation is a mixture of beta distributions.
    n, q, r = 80, 6, 0.4
    k = np.arange(400)
    weights = stats.nbinom.pmf(k, (n - 1) / 2, 1 - r**2)
    critical = stats.beta.isf(0.05, q / 2, (n - 1 - q) / 2)
    expected = weights @ stats.beta.sf(critical, q / 2 + k, (n - 1 - q) / 2)
    assert_allclose(power_of(r, n, 1, q, 0.05), expected, atol=0.005)
    assert power_of(r, n, q, 1, 0.05) == power_of(r, n, 1, q, 0.05)


@pytest.mark.parametrize(("p", "q"), [(4, 3), (2, 7)])
def test_draws_are_distributed_as_in_simulated_data(p, q):
    n, r = 50, 0.5
    drawn = draw_first_root(r, n, p, q, 300, np.random.default_rng(0))
    data = np.array([_first_root_of_data(n, p, q, r, seed) for seed in range(150)])
    for of_draws, of_data in zip(drawn, data.T, strict=True):
        assert stats.ks_2samp(of_draws, of_data).pvalue > 0.02


def _first_root_of_data(n, p, q, r, seed):
    """Return the first correlation and the agreement of both weights with the first column."""
    X, y = correlated_views(n, p, q, strength=[r], seed=seed)
    model = LinearCCA(1, reg=0).fit(X, y)
    weights = model.x_weights_[:, 0], model.y_weights_[:, 0]
    agreements = [abs(w[0]) / np.linalg.norm(w) for w in weights]
    return scipy_correlations(X, y)[0], *agreements


@pytest.mark.parametrize(
    ("r", "n", "p", "q"),
    [
        (0.3, 150, 2, 2),
        (0.9, 20, 5, 5),
        (0.5, 70, 1, 8),
        (0.2, 1000, 10, 20),
        (0.5, 180, 20, 10),
        (0.7, 150, 30, 30),
    ],
)
def test_predictions_equal_simulated_values(r, n, p, q):
    count = 1000 if p + q < 60 else 200
    found, *agreements = draw_first_root(r, n, p, q, count, np.random.default_rng(1))
    simulated = np.mean(found > largest_root_critical_value(0.05, n, p, q))
    assert 0.5 < simulated < 0.99
    assert_allclose(power_of(r, n, p, q, 0.05), simulated, atol=0.06)
    in_sample, *expected = expected_values(r, n, p, q)
    assert_allclose(in_sample, found.mean(), atol=0.015)
    assert_allclose(expected, np.mean(agreements, axis=1), atol=0.03)


def test_power_without_a_correlation_is_the_level():
    for p, q in ((1, 4), (3, 3), (10, 20)):
        assert_allclose(power_of(0.01, 200, p, q, 0.05), 0.05, atol=0.005)


@pytest.mark.parametrize(("n", "p", "q"), [(30, 4, 7), (12, 5, 5), (40, 1, 3), (60, 1, 1)])
def test_null_draws_are_distributed_as_in_simulated_data(n, p, q):
    rng = np.random.default_rng(2)
    drawn = draw_null_squares(n, p, q, 400, rng)
    bases = [np.linalg.qr(rng.normal(size=(400, n - 1, k)))[0] for k in (p, q)]
    products = bases[0].transpose(0, 2, 1) @ bases[1]
    of_data = np.linalg.svd(products, compute_uv=False)[:, ::-1] ** 2
    for k in range(p):
        assert stats.ks_2samp(drawn[:, k], of_data[:, k]).pvalue > 0.01


@pytest.mark.parametrize(("r", "p", "q"), [(0.05, 120, 80), (0.2, 2, 1000)])
def test_plans_of_many_columns_and_small_correlations_are_simulated(r, p, q):
    plan = cca_sample_size(r, p, q, n_simulations=100, random_state=0)
    assert_allclose(plan.simulated_weight_error, plan.weight_error, atol=0.01)
    assert_allclose(plan.simulated_power, plan.power, atol=0.05)


def test_draws_that_share_noise_columns_have_the_same_means(monkeypatch):
    settings = 0.7, 600, 60, 40, 300
    apart = draw_first_root(*settings, np.random.default_rng(0))
    monkeypatch.setattr(_first_root_draws, "_OPERATIONS", 0)
    shared = draw_first_root(*settings, np.random.default_rng(1))
    assert_allclose(np.mean(shared, axis=1), np.mean(apart, axis=1), atol=0.02)
    assert_allclose(np.std(shared, axis=1), np.std(apart, axis=1), rtol=0.25)


def test_smallest_correlations_have_a_plan():
    plan = cca_sample_size(0.001, 3, 3, random_state=0)
    assert plan.n_samples > 10_000_000
    assert_allclose(plan.simulated_power, plan.power, atol=0.05)
    assert_allclose(plan.simulated_weight_error, plan.weight_error, atol=0.01)


def test_predictions_do_not_depend_on_the_order_of_the_views():
    for at in [(0.3, 100, 3, 8), (0.3, 100, 1, 4)]:
        r, n, p, q = at
        in_sample, x_agreement, y_agreement = expected_values(r, n, p, q)
        assert expected_values(r, n, q, p) == (in_sample, y_agreement, x_agreement)
        assert power_of(r, n, p, q, 0.05) == power_of(r, n, q, p, 0.05)
        assert x_agreement > y_agreement


def test_plan_is_the_least_number_of_samples(plan):
    assert plan.n_samples == max(plan.n_samples_power, plan.n_samples_weights)
    n = plan.n_samples_power
    assert power_of(0.4, n - 1, 6, 3, 0.05) < 0.9 <= power_of(0.4, n, 6, 3, 0.05)
    n = plan.n_samples_weights
    least = [min(expected_values(0.4, n - shift, 6, 3)[1:]) for shift in (1, 0)]
    assert least[0] < 0.9 <= least[1]
    assert plan.power >= 0.9
    assert plan.weight_error <= 0.1


def test_simulation_confirms_the_plan(plan):
    assert_allclose(plan.simulated_power, plan.power, atol=0.03)
    assert_allclose(plan.simulated_weight_error, plan.weight_error, atol=0.02)


def test_expectations_improve_with_samples(plan):
    assert_array_equal(plan.expected.rows_per_feature, [5, 10, 20, 50])
    assert_array_equal(plan.expected.n_samples, [45, 90, 180, 450])
    for table in (plan.expected, plan.curve):
        assert list(table) == list(plan.expected)
        for name in ("n_samples", "power", "held_out", "weight_agreement"):
            assert (np.diff(table[name]) >= 0).all(), name
        assert (np.diff(table.in_sample) < 0).all()
        assert (table.in_sample > 0.4).all()
        assert (table.held_out < 0.4).all()
    assert plan.curve.n_samples[0] < plan.n_samples_power
    assert plan.curve.n_samples[-1] >= 2 * plan.n_samples


def test_plan_repeats_with_a_seed(plan):
    again = cca_sample_size(0.4, 6, 3, random_state=0)
    assert again.simulated_power == plan.simulated_power
    assert again.simulated_weight_error == plan.simulated_weight_error


def test_arguments_are_part_of_the_plan(plan):
    names = ["correlation", "n_features_x", "n_features_y", "alpha"]
    assert [plan[name] for name in names] == [0.4, 6, 3, 0.05]
    assert (plan.target_power, plan.target_weight_error) == (0.9, 0.1)


@pytest.mark.parametrize("correlation", [0, 1, -0.3, float("nan"), "0.3", True, None])
def test_correlation_outside_0_to_1_is_refused(correlation):
    with pytest.raises(ValueError, match=r"`correlation` must be a finite number in \(0, 1\)"):
        cca_sample_size(correlation, 5, 5)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("n_features_x", 0),
        ("n_features_y", 2.0),
        ("power", 1),
        ("alpha", 0),
        ("weight_error", 0),
        ("n_simulations", -1),
    ],
)
def test_arguments_out_of_range_are_refused(name, value):
    arguments = {"correlation": 0.5, "n_features_x": 2, "n_features_y": 2, name: value}
    with pytest.raises(ValueError, match=f"`{name}` must be"):
        cca_sample_size(**arguments)


@pytest.mark.parametrize(
    ("arguments", "target"),
    [
        ({"correlation": 1e-5, "n_features_x": 1, "n_features_y": 1}, "`power`=0.9"),
        (
            {"correlation": 0.3, "n_features_x": 5, "n_features_y": 5, "weight_error": 1e-10},
            "`weight_error`=1e-10",
        ),
    ],
)
def test_unreachable_plan_names_the_target(arguments, target):
    with pytest.raises(ValueError, match=f"more than 10,000,000,000 samples to reach {target}"):
        cca_sample_size(**arguments)
