"""ScoreFusion against its formula, scikit-learn's VotingClassifier and a known truth."""

import pickle

import numpy as np
import pytest
import sklearn
from scipy.special import expit
from scipy.stats import multivariate_normal
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.ensemble import VotingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, GroupKFold, KFold, cross_val_score
from sklearn.neighbors import NearestNeighbors
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from skdcca import CrossModalIndex, FaissNeighbors, LinearCCA, ScoreFusion, SharedSpace, load, save
from skdcca.metrics import comparison, embed, inside, mrr_scorer, pair_scores

RNG = np.random.default_rng(0)
N = 240
TRAIN, TEST = slice(0, 140), slice(140, N)


class Columns(TransformerMixin, BaseEstimator):
    """Select columns, and count the fits."""

    fits = []

    def __init__(self, first=0, last=None):
        self.first = first
        self.last = last

    def fit(self, X, y=None):
        self.fitted_ = len(X)
        Columns.fits.append(np.array(X)[:, 0])
        return self

    def transform(self, X):
        return np.asarray(X)[:, self.first : self.last]


def make_views(n=N, noises=(0.6, 1.2), seed=0):
    """Return views with three columns for each noise, and three columns of noise only."""
    rng = np.random.default_rng(seed)
    X, y = [], []
    for noise in noises:
        shared = rng.normal(size=(n, 3))
        X.append(shared + noise * rng.normal(size=(n, 3)))
        y.append(shared + noise * rng.normal(size=(n, 3)))
    return np.hstack([*X, rng.normal(size=(n, 3))]), np.hstack([*y, rng.normal(size=(n, 3))])


def space(first, last):
    """Return a model that compares some columns of both views."""
    return make_pipeline(Columns(first, last), SharedSpace(y_transformer=Columns(first, last)))


def cca(first, last, **options):
    return make_pipeline(
        Columns(first, last), LinearCCA(y_transformer=Columns(first, last), **options)
    )


X, Y = make_views()
GOOD, WEAK, NOISE = space(0, 3), space(3, 6), space(6, 9)
FUSION = ScoreFusion([("good", GOOD), ("weak", WEAK), ("noise", NOISE)], cv=3)
FITTED = clone(FUSION).fit(X[TRAIN], Y[TRAIN])


# In some checks, the views are random numbers that have nothing in common.
@pytest.mark.filterwarnings("ignore:No model of ScoreFusion scores held-out pairs higher")
@parametrize_with_checks([ScoreFusion([("first", LinearCCA(1))], cv=2)])
def test_scikit_learn_contract(estimator, check):
    check(estimator)


# Scores


def by_formula(fusion, X, y):
    """Return the fused scores from the scores of the models."""
    total = np.zeros((len(X), len(y)))
    numbers = zip(
        fusion.estimators_, fusion.weights_, fusion.thresholds_, fusion.scales_, strict=True
    )
    for model, weight, threshold, scale in numbers:
        zx, zy = embed(model, X), embed(model, y=y)
        known = zx.any(axis=1)[:, None] & zy.any(axis=1)
        total += np.where(known, weight * (pair_scores(model, X, y) - threshold) / scale, 0)
    return total


@pytest.mark.parametrize("kind", ["cosine", "weighted", "likelihood", 3.0])
def test_scores_are_weighted_sums_of_standardized_scores(kind):
    models = [("first", GOOD), ("second", cca(3, 9, reg=0.1, similarity=kind))]
    fusion = ScoreFusion(models, cv=2).fit(X[TRAIN], Y[TRAIN])
    # The variates of the mean row are 0, so the second model knows nothing about it.
    mean = np.r_[X[0, :3], fusion.estimators_[1][-1].x_mean_]
    rows = np.vstack([X[TEST], mean])
    assert not embed(fusion.estimators_[1], rows)[-1].any()
    zx, zy = fusion.transform(rows), fusion.transform_y(Y[TEST])
    expected = by_formula(fusion, rows, Y[TEST])
    np.testing.assert_allclose(zx @ zy.T, expected, atol=1e-7)
    np.testing.assert_allclose(fusion.compare(zx, zy), expected, atol=1e-7)
    np.testing.assert_allclose(pair_scores(fusion, rows, Y[TEST]), expected, atol=1e-7)
    assert zx.shape[1] == fusion.n_components_
    assert comparison(fusion) == {"product": True}


