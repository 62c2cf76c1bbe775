"""Names of columns and the choice of those to show."""

import numpy as np
import pandas as pd
from _views import shared_views
from sklearn.decomposition import PCA
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from skdcca import LinearCCA
from skdcca._utils.columns import known_column_names, shorten, strongest


def test_names_of_the_data_come_first():
    X, y = shared_views(n=20, p=2, q=2)
    model = LinearCCA(1).fit(X, y)
    assert known_column_names(model, "x") is None
    assert known_column_names(model, "y") is None
    model = LinearCCA(1).fit(
        pd.DataFrame(X, columns=["a", "b"]), pd.DataFrame(y, columns=["c", "d"])
    )
    assert list(known_column_names(model, "x")) == ["a", "b"]
    assert list(known_column_names(model, "y")) == ["c", "d"]


def test_steps_name_the_columns_of_an_array():
    X, y = shared_views(n=20, p=3, q=2)
    pca = PCA(2).fit(X)
    scaler = StandardScaler().fit(pca.transform(X))
    model = LinearCCA(1).fit(scaler.transform(pca.transform(X)), y)
    # The scaler alone would call them x0 and x1.
    assert list(known_column_names(model, "x", [pca, scaler])) == ["pca0", "pca1"]
    nameless = FunctionTransformer(np.abs).fit(X)
    assert known_column_names(model, "x", [pca, nameless]) is None
    # Names of other columns are not taken.
    assert known_column_names(model, "x", [PCA(3).fit(X)]) is None


def test_a_transformer_names_the_columns_of_y():
    X, _ = shared_views(n=4, p=2, q=2)
    lyrics = ["love rain", "rain sun", "sun love", "night love"]
    model = LinearCCA(1, y_transformer=CountVectorizer()).fit(X, lyrics)
    assert list(known_column_names(model, "y")) == ["love", "night", "rain", "sun"]


def test_long_names_lose_their_middle():
    assert shorten("short") == "short"
    assert shorten(12) == "12"
    assert shorten("temporal_cortex_left", 12) == "tempor…_left"
    name = "a_rather_long_name_of_the_column_7"
    assert len(shorten(name)) <= 24
    assert shorten(name).startswith("a_rather")
    assert shorten(name).endswith("column_7")


def test_strongest_columns_in_descending_order():
    loadings = np.array([[0.1, 0.2], [-0.9, 0.0], [0.3, -0.5]])
    assert strongest(loadings, 2).tolist() == [1, 2]
    assert strongest(loadings, 9).tolist() == [1, 2, 0]
