"""Bad tables, columns and parameters of models of several views, and what does not take them."""

import numpy as np
import pytest
from _bad_input import Case, Untouchable, check_cases, check_refused, each
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import skdcca
from skdcca import (
    CrossModalIndex,
    DeepMultiCCA,
    Excerpts,
    LinearCCA,
    MultiCCA,
    ScoreFusion,
    metrics,
    plotting,
)
from skdcca.adapters import ViewsList

VIEWS = [("audio", "passthrough", slice(0, 3)), ("lyrics", "passthrough", slice(3, 5))]


def table(w):
    return np.hstack([w.X, w.y])


def frame(w):
    pd = pytest.importorskip("pandas")
    return pd.DataFrame(table(w), columns=list("abcde"))


def with_value(value, row, columns):
    """Return a function that sets a value in the table."""

    def changed(w):
        found = table(w)
        found[row, columns] = value
        return found

    return changed


def apart(w):
    """Return a table in which no row has both views."""
    found = table(w)
    found[:15, :3] = found[15:, 3:] = np.nan
    return found


TABLES = [
    ("no table", lambda w: None, "X must be one table .*, got None", "numpy.hstack"),
    ("a list of tables", lambda w: [w.X, w.y], "got a list of 2 tables", "`views`"),
    ("a dict", lambda w: {"audio": w.X, "lyrics": w.y}, "got a dict", "pandas.concat"),
    ("text", lambda w: "songs.csv", "got a str", "pandas.concat"),
    ("one axis", lambda w: w.X[:, 0], "1D array", "reshape"),
    ("no rows", lambda w: table(w)[:0], "0 sample", "minimum of 2"),
    ("one row", lambda w: table(w)[:1], "1 sample", "minimum of 2"),
    ("complex numbers", lambda w: table(w) + 1j, "Complex data not supported"),
    (
        "infinity",
        with_value(np.inf, 4, 1),
        "view 'audio' contains infinity, first in row 4",
        "Replace",
    ),
    (
        "a part of a view",
        with_value(np.nan, 4, 1),
        "Row 4 has only a part of the view 'audio'",
        "Impute",
    ),
    (
        "a row of nothing",
        with_value(np.nan, 4, slice(None)),
        "Row 4 has none of the views",
        "Remove it",
    ),
    (
        "views apart",
        apart,
        "views 'audio' and 'lyrics' must meet in at least two rows, got 0",
        "Pass rows",
    ),
    ("one column less", lambda w: w.X, "view 'lyrics' must have a column, got none", "`views`"),
    (
        "words",
        lambda w: table(w).astype(str).astype(object) + "?",
        "'audio' contains text",
        "TfidfVectorizer",
    ),
]
COLUMNS = [
    (
        "a name of an array",
        table,
        "a",
        "'lyrics' has the column 'a', but X has no names",
        "DataFrame",
    ),
    (
        "an unknown name",
        frame,
        "zz",
        "'lyrics' has the column 'zz', which is not one of X: 'a'",
        "`views`",
    ),
    ("an unknown name in a list", frame, ["d", "zz"], "has the column 'zz'", "`views`"),
    ("an unknown name in a slice", frame, slice("d", "zz"), "has the column 'zz'", "`views`"),
    ("an unknown name of a function", frame, lambda t: ["zz"], "has the column 'zz'", "`views`"),
    (
        "a number too large",
        table,
        [3, 5],
        "has the column 5, but X has columns from 0 to 4",
        "`views`",
    ),
    (
        "a number too small",
        table,
        -6,
        "has the column -6, but X has columns from 0 to 4",
        "`views`",
    ),
    ("a short mask", table, [True, False], "has a mask of 2 columns, but X has 5", "`views`"),
    ("no columns", table, [], "'lyrics' must have a column, got none", "`views`"),
    ("None", table, None, "'lyrics' must have names, positions, .*got None", "`views`"),
    (
        "names and numbers",
        frame,
        [0, "b"],
        r"must have names, positions, .*got \[0, 'b'\]",
        "`views`",
    ),
]
PARAMETERS = [
    ({"n_components": 0}, "`n_components` must be .*, got 0", ">= 1"),
    ({"n_components": "2"}, "`n_components` must be .*, got '2'", "an integer"),
    ({"output": "both"}, "`output` must be one of .*, got 'both'", "consensus"),
    ({"similarity": "dot"}, "`similarity` must be .*, got 'dot'", "cosine"),
    (
        {"views": None},
        "`views` must be a list of triples .*, got None",
        "name, transformer, columns",
    ),
    ({"views": {"a": 1}}, "`views` must be a list of triples", "name, transformer, columns"),
    ({"views": VIEWS[:1]}, "`views` must have at least two views .*, got 1", "Add a view"),
    ({"views": [VIEWS[0], VIEWS[0]]}, r"Names provided are not unique: \['audio', 'audio'\]"),
    ({"views": [VIEWS[0], ("a__b", "passthrough", [3])]}, "must not contain __"),
    ({"views": [VIEWS[0], ("output", "passthrough", [3])]}, "conflict with constructor arguments"),
]
OF_MULTI = [
    ({"reg": -1.0}, "`reg` must be .*, got -1.0", ">= 0"),
    ({"reg": "cv"}, "`reg` must be .*, got 'cv'", "'auto', 'ledoit_wolf', 'oas'"),
    ({"reg": (1, 2, 3)}, r"`reg` must be .* each of 2 views, got \(1, 2, 3\)"),
    ({"reg": {"audio": 1.0}}, "`reg` must have one ridge for each of the views .*, got .'audio'"),
]
MODELS = [(MultiCCA, {}), (DeepMultiCCA, {"max_epochs": 1, "random_state": 0})]


