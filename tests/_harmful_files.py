"""Changes that make a file harmful or invalid: attacks, damaged nodes and numbers out of bounds."""

from functools import partial

import numpy as np
from _nodes import (
    array_node,
    items,
    mapping,
    node,
    random_state,
    reference,
    set_attribute,
    shape,
    text,
)
from sklearn.cluster import KMeans
from sklearn.ensemble import StackingRegressor
from sklearn.feature_extraction import DictVectorizer, FeatureHasher
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer, TfidfVectorizer
from sklearn.linear_model import LinearRegression
from sklearn.multioutput import RegressorChain
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler


def call_arguments(marker):
    """Return the arguments of a call that would write a file."""
    return items(text(f"touch '{marker}'"), loader="TupleNode", name="builtins.tuple")


# Nodes that would run code or import a module, by kind and name; each takes the path of the file that a
# success leaves.
ATTACKS = {
    "function os.system": lambda m: node("FunctionNode", "os.system"),
    "function posix.system": lambda m: node("FunctionNode", "posix.system"),
    "function builtins.eval": lambda m: node("FunctionNode", "builtins.eval"),
    "function numpy.load": lambda m: node("FunctionNode", "numpy.load"),
    "function sklearn.datasets.load_files": lambda m: node(
        "FunctionNode", "sklearn.datasets.load_files"
    ),
    "function skdcca._lyrics.doc2vec._load_pretrained": lambda m: node(
        "FunctionNode", "skdcca._lyrics.doc2vec._load_pretrained"
    ),
    "function evil_module.function": lambda m: node("FunctionNode", "evil_module.function"),
    "type builtins.eval": lambda m: node("TypeNode", "builtins.eval"),
    "type evil_module.Estimator": lambda m: node("TypeNode", "evil_module.Estimator"),
    "type numpy.void": lambda m: node("TypeNode", "numpy.void"),
    "partial posix.system": lambda m: node(
        "PartialNode",
        "functools.partial",
        content={
            "func": node("FunctionNode", "posix.system"),
            "args": call_arguments(m),
            "kwds": mapping({}),
            "namespace": text(None),
        },
    ),
    "method skdcca.LinearCCA": lambda m: node(
        "MethodNode",
        "skdcca.LinearCCA",
        content={"func": "fit", "obj": node("ObjectNode", "skdcca.LinearCCA")},
    ),
    "operator.methodcaller": lambda m: node(
        "OperatorFuncNode", "operator.methodcaller", attrs=call_arguments(m)
    ),
    "reduce posix.system": lambda m: node(
        "ReduceNode", "posix.system", __reduce__={"args": call_arguments(m)}, content=text(None)
    ),
    "constructor subprocess.Popen": lambda m: node(
        "ConstructorFromReduceNode", "subprocess.Popen", content=call_arguments(m)
    ),
    "loss evil_module.Estimator": lambda m: node(
        "LossNode", "evil_module.Estimator", __reduce__={"args": call_arguments(m)}, content=text(None)
    ),
    "tree sklearn.tree._tree.Tree": lambda m: node(
        "TreeNode", "sklearn.tree._tree.Tree", __reduce__={"args": call_arguments(m)}, content=text(None)
    ),
    "object evil_module.Estimator": lambda m: node("ObjectNode", "evil_module.Estimator"),
    "object joblib.memory.Memory": lambda m: node("ObjectNode", "joblib.memory.Memory"),
    "object sklearn.svm.SVC": lambda m: node("ObjectNode", "sklearn.svm.SVC"),
    "object sklearn.base.BaseEstimator": lambda m: node("ObjectNode", "sklearn.base.BaseEstimator"),
    "object skdcca.encoders.Encoder": lambda m: node("ObjectNode", "skdcca.encoders.Encoder"),
    "object skdcca._audio.musicnn.VGG": lambda m: node("ObjectNode", "skdcca._audio.musicnn.VGG"),
    "object skdcca.LinearCCA.fit": lambda m: node("ObjectNode", "skdcca.LinearCCA.fit"),
    "object gensim.models.doc2vec.Doc2Vec": lambda m: node(
        "ObjectNode", "gensim.models.doc2vec.Doc2Vec"
    ),
    "list evil_module.Estimator": lambda m: items(name="evil_module.Estimator"),
    "list builtins.map": lambda m: items(text(1), name="builtins.map"),
    "tuple evil_module.Estimator": lambda m: items(loader="TupleNode", name="evil_module.Estimator"),
    "dict evil_module.Estimator": lambda m: mapping({}, name="evil_module.Estimator"),
    "array evil_module.Estimator": lambda m: node(
        "NdArrayNode", "evil_module.Estimator", type="json", content=[], shape=text(1)
    ),
    "keys builtins.eval": lambda m: mapping({"1": text(1)}, [node("TypeNode", "builtins.eval")]),
    "keys builtins.bool": lambda m: mapping({"1": text(1)}, [node("TypeNode", "builtins.bool")]),
    "keys numpy.exp": lambda m: mapping({"1": text(1)}, [node("FunctionNode", "numpy.exp")]),
    "generator numpy.random._generator.Generator": lambda m: node(
        "RandomGeneratorNode", "numpy.random._generator.Generator", content={}
    ),
    "sparse scipy.sparse.csr_matrix": lambda m: node(
        "SparseMatrixNode", "scipy.sparse.csr_matrix", type="scipy", file="1.npy"
    ),
    "nested evil_module.Estimator": lambda m: items(
        items(node("ObjectNode", "skdcca.encoders.MLP", content=mapping({"a": items(
            node("ObjectNode", "evil_module.Estimator"))})))
    ),
}  # fmt: skip


