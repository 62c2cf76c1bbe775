"""Held-out correlations against a loop over folds."""

import numpy as np
import pytest
from _views import narrow_views, shared_views
from sklearn.cross_decomposition import CCA
from sklearn.model_selection import GridSearchCV, GroupKFold, KFold, LeaveOneOut
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdcca import KernelCCA, LinearCCA
from skdcca.inference._held_out import fit_groups, held_out_correlations


def by_loop(make, X, y, splits):
    found = []
    for train, test in splits:
        zx, zy = make().fit(X[train], y[train]).transform(X[test], y[test])
        found.append([np.corrcoef(zx[:, k], zy[:, k])[0, 1] for k in range(zx.shape[1])])
    return np.array(found)


@pytest.mark.parametrize("make", [lambda: LinearCCA(2), lambda: KernelCCA(2), lambda: CCA(2)])
def test_folds_equal_a_loop(make):
    X, y = narrow_views(n=50)
    found = held_out_correlations(make(), X, y, cv=4)
    splits = KFold(4, shuffle=True, random_state=0).split(X)
    np.testing.assert_allclose(found, by_loop(make, X, y, splits), atol=1e-10)


def test_groups_are_not_split():
    X, y = shared_views(n=60)
    groups = np.arange(60) % 7
    names = np.array(list("abcdefg"))[groups]
    found = held_out_correlations(LinearCCA(2), X, y, cv=3, groups=names)
    splits = GroupKFold(3, shuffle=True, random_state=0).split(X, groups=groups)
    np.testing.assert_allclose(found, by_loop(lambda: LinearCCA(2), X, y, splits))


def test_folds_of_a_sorted_table_have_its_whole_range():
    rng = np.random.default_rng(0)
    shared = np.sort(rng.normal(size=200))[:, None]
    X, y = (shared + 0.5 * rng.normal(size=(200, 2)) for _ in range(2))
    # The population has 8 / 9; a fifth of the sorted rows has less than half of it.
    assert held_out_correlations(LinearCCA(1), X, y).mean() == pytest.approx(8 / 9, abs=0.05)


def test_pipelines_and_searches():
    X, y = shared_views(n=60)
    pipeline = make_pipeline(StandardScaler(), LinearCCA(2))
    found = held_out_correlations(pipeline, X, y)
    np.testing.assert_allclose(found, held_out_correlations(LinearCCA(2), X, y), atol=1e-8)
    search = GridSearchCV(LinearCCA(1), {"reg": [0.1, 1.0]}, cv=2)
    assert held_out_correlations(search, X, y, cv=3).shape == (3, 1)


def test_a_splitter_and_a_list_of_splits():
    X, y = shared_views(n=60)
    splitter = KFold(3, shuffle=True, random_state=0)
    found = held_out_correlations(LinearCCA(1), X, y, cv=splitter)
    again = held_out_correlations(LinearCCA(1), X, y, cv=list(splitter.split(X)))
    np.testing.assert_array_equal(found, again)


def test_components_that_every_fold_has():
    X, y = shared_views(n=20, p=30, q=30)
    splits = [(np.arange(9), np.arange(10, 20)), (np.arange(12), np.arange(12, 20))]
    assert held_out_correlations(LinearCCA(), X, y, cv=splits).shape == (2, 8)


def test_too_few_held_out_rows_are_refused():
    X, y = shared_views(n=12)
    with pytest.raises(
        ValueError, match=r"3 or more held-out rows in each fold, got 2 in fold 0. Set cv=4"
    ):
        held_out_correlations(LinearCCA(1), X, y, cv=6)
    with pytest.raises(ValueError, match="got 1 in fold 0"):
        held_out_correlations(LinearCCA(1), X, y, cv=LeaveOneOut())
    assert held_out_correlations(LinearCCA(1), X, y, cv=4).shape == (4, 1)


def test_wrong_arguments_are_refused():
    X, y = shared_views(n=20)
    with pytest.raises(TypeError, match="`estimator` must be an estimator of two views"):
        held_out_correlations(LinearCCA, X, y)
    with pytest.raises(ValueError, match="same number of samples, got 20 and 19"):
        held_out_correlations(LinearCCA(), X, y[1:])
    with pytest.raises(ValueError, match="`groups` must have one label for each of 20 rows"):
        held_out_correlations(LinearCCA(), X, y, groups=[1, 2])


def test_groups_reach_models_that_take_them():
    class Grouped(LinearCCA):
        def fit(self, X, y=None, *, groups=None):
            self.seen_ = groups
            return super().fit(X, y)

    numbers = np.array([0, 0, 1])
    assert fit_groups(Grouped(), numbers) == {"groups": numbers}
    assert fit_groups(LinearCCA(), numbers) is None
    assert fit_groups(Grouped(), None) is None
