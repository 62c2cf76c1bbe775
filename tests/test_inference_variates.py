"""Variates of every row by models that have not seen it."""

import numpy as np
import pandas as pd
import pytest
from joblib import parallel_config
from sklearn.cross_decomposition import CCA
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.model_selection import GridSearchCV, GroupKFold, KFold, ShuffleSplit, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdcca import LinearCCA, cross_val_variates
from skdcca.metrics import embed, variate_correlations

CCA_2 = LinearCCA(2, reg=0)


def views(n=60, seed=0):
    """Return two views with two shared components."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 4))
    return X, X[:, :3] * [2, 1, 0] + rng.normal(size=(n, 3))


def by_hand(model, X, y, splits):
    """Return the variates of test rows, with the signs that each fold has by chance."""
    zx, zy = np.empty((len(X), 2)), np.empty((len(X), 2))
    for train, test in splits:
        zx[test], zy[test] = model.fit(X[train], y[train]).transform(X[test], y[test])
    return zx, zy


@pytest.mark.parametrize("cv", [3, KFold(4, shuffle=True, random_state=0)], ids=str)
def test_rows_have_the_variates_of_models_that_have_not_seen_them(cv):
    X, y = views()
    splits = list((KFold(cv, shuffle=True, random_state=0) if cv == 3 else cv).split(X))
    expected = by_hand(CCA_2, X, y, splits)
    for zx, zy in (
        cross_val_variates(CCA_2, X, y, cv=cv),
        cross_val_variates(CCA_2, X, y, cv=splits),
    ):
        np.testing.assert_allclose(np.abs(zx), np.abs(expected[0]), atol=1e-12)
        np.testing.assert_allclose(np.abs(zy), np.abs(expected[1]), atol=1e-12)


def test_signs_agree_with_a_model_of_all_rows():
    X, _ = views()
    y = np.c_[X[:, 0] - X[:, 1], X[:, 2]] + np.random.default_rng(9).normal(size=(60, 2))
    folds = np.split(np.arange(60), 6)
    of_all = CCA_2.fit(X, y).transform(X, y)
    found = cross_val_variates(CCA_2, X, y, cv=KFold(6))
    for z, reference in zip(found, of_all, strict=True):
        for fold in folds:
            assert (variate_correlations(z[fold], reference[fold]) > 0).all()
    # The largest loading, which is positive, is that of other columns in some folds.
    zx, _ = by_hand(CCA_2, X, y, KFold(6).split(X))
    assert min(variate_correlations(zx[fold], of_all[0][fold]).min() for fold in folds) < 0


def test_the_pairing_of_held_out_rows_changes_nothing_but_common_signs():
    X, y = views(seed=3)
    other = y.copy()
    other[:20] = y[19::-1]
    zx, zy = cross_val_variates(CCA_2, X, y, cv=KFold(3))
    zx_other, zy_other = cross_val_variates(CCA_2, X, other, cv=KFold(3))
    sign = np.sign(zx[0] * zx_other[0])
    np.testing.assert_allclose(zx_other[:20] * sign, zx[:20], atol=1e-12)
    np.testing.assert_allclose(zy_other[19::-1] * sign, zy[:20], atol=1e-12)


def test_results_do_not_depend_on_the_number_of_jobs():
    X, y = views()
    with parallel_config(backend="threading"):
        found = cross_val_variates(CCA_2, X, y, n_jobs=2)
    np.testing.assert_array_equal(found, cross_val_variates(CCA_2, X, y))


def test_correlations_within_a_fold_are_those_of_cross_validation():
    X, y = views()
    zx, zy = cross_val_variates(CCA_2, X, y, cv=KFold(3))
    folds = [slice(0, 20), slice(20, 40), slice(40, 60)]
    found = [variate_correlations(zx[fold], zy[fold]).sum() for fold in folds]
    np.testing.assert_allclose(found, cross_val_score(CCA_2, X, y, cv=3), atol=1e-12)


def test_integers_are_folds_of_shuffled_rows():
    """A sorted table, in the order of its rows, would be extrapolated from fold to fold."""
    X, y = views()
    order = np.argsort(X[:, 0])
    X, y = X[order], y[order]
    found = cross_val_variates(CCA_2, X, y)
    folds = KFold(5, shuffle=True, random_state=0)
    np.testing.assert_array_equal(found, cross_val_variates(CCA_2, X, y, cv=folds))
    in_order = cross_val_variates(CCA_2, X, y, cv=KFold(5))
    assert variate_correlations(*found)[0] != variate_correlations(*in_order)[0]
    with pytest.raises(ValueError, match=r"at most 3, the number of rows, got 5. Set cv=3 or less"):
        cross_val_variates(CCA_2, X[:3], y[:3])


def test_groups_are_held_out_together():
    X, y = views()
    groups = np.resize(["a", "b", "c", "d", "e", "f"], 60)
    found = cross_val_variates(CCA_2, X, y, cv=3, groups=groups)
    folds = GroupKFold(3, shuffle=True, random_state=0)
    splits = list(folds.split(X, groups=groups))
    for ours, theirs in zip(found, by_hand(CCA_2, X, y, splits), strict=True):
        np.testing.assert_allclose(np.abs(ours), np.abs(theirs), atol=1e-12)


def test_pipelines_searches_texts_and_data_frames():
    X, y = views()
    model = make_pipeline(StandardScaler(), LinearCCA(1, reg=0))
    expected = cross_val_variates(LinearCCA(1, reg=0), X, y)
    search = GridSearchCV(model, {"linearcca__reg": [0]}, cv=2)
    tables = pd.DataFrame(X), pd.DataFrame(y)
    for one in (cross_val_variates(model, *tables), cross_val_variates(search, X, y)):
        np.testing.assert_allclose(one, expected, atol=1e-10)
    texts = ["ding " * int(row[0] > 0) + "dong" for row in X]
    words = HashingVectorizer(n_features=4, norm=None)
    model = make_pipeline(words, LinearCCA(1, y_transformer=words))
    zx, zy = cross_val_variates(model, texts, texts)
    assert zx.shape == (60, 1)
    assert abs(variate_correlations(zx, zy)[0]) > 0.99


def test_models_of_other_packages():
    X, y = views()
    first = slice(0, 30)
    ours, theirs = (
        cross_val_variates(model, X, y, cv=KFold(2))
        for model in (CCA_2, CCA(2, max_iter=2000, tol=1e-12))
    )
    for of_ours, of_theirs in zip(ours, theirs, strict=True):
        found = variate_correlations(of_ours[first], of_theirs[first])
        np.testing.assert_allclose(found, 1, atol=1e-6)


def test_weights_are_split_with_the_rows():
    X, y = views()
    weight = np.arange(60) % 3 / 1.0
    found = cross_val_variates(CCA_2, X, y, cv=KFold(3), params={"sample_weight": weight})
    model = LinearCCA(2, reg=0).fit(X[20:], y[20:], sample_weight=weight[20:])
    for ours, theirs in zip(found, embed(model, X[:20], y[:20]), strict=True):
        np.testing.assert_allclose(np.abs(ours[:20]), np.abs(theirs), atol=1e-12)


def test_the_smallest_number_of_components_is_kept():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(20, 30)), rng.normal(size=(20, 18))
    splits = [(np.arange(8, 20), np.arange(8)), (np.arange(8), np.arange(8, 20))]
    zx, zy = cross_val_variates(LinearCCA(), X, y, cv=splits)
    assert zx.shape == zy.shape == (20, 7)


def test_a_constant_component_and_float32():
    X, y = (view.astype(np.float32) for view in views())
    X[:, 1:] = X[:, :1]
    with pytest.warns(UserWarning, match="rank"):
        zx, zy = cross_val_variates(LinearCCA(2), X, y)
    assert zx.dtype == zy.dtype == np.float32
    assert np.isfinite(zx).all()


@pytest.mark.parametrize(
    ("cv", "message"),
    [
        (ShuffleSplit(3, test_size=10, random_state=0), "every row exactly once, but not the rows"),
        ([(range(10, 60), range(10))], r"rows 10 \(0 times\), 11 .*, 14 \(0 times\), ..."),
        ([(range(30, 60), range(31)), (range(30), range(30, 60))], r"the rows 30 \(2 times\). Use"),
        ([(range(60), [])], "training and test rows in each split, got 60 and 0 in split 0"),
        ([], "`cv` must have a split, got none"),
        (1, "`cv` must be an integer >= 2, got 1"),
        (True, "`cv` must be an integer >= 2, a splitter"),
        ("five", "`cv` must be an integer >= 2, a splitter of scikit-learn or .* got 'five'"),
        (0.5, "got 0.5"),
    ],
)
def test_splits_that_are_no_partition_are_refused(cv, message):
    with pytest.raises(ValueError, match=message):
        cross_val_variates(CCA_2, *views(), cv=cv)


def test_other_bad_input_is_refused():
    X, y = views()
    with pytest.raises(TypeError, match="`estimator` must be an estimator of two views"):
        cross_val_variates(LinearCCA, X, y)
    with pytest.raises(ValueError, match="same number of samples, got 60 and 59"):
        cross_val_variates(CCA_2, X, y[1:])
    with pytest.raises(ValueError, match="`groups` must have one label for each of 60 rows"):
        cross_val_variates(CCA_2, X, y, groups=[1, 2])
    with pytest.raises(
        ValueError, match="`groups` must have a label for each row, got None in row 3"
    ):
        cross_val_variates(CCA_2, X, y, groups=[0, 1, 2, None, *[1] * 56])