def test_the_fusion_is_better_than_its_parts():
    alone = [mrr_scorer(model, X[TEST], Y[TEST]) for model in FITTED.estimators_]
    assert mrr_scorer(FITTED, X[TEST], Y[TEST]) > max(alone) + 0.03


def test_weights_follow_what_a_model_says():
    good, weak, noise = FITTED.weights_
    assert good > weak > noise >= 0
    assert noise < 0.15 * good


def test_models_without_evidence_are_reported():
    same = 8 * ["all you need is love"]
    models = [("words", SharedSpace(16)), ("letters", SharedSpace(8))]
    with pytest.warns(UserWarning, match="so all scores are 0. Check that row i"):
        fusion = ScoreFusion(models).fit(same, same)
    assert not pair_scores(fusion, same, same).any()


def test_models_that_repeat_each_other_share_their_weight():
    alone = ScoreFusion([("a", GOOD)], cv=3).fit(X[TRAIN], Y[TRAIN])
    twice = ScoreFusion([("a", GOOD), ("b", GOOD)], cv=3).fit(X[TRAIN], Y[TRAIN])
    assert twice.weights_[0] == pytest.approx(twice.weights_[1], rel=0.01)
    assert twice.weights_.sum() == pytest.approx(alone.weights_[0], rel=0.02)


def test_a_model_that_repeats_a_part_of_another_has_little_weight():
    part = space(0, 1)
    alone = ScoreFusion([("part", part)], cv=3).fit(X[TRAIN], Y[TRAIN])
    fusion = ScoreFusion([("good", GOOD), ("part", part)], cv=3).fit(X[TRAIN], Y[TRAIN])
    assert fusion.weights_[1] < 0.3 * alone.weights_[0]


def test_a_sequence_sets_the_ratio_of_the_weights():
    found = {}
    for weights in ([1, 3, 0], [10, 30, 0], (0.1, 0.3, 0.0), np.array([1.0, 3.0, 0.0])):
        fusion = clone(FUSION).set_params(weights=weights).fit(X[TRAIN], Y[TRAIN])
        found[str(weights)] = fusion.weights_
        assert fusion.weights_[1] == pytest.approx(3 * fusion.weights_[0])
        assert fusion.weights_[2] == 0
    np.testing.assert_allclose(list(found.values()), [fusion.weights_] * 4, rtol=1e-3)


# Calibration


def balanced(scores):
    """Return the scores of all pairs, whether they match, and weights that give even prior."""
    matching = np.eye(len(scores), dtype=bool).ravel()
    share = np.where(matching, 0.5 / matching.sum(), 0.5 / (~matching).sum())
    return scores.ravel(), matching, share


def test_scores_of_new_pairs_are_calibrated():
    """A logistic regression of scikit-learn on new pairs finds nothing to correct."""
    X, y = make_views(900, seed=4)
    places = {"good": (0, 3), "weak": (3, 6), "noise": (6, 9)}
    models = [(name, cca(*at, similarity="likelihood")) for name, at in places.items()]
    fusion = ScoreFusion(models).fit(X[:500], y[:500])
    scores, matching, share = balanced(pair_scores(fusion, X[500:], y[500:]))
    check = LogisticRegression(C=1e6).fit(scores[:, None], matching, sample_weight=share * 1e4)
    assert check.coef_[0, 0] == pytest.approx(1, abs=0.2)
    assert check.intercept_[0] == pytest.approx(0, abs=0.15)
    # Among pairs with the same predicted probability, that share matches.
    for low, high in [(0.05, 0.2), (0.2, 0.4), (0.4, 0.6), (0.6, 0.8), (0.8, 0.95)]:
        inside = (expit(scores) > low) & (expit(scores) < high)
        predicted = np.average(expit(scores[inside]), weights=share[inside])
        assert np.average(matching[inside], weights=share[inside]) == pytest.approx(
            predicted, abs=0.08
        )


