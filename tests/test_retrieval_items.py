"""Ids and metadata of the items of a gallery."""

import json
import pickle

import numpy as np
import pytest
from _galleries import fitted_model, two_views

from skdcca import CrossModalIndex


@pytest.fixture(scope="module")
def views():
    return two_views()


@pytest.fixture(scope="module")
def model():
    return fitted_model()


def test_large_integers_are_ids_or_refused(views, model):
    X, y = views
    ids = [-(2**63), 2**63 - 2, 2**53 + 1]
    index = CrossModalIndex(model).fit(X[:3], ids=np.array(ids))
    assert sorted(index.query(y=y[:1], n_neighbors=3)[1][0].tolist()) == sorted(ids)
    assert index.ids_.dtype == np.int64
    unsigned = CrossModalIndex(model).fit(X[:2], ids=np.array([3, 5], dtype=np.uint64))
    assert unsigned.add(X[2:3]).ids_.tolist() == [3, 5, 6]
    for bad in ([2**63, 1], [2**63 - 1, 1], [2**70, 1], [True, False], "ab", 7, ["a\0", "b"]):
        with pytest.raises(ValueError, match="`ids` must"):
            CrossModalIndex(model).fit(X[:2], ids=bad)


def test_metadata_are_copies(views, model):
    X, _ = views
    about = [{"title": "one"}]
    index = CrossModalIndex(model).fit(X[:1], metadata=about)
    about[0]["title"] = object()
    assert pickle.loads(pickle.dumps(index)).metadata_ == {0: {"title": "one"}}


def test_metadata_are_kept_by_id(views, model):
    X, y = views
    about = [{"title": "Ünder", "year": 1827, "tags": ["slow", None]}, {}]
    index = CrossModalIndex(model).fit(X[:2], ids=["a", "b"], metadata=about)
    _, ids = index.query(y=y[:1], n_neighbors=2)
    assert {json.dumps(index.metadata_[i]) for i in ids[0]} == {json.dumps(of) for of in about}


def test_bad_galleries_are_refused_before_they_are_embedded(views, model, monkeypatch):
    X, y = views
    index = CrossModalIndex(model)
    monkeypatch.setattr("skdcca.retrieval._index.embed", lambda *_, **__: pytest.fail("embedded"))
    cases = [
        ({}, "At least one of `X` and `y` must be given, got neither"),
        ({"X": X, "y": y[:-1]}, "same number of items, got 300 and 299"),
        ({"X": X[:3], "ids": ["a", "b"]}, "`ids` must have one id for each of 3 items, got 2"),
        ({"X": X[:3], "ids": ["a", "b", "a"]}, "`ids` must be unique, got 'a' more than once"),
        ({"X": X[:2], "ids": ["a", 1]}, "`ids` must all be str or all be .* got 'a', 1"),
        ({"X": X[:2], "ids": [1.5, 2.5]}, "`ids` must all be str or all be .* got 1.5, 2.5"),
        (
            {"X": X[:2], "metadata": [{}]},
            "`metadata` must have one dict for each of 2 items, got 1",
        ),
        ({"X": X[:2], "metadata": [{}, "no"]}, "`metadata` of item 1 must be a dict .* got 'no'"),
        (
            {"X": X[:2], "metadata": [{}, {"a": np.arange(3)}]},
            "`metadata` of item 1 must be a dict of str to JSON values, got",
        ),
        (
            {"X": X[:2], "metadata": [{}, {1: "a"}]},
            "`metadata` of item 1 must be a dict of str to JSON values, got",
        ),
        (
            {"X": X[:2], "metadata": [{}, {"a": np.nan}]},
            "`metadata` of item 1 must be a dict of str to JSON values, got",
        ),
    ]
    for arguments, message in cases:
        with pytest.raises(ValueError, match=message):
            index.fit(**arguments)
