"""MultiCCA in scikit-learn: checks, tables with names, nested parameters, searches and files."""

import pickle

import numpy as np
import pytest
from _many_views import NAMES, multi, named_views, random_presence, three_views, without
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, HalvingGridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from skdcca import LinearCCA, MultiCCA, load, save
from skdcca.metrics import similarity

X = three_views(60)
FIRST, OTHERS = slice(0, 1), slice(1, None)


def expected_failures(estimator):
    if "passthrough" in [transformer for _, transformer, _ in estimator.views[1:]]:
        return {"check_estimators_pickle": "it sets parts of a view to NaN, which is an error"}
    return {}


@parametrize_with_checks(
    [
        MultiCCA([("a", "passthrough", FIRST), ("b", "passthrough", OTHERS)]),
        MultiCCA(
            [("a", "passthrough", FIRST), ("b", SimpleImputer(), OTHERS)], 1, output="consensus"
        ),
    ],
    expected_failed_checks=expected_failures,
)
def test_scikit_learn_contract(estimator, check):
    check(estimator)


@pytest.fixture
def songs():
    """Return a table of audio columns, texts and a label, with a mood that all of them share."""
    pd = pytest.importorskip("pandas")
    rng = np.random.default_rng(0)
    mood = rng.integers(0, 2, 60)
    audio = mood[:, None] + rng.normal(size=(60, 4))
    words = np.array([["rain", "tears", "night"], ["sun", "dance", "light"]])
    texts = [" ".join(rng.choice(words[m], 4)) + " oh baby" for m in mood]
    table = pd.DataFrame(audio, columns=[f"mel_{i}" for i in range(4)], index=np.arange(60) + 100)
    table["lyrics"] = texts
    table["genre"] = np.where(rng.random(60) < 0.8, mood, 1 - mood).astype(str)
    return table


def song_model(**parameters):
    return MultiCCA(
        [
            ("audio", StandardScaler(), make_column_selector(pattern="^mel")),
            ("lyrics", TfidfVectorizer(), "lyrics"),
            ("tags", OneHotEncoder(handle_unknown="ignore"), ["genre"]),
        ],
        **{"n_components": 1, "reg": 0.5} | parameters,
    )


def test_columns_are_those_of_a_column_transformer(songs):
    fitted = song_model().fit(songs)
    views = ColumnTransformer(song_model().views, sparse_threshold=0).fit(songs)
    table = views.transform(songs)
    parts = [table[:, views.output_indices_[name]] for name in NAMES]
    sizes = [part.shape[1] for part in parts]
    expected = MultiCCA(named_views(sizes), 1, reg=0.5).fit(np.hstack(parts))
    assert_allclose(fitted.transform(songs), expected.transform(np.hstack(parts)), atol=1e-9)
    assert (
        fitted.transformers_["lyrics"].vocabulary_
        == views.named_transformers_["lyrics"].vocabulary_
    )
    assert fitted.score(songs) > 0.5


@pytest.mark.parametrize(
    "columns",
    [[0, 1, 2, 3], slice(0, 4), slice("mel_0", "mel_3"), [f"mel_{i}" for i in range(4)],
     [True] * 4 + [False] * 2, lambda table: list(table.columns[:4])],
    ids=["numbers", "slice", "slice of names", "names", "mask", "callable"],
)  # fmt: skip
def test_columns_in_every_form(songs, columns):
    expected = song_model().fit(songs).transform(songs)
    model = song_model()
    model.views[0] = ("audio", StandardScaler(), columns)
    assert_allclose(model.fit(songs).transform(songs), expected)


def test_a_single_column_of_numbers_is_a_view(songs):
    model = MultiCCA([("a", "passthrough", "mel_0"), ("b", "passthrough", ["mel_1", "mel_2"])])
    linear = LinearCCA().fit(songs[["mel_0"]], songs[["mel_1", "mel_2"]])
    assert_allclose(model.fit(songs).canonical_correlations_, linear.canonical_correlations_)
    alone = model.transform_view("a", songs["mel_0"].tolist())
    assert_allclose(alone, model.transform_view("a", songs))
    in_array = MultiCCA([("a", "passthrough", 0), ("b", "passthrough", [1, 2])])
    table = songs.iloc[:, :4].to_numpy()
    for array in (table, csr_array(table)):
        found = in_array.fit(array).canonical_correlations_
        assert_allclose(found, linear.canonical_correlations_)