def test_log_odds_are_those_of_a_known_truth():
    """The log-likelihood ratio of two independent pairs of normal variables is known."""
    rng = np.random.default_rng(2)
    correlations = np.array([0.9, 0.6])
    X = rng.normal(size=(700, 2))
    y = correlations * X + np.sqrt(1 - correlations**2) * rng.normal(size=X.shape)
    likelihood = {"similarity": "likelihood", "reg": 0}
    fusion = ScoreFusion([("a", cca(0, 1, **likelihood)), ("b", cca(1, 2, **likelihood))])
    scores = pair_scores(fusion.fit(X[:500], y[:500]), X[500:], y[500:])
    truth = np.zeros_like(scores)
    for column, r in enumerate(correlations):
        x_grid, y_grid = np.meshgrid(X[500:, column], y[500:, column], indexing="ij")
        pairs = np.stack([x_grid, y_grid], axis=-1)
        truth += multivariate_normal([0, 0], [[1, r], [r, 1]]).logpdf(pairs)
        truth -= multivariate_normal([0, 0], np.eye(2)).logpdf(pairs)
    # Far below even odds, the exact values do not matter.
    usual = truth > -3
    assert np.corrcoef(scores[usual], truth[usual])[0, 1] > 0.98
    assert np.abs(expit(scores) - expit(truth)).mean() < 0.04


def test_perfectly_separated_pairs_have_finite_log_odds():
    X = np.random.default_rng(0).normal(size=(30, 8))
    fusion = ScoreFusion([("a", SharedSpace()), ("b", LinearCCA(8))], cv=3).fit(X, X)
    scores = pair_scores(fusion, X, X)
    assert (np.diag(scores) > 1).all()
    assert np.isfinite(scores).all()
    assert np.abs(fusion.weights_).max() < 100


# What a model does not know


def with_gaps(view, first, last, rows):
    view = view.copy()
    view[rows, first:last] = 0
    return view


def test_where_a_model_knows_nothing_the_others_decide():
    plain = [
        (name, make_pipeline(Columns(*at), SharedSpace(center=False, y_transformer=Columns(*at))))
        for name, at in [("good", (0, 3)), ("weak", (3, 6))]
    ]
    gaps = np.arange(0, N, 3)
    X_gaps = with_gaps(X, 0, 3, gaps)
    fusion = ScoreFusion(plain, cv=3).fit(X_gaps[TRAIN], Y[TRAIN])
    test, own = slice(140, N), np.arange(N)[TEST] % 3 == 0
    scores = pair_scores(fusion, X_gaps[test], Y[test])
    weak = pair_scores(fusion.named_estimators_["weak"], X_gaps[test], Y[test])
    same_order = np.argsort(scores[own], axis=1), np.argsort(weak[own], axis=1)
    np.testing.assert_array_equal(*same_order)
    # Rows of which nothing is known are as likely to match as not.
    nothing = fusion.transform(np.zeros((2, X.shape[1])))
    assert not nothing.any()
    assert not fusion.compare(nothing, fusion.transform_y(Y[test])).any()
    # In a gallery, they stand between the pairs that match and those that do not.
    blank = pair_scores(fusion, X[test], np.vstack([Y[test], np.zeros(Y.shape[1])]))
    assert (np.diag(blank) > blank[:, -1]).mean() > 0.7
    assert (np.median(blank[:, :-1], axis=1) < blank[:, -1]).mean() > 0.8


def test_a_strong_model_leaves_the_weak_one_something_to_say():
    """Even where the good model separates all training pairs."""
    X, y = make_views(200, (0.05, 1.0), seed=3)
    fusion = ScoreFusion([("good", space(0, 3)), ("weak", space(3, 6))], cv=3).fit(X, y)
    alone = ScoreFusion([("weak", space(3, 6))], cv=3).fit(X, y)
    assert fusion.weights_[1] > 0.1 * alone.weights_[0]


# Folds and groups


def test_each_model_is_fitted_on_the_folds_and_on_all_rows():
    Columns.fits.clear()
    ScoreFusion([("a", make_pipeline(Columns(), LinearCCA(2)))], cv=4).fit(X[:40], Y[:40])
    assert [len(rows) for rows in Columns.fits] == [30, 30, 30, 30, 40]


def test_groups_stay_together():
    groups = np.repeat(np.arange(10), 4)
    rows = np.repeat(np.arange(10.0), 4)[:, None] + np.zeros((40, 3))
    noisy = rows + 0.1 * RNG.normal(size=rows.shape)
    Columns.fits.clear()
    model = make_pipeline(Columns(), LinearCCA(1, reg=0.1))
    fusion = ScoreFusion([("a", model)], cv=5)
    fusion.fit(np.hstack([rows[:, :1], noisy]), noisy, groups=groups.astype(str))
    assert [len(set(labels)) for labels in Columns.fits] == [8] * 5 + [10]
    assert [len(labels) for labels in Columns.fits] == [32] * 5 + [40]