def redefine(schema):
    """Use one number for a node that is checked and for another that would be built instead."""
    schema["content"]["__id__"] = 900
    set_attribute(schema, "first", {**items(node("FunctionNode", "numpy.exp")), "__id__": 901})
    keys = {**items(node("TypeNode", "builtins.str")), "__id__": 901}
    set_attribute(schema, "second", {**mapping({"1": text(1)}), "key_types": keys})


def refer(schema):
    """Give the types of keys as a reference."""
    set_attribute(schema, "first", {**items(node("FunctionNode", "numpy.exp")), "__id__": 901})
    keys = reference(901, content=[node("TypeNode", "builtins.str")])
    set_attribute(schema, "second", {**mapping({"1": text(1)}), "key_types": keys})


def refer_to_state(schema):
    """Add a valid random state that is also a reference to an invalid one."""
    honest, real = random_state(text(1)), random_state(text(100_000))
    set_attribute(schema, "first", {**real["content"], "__id__": 901})
    honest["content"] |= reference(901)
    set_attribute(schema, "second", honest)


def hide_memory(schema):
    """Give the cache folder as a reference."""
    set_attribute(schema, "first", node("JsonNode", "builtins.str", content='"folder"', __id__=901))
    set_attribute(schema, "memory", reference(901))


def hold_itself(schema):
    """Add a list that holds itself."""
    set_attribute(schema, "reg", {**items(reference(902)), "__id__": 902})


def repeat(schema):
    """Add 40 nodes that stand for 2**40 when they are printed."""
    set_attribute(schema, "a0", {**items(text(1), text(2)), "__id__": 900})
    for i in range(1, 40):
        last = reference(899 + i)
        set_attribute(schema, f"a{i}", {**items(last, last), "__id__": 900 + i})


def masked(data):
    """Return the node of a masked array."""
    mask = node("NdArrayNode", "numpy.ndarray", type="json", content=[], shape=shape(0))
    content = {"data": data, "mask": mask}
    return node("MaskedArrayNode", "numpy.ma.MaskedArray", content=content)


def partial_function(**parts):
    """Return the node of a partial function with some parts replaced."""
    whole = {"func": node("FunctionNode", "numpy.exp"), "args": shape()}
    whole |= {"kwds": mapping({}), "namespace": text(None)}
    return node("PartialNode", "functools.partial", content=whole | parts)


def table(*lengths):
    """Return the node of an array of objects."""
    return node(
        "NdArrayNode",
        "numpy.ndarray",
        type="json",
        content=[node("ObjectNode", "skdcca.LinearCCA")],
        shape=shape(*lengths),
    )


# NumPy would read this as an array of four numbers at an address in memory.
ADDRESS = {"data": shape(8, False), "shape": shape(4), "typestr": text("<f8"), "version": text(3)}


def rebuilt(function, *arguments):
    """Return a change of a schema that adds an object that a function of `_rebuilt` returns."""
    attack = node(
        "ConstructorFromReduceNode",
        f"skdcca.persistence._rebuilt.{function}",
        content=items(*arguments, loader="TupleNode", name="builtins.tuple"),
    )
    return lambda schema: set_attribute(schema, "reg", attack)