def test_polars_tables(songs):
    polars = pytest.importorskip("polars")
    model = song_model()
    model.views[0] = ("audio", StandardScaler(), [f"mel_{i}" for i in range(4)])
    expected = model.fit(songs).transform(songs)
    table = polars.DataFrame({name: songs[name].to_list() for name in songs})
    assert_allclose(model.fit(table).transform(table), expected)
    some = table.with_columns(
        polars.when(polars.arange(0, 60) < 5)
        .then(None)
        .otherwise(polars.col("lyrics"))
        .alias("lyrics")
    )
    assert_array_equal(np.flatnonzero(np.isnan(model.fit(some).transform(some)[:, 1])), range(5))


def test_nested_parameters_and_clone(songs):
    model = song_model()
    params = model.get_params()
    assert params["lyrics__ngram_range"] == (1, 1)
    assert isinstance(params["audio"], StandardScaler)
    assert "audio" not in model.get_params(deep=False)
    copied = clone(model).set_params(lyrics__ngram_range=(1, 2), audio="passthrough", reg=1.0)
    assert model.get_params()["lyrics__ngram_range"] == (1, 1)
    assert [view[0] for view in copied.views] == list(NAMES)
    fitted = copied.fit(songs)
    assert fitted.transformers_["audio"] == "passthrough"
    assert "oh baby" in fitted.transformers_["lyrics"].vocabulary_
    assert not hasattr(model, "weights_")
    with pytest.raises(ValueError, match="Invalid parameter"):
        model.set_params(covers__x=1)


def test_a_dropped_view_is_left_out(songs):
    two = (
        song_model(reg={"audio": 0.1, "lyrics": 0.5, "tags": 1.0})
        .set_params(tags="drop")
        .fit(songs)
    )
    expected = MultiCCA(song_model().views[:2], 1, reg=(0.1, 0.5)).fit(songs)
    assert list(two.weights_) == ["audio", "lyrics"]
    assert_allclose(two.transform(songs), expected.transform(songs))