def test_windows_of_one_song_are_no_pairs():
    """With four equal windows each, pairs of other windows of a song would seem not to match."""
    songs = np.repeat(np.arange(60), 4)
    X_windows, y_windows = X[songs], Y[songs]
    single = clone(FUSION).fit(X[:60], Y[:60]).weights_
    grouped = clone(FUSION).fit(X_windows, y_windows, groups=songs).weights_
    np.testing.assert_allclose(grouped[:2], single[:2], rtol=0.35)
    assert clone(FUSION).fit(X_windows, y_windows).weights_[0] > 0


def test_few_groups_make_fewer_folds():
    groups = np.arange(30) % 5
    Columns.fits.clear()
    ScoreFusion([("a", make_pipeline(Columns(), LinearCCA(2)))]).fit(X[:30], Y[:30], groups)
    assert len(Columns.fits) == 3


def test_a_splitter_makes_the_folds():
    by_number = ScoreFusion(FUSION.estimators, cv=3).fit(X[:60], Y[:60])
    folds = KFold(3, shuffle=True, random_state=0)
    by_splitter = ScoreFusion(FUSION.estimators, cv=folds).fit(X[:60], Y[:60])
    np.testing.assert_array_equal(by_splitter.weights_, by_number.weights_)
    groups = np.arange(60) // 20
    with pytest.raises(ValueError, match="must hold out rows of several groups at a time"):
        ScoreFusion(FUSION.estimators, cv=GroupKFold(3)).fit(X[:60], Y[:60], groups)


def test_fits_are_reproducible():
    np.testing.assert_array_equal(clone(FUSION).fit(X[TRAIN], Y[TRAIN]).weights_, FITTED.weights_)


# Parameters


def test_parameters_are_those_of_scikit_learn_s_ensembles():
    voting = VotingClassifier([("a", LogisticRegression()), ("b", LogisticRegression(C=3))])
    fusion = ScoreFusion([("a", LinearCCA()), ("b", LinearCCA(3))])
    for estimator in (voting, fusion):
        names = estimator.get_params()
        assert {"a", "b", "estimators", "weights"} <= set(names)
        estimator.set_params(a="drop")
        assert estimator.get_params()["a"] == "drop"
        assert dict(estimator.estimators)["a"] == "drop"
        assert estimator.named_estimators["b"] is estimator.estimators[1][1]
        copy = clone(estimator)
        assert copy.estimators[1][1] is not estimator.estimators[1][1]
        with pytest.raises(ValueError, match="Invalid parameter"):
            estimator.set_params(c=1)
    fusion.set_params(b__n_components=2)
    assert fusion.get_params()["b__n_components"] == 2


def test_dropped_models_play_no_role():
    fusion = clone(FUSION).set_params(noise="drop").fit(X[TRAIN], Y[TRAIN])
    assert list(fusion.named_estimators_) == ["good", "weak"]
    expected = ScoreFusion(FUSION.estimators[:2], cv=3).fit(X[TRAIN], Y[TRAIN])
    np.testing.assert_array_equal(fusion.transform(X), expected.transform(X))
    fusion.set_params(weights=[1, 2, 3]).fit(X[TRAIN], Y[TRAIN])
    assert fusion.weights_[1] == pytest.approx(2 * fusion.weights_[0])


def test_searches_set_parameters_of_models():
    grid = {"weak__sharedspace__center": [True, False], "noise": ["drop", NOISE]}
    fusion = clone(FUSION).set_params(cv=2)
    search = GridSearchCV(fusion, grid, scoring=mrr_scorer, cv=2).fit(X[:80], Y[:80])
    assert search.best_params_["noise"] == "drop"
    assert pair_scores(search, X[TEST], Y[TEST]).shape == (100, 100)


def test_pipelines_and_tables():
    pd = pytest.importorskip("pandas")
    pipeline = make_pipeline(StandardScaler(), clone(FUSION).set_params(cv=2))
    pipeline.fit(X[TRAIN], Y[TRAIN])
    assert inside(pipeline)[1] is pipeline[-1]
    tables = pd.DataFrame(X[:60]).add_prefix("x"), pd.DataFrame(Y[:60]).add_prefix("y")
    models = [("a", LinearCCA(2)), ("b", LinearCCA(3, reg=1.0))]
    fusion = ScoreFusion(models, cv=2).set_output(transform="pandas").fit(*tables)
    assert list(fusion.transform(tables[0]).columns) == [f"scorefusion{i}" for i in range(7)]
    assert fusion.feature_names_in_.tolist() == list(tables[0].columns)
    assert fusion.n_features_in_ == 9