# Changes of a schema, and the errors that they cause.
DAMAGES = {
    "an address in a bunch": (
        rebuilt("bunch", mapping({"__array_interface__": mapping(ADDRESS)})),
        "begins with an underscore",
    ),
    "an address in the text of a bunch": (
        rebuilt("bunch", text({"__array_interface__": {"data": [8, False], "shape": [4]}})),
        "begins with an underscore",
    ),
    "a distribution that is a module": (
        rebuilt("distribution", text("qmc"), shape(), mapping({})),
        "not a distribution",
    ),
    "a distribution that is a function": (
        rebuilt("distribution", text("bootstrap"), shape(), mapping({})),
        "not a distribution",
    ),
    "a distribution of texts": (
        rebuilt("distribution", text("uniform"), items(text("os.system('x')")), mapping({})),
        "not numbers",
    ),
    "a distribution of objects": (
        rebuilt(
            "distribution",
            text("norm"),
            shape(),
            mapping({"loc": node("ObjectNode", "skdcca.LinearCCA")}),
        ),
        "not numbers",
    ),
    "a sparse matrix of lists": (
        rebuilt("sparse_rows", text("csr_matrix"), *map(text, ([1], [9], [0, 1], [1, 1]))),
        "not an array",
    ),
    "a spline of lists": (
        rebuilt("bspline", *map(text, ([0, 1], [1], 3, True))),
        "not an array",
    ),
    "a method of texts that formats": (
        rebuilt("str_method", text("format")),
        "not an allowed method",
    ),
    "a function that rebuilds something else": (
        rebuilt("FUNCTIONS"),
        r"skdcca\.persistence\._rebuilt\.FUNCTIONS",
    ),
    "arguments by a reference": (
        lambda s: set_attribute(
            s,
            "reg",
            node(
                "ConstructorFromReduceNode",
                "skdcca.persistence._rebuilt.bunch",
                content=reference(1),
            ),
        ),
        "not a tuple",
    ),
    "an address": (
        lambda s: set_attribute(s, "__array_interface__", mapping(ADDRESS)),
        "that replace methods: __array_interface__",
    ),
    "a method": (
        lambda s: set_attribute(s, "transform", node("FunctionNode", "numpy.exp")),
        r"skdcca\.LinearCCA has attributes that replace methods: transform",
    ),
    "a mask of an object": (
        lambda s: set_attribute(s, "reg", masked(node("ObjectNode", "skdcca.LinearCCA"))),
        r"reg\.data is not a NdArrayNode",
    ),
    "a table of objects": (
        lambda s: set_attribute(s, "reg", table(1, 1)),
        "more than one dimension",
    ),
    "a scalar array of an object": (
        lambda s: set_attribute(s, "reg", table()),
        "more than one dimension",
    ),
    "keywords of an object": (
        lambda s: set_attribute(
            s, "reg", partial_function(kwds=node("ObjectNode", "skdcca.LinearCCA"))
        ),
        r"reg\.kwds is not a DictNode",
    ),
    "arguments of an object": (
        lambda s: set_attribute(
            s, "reg", partial_function(args=node("ObjectNode", "skdcca.LinearCCA"))
        ),
        r"reg\.args is not a TupleNode",
    ),
    "a partial function with attributes": (
        lambda s: set_attribute(s, "reg", partial_function(namespace=text({"a": 1}))),
        "has extra attributes",
    ),
    "exponential repetition": (repeat, "objects, or the same ones repeatedly"),
    "a list as the whole": (lambda s: s.update(items()), r"contains a builtins\.list"),
    "an object number defined twice": (redefine, "repeated object number 901"),
    "keys by reference": (refer, "must have one type for each key"),
    "a reference with content": (
        lambda s: s["content"].update(reference(901, content=[], key_types=[])),
        "not a dict",
    ),
    "a state by reference": (refer_to_state, "contains more than a number"),
    "a number that is a float": (lambda s: s.update(__id__=1.0), "number 1.0"),
    "an unknown number": (lambda s: set_attribute(s, "reg", reference(999)), "damaged"),
    "a reference to itself": (hold_itself, "contains itself"),
    "keys without types": (
        lambda s: s["content"]["key_types"]["content"].pop(),
        "one type for each key",
    ),
    "a cache folder": (lambda s: set_attribute(s, "memory", text("folder")), "cache folder"),
    "a cache folder by reference": (hide_memory, "cache folder"),
    "a random state out of bounds": (
        lambda s: set_attribute(s, "reg", random_state(text(100_000))),
        "position outside its table",
    ),
    "a slice of texts": (
        lambda s: set_attribute(
            s, "reg", node("SliceNode", "builtins.slice", content={"start": "a"})
        ),
        "slice",
    ),
    "no class": (lambda s: s.pop("__class__"), "damaged"),
    "no content": (lambda s: s["content"].pop("content"), "damaged"),
    "a state that is a list": (lambda s: s.update(content=items()), "not a dict"),
    "an old protocol": (lambda s: s.update(protocol=0), "version 0"),
    "a newer protocol": (lambda s: s.update(protocol=99), "update skops"),
    "a protocol that is text": (lambda s: s.update(protocol="2"), "damaged"),
    "another class": (lambda s: s.update(__class__="KernelCCA"), r"contains a skdcca\.KernelCCA"),
    "an array read twice": (
        lambda s: set_attribute(s, "reg", {**array_node(s), "__id__": 990}),
        "read more than once",
    ),
    "a missing array": (lambda s: array_node(s).update(file="x.npy"), "damaged"),
    "an array outside": (lambda s: array_node(s).update(file="/etc/passwd"), "damaged"),
}