def of_models():
    for model, base in MODELS:
        name = model.__name__
        for what, make, *expected in TABLES:

            def call(w, model=model, base=base, make=make):
                return model(VIEWS, 1, **base).fit(make(w))

            yield Case(f"{name}, {what}", call, ValueError, *expected)
        for what, make, columns, *expected in COLUMNS:

            def call(w, model=model, base=base, make=make, columns=columns):
                views = [VIEWS[0], ("lyrics", "passthrough", columns)]
                return model(views, 1, **base).fit(make(w))

            yield Case(f"{name}, {what} as columns", call, ValueError, *expected)
        for parameters, *expected in [*PARAMETERS, *(OF_MULTI if model is MultiCCA else [])]:

            def call(w, model=model, base=base, parameters=parameters):
                views = [VIEWS[0], ("lyrics", Untouchable(), [3])]
                return model(**base | {"views": views} | parameters).fit(table(w))

            yield Case(f"{name}, {parameters}", call, ValueError, *expected)
        for wrong in (None, "scale", StandardScaler):

            def call(w, model=model, base=base, wrong=wrong):
                return model([VIEWS[0], ("lyrics", wrong, [3, 4])], 1, **base).fit(table(w))

            message = "view 'lyrics' must be 'passthrough', 'drop' or a transformer"
            yield Case(f"{name}, transformer {wrong!r}", call, TypeError, message, "instance")
        yield Case(
            f"{name}, not fitted",
            lambda w, model=model: model(VIEWS).transform(table(w)),
            NotFittedError,
            f"This {name} instance is not fitted",
            "Call 'fit'",
        )


def texts():
    """Return a model of numbers and texts."""
    rows = np.empty((30, 2), dtype=object)
    rows[:, 0], rows[:, 1] = range(30), ["la la love", "sing a song", "the dance"] * 10
    views = [("audio", "passthrough", [0]), ("lyrics", TfidfVectorizer(), 1)]
    return MultiCCA(views, 1, reg=0.1).fit(rows)


@pytest.fixture(scope="module")
def models(world):
    """Return the world with fitted models: of columns, of columns with names, and of texts."""
    views = [("audio", "passthrough", ["a", "b", "c"]), ("lyrics", "passthrough", ["d", "e"])]
    world.several = MultiCCA(VIEWS, 1, reg=0.1).fit(table(world))
    world.named = MultiCCA(views, 1, reg=0.1).fit(frame(world))
    world.texts = texts()
    return world


def after_missing_rows(w):
    """Return a table in which two rows lack a view, and a later one has infinity in it."""
    found = with_value(np.inf, 6, 0)(w)
    found[:2, :3] = np.nan
    return found