def test_a_fusion_of_fusions():
    inner = ScoreFusion([("weak", WEAK), ("noise", NOISE)], cv=2)
    outer = ScoreFusion([("good", GOOD), ("rest", inner)], cv=2).fit(X[TRAIN], Y[TRAIN])
    assert mrr_scorer(outer, X[TEST], Y[TEST]) == pytest.approx(
        mrr_scorer(FITTED, X[TEST], Y[TEST]), abs=0.05
    )


def test_groups_are_routed():
    groups = np.arange(80) // 4
    with sklearn.config_context(enable_metadata_routing=True):
        fusion = clone(FUSION).set_params(cv=2).set_fit_request(groups=True)
        fitted = make_pipeline(StandardScaler(), fusion).fit(X[:80], Y[:80], groups=groups)
        scores = cross_val_score(
            fusion, X[:80], Y[:80], cv=GroupKFold(2), scoring=mrr_scorer, params={"groups": groups}
        )
    scaled = StandardScaler().fit_transform(X[:80])
    direct = clone(FUSION).set_params(cv=2).fit(scaled, Y[:80], groups=groups)
    np.testing.assert_array_equal(fitted[-1].weights_, direct.weights_)
    assert np.isfinite(scores).all()


def test_weights_of_rows_are_routed_to_the_models():
    rows = np.repeat([1.0, 0.0], 30)
    model = LinearCCA(2, reg=0.1)
    with sklearn.config_context(enable_metadata_routing=True):
        fusion = ScoreFusion([("a", model.set_fit_request(sample_weight=True))], cv=2)
        fusion.fit(X[:60], Y[:60], sample_weight=rows)
    weighted = LinearCCA(2, reg=0.1).fit(X[:60], Y[:60], sample_weight=rows)
    np.testing.assert_array_equal(fusion.estimators_[0].x_weights_, weighted.x_weights_)
    with pytest.raises(TypeError, match=r"\['sample_weight'\], which needs metadata routing"):
        fusion.fit(X[:60], Y[:60], sample_weight=rows)


# Files and searches


def test_files_keep_the_scores(tmp_path):
    models = [("words", SharedSpace()), ("linear", LinearCCA(2, similarity="likelihood"))]
    fusion = ScoreFusion(models, cv=2).fit(X[TRAIN], Y[TRAIN])
    save(fusion, tmp_path / "model")
    expected = pair_scores(fusion, X[TEST], Y[TEST])
    for again in (load(tmp_path / "model"), pickle.loads(pickle.dumps(fusion))):
        np.testing.assert_array_equal(pair_scores(again, X[TEST], Y[TEST]), expected)
        assert list(again.named_estimators_) == ["words", "linear"]


@pytest.mark.parametrize(
    "neighbors", [None, NearestNeighbors(), FaissNeighbors(1, n_candidates=20)], ids=str
)
def test_index_finds_the_highest_scores(neighbors):
    index = CrossModalIndex(FITTED, neighbors=neighbors).fit(X[TEST], Y[TEST])
    expected = pair_scores(FITTED, X[TEST], Y[TEST])
    for given, scores in (({"X": X[TEST]}, expected), ({"y": Y[TEST]}, expected.T)):
        found, ids = index.query(**given, n_neighbors=5)
        order = np.argsort(-scores, axis=1, kind="stable")[:, :5]
        np.testing.assert_array_equal(ids, order)
        np.testing.assert_allclose(found, np.take_along_axis(scores, order, axis=1), atol=1e-8)


def test_words_and_numbers_together():
    """Songs with empty transcripts are found by the other model."""
    words = ["row", "boat", "star", "moon", "sun", "rain", "tree", "lamb", "mice", "king"]
    texts = [" ".join(RNG.choice(words, 8)) for _ in range(60)]
    numbers = np.array([[text.count(word) for word in words[:3]] for text in texts], dtype=float)
    songs = [
        (text if i % 5 else "", row)
        for i, (text, row) in enumerate(zip(texts, numbers, strict=True))
    ]
    songs = np.array(songs, dtype=object)

    class Part(TransformerMixin, BaseEstimator):
        def __init__(self, number=0):
            self.number = number

        def fit(self, X, y=None):
            return self

        def transform(self, X):
            values = [row[self.number] for row in X]
            return values if self.number == 0 else np.array(values)

        def __sklearn_is_fitted__(self):
            return True

    class Counts(Part):
        def transform(self, X):
            return np.array([[text.count(word) for word in words[:3]] for text in X], dtype=float)

    by_words = make_pipeline(Part(0), SharedSpace(128))
    by_sound = make_pipeline(Part(1), LinearCCA(3, reg=0.01, y_transformer=Counts()))
    fusion = ScoreFusion([("heard", by_words), ("sound", by_sound)], cv=3).fit(songs, texts)
    scores = pair_scores(fusion, songs, texts)
    ranks = (scores >= np.diag(scores)[:, None]).sum(axis=1)
    assert ranks[np.arange(60) % 5 > 0].mean() < 1.5
    assert np.median(ranks[np.arange(60) % 5 == 0]) < 10


