"""The choice between networks and a linear model by rows that neither has seen."""

import copy
import tracemalloc
import warnings

import numpy as np
import pytest
import sklearn
from _deep_models import assert_same_states, small, two_views, without_time
from _views import shared_views
from sklearn.model_selection import GridSearchCV, GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch.callbacks import Callback

from skdcca import DeepCCA, LinearCCA, load, save
from skdcca._deep.decision import HeldOutVariates, compare, influences
from skdcca.encoders import MLP
from skdcca.exceptions import LinearFallbackWarning, RankWarning, TrainingInterruptedWarning
from skdcca.metrics import similarity, variate_correlations

ENCODER = MLP((32,), dropout=0)
LINEAR_TRUTH = shared_views(120, 6, 4, noise=1.0)


def crossfit(n_components=1, **parameters):
    """Return a DeepCCA of five small networks."""
    settings = {"x_encoder": ENCODER, "y_encoder": ENCODER, "random_state": 0, "lr": 0.01}
    return DeepCCA(n_components, **settings | {"max_epochs": 12} | parameters)


def circle(n=200, seed=0):
    """Return a point of a circle, and the cosine of twice its angle: no linear model relates them."""
    rng = np.random.default_rng(seed)
    angle = rng.uniform(0, 2 * np.pi, size=n)
    X = np.column_stack([np.cos(angle), np.sin(angle)]) + 0.1 * rng.normal(size=(n, 2))
    return X, np.column_stack([np.cos(2 * angle), rng.normal(size=n)])


def quiet(model, *views, **passed):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LinearFallbackWarning)
        return model.fit(*views, **passed)


@pytest.fixture(scope="module")
def networks():
    return crossfit().fit(*circle())


# ---- the rule --------------------------------------------------------------------------------


def pair(n, r, seed):
    rng = np.random.default_rng(seed)
    zx = rng.normal(size=(n, len(r)))
    return zx, zx * r + rng.normal(size=zx.shape) * np.sqrt(1 - np.square(r))


def test_the_standard_error_is_that_of_a_bootstrap():
    a, b = pair(300, [0.8, 0.3], 0), pair(300, [0.5, 0.4], 1)
    rows = np.arange(300)
    found = compare(HeldOutVariates(*a, rows), HeldOutVariates(*b, rows))
    rng, differences = np.random.default_rng(0), []
    for _ in range(1000):
        some = rng.integers(300, size=300)
        sums = [variate_correlations(zx[some], zy[some]).sum() for zx, zy in (a, b)]
        differences.append(sums[0] - sums[1])
    assert found["standard_error"] == pytest.approx(np.std(differences), rel=0.1)
    assert found["difference"] == pytest.approx(
        variate_correlations(*a).sum() - variate_correlations(*b).sum()
    )


def test_groups_of_equal_rows_count_as_one():
    a, b = pair(100, [0.8], 0), pair(100, [0.6], 1)
    once = compare(HeldOutVariates(*a, np.arange(100)), HeldOutVariates(*b, np.arange(100)))
    a, b = ([np.repeat(z, 5, axis=0) for z in views] for views in (a, b))
    rows, groups = np.arange(500), np.repeat(np.arange(100), 5)
    repeated = compare(HeldOutVariates(*a, rows), HeldOutVariates(*b, rows), groups=groups)
    assert repeated["standard_error"] == pytest.approx(once["standard_error"])
    weighted = compare(
        HeldOutVariates(*pair(100, [0.8], 0), rows[:100]),
        HeldOutVariates(*pair(100, [0.6], 1), rows[:100]),
        weight=np.full(100, 5.0),
    )
    assert weighted["standard_error"] == pytest.approx(once["standard_error"])


def test_the_networks_must_be_better_by_two_standard_errors():
    rows = np.arange(2000)
    better, worse = (HeldOutVariates(*pair(2000, [r], 0), rows) for r in (0.7, 0.6))
    assert compare(better, worse)["model"] == "networks"
    assert compare(worse, better)["model"] == "linear"
    assert compare(better, better)["model"] == "linear"


def test_a_constant_variate_has_no_influence():
    total, influence = influences(np.ones((5, 1)), np.arange(5.0)[:, None], np.ones(5) / 5)
    assert total == 0
    np.testing.assert_array_equal(influence, 0)