@pytest.mark.parametrize("n_jobs", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_grid_search(songs, n_jobs):
    grid = {"lyrics__use_idf": [True, False], "tags": ["drop", OneHotEncoder()]}
    search = GridSearchCV(song_model(), grid, cv=2, n_jobs=n_jobs).fit(songs)
    assert search.best_score_ > 0.3
    assert search.transform(songs).shape[0] == 60


def test_halving_search_and_pipelines(songs):
    halving = HalvingGridSearchCV(
        song_model(),
        {"reg": [0.1, 1.0]},
        cv=2,
        resource="n_samples",
        min_resources=30,
        random_state=0,
    ).fit(songs)
    assert halving.best_params_["reg"] in (0.1, 1.0)
    classifier = make_pipeline(song_model(output="consensus"), LogisticRegression())
    scores = cross_val_score(classifier, songs, songs["genre"], cv=3)
    assert scores.mean() > 0.6
    before = make_pipeline(FunctionTransformer(), song_model())
    assert before.fit(songs).score(songs) == pytest.approx(song_model().fit(songs).score(songs))


def test_tables_and_names(songs):
    model = song_model().set_output(transform="pandas").fit(songs)
    table = model.transform(songs)
    assert list(table.columns) == ["audio__0", "lyrics__0", "tags__0"]
    assert_array_equal(table.index, songs.index)
    assert list(model.transform_view("audio", songs).columns) == ["audio__0"]
    assert list(model.set_params(output="consensus").transform(songs).columns) == ["consensus0"]
    assert list(model.feature_names_in_) == list(songs.columns)
    with pytest.raises(ValueError, match="Feature names must be in the same order"):
        model.transform(songs[songs.columns[::-1]])


def test_views_alone_are_those_of_the_table(songs):
    fitted = song_model().fit(songs)
    z, indices = fitted.transform(songs), fitted.output_indices_
    for name, alone in [
        ("audio", songs[["mel_3", "mel_2", "mel_1", "mel_0"]]),  # by name, in any order
        ("lyrics", songs["lyrics"]),
        ("lyrics", list(songs["lyrics"])),
        ("lyrics", songs[["lyrics"]].to_numpy()),
        ("lyrics", songs),
        ("tags", songs[["genre"]]),
    ]:
        assert_allclose(fitted.transform_view(name, alone), z[:, indices[name]])
    for name, wrong, message in [
        ("covers", songs, "`name` must be one of .'audio', 'lyrics', 'tags'., got 'covers'"),
        ("audio", songs[["mel_0"]], "view 'audio' must have the columns"),
        ("audio", songs.iloc[:, :3].to_numpy(), "view 'audio' must have 4 columns, got 3"),
        ("lyrics", songs.iloc[:, 2:5].to_numpy(), "view 'lyrics' must have 1 columns, got 3"),
        ("lyrics", "rain and tears", "view 'lyrics' must be a sequence of rows, got a str"),
    ]:
        with pytest.raises(ValueError, match=message):
            fitted.transform_view(name, wrong)


def test_compare_uses_the_correlations_of_the_pair():
    fitted = multi(2).fit(X)
    za, zb = fitted.transform_view("lyrics", X[:5, 5:9]), fitted.transform_view("tags", X[:7, 9:])
    r = fitted.pair_correlations_["lyrics", "tags"]
    expected = similarity(za, zb, correlations=r, power=2)
    assert_array_equal(fitted.compare(za, zb, pair=("lyrics", "tags")), expected)
    assert_array_equal(fitted.compare(zb, za, pair=("tags", "lyrics")), expected.T)
    mean = similarity(za, zb, correlations=fitted.canonical_correlations_, power=2)
    assert_array_equal(fitted.compare(za, zb), mean)
    for kind, arguments in (("cosine", {}), ("likelihood", {"correlations": r}), (4, {"power": 4})):
        fitted.similarity = kind
        arguments = {"correlations": r} | arguments if arguments else {}
        expected = similarity(za, zb, **arguments)
        assert_array_equal(fitted.compare(za, zb, pair=("lyrics", "tags")), expected)
    for pair in ("lyrics", ("lyrics", "lyrics"), ("lyrics", "covers")):
        with pytest.raises(ValueError, match="`pair` must be a tuple of two different views"):
            fitted.compare(za, zb, pair=pair)


@pytest.mark.parametrize("streamed", [False, True])
def test_files_and_pickles(tmp_path, songs, streamed):
    model, table = (song_model(), songs) if not streamed else (multi(2), None)
    if streamed:
        table = without(X, random_presence(60, 0.2))
        model.partial_fit(table)
    else:
        model.fit(table)
    save(model, tmp_path / "model.skdcca")
    for again in (load(tmp_path / "model.skdcca"), pickle.loads(pickle.dumps(model))):
        assert_array_equal(again.transform(table), model.transform(table))
        factors = again.set_params(output="consensus").transform(table)
        assert factors.shape[1] == model.n_components_
        assert again.pair_correlations_.keys() == model.pair_correlations_.keys()
    if streamed:
        continued, expected = load(tmp_path / "model.skdcca"), clone(model)
        continued.partial_fit(X)
        expected.fit(np.vstack([table, X]))
        assert_allclose(continued.weights_["tags"], expected.weights_["tags"], atol=1e-9)


def test_an_interrupted_fit_changes_nothing(monkeypatch):
    calls = []
    fit = StandardScaler.fit
    scaled = MultiCCA([("a", StandardScaler(), [0, 1]), ("b", "passthrough", [2, 3])], 1).fit(X)
    before, z = dict(vars(scaled)), scaled.transform(X)

    def interrupted(self, *arguments):
        calls.append(fit(self, *arguments))
        raise KeyboardInterrupt

    monkeypatch.setattr(StandardScaler, "fit", interrupted)
    with pytest.raises(KeyboardInterrupt):
        scaled.fit(X[:30])
    assert calls
    assert vars(scaled).keys() == before.keys()
    assert_array_equal(scaled.transform(X), z)


def test_rows_with_the_same_labels_in_another_order_are_refused(songs):
    pd = pytest.importorskip("pandas")
    weight = pd.Series(1.0, index=songs.index[::-1])
    with pytest.raises(
        ValueError, match="X and sample_weight must have their rows in the same order"
    ):
        song_model().fit(songs, sample_weight=weight)


def test_lists_of_rows_are_tables():
    rows = [[float(i), float(i % 3), "abc"[i % 3] + " d" * (i % 2)] for i in range(20)]
    model = MultiCCA([("n", "passthrough", [0, 1]), ("t", TfidfVectorizer(token_pattern=r"\w"), 2)])
    fitted = model.set_params(reg=0.1).fit(rows)
    assert fitted.transform(rows).shape == (20, 4)
