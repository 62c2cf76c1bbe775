"""The list of what files may hold: its names, their aliases, and what users add."""

import inspect
import pkgutil
import zipfile
from importlib import import_module

import pytest
from _nodes import tampered
from _programs import run_program
from _saved_models import N, deep, fitted_linear, round_trip, same, two_views
from sklearn.base import BaseEstimator
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

import skdcca
from skdcca import KernelCCA, LinearCCA, metrics
from skdcca.encoders import MLP, Encoder
from skdcca.exceptions import UntrustedTypeError
from skdcca.metrics import embed
from skdcca.persistence import _allowed, load, read_header, save


@pytest.fixture(scope="module")
def views():
    return two_views()


@pytest.fixture
def linear():
    return fitted_linear()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.skdcca"


def _is_estimator(thing):
    return inspect.isclass(thing) and issubclass(thing, BaseEstimator)


# Base classes, and `ModuleEncoder`, which calls what it holds.
NOT_LISTED = {"BaseCCA", "Encoder", "Loss", "ModuleEncoder"}


def test_every_public_estimator_is_listed_or_excluded():
    """A new class may be listed once it is known to be safe with any state from a file."""
    modules = {"skdcca": skdcca, "skdcca.base": skdcca.base} | {
        f"skdcca.{name}": getattr(skdcca, name)
        for name in ("adapters", "augmentation", "encoders", "losses")
    }
    public = {
        f"{module}.{name}"
        for module, names in modules.items()
        for name in names.__all__
        if _is_estimator(getattr(names, name))
    }
    allowed = _allowed.Allowed()
    left_out = {name.rpartition(".")[2] for name in public if not allowed.has_class(name)}
    assert left_out == NOT_LISTED


def test_every_private_estimator_is_listed_or_excluded():
    """A new private class must be listed too, unless no model holds it."""
    found = set()
    for module in pkgutil.walk_packages(skdcca.__path__, "skdcca."):
        if module.name.startswith(("skdcca.web", "skdcca._cli", "skdcca.__main__")):
            continue
        for thing in vars(import_module(module.name)).values():
            if _is_estimator(thing) and thing.__module__ == module.name:
                found.add(thing)
    listed = {thing for thing in found if _allowed.Allowed().has_class(_allowed.public_name(thing))}
    left_out = {thing.__name__ for thing in found - listed}
    assert left_out - NOT_LISTED == {
        "BaseMultiCCA",
        "CallableLoss",
        "LabeledLoss",
        "Net",
        "WhisperSongs",
    }


def test_every_scorer_is_listed():
    listed = _allowed._FUNCTIONS["skdcca.metrics"]
    takes = {
        name
        for name in metrics.__all__
        if list(inspect.signature(getattr(metrics, name)).parameters) == ["estimator", "X", "y"]
    }
    assert takes - {"embed", "pair_scores"} == set(listed) - {"_recall_at_k_score"}
    assert metrics.recall_at_k_scorer(1).func.__name__ in listed


def test_listed_names_exist():
    for listed in (_allowed._CLASSES, _allowed._FUNCTIONS):
        for module, names in listed.items():
            for name in names:
                assert getattr(import_module(module), name).__name__ == name


def test_aliases_lead_to_listed_names():
    for old, new in _allowed.ALIASES.items():
        assert _allowed.Allowed().has_class(new)
        assert not _allowed.Allowed().has_class(old)


def test_public_names_are_found_without_importing_torch():
    code = (
        "import sys\n"
        "from sklearn.preprocessing import StandardScaler\n"
        "from skdcca import LinearCCA\n"
        "from skdcca._cca.kernel_maps import KernelMap\n"
        "from skdcca.persistence._allowed import Allowed, public_name\n"
        "names = [public_name(of) for of in (StandardScaler, LinearCCA, KernelMap)]\n"
        "assert all(map(Allowed().has_class, names))\n"
        "print(*names, {'torch', 'gensim', 'librosa'} & set(sys.modules))"
    )
    expected = "sklearn.preprocessing.StandardScaler skdcca.LinearCCA skdcca._cca.KernelMap set()"
    assert run_program(code).strip() == expected


def test_user_classes_with_a_listed_name_import_nothing():
    code = (
        "import sys\n"
        "from skdcca.persistence._allowed import public_name\n"
        "class MLP: pass\n"
        "print(public_name(MLP), 'torch' in sys.modules)"
    )
    assert run_program(code).strip() == "__main__.MLP False"