# ---- the model -------------------------------------------------------------------------------


def test_a_linear_truth_keeps_the_linear_model():
    X, y = LINEAR_TRUTH
    with pytest.warns(LinearFallbackWarning, match=r"not clearly better .*fallback=None"):
        model = crossfit(2).fit(X, y)
    linear = LinearCCA(2, reg="ledoit_wolf").fit(X, y)
    np.testing.assert_array_equal(model.transform(X), linear.transform(X))
    np.testing.assert_array_equal(model.predict(X), linear.predict(X))
    assert model.score(X, y) == linear.score(X, y)
    assert model.decision_["model"] == "linear"
    assert model.decision_["n_rows"] == 120
    assert model.x_state_ is None
    assert model.n_networks_ == 0
    assert {row["network"] for row in model.history_} == {0, 1, 2, 3, 4}
    again = quiet(crossfit(2), X, y)
    assert again.decision_ == model.decision_


def test_the_held_out_figures_of_the_linear_model_are_those_of_five_folds():
    X, y = LINEAR_TRUTH
    model = quiet(crossfit(2, max_epochs=1), X, y)
    variates = np.zeros((2, 120, 2))
    order = np.random.RandomState(np.random.RandomState(0).randint(2**31 - 1)).permutation(120)
    for fold in np.array_split(order, 5):
        rest = np.setdiff1d(order, fold)
        linear = LinearCCA(2, reg="ledoit_wolf").fit(X[rest], y[rest])
        variates[:, fold] = linear.transform(X[fold], y[fold])
    expected = variate_correlations(*variates)
    np.testing.assert_allclose(model.validation_correlations_, expected)
    assert model.decision_["linear"] == pytest.approx(expected.sum())
    how = {"correlations": expected, "deviations": variates.std(axis=1)}
    zx, zy = model.transform(X, y)
    np.testing.assert_allclose(model.compare(zx, zy), similarity(zx, zy, **how), atol=1e-9)


def test_networks_are_kept_where_the_truth_is_not_linear(networks):
    X, y = circle(400, seed=1)
    assert networks.decision_["model"] == "networks"
    assert networks.n_networks_ == 5
    assert networks.score(X, y) > 0.9
    assert networks.validation_correlations_.sum() == pytest.approx(networks.score(X, y), abs=0.05)
    one = small(1, x_encoder=ENCODER, y_encoder=ENCODER, lr=0.01, batch_size=20, max_epochs=12).fit(
        *circle()
    )
    assert networks.score(X, y) > one.score(X, y) - 0.01
    explained = 1 - np.var(y[:, 0] - networks.predict(X)[:, 0]) / np.var(y[:, 0])
    assert explained > 0.8


