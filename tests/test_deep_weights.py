"""Weights of the rows in DeepCCA: they shape the batches, the held-out score and the linear model."""

import numpy as np
import pytest
import torch
from _deep_models import assert_same_states, small, two_views
from sklearn.linear_model import LinearRegression

from skdcca import LinearCCA
from skdcca._deep.batches import Batches, Pairs, systematic_sample
from skdcca.encoders import MLP


def contaminated(n=400, seed=0):
    """Return views of two populations, and which rows are of the first.

    In the first population, column i of y follows column i of X, and in the second it follows column
    i + 1. Three of four rows are of the second.
    """
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 3))
    first = np.arange(n) % 4 == 0
    y = np.where(first[:, None], X, X[:, [1, 2, 0]]) + 0.3 * rng.normal(size=(n, 3))
    return X, y, first


@pytest.mark.parametrize("validation_fraction", [0.0, 0.2])
def test_rows_of_weight_0_are_not_used(validation_fraction):
    X, y, first = contaminated()
    y[~first] *= 1e6  # even the scaling of the input must not see them
    model = small(validation_fraction=validation_fraction)
    weighted = small(validation_fraction=validation_fraction).fit(X, y, sample_weight=3.0 * first)
    alone = model.fit(X[first], y[first])
    assert_same_states(weighted.x_state_, alone.x_state_)
    assert_same_states(weighted.y_state_, alone.y_state_)
    np.testing.assert_allclose(
        weighted.canonical_correlations_, alone.canonical_correlations_, rtol=1e-3
    )
    assert weighted.n_components_ == alone.n_components_


def test_small_weights_hardly_count():
    X, y, first = contaminated()
    X_new, y_new, new = contaminated(seed=1)
    encoder = MLP((32,), dropout=0)
    settings = {"x_encoder": encoder, "y_encoder": encoder, "max_epochs": 20, "lr": 0.01}
    model = small(3, batch_size=50, **settings)
    plain = model.fit(X, y).score(X_new[new], y_new[new])
    model.fit(X, y, sample_weight=np.where(first, 1.0, 0.01))
    weighted = model.score(X_new[new], y_new[new])
    assert plain < 1.0
    assert weighted > 2.4  # of 3 * 0.96
    error = np.square(model.predict(X_new[new]) - y_new[new]).mean()
    assert error < 0.5 * y_new[new].var()


def test_the_linear_model_and_the_predictions_are_weighted_exactly():
    X, y = two_views(n=120)
    weight = np.random.default_rng(0).uniform(0.1, 3, size=120)
    model = small(validation_fraction=0, reg=1e-9).fit(X, y, sample_weight=weight)
    zx, zy = model._encode("x", X), model._encode("y", y)
    linear = LinearCCA(2, reg=model.reg).fit(zx, zy, sample_weight=weight)
    np.testing.assert_array_equal(model.linear_.x_weights_, linear.x_weights_)
    np.testing.assert_array_equal(model.canonical_correlations_, linear.canonical_correlations_)
    variates = linear.transform(zx)
    expected = LinearRegression().fit(variates, y, sample_weight=weight).predict(variates)
    np.testing.assert_allclose(model.predict(X), expected, atol=1e-4)


def test_the_held_out_score_is_weighted():
    X, y, first = contaminated()
    weight = np.where(first, 1.0, 1e-9)
    model = small(max_epochs=15, lr=0.02, validation_fraction=0.3).fit(X, y, sample_weight=weight)
    recorded = [row["valid_correlation"] for row in model.history_]
    assert max(recorded) > 1.5
    assert model.validation_correlations_.sum() > 1.5


def test_weights_that_are_all_the_same_change_nothing_but_their_sum():
    X, y = two_views(n=100)
    plain, weighted = small().fit(X, y), small().fit(X, y, sample_weight=np.full(100, 2.0))
    assert_same_states(plain.x_state_, weighted.x_state_)
    assert plain.validation_correlations_ == pytest.approx(weighted.validation_correlations_)
    assert plain.history_[-1]["valid_correlation"] == pytest.approx(
        weighted.history_[-1]["valid_correlation"]
    )


def test_an_epoch_draws_rows_in_proportion_to_their_weights():
    weight = np.repeat([0.5, 1.0, 3.0], [40, 20, 20])
    expected = weight / weight.mean()
    torch.manual_seed(0)
    counts = np.array([np.bincount(systematic_sample(weight), minlength=80) for _ in range(500)])
    assert (counts.sum(axis=1) == 80).all()
    assert (np.abs(counts - expected) < 1).all()  # rounded up or down
    np.testing.assert_allclose(counts.mean(axis=0), expected, atol=0.1)


def test_copies_of_a_row_are_in_different_batches():
    weight = np.repeat([1.0, 4.0], [60, 20])
    rows = np.arange(100, 180)
    X = np.zeros((180, 1), np.float32)
    X[:, 0] = np.arange(180)
    torch.manual_seed(0)
    batches = [
        batch["x"].numpy()[:, 0] for batch, _ in Batches(Pairs(X, X, rows, weight=weight), 10)
    ]
    assert [len(batch) for batch in batches] == 8 * [10]
    assert all(len(np.unique(batch)) == 10 for batch in batches)
    found = np.unique(np.concatenate(batches), return_counts=True)
    heavy = found[1][np.isin(found[0], rows[60:])]
    assert set(heavy) <= {2, 3}  # 4 over the mean of 1.75


def test_checkpoints_belong_to_their_weights(tmp_path):
    X, y = two_views(n=100)
    weight = np.arange(1.0, 101)
    model = small(checkpoint=tmp_path).fit(X, y, sample_weight=weight)
    again = small(checkpoint=tmp_path).fit(X, y, sample_weight=weight)
    assert_same_states(model.x_state_, again.x_state_)
    for other in (None, weight[::-1]):
        with pytest.raises(ValueError, match="other data or other parameters"):
            small(checkpoint=tmp_path).fit(X, y, sample_weight=other)


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        (np.ones(99), "sample_weight"),
        (-np.ones(100), "egative"),
        (np.eye(100)[0], "two or more positive"),
        (np.full(100, 0.0105), "in the training rows, got 0.94"),
        (np.r_[np.ones(12), np.zeros(88)], "number of training samples"),
    ],
)
def test_bad_weights_are_refused_before_training(weight, message):
    X, y = two_views(n=100)
    with pytest.raises(ValueError, match=message):
        small(20 if len(weight) == 100 and weight[0] == 1 else 2, max_epochs=10**6).fit(
            X, y, sample_weight=weight
        )