def test_public_names_of_modules_not_yet_imported_are_found(views, path):
    """A class may be defined in another module than the one that files name."""
    code = (
        "import sys, numpy as np\n"
        "from skdcca._cca.kernel import KernelCCA\n"
        "from skdcca.persistence import save\n"
        "X = np.random.default_rng(0).normal(size=(20, 3))\n"
        "save(KernelCCA(2).fit(X, X), sys.argv[1])"
    )
    run_program(code, path)
    with zipfile.ZipFile(path) as members:
        schema = members.read("schema.json")
    assert b'"__module__": "skdcca._cca", "__class__": "KernelMap"' in schema
    assert load(path).transform(views[0][:, :3]).shape == (N, 2)


def with_older_name(path, name, older):
    """Give a class in a file the name that an older version wrote."""
    older_module, _, older_own = older.rpartition(".")

    def change(node):
        for inner in node.values() if isinstance(node, dict) else node:
            if isinstance(inner, dict | list):
                change(inner)
        if isinstance(node, dict) and name == f"{node.get('__module__')}.{node.get('__class__')}":
            node |= {"__module__": older_module, "__class__": older_own}

    return tampered(path, change)


# Models that hold a class that has moved.
MOVED = {
    "skdcca._cca.KernelMap": KernelCCA(2),
    "skdcca._cca.FourierMap": KernelCCA(2, approximation="rff", n_landmarks=9, random_state=0),
    "skdcca._cca.PairMoments": LinearCCA(2),
}


@pytest.mark.parametrize("older", _allowed.ALIASES)
def test_files_with_older_names_load(views, path, older):
    name = _allowed.ALIASES[older]
    model = MOVED[name]
    model = model.partial_fit(*views) if name.endswith("PairMoments") else model.fit(*views)
    save(model, path, notes={"kept": True})
    with_older_name(path, name, older)
    with zipfile.ZipFile(path) as members:
        module, _, own = older.rpartition(".")
        named = f'"__module__": "{module}", "__class__": "{own}"'
        assert named.encode() in members.read("schema.json")
    again = load(path)
    assert same(embed(model, *views), embed(again, *views))
    assert read_header(path)["notes"] == {"kept": True}


class Own(Encoder):
    def build(self, shape, n_outputs):
        return MLP((4,)).build(shape, n_outputs)


def own_function(x):
    return x + 1


def test_user_encoders_are_named_and_can_be_trusted(views, path):
    X, y = views
    model = make_pipeline(StandardScaler(), deep(x_encoder=Own())).fit(X, y)
    name = f"{__name__}.Own"
    with pytest.raises(
        UntrustedTypeError, match=rf"{name} \(in steps\[1\]\[1\]\.x_encoder\).*trusted"
    ) as raised:
        save(model, path)
    assert raised.value.names == [name]
    assert not path.exists()
    for trusted in ([name], (Own,)):
        save(model, path, trusted=trusted)
        with pytest.raises(UntrustedTypeError, match=rf"{name} \(in") as raised:
            load(path)
        assert raised.value.names == [name]
        assert same(load(path, trusted=trusted).transform(X), model.transform(X))


def test_user_functions_are_named_and_can_be_trusted(views, path):
    model = make_pipeline(FunctionTransformer(own_function), LinearCCA(2)).fit(*views)
    with pytest.raises(ValueError, match=rf"{__name__}\.own_function \(in steps\[0\]\[1\]\.func\)"):
        save(model, path)
    again = round_trip(model, path, trusted=[own_function])
    assert same(again.transform(views[0]), model.transform(views[0]))


@pytest.mark.parametrize(
    ("trusted", "message"),
    [
        ("my.Own", "`trusted` must be a list .* got 'my.Own'"),
        (Own, "`trusted` must be a list .* got <class"),
        (["Own"], "`trusted` must contain full names .* got 'Own'"),
        (["a b.c"], "`trusted` must contain full names .* got 'a b.c'"),
        ([3], "`trusted` must contain names, classes or functions, got 3"),
    ],
)
def test_trusted_must_be_full_names(linear, path, trusted, message):
    with pytest.raises(ValueError, match=message):
        save(linear, path, trusted=trusted)