def test_joined_networks_are_saved(networks, tmp_path):
    X, y = circle()
    save(networks, tmp_path / "model.skdcca")
    again = load(tmp_path / "model.skdcca")
    for ours, theirs in zip(networks.transform(X, y), again.transform(X, y), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert again.decision_ == networks.decision_


def test_the_same_seed_gives_the_same_networks(networks):
    again = crossfit().fit(*circle())
    assert_same_states(again.x_state_, networks.x_state_)
    assert without_time(again.history_) == without_time(networks.history_)
    firsts = [networks.x_state_[f"networks.{i}.0.1.1.weight"] for i in range(5)]
    assert len({first.tobytes() for first in firsts}) == 5


@pytest.mark.parametrize(
    ("parameters", "passed", "reason"),
    [
        ({"fallback": None}, {}, "fallback=None"),
        ({"projection": "raw"}, {}, "raw"),
        ({"validation_fraction": 0}, {}, "no rows are held out"),
        ({"warm_start": True}, {}, "warm_start"),
        ({"n_networks": 1}, {}, "no rows are held out"),  # a tenth would be 5 rows
        ({}, {"labels": np.arange(50) % 3}, "labels"),
    ],
)
def test_what_is_not_compared_says_why(parameters, passed, reason):
    X, y = (view[:50] for view in LINEAR_TRUTH)
    model = crossfit(max_epochs=1, **parameters).fit(X, y, **passed)
    assert model.decision_["model"] == "networks"
    assert reason in model.decision_["reason"]


def test_a_large_sample_is_judged_by_one_hold_out():
    X, y = shared_views(1200, 5, 4, noise=1.0)
    model = quiet(crossfit(2, max_epochs=2), X, y)
    assert model.decision_["n_rows"] == 120
    assert "network" not in model.history_[0]
    np.testing.assert_array_equal(
        model.transform(X), LinearCCA(2, reg="ledoit_wolf").fit(X, y).transform(X)
    )
    X, y = circle(1000)
    model = crossfit(max_epochs=15).fit(X, y)
    assert model.decision_["model"] == "networks"
    assert model.n_networks_ == 1


def test_very_few_rows_are_fitted_by_the_linear_model_at_once():
    X, y = (view[:8] for view in LINEAR_TRUTH)
    with pytest.warns(LinearFallbackWarning, match="too few rows"):
        model = crossfit().fit(X, y)
    assert model.history_ == []
    assert model.n_epochs_ == 0
    assert model.transform(X, y)[1].shape == (8, 1)


def test_components_beyond_the_columns_have_no_correlation():
    X, y = (view[:9, :2] for view in LINEAR_TRUTH)
    with pytest.warns(RankWarning), pytest.warns(LinearFallbackWarning):
        model = crossfit(3, max_epochs=1).fit(X, y)
    assert model.transform(X).shape == (9, 3)
    assert model.canonical_correlations_[2] == 0
    assert model.predict(X).shape == y.shape


def test_several_networks_of_a_large_sample_hold_out_different_folds():
    X, y = two_views(n=1000)
    model = quiet(crossfit(2, n_networks=3, max_epochs=1), X, y)
    assert model.decision_["n_rows"] == 600
    assert {row["network"] for row in model.history_} == {0, 1, 2}
    whole = crossfit(2, n_networks=2, max_epochs=1, validation_fraction=0).fit(X, y)
    assert whole.validation_correlations_ is None
    assert whole.n_networks_ == 2


@pytest.mark.parametrize(
    "option", [{"projection": "raw"}, {"warm_start": True}, {"checkpoint": "folder"}]
)
def test_several_networks_and_options_for_one(option):
    with pytest.raises(ValueError, match="`n_networks` must be 1 or None with"):
        crossfit(n_networks=5, **option).fit(*LINEAR_TRUTH)


def test_the_decision_is_printed(capsys):
    quiet(crossfit(verbose=1, max_epochs=1), *LINEAR_TRUTH)
    assert "DeepCCA keeps the linear model: sum of correlations" in capsys.readouterr().out


# ---- groups and labels -----------------------------------------------------------------------


def copies(n_groups=40, n_rows=4):
    """Return unrelated views in which all rows of a group are nearly equal."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(2, n_groups, 4))
    X, y = (np.repeat(view, n_rows, axis=0) for view in (X, y))
    noise = 0.05 * rng.normal(size=(2, *X.shape))
    return X + noise[0], y + noise[1], np.repeat(np.arange(n_groups), n_rows)


def test_held_out_groups_are_new_to_the_networks():
    X, y, groups = copies()
    settings = {"fallback": None, "max_epochs": 25}
    by_row = crossfit(2, **settings).fit(X, y).validation_correlations_.sum()
    by_group = crossfit(2, **settings).fit(X, y, groups=groups).validation_correlations_.sum()
    assert by_row > 1
    assert abs(by_group) < 0.5


def test_groups_pass_through_a_pipeline_and_a_search():
    X, y, groups = copies(10, 4)
    with sklearn.config_context(enable_metadata_routing=True):
        model = crossfit(max_epochs=1, fallback=None).set_fit_request(groups=True)
        pipeline = make_pipeline(StandardScaler(), model)
        grid = {"deepcca__reg": [0.1, 1.0]}
        search = GridSearchCV(pipeline, grid, cv=GroupKFold(2)).fit(X, y, groups=groups)
    alone = crossfit(max_epochs=1, fallback=None, reg=search.best_params_["deepcca__reg"])
    alone.fit(StandardScaler().fit_transform(X), y, groups=groups)
    np.testing.assert_array_equal(
        search.best_estimator_[-1].validation_correlations_, alone.validation_correlations_
    )


def test_labels_are_checked():
    X, y = two_views(60)
    with pytest.raises(ValueError, match=r"`labels` must be None with loss='cca'"):
        small(loss="cca").fit(X, y, labels=np.zeros(60))
    with pytest.raises(ValueError, match=r"one label for each of 60 rows, got shape \(3,\)"):
        small().fit(X, y, labels=[1, 2, 3])


def test_labels_bring_rows_of_a_class_together():
    rng = np.random.default_rng(0)
    labels = rng.integers(3, size=300)
    # Rows of the views are no pairs; only their classes agree.
    X = np.eye(3)[labels] + 0.3 * rng.normal(size=(300, 3))
    y = np.eye(3)[labels] + 0.3 * rng.normal(size=(300, 3))
    model = small(2, lr=0.01, max_epochs=20).fit(X, y, labels=np.array(list("abc"))[labels])
    zx, zy = model.transform(X, y)
    nearest = labels[np.argmax(model.compare(zx, zy), axis=1)]
    assert np.mean(nearest == labels) > 0.8


# ---- similarity ------------------------------------------------------------------------------


def test_similarity_uses_what_was_held_out():
    X, y = two_views(n=400)
    model = small(similarity="likelihood").fit(X, y)
    how = model.comparison()
    np.testing.assert_array_equal(how["correlations"], model.validation_correlations_)
    assert len(how["deviations"]) == 2
    assert "power" not in how
    assert model.set_params(similarity=3).comparison()["power"] == 3
    assert model.set_params(similarity="cosine").comparison() == {}
    weighted = small(projection="weighted").fit(X, y)
    assert weighted.comparison() == {}
    none = small(validation_fraction=0).fit(X, y)
    np.testing.assert_array_equal(none.comparison()["correlations"], none.canonical_correlations_)
    assert "deviations" not in none.comparison()
    with pytest.raises(ValueError, match="`similarity` must be one of"):
        small(similarity="dot").fit(X, y)


# ---- rare cases ------------------------------------------------------------------------------


class StopAtOnce(Callback):
    """Interrupt the training after the first epoch."""

    def on_epoch_end(self, net, **kwargs):
        raise KeyboardInterrupt


def test_the_first_of_several_networks_is_a_model_after_an_interruption():
    X, y = LINEAR_TRUTH
    with pytest.warns(TrainingInterruptedWarning):
        model = crossfit(fallback=None, callbacks=[StopAtOnce()]).fit(X, y)
    assert model.n_networks_ == 1
    assert model.transform(X).shape == (120, 1)


def test_several_networks_cannot_continue(networks):
    again = copy.deepcopy(networks).set_params(warm_start=True)
    with pytest.raises(ValueError, match="`warm_start` must be False after a fit of 5 networks"):
        again.fit(*circle())


@pytest.mark.parametrize(
    ("n_networks", "reason"), [(1, "no rows are held out"), (5, "too few rows to judge networks")]
)
def test_a_group_of_one_row_is_too_small_to_judge(n_networks, reason):
    X, y = LINEAR_TRUTH
    groups = np.arange(120) == 0
    model = crossfit(n_networks=n_networks, max_epochs=1)
    model = quiet(model, X, y, groups=groups)
    assert reason in model.decision_["reason"]
    assert model.validation_correlations_ is None


def test_bad_groups_of_a_fit():
    X, y = LINEAR_TRUTH
    groups = np.arange(120) < 60
    with pytest.raises(ValueError, match="in the rows with positive weights, got 1"):
        crossfit().fit(X, y, groups.astype(float), groups=groups)
    with pytest.raises(
        ValueError, match="`groups` must have a label for each row, got nan in row 2"
    ):
        crossfit().fit(X, y, groups=np.where(np.arange(120) == 2, np.nan, 1.0))


def test_wide_views_in_a_file_need_little_memory(tmp_path):
    rng = np.random.default_rng(0)
    np.save(tmp_path / "X.npy", rng.normal(size=(12, 1500)))
    X, y = np.load(tmp_path / "X.npy", mmap_mode="r"), rng.normal(size=(12, 2))
    tracemalloc.start()
    quiet(crossfit(max_epochs=1, n_networks=2), X[:8], y[:8])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1500**2 * 8  # one covariance