FITTED = [
    (
        "fewer columns",
        lambda w: w.several.transform(w.X),
        "X has 3 features",
        "one view to transform_view",
    ),
    (
        "more columns",
        lambda w: w.several.transform(np.hstack([w.X, w.X])),
        "X has 6 features",
        "all columns of `fit`",
    ),
    (
        "another name",
        lambda w: w.named.transform(frame(w).rename(columns={"b": "B"})),
        "missing:\n- b",
        "all columns of `fit`",
    ),
    (
        "other order",
        lambda w: w.named.transform(frame(w)[list("edcba")]),
        "same order",
        "all columns of `fit`",
    ),
    (
        "infinity",
        lambda w: w.several.transform(with_value(np.inf, 7, 3)(w)),
        "'lyrics' contains infinity, first in row 7",
        "Replace",
    ),
    (
        "score of one row",
        lambda w: w.several.score(table(w)[:1]),
        "X must have two rows with the same two views",
        "Pass more rows",
    ),
    (
        "no such view",
        lambda w: w.several.transform_view("tags", w.X),
        "`name` must be one of .'audio', 'lyrics'., got 'tags'",
    ),
    (
        "columns of a view",
        lambda w: w.several.transform_view("audio", w.y),
        "'audio' must have 3 columns, got 2",
    ),
    (
        "no view",
        lambda w: w.several.transform_view("audio", None),
        "'audio' must be a sequence of rows, got None",
        "Pass a list",
    ),
    (
        "one text",
        lambda w: w.texts.transform_view("lyrics", "la la"),
        "'lyrics' must be a sequence of rows, got a str",
        "Pass a list",
    ),
    (
        "a text that is missing",
        lambda w: w.texts.transform_view("lyrics", ["la la", None]),
        "Row 1 lacks the view 'lyrics'",
        "Remove it",
    ),
    (
        "compare by no pair",
        lambda w: w.several.compare([[1.0]], [[1.0]], pair="audio"),
        "`pair` must be a tuple of two different views",
        "lyrics",
    ),
    (
        "weights of another length",
        lambda w: MultiCCA(VIEWS).fit(table(w), sample_weight=[1, 2]),
        r"sample_weight.shape == \(2,\)",
        "expected",
    ),
    (
        "n_components beyond the rank",
        lambda w: MultiCCA(VIEWS, 9).fit(table(w)),
        "`n_components` must be <= 2 .*'lyrics'.*, got 9",
        "None",
        True,
    ),
    (
        "infinity after a missing row",
        lambda w: MultiCCA(VIEWS).fit(after_missing_rows(w)),
        "'audio' contains infinity, first in row 6",
        "Replace",
    ),
    (
        "NaN of a transformer",
        lambda w: MultiCCA([("audio", StandardScaler(), [0, 1, 2]), VIEWS[1]]).fit(
            with_value(np.nan, 4, 1)(w)
        ),
        "transformer of the view 'audio' must return finite numbers",
        "SimpleImputer",
    ),
    (
        "a constant view",
        lambda w: MultiCCA(VIEWS).fit(with_value(1.0, slice(None), slice(0, 3))(w)),
        "Every column of the view 'audio' is constant",
        "Pass columns that vary",
        True,
    ),
    (
        "a block of other columns",
        lambda w: MultiCCA(VIEWS).fit_blocks([table(w), w.X]),
        "block 1: X has 3 features",
        "all columns of `fit`",
    ),
    (
        "an unfitted transformer of blocks",
        lambda w: MultiCCA([("audio", StandardScaler(), [0]), VIEWS[1]]).fit_blocks([table(w)]),
        "'audio' must be fitted for rows in blocks",
        "FrozenEstimator",
    ),
    (
        "the same name twice",
        lambda w: w.named.fit(frame(w)[["a", "a", "b", "c", "d", "e"]]),
        "must have different names, got 'a' 2 times",
        "Rename",
    ),
]

