"""Bad views and parameters of LinearCCA, SparseCCA, KernelCCA and DeepCCA."""

import numpy as np
import pytest
from _bad_input import LYRICS, Case, Untouchable, check_accepted, check_cases, check_refused, each
from sklearn.exceptions import NotFittedError

from skdcca import DeepCCA, Doc2VecLyrics, KernelCCA, LinearCCA, SparseCCA

VIEWS = [
    (LinearCCA, {}),
    (SparseCCA, {}),
    (KernelCCA, {}),
    (DeepCCA, {"max_epochs": 1, "random_state": 0}),
]
OF_VIEWS = [
    ("NaN in X", lambda w: (w.X_nan, w.y), ValueError, "Input X contains NaN.*row 3", "imputer"),
    ("infinity in y", lambda w: (w.X, w.y_inf), ValueError, "Input y contains infinity.*row 3", ""),
    (
        "another length",
        lambda w: (w.X, w.y[:9]),
        ValueError,
        "X and y .* got 30 and 9",
        "same sample",
    ),
    ("no rows", lambda w: (w.X[:0], w.y[:0]), ValueError, "0 sample", "minimum of 2"),
    ("one row", lambda w: (w.X[:1], w.y[:1]), ValueError, "1 sample", "minimum of 2"),
    ("one axis", lambda w: (w.X[:, 0], w.y), ValueError, "1D array", "reshape"),
    ("no X", lambda w: (None, w.y), ValueError, "X must be .*, got None", "the first view"),
    ("no y", lambda w: (w.X, None), ValueError, "y is None", "the second view"),
    (
        "text as X",
        lambda w: (LYRICS[:2], w.y[:2]),
        ValueError,
        "X contains text.*la la",
        "step that turns it into numbers",
    ),
    ("text as y", lambda w: (w.X[:3], LYRICS[:3]), ValueError, "y contains text", "Doc2VecLyrics"),
    (
        "an array of text as y",
        lambda w: (w.X[:3], np.array(LYRICS[:3])),
        ValueError,
        "y contains text.*la la",
        "Doc2VecLyrics",
    ),
    ("complex X", lambda w: (w.X + 1j, w.y), ValueError, "Complex data not supported", ""),
]
OF_MODELS = [
    ({"n_components": 0}, "`n_components` must be .*, got 0", ">= 1"),
    ({"n_components": "2"}, "`n_components` must be .*, got '2'", "an integer"),
    ({"n_components": 99}, "`n_components` must be .*, got 99", "<= "),
    ({"reg": -1.0}, "`reg` must be .*, got -1.0", ">= 0"),
    ({"reg": "a"}, "`reg` must be .*, got 'a'", "number"),
]
PARAMETERS = [
    (LinearCCA, {"reg": True}, "`reg` must be .*, got True", "finite number"),
    (LinearCCA, {"reg": (1, 2, 3)}, r"`reg` must be .*, got \(1, 2, 3\)", "a pair"),
    (LinearCCA, {"similarity": "dot"}, "`similarity` must be .*, got 'dot'", "cosine"),
    (SparseCCA, {"l1": 2}, "`l1` must be .*, got 2", r"\[0, 1\]"),
    (SparseCCA, {"l1": "lars"}, "`l1` must be .*, got 'lars'", "'cv'"),
    (SparseCCA, {"l1": (0.1, 0.2, 0.3)}, r"`l1` must be .*, got \(0.1, 0.2, 0.3\)", "a pair"),
    (SparseCCA, {"reg": (1, -1)}, r"`reg` must be .*, got \(1, -1\)", "np.inf"),
    (SparseCCA, {"n_components": None}, "`n_components` must be .*, got None", "an integer >= 1"),
    (SparseCCA, {"tol": 0}, "`tol` must be .*, got 0", "a finite number"),
    (SparseCCA, {"max_iter": 0}, "`max_iter` must be .*, got 0", ">= 1"),
    (SparseCCA, {"similarity": "dot"}, "`similarity` must be .*, got 'dot'", "cosine"),
    (KernelCCA, {"kernel": "rgb"}, "`kernel` must be .*, got 'rgb'", "rbf"),
    (KernelCCA, {"gamma": 0}, "`gamma` must be .*, got 0", "> 0"),
    (KernelCCA, {"approximation": "x"}, "`approximation` must be .*, got 'x'", "nystroem"),
    (KernelCCA, {"approximation": "rff", "random_state": "a"}, "'a'", "seed"),
    (KernelCCA, {"n_landmarks": 0}, "`n_landmarks` must be .*, got 0", ">= 1"),
    (DeepCCA, {"loss": "x"}, "`loss` must be .*, got 'x'", "infonce"),
    (DeepCCA, {"lr": 0}, "`lr` must be .*, got 0", "> 0"),
    (DeepCCA, {"max_epochs": 1.5}, "`max_epochs` must be .*, got 1.5", "an integer >= 1"),
    (DeepCCA, {"validation_fraction": 1}, "`validation_fraction` must be .*, got 1", r"\[0, 1\)"),
    (DeepCCA, {"x_encoder": "mlp"}, "`x_encoder` must be .*, got 'mlp'", "MLP"),
    (DeepCCA, {"batch_size": 1}, "`batch_size` must be .*, got 1", ">= 2"),
    (DeepCCA, {"device": "gpu"}, "`device` must be .*, got 'gpu'", "cuda"),
]


def fitting(model, parameters):
    return lambda w: model(**parameters, y_transformer=Untouchable()).fit(
        w.X, LYRICS * 2 + LYRICS[:6]
    )


