"""Lists of the types and functions that a file may contain, by their names in the file."""

import sys
from collections.abc import Iterable
from functools import lru_cache
from importlib import import_module

import numpy as np

from skdcca.persistence._nodes import is_full_name

# Classes and functions that may be loaded, by module. They are listed one by one, because a file can set
# any state of an object and any arguments of a function. Before adding one, check that it uses no
# path, command or name from its state, and calls nothing in its state.
_CLASSES = {
    "skdcca": [
        "AudioDynamics",
        "AudioForm",
        "CrossModalIndex",
        "DeepCCA",
        "DeepMultiCCA",
        "Doc2VecLyrics",
        "Excerpts",
        "FaissNeighbors",
        "KernelCCA",
        "KernelCCACV",
        "LinearCCA",
        "LinearCCACV",
        "LyricsCharacters",
        "LyricsForm",
        "LyricsSequence",
        "MelCNNAudio",
        "MelSpectrogram",
        "MultiCCA",
        "Residualizer",
        "ScoreFusion",
        "SharedSpace",
        "SparseCCA",
        "TemporalSummary",
        "ViewPair",
        "WhisperAudio",
        "WhisperWords",
    ],
    "skdcca._cca": [
        "FourierMap",
        "KernelMap",
        "PairMoments",
        "PairSums",
        "ViewColumns",
        "ViewMoments",
    ],
    "skdcca.adapters": ["ViewsList"],
    "skdcca.augmentation": ["Warp"],
    "skdcca.encoders": ["ImageCNN", "MLP", "MelCNN", "SequenceEncoder"],
    "skdcca.losses": [
        "BarlowTwinsLoss",
        "CCALoss",
        "EYInfoNCELoss",
        "EYLoss",
        "InfoNCELoss",
        "VICRegLoss",
    ],
    "sklearn.cluster": ["FeatureAgglomeration", "KMeans", "MiniBatchKMeans"],
    "sklearn.compose": ["make_column_selector"],
    "sklearn.discriminant_analysis": [
        "LinearDiscriminantAnalysis",
        "QuadraticDiscriminantAnalysis",
    ],
    "sklearn.dummy": ["DummyClassifier", "DummyRegressor"],
    "sklearn.ensemble": [
        "StackingClassifier",
        "StackingRegressor",
        "VotingClassifier",
        "VotingRegressor",
    ],
    "sklearn.frozen": ["FrozenEstimator"],
    "sklearn.isotonic": ["IsotonicRegression"],
    "sklearn.kernel_ridge": ["KernelRidge"],
    "sklearn.metrics._scorer": ["_MultimetricScorer", "_PassthroughScorer", "_Scorer"],
    "sklearn.mixture": ["BayesianGaussianMixture", "GaussianMixture"],
    "sklearn.multiclass": ["OneVsRestClassifier"],
    "sklearn.multioutput": [
        "ClassifierChain",
        "MultiOutputClassifier",
        "MultiOutputRegressor",
        "RegressorChain",
    ],
    "sklearn.naive_bayes": [
        "BernoulliNB",
        "CategoricalNB",
        "ComplementNB",
        "GaussianNB",
        "MultinomialNB",
    ],
    "sklearn.neighbors": ["NeighborhoodComponentsAnalysis"],
    "sklearn.neural_network": ["BernoulliRBM"],
    # Only the linear ones, which predict with NumPy.
    "sklearn.svm": ["LinearSVC", "LinearSVR"],
    "sklearn.utils._metadata_requests": ["MetadataRequest", "MethodMetadataRequest"],
}
_FUNCTIONS = {
    "skdcca": ["tokenize"],
    "numpy": [
        "clip",
        "max",
        "mean",
        "median",
        "min",
        "nan_to_num",
        "ravel",
        "squeeze",
        "std",
        "sum",
        "var",
    ],
    "skdcca.metrics": [
        "_recall_at_k_score",
        "mrr_scorer",
        "mrr_x_to_y",
        "mrr_y_to_x",
        "retrieval_scorer",
        "total_correlation_scorer",
    ],
    "sklearn.feature_selection": [
        "chi2",
        "f_classif",
        "f_regression",
        "mutual_info_classif",
        "mutual_info_regression",
        "r_regression",
    ],
    "sklearn.metrics.pairwise": [
        "additive_chi2_kernel",
        "chi2_kernel",
        "cosine_similarity",
        "laplacian_kernel",
        "linear_kernel",
        "polynomial_kernel",
        "rbf_kernel",
        "sigmoid_kernel",
    ],
}
# Modules whose public estimators and splitters may be loaded. Trees, neighbors and support vector
# machines are excluded: their compiled code uses the numbers of a fitted model without checking bounds.
_SKLEARN = [
    f"sklearn.{module}"
    for module in (
        "compose",
        "cross_decomposition",
        "decomposition",
        "feature_extraction",
        "feature_extraction.text",
        "feature_selection",
        "impute",
        "kernel_approximation",
        "linear_model",
        "model_selection",
        "pipeline",
        "preprocessing",
        "random_projection",
    )
]
# Estimators of these modules that may not be loaded.
_UNLISTED = {
    "MultiLabelBinarizer",  # compiled code uses its numbers without checking bounds
    "FixedThresholdClassifier",  # both call any method whose name they are given
    "TunedThresholdClassifierCV",
}
_SCALARS = (
    "bool_ str_ complex64 complex128 float16 float32 float64 int8 int16 int32 int64 "
    "uint8 uint16 uint32 uint64"
)
SCALARS = [f"numpy.{name}" for name in _SCALARS.split()]
KEYS = ["builtins.float", "builtins.int", "builtins.str"]
# Types that select columns by dtype, or to which values are converted. Calling one does no harm.
_TYPES = [
    *KEYS,
    *SCALARS,
    "builtins.bool",
    "builtins.object",
    *(f"numpy.{name}" for name in ("floating", "inexact", "integer", "number", "object_")),
]