# What fits a clone of a two-view model, and what uses a fitted one.
REFITTED = {
    "canonical_correlation_test": lambda m, w: skdcca.canonical_correlation_test(m, w.X, w.y),
    "canonical_correlation_intervals": lambda m, w: skdcca.canonical_correlation_intervals(
        m, w.X, w.y
    ),
    "canonical_summary": lambda m, w: skdcca.canonical_summary(m, w.X, w.y),
    "compare_models": lambda m, w: skdcca.compare_models(m, LinearCCA(), w.X, w.y),
    "cross_val_variates": lambda m, w: skdcca.cross_val_variates(m, w.X, w.y),
    "weight_stability": lambda m, w: skdcca.weight_stability(m, w.X, w.y),
    "ScoreFusion": lambda m, w: ScoreFusion([("a", m), ("b", LinearCCA())]).fit(w.X, w.y),
    "ViewsList": lambda m, w: ViewsList(m).fit([w.X, w.y]),
}
USED = {
    "embed": lambda m, w: metrics.embed(m, w.X, w.y),
    "pair_scores": lambda m, w: metrics.pair_scores(m, w.X, w.y),
    "query_report": lambda m, w: metrics.query_report(m, w.X, w.y),
    "mrr_scorer": lambda m, w: metrics.mrr_scorer(m, w.X, w.y),
    "total_correlation_scorer": lambda m, w: metrics.total_correlation_scorer(m, w.X, w.y),
    "BiplotDisplay": lambda m, w: plotting.BiplotDisplay.from_estimator(m, w.X, w.y),
    "LoadingsDisplay": lambda m, w: plotting.LoadingsDisplay.from_estimator(m),
    "RecallDisplay": lambda m, w: plotting.RecallDisplay.from_estimator(m, w.X, w.y),
    "SpaceDisplay": lambda m, w: plotting.SpaceDisplay.from_estimator(m, w.X, w.y),
    "HistoryDisplay": lambda m, w: plotting.HistoryDisplay.from_estimator(m),
}


def not_taken():
    for calls, remedy in ((REFITTED, r"LinearCCA\(\) and the columns"), (USED, "model.pair")):
        for name, call in calls.items():
            yield Case(
                f"{name} of several views",
                lambda w, call=call: call(w.several, w),
                TypeError,
                "must be a two-view model, got MultiCCA of several views",
                remedy,
            )
    for name in ("variance_explained", "redundancy"):
        function = getattr(skdcca, name)
        yield Case(
            f"{name} of several views",
            lambda w, function=function: function(w.several, w.X, w.y),
            TypeError,
            "`estimator` must be a two-view model, got MultiCCA",
            r"Fit LinearCCA\(\)",
        )
    yield Case(
        "Excerpts of several views",
        lambda w: Excerpts(w.several, lines=(1,)).fit(w.X[:2], ["a", "b"]),
        TypeError,
        "`estimator` must be a two-view model",
        "Pipeline",
    )


CASES = [
    *of_models(),
    *(Case(f"fitted, {name}", call, ValueError, *rest) for name, call, *rest in FITTED),
]
NOT_TAKEN = list(not_taken())


def test_there_are_many_different_cases():
    check_cases(CASES, NOT_TAKEN)


@each(CASES)
def test_bad_tables_are_refused_with_a_remedy(case, models, request):
    check_refused(case, models, request)


@each(NOT_TAKEN)
def test_what_takes_two_views_names_the_remedy(case, models):
    with pytest.raises(case.error, match=case.culprit) as error:
        case.call(models)
    assert error.match(case.remedy)
    assert len(str(error.value)) < 200


@pytest.mark.parametrize(
    "wrap",
    [
        lambda m: make_pipeline(StandardScaler(), m),
        lambda m: GridSearchCV(m, {"n_components": [1]}),
        lambda m: GridSearchCV(make_pipeline(StandardScaler(), m), {}),
    ],
    ids=["Pipeline", "search", "search of a Pipeline"],
)
def test_a_model_of_several_views_is_found_inside(world, wrap):
    model = wrap(MultiCCA(VIEWS, 1))
    with pytest.raises(TypeError, match="must be a two-view model, got MultiCCA"):
        skdcca.canonical_correlation_test(model, world.X, world.y)
    with pytest.raises(TypeError, match=r"such as model.pair\('audio', 'lyrics'\)"):
        metrics.mrr_scorer(wrap(MultiCCA(VIEWS, 1)).fit(table(world)), world.X, world.y)


def test_a_pair_of_views_is_taken(models):
    pair = models.several.pair("audio", "lyrics")
    views = models.X, models.y
    expected = metrics.mrr_scorer(LinearCCA(1, reg=0.1).fit(*views), *views)
    assert metrics.mrr_scorer(pair, *views) == pytest.approx(expected)
    assert CrossModalIndex(pair).fit(*views).query(models.X[:1])[1].shape == (1, 10)


@pytest.mark.parametrize("name", REFITTED)
def test_a_pair_is_not_fitted_again(models, name):
    pair = models.several.pair("audio", "lyrics")
    with pytest.raises((TypeError, NotImplementedError), match="ViewPair"):
        REFITTED[name](pair, models)