def of_models():
    for model, base in VIEWS:
        name = model.__name__
        for what, views, *expected in OF_VIEWS:

            def call(w, model=model, base=base, views=views):
                return model(**base).fit(*views(w))

            yield Case(f"{name}, {what}", call, *expected)
        for parameters, culprit, remedy in OF_MODELS:
            call = fitting(model, base | parameters)
            yield Case(f"{name}, {parameters}", call, ValueError, culprit, remedy)
        for wrong in ("a", Doc2VecLyrics):

            def call(w, m=model, b=base, t=wrong):
                return m(**b, y_transformer=t).fit(w.X, w.y)

            shown = getattr(wrong, "__name__", wrong)
            yield Case(
                f"{name}, y_transformer={shown}",
                call,
                TypeError,
                "`y_transformer` must",
                "transformer",
            )
        yield Case(
            f"{name}, not fitted",
            lambda w, model=model: model().transform(w.X),
            NotFittedError,
            f"This {name} instance is not fitted",
            "Call 'fit'",
        )
    for model, parameters, culprit, remedy in PARAMETERS:
        call = fitting(model, parameters)
        yield Case(f"{model.__name__}, {parameters}", call, ValueError, culprit, remedy)


MODELS = [
    *of_models(),
    Case(
        "constant X",
        lambda w: LinearCCA().fit(np.ones((30, 3)), w.y),
        ValueError,
        "Every column of X is constant",
        "nothing to correlate",
    ),
    Case(
        "constant y of a sparse model",
        lambda w: SparseCCA().fit(w.X, np.ones((30, 2))),
        ValueError,
        "Every column of y is constant",
        "Pass columns that vary",
    ),
    Case(
        "more folds than rows",
        lambda w: SparseCCA().fit(w.X[:3], w.y[:3]),
        ValueError,
        "`cv` must be at most 3.*got 5",
        "Set cv=3 or less",
    ),
    Case(
        "too few folds",
        lambda w: SparseCCA(cv=1).fit(w.X, w.y),
        ValueError,
        "`cv` must be an integer >= 2, got 1",
    ),
    Case(
        "groups of another length",
        lambda w: SparseCCA().fit(w.X, w.y, groups=[1, 2]),
        ValueError,
        r"`groups` must have one label for each of 30 rows, got shape \(2,\)",
        "each row of X",
    ),
    Case(
        "halves of too few rows",
        lambda w: SparseCCA(l1=0.5).fit(w.X, w.y).stability(w.X[:3], w.y[:3]),
        ValueError,
        "at least four rows .*got 3",
        late=True,
    ),
    Case(
        "no halves",
        lambda w: SparseCCA(l1=0.5).fit(w.X, w.y).stability(w.X, w.y, n_splits=0),
        ValueError,
        "`n_splits` must be .*, got 0",
        ">= 1",
        late=True,
    ),
    Case(
        "constant y of a kernel",
        lambda w: KernelCCA().fit(w.X, np.ones((30, 2))),
        ValueError,
        "does not distinguish the rows of y",
        "Standardize",
    ),
    Case(
        "numbers that overflow in a kernel",
        lambda w: KernelCCA().fit(1e300 * w.X, w.y),
        ValueError,
        "Column 0 of X cannot be standardized",
        "Use other units",
    ),
    Case(
        "other columns",
        lambda w: w.linear.transform(w.X[:, :2]),
        ValueError,
        "X has 2 features",
        "expecting 3",
    ),
    Case(
        "other columns of y",
        lambda w: w.linear.transform_y(w.y[:, :1]),
        ValueError,
        "y has 1 features",
        "expecting 2",
    ),
    Case(
        "no y to transform",
        lambda w: w.linear.transform_y(None),
        ValueError,
        "y must be .*, got None",
        "second view",
    ),
    Case(
        "weights of another length",
        lambda w: LinearCCA().fit(w.X, w.y, sample_weight=[1, 2]),
        ValueError,
        r"sample_weight.shape == \(2,\)",
        "expected",
    ),
    Case(
        "negative weights",
        lambda w: LinearCCA().fit(w.X, w.y, sample_weight=-np.ones(30)),
        ValueError,
        "Negative values .* `sample_weight`",
    ),
    Case(
        "one row to begin a stream",
        lambda w: LinearCCA(1).partial_fit(w.X[:1], w.y[:1]),
        ValueError,
        "1 sample",
        "minimum of 2",
    ),
    Case(
        "score of one row",
        lambda w: w.linear.score(w.X[:1], w.y[:1]),
        ValueError,
        "1 sample",
        "minimum of 2",
    ),
]
ACCEPTED = [
    ("huge numbers", lambda w: LinearCCA(1).fit(1e300 * w.X, w.y).transform(1e300 * w.X), (30, 1)),
    (
        "tiny numbers",
        lambda w: LinearCCA(1).fit(1e-300 * w.X, w.y).transform(1e-300 * w.X),
        (30, 1),
    ),
    (
        "huge numbers of a sparse model",
        lambda w: SparseCCA(l1=0.5).fit(1e300 * w.X, w.y).transform(1e300 * w.X),
        (30, 1),
    ),
    (
        "a column twice",
        lambda w: LinearCCA(1).fit(w.X[:, [0, 0]], w.y).transform(w.X[:, [0, 0]]),
        (30, 1),
    ),
    ("two rows", lambda w: LinearCCA(1).fit(w.X[:2], w.y[:2]).transform(w.X[:1]), (1, 1)),
]


def test_there_are_many_different_cases():
    check_cases(MODELS)


@each(MODELS)
def test_bad_input_is_refused_with_a_remedy(case, world, request):
    check_refused(case, world, request)


@each(ACCEPTED)
@pytest.mark.filterwarnings("ignore:n_components=1, but the data have only")
def test_unusual_input_is_accepted(case, world):
    check_accepted(case, world)