# Bad input

TWO = [("a", LinearCCA(1)), ("b", LinearCCA(1))]
BAD = {
    "no list": (LinearCCA(1), "`estimators` must be a list of pairs"),
    "empty": ([], "`estimators` must be a list of pairs"),
    "no names": ([LinearCCA(1)], "`estimators` must be a list of pairs"),
    "same names": ([("a", LinearCCA(1)), ("a", LinearCCA(1))], "names provided are not unique"),
    "underscores": ([("a__b", LinearCCA(1))], "must not contain __"),
    "parameter": ([("weights", LinearCCA(1))], "conflict with constructor arguments"),
    "all dropped": ([("a", "drop")], "must have a model that is not 'drop'"),
    "class": ([("a", LinearCCA)], "instances, not classes"),
    "no model": ([("a", 3)], "got 3 for 'a'"),
    "one view": ([("a", StandardScaler())], r"two-view models .* got StandardScaler\(\) for 'a'"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_estimators_are_refused(name):
    estimators, message = BAD[name]
    with pytest.raises((TypeError, ValueError), match=f"(?i){message}"):
        ScoreFusion(estimators).fit(X, Y)


@pytest.mark.parametrize("name", ["no list", "no names", "class", "no model"])
def test_bad_estimators_are_refused_inside_a_search(name):
    estimators, message = BAD[name]
    with pytest.raises((TypeError, ValueError), match=message):
        GridSearchCV(ScoreFusion(estimators), {}, cv=2, error_score="raise").fit(X, Y)


def test_weights_of_dropped_models_do_not_count():
    fusion = ScoreFusion(TWO, weights=[1, 0]).set_params(a="drop")
    with pytest.raises(ValueError, match="must be > 0 for a model that is not 'drop'"):
        fusion.fit(X, Y)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"weights": "equal"}, "`weights` must be 'cv' or a sequence of numbers >= 0, got 'equal'"),
        ({"weights": [1, -1]}, "`weights` must be 'cv' or a sequence"),
        ({"weights": [1]}, "one number for each of 2 models"),
        ({"weights": [0, 0]}, "and one of them > 0"),
        ({"weights": None}, "`weights` must be 'cv' or a sequence"),
        ({"cv": 1}, "`cv` must be an integer >= 2, got 1"),
        ({"cv": "five"}, "`cv` must be an integer >= 2, got 'five'"),
    ],
)
def test_bad_parameters_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        ScoreFusion(TWO, **options).fit(X, Y)


def test_bad_rows_are_refused():
    fusion = ScoreFusion(TWO)
    with pytest.raises(ValueError, match="the target y is None"):
        fusion.fit(X)
    with pytest.raises(ValueError, match="same number of samples"):
        fusion.fit(X, Y[:-1])
    with pytest.raises(ValueError, match="at least 4 rows to score held-out pairs, got 3"):
        fusion.fit(X[:3], Y[:3])
    with pytest.raises(ValueError, match="at least 4 groups to score held-out pairs, got 2"):
        fusion.fit(X, Y, groups=np.arange(N) % 2)
    with pytest.raises(ValueError, match="one label for each of 240 rows"):
        fusion.fit(X, Y, groups=[1, 2])


def test_a_failed_fit_keeps_the_model():
    fusion = clone(FUSION).fit(X[:60], Y[:60])
    before = fusion.transform(X)
    with pytest.raises(ValueError, match="at least 4 groups"):
        fusion.fit(X[:80], Y[:80], groups=np.zeros(80))
    np.testing.assert_array_equal(fusion.transform(X), before)


def test_a_fusion_predicts_nothing():
    assert not hasattr(FITTED, "predict")
    assert not hasattr(FITTED, "inverse_transform")
    assert not sklearn.base.is_regressor(FITTED)
    assert hasattr(LinearCCA(), "predict")