# Names in older files, mapped to the current names. Never remove an entry: old files still need it.
ALIASES = {
    "skdcca._kernel._FourierMap": "skdcca._cca.FourierMap",
    "skdcca._kernel._KernelMap": "skdcca._cca.KernelMap",
    "skdcca._moments.PairMoments": "skdcca._cca.PairMoments",
}


class Allowed:
    """Types and functions that may be loaded, including those that the caller adds.

    Parameters
    ----------
    trusted : sequence of str, type or function
        Full names of further types and functions, or the objects themselves.
    """

    def __init__(self, trusted=()):
        if isinstance(trusted, str | type) or not isinstance(trusted, Iterable):
            raise ValueError(
                f"`trusted` must be a list of names, classes or functions, got {trusted!r}."
            )
        self.trusted = {_trusted_name(one) for one in trusted}

    def has_class(self, name):
        """Return True if objects of the class with this name may be loaded."""
        return name in self.trusted or _is_in(name, _CLASSES) or _is_of_sklearn(name)

    def has_function(self, name):
        """Return True if the function with this name may be loaded."""
        listed = name in self.trusted or _is_in(name, _FUNCTIONS)
        return listed or name in _metrics_of_sklearn() or _is_ufunc(name)

    def has_type(self, name):
        """Return True if the type with this name may be loaded itself, as opposed to an object of it."""
        return name in self.trusted or name in _TYPES


def public_name(thing):
    """Return the full name under which a file stores a class or function.

    This is the public name if there is one, so that files remain valid when modules move.
    """
    own = thing.__name__
    listed = (*_CLASSES.items(), *_FUNCTIONS.items())
    modules = [module for module, names in listed if own in names]
    for module in (*modules, *_SKLEARN, "sklearn.metrics", "numpy"):
        if is_importable(thing, f"{module}.{own}"):
            return f"{module}.{own}"
    return full_name(thing)


def full_name(thing):
    """Return the full name of a class or function in the module that defines it."""
    return f"{getattr(thing, '__module__', None) or 'builtins'}.{thing.__qualname__}"


def is_importable(thing, name):
    """Return True if importing the name gives the class or function itself.

    The result is False for a lambda, or if the name now refers to another object. The module that
    defines the class has been imported, but the module of its public name may not have been.
    Therefore, modules of skdcca are imported here.
    """
    module, _, own = name.rpartition(".")
    listed = _is_in(name, _CLASSES) or _is_in(name, _FUNCTIONS)
    if listed and full_name(thing).startswith("skdcca."):
        import_module(module)
    return getattr(sys.modules.get(module), own, None) is thing


def rename(node):
    """Replace an old name of a node with the current name, and return True if it was old."""
    module, own = node.get("__module__"), node.get("__class__")
    if not (isinstance(module, str) and isinstance(own, str)):
        return False
    name = ALIASES.get(f"{module}.{own}")
    if name is None:
        return False
    node["__module__"], _, node["__class__"] = name.rpartition(".")
    return True


def _trusted_name(one):
    if not isinstance(one, str) and not hasattr(one, "__qualname__"):
        raise ValueError(f"`trusted` must contain names, classes or functions, got {one!r}.")
    name = one if isinstance(one, str) else full_name(one)
    if not is_full_name(name):
        raise ValueError(
            "`trusted` must contain full names of classes or functions, such as 'my_encoders.Deep', "
            f"got {name!r}."
        )
    return name


def _is_in(name, lists):
    module, _, own = name.rpartition(".")
    return own in lists.get(module, ())


def _is_of_sklearn(name):
    """Return True for a public estimator or splitter in an allowed module of scikit-learn."""
    module, _, own = name.rpartition(".")
    if module not in _SKLEARN or own.startswith("_") or own in _UNLISTED:
        return False
    found = vars(import_module(module)).get(own)
    return isinstance(found, type) and (hasattr(found, "fit") or hasattr(found, "split"))


def _is_ufunc(name):
    module, _, own = name.rpartition(".")
    return module == "numpy" and isinstance(vars(np).get(own), np.ufunc)


@lru_cache
def _metrics_of_sklearn():
    """Return the full names of the metric functions that scikit-learn's scorers use."""
    from sklearn.metrics import get_scorer, get_scorer_names

    functions = (get_scorer(name)._score_func for name in get_scorer_names())
    return frozenset(f"sklearn.metrics.{function.__name__}" for function in functions)