def encoder(**attributes):
    """Return a fitted OneHotEncoder with changed attributes."""
    return changed(OneHotEncoder(sparse_output=False).fit([[1], [2], [3]]), attributes)


def changed(model, attributes):
    """Return a model with changed attributes."""
    vars(model).update(attributes)
    return model


def vectorizer(model=None, **attributes):
    """Return a fitted vectorizer with changed attributes."""
    return changed((model or TfidfVectorizer()).fit(["one two"]), attributes)


# Each model crashed the process, or wrote past the end of an array, when it transformed.
BEYOND = {
    "columns": encoder(_n_features_outs=[1]),
    "too few columns": encoder(_n_features_outs=[]),
    "categories": encoder(categories_=[np.array([3.0, 1.0, 2.0])]),
    "dropped": encoder(_drop_idx_after_grouping=np.array([5], dtype=object), _n_features_outs=[2]),
    "infrequent": encoder(
        _infrequent_enabled=True,
        _infrequent_indices=[np.array([0])],
        _default_to_infrequent_mappings=[np.array([0, 10**8, 1])],
    ),
    "unknown": encoder(
        _infrequent_enabled=True,
        _infrequent_indices=[np.array([10**8])],
        _default_to_infrequent_mappings=[None],
    ),
    "in a masked array": StandardScaler(
        with_mean=np.ma.masked_array([encoder(_n_features_outs=[1])], mask=[True], dtype=object)
    ),
    "an array of numbers of columns": encoder(_n_features_outs=np.array([3])),
    "nested": make_pipeline(FeatureUnion([("a", encoder(_n_features_outs=[1]))])),
    "in a function": FunctionTransformer(partial(np.add, encoder(_n_features_outs=[1]))),
    "in an array": StandardScaler(with_mean=np.array([encoder(_n_features_outs=[1])])),
    "words": vectorizer(vocabulary_={"one": 10**8, "two": 1}),
    "words twice": vectorizer(CountVectorizer(), vocabulary_={"one": 1, "two": 1}),
    "keys": changed(DictVectorizer().fit([{"a": 1}]), {"vocabulary_": {"a": -1}}),
    "centers": changed(KMeans(2, n_init=1).fit(np.eye(4)), {"cluster_centers_": np.ones((2, 1))}),
    "centers without columns": changed(
        KMeans(2, n_init=1).fit(np.eye(4)), {"n_features_in_": 3, "cluster_centers_": np.ones(4)}
    ),
    "threads": changed(KMeans(2, n_init=1).fit(np.eye(4)), {"_n_threads": 10**6}),
    "methods of a stack": changed(
        StackingRegressor([("a", LinearRegression())]), {"stack_method_": ["fit"]}
    ),
    "methods of a chain": changed(RegressorChain(LinearRegression()), {"chain_method_": "fit"}),
    "no columns": HashingVectorizer(n_features=0),
    "no columns of dicts": FeatureHasher(n_features=0),
}


def write_evil_module(folder):
    """Write a module that leaves a file when it is imported or called; return the path of that file."""
    marker = folder.parent / "it ran"
    code = f"""
open({str(marker)!r}, "a").close()
class Estimator:
    pass
def function(*args):
    open({str(marker)!r}, "a").close()
"""
    (folder / "evil_module.py").write_text(code)
    return marker
