"""Views that are no tables of numbers: what the error names, and that its remedy works."""

import numpy as np
import pandas as pd
import pytest
from _linear_pls import LinearPLS
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import LabelBinarizer, OneHotEncoder, StandardScaler

from skdcca import DeepCCA, LinearCCA
from skdcca.adapters import ViewsList
from skdcca.encoders import MLP

rng = np.random.default_rng(0)
X = rng.normal(size=(60, 4))
y = X[:, :3] + rng.normal(size=(60, 3))
GENRES = np.array(["pop", "rock", "jazz"])[np.argmax(X[:, :3], axis=1)]
FRAME = pd.DataFrame(X, columns=list("abcd")).assign(genre=GENRES)


@pytest.mark.parametrize("model", [LinearCCA(1), LinearPLS(1), DeepCCA(1)])
def test_a_list_of_views_without_y_is_named(model):
    with pytest.raises(
        ValueError, match=r"Each view of \w+ must be one table, got a list of 2 .*ViewsList"
    ):
        model.fit([X, y])
    with pytest.raises(ValueError, match=r"a list of 3 tables\. Join .* numpy\.hstack"):
        model.fit([X, y, y])
    assert ViewsList(LinearCCA(1)).fit([X, y]).score([X, y]) > 0.5


@pytest.mark.parametrize(
    "call",
    [
        lambda model: model.fit([X, y], y),
        lambda model: model.fit(X, [y, y]),
        lambda model: model.transform([X, y]),
        lambda model: model.transform(X, [y, y]),
        lambda model: model.predict([X, X]),
        lambda model: model.fit_blocks([(X, [y, y])]),
        lambda model: model.fit([FRAME[["a"]], FRAME[["b"]]], y),
    ],
)
def test_a_list_of_views_as_one_view_is_named(call):
    with pytest.raises(ValueError, match=r"must be one table, got a list of 2 tables"):
        call(LinearCCA(1).fit(X, y))


def test_lists_of_rows_are_no_lists_of_views():
    expected = LinearCCA(1).fit(X, y).transform(X)
    np.testing.assert_allclose(
        LinearCCA(1).fit(X.tolist(), y.tolist()).transform(list(X)), expected
    )
    deep = DeepCCA(1, x_encoder=MLP(()), fallback=None, max_epochs=1)
    assert deep.fit(list(X.reshape(-1, 2, 2)), y).n_components_ == 1


def test_views_list_says_what_to_do_with_three_views():
    with pytest.raises(
        ValueError, match=r"exactly two views, \[X, y\], got 3\. Join .*numpy\.hstack"
    ):
        ViewsList(LinearCCA()).fit([X, y, y])


@pytest.mark.parametrize("labels", [GENRES, pd.Series(GENRES), pd.Series(GENRES, dtype="category")])
def test_class_labels_name_a_transformer_that_works(labels):
    classifier = make_pipeline(StandardScaler(), LinearCCA(2), LogisticRegression())
    with pytest.raises(
        ValueError, match=r"y contains text.*LabelBinarizer\(\) if these are class labels"
    ):
        classifier.fit(X, labels)
    classifier.set_params(linearcca__y_transformer=LabelBinarizer())
    assert classifier.fit(X, labels).score(X, labels) > 0.7


def test_numbers_as_class_labels_are_legal():
    codes = np.unique(GENRES, return_inverse=True)[1]
    assert LinearCCA().fit(X, codes).n_components_ == 1


def test_text_columns_of_a_table_are_named():
    named = r"contains text in the column 'genre', such as '(pop|rock|jazz)'\..*OneHotEncoder\(\)"
    with pytest.raises(ValueError, match=f"X {named} in a ColumnTransformer"):
        LinearCCA(1).fit(FRAME, y)
    with pytest.raises(ValueError, match=f"y {named}"):
        LinearCCA(1).fit(X, FRAME)
    encode = make_column_transformer((OneHotEncoder(), ["genre"]), remainder="passthrough")
    assert make_pipeline(encode, LinearCCA(1)).fit(FRAME, y).score(FRAME, y) > 0.5
    assert LinearCCA(1, y_transformer=encode).fit(X, FRAME).score(X, FRAME) > 0.5


def test_columns_of_dates_are_named():
    dated = FRAME.drop(columns="genre").assign(day=pd.date_range("2020-01-01", periods=60))
    with pytest.raises(
        ValueError, match=r"X contains dates in the column 'day'\. Turn it into numbers"
    ):
        LinearCCA(1).fit(dated, y)


def test_text_that_is_a_number_is_accepted():
    table = FRAME.drop(columns="genre").astype(str).astype(object)
    np.testing.assert_allclose(
        LinearCCA(1).fit(table, y).transform(table), LinearCCA(1).fit(X, y).transform(X)
    )
