"""MultiCCA against LinearCCA, SciPy's generalized eigenproblem and NumPy's correlations."""

import numpy as np
import pytest
from _many_views import (
    multi,
    named_views,
    oracle,
    random_presence,
    sides,
    three_views,
    without,
)
from _views import shared_views, sparse_views
from numpy.testing import assert_allclose
from scipy import sparse
from scipy.linalg import eigh
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder

from skdcca import LinearCCA, MultiCCA
from skdcca._cca import multiview_solution
from skdcca.exceptions import PerfectCorrelationWarning, PrecisionWarning

X = three_views()
RIDGES = [0, 0.1, (0.1, 5.0), "auto", "oas", "ledoit_wolf", ("ledoit_wolf", 0.5)]


def two_views(p, **parameters):
    return MultiCCA(
        [("a", "passthrough", slice(0, p)), ("b", "passthrough", slice(p, None))], **parameters
    )


def up_to_sign(ours, theirs, atol):
    """Check that all views agree up to one sign for each component."""
    sign = np.sign(np.sum(ours[0] * theirs[0], axis=0))
    for one, other in zip(ours, theirs, strict=True):
        assert_allclose(one, other * sign, atol=atol)


@pytest.mark.parametrize("reg", RIDGES, ids=str)
@pytest.mark.parametrize("shape", [(300, 6, 4), (20, 3, 4), (30, 60, 40)], ids=str)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.filterwarnings("ignore::skdcca.exceptions.PerfectCorrelationWarning")
def test_two_views_equal_linear_cca(reg, shape, weighted):
    X, y = shared_views(*shape)
    weight = np.random.default_rng(1).uniform(0.5, 2, len(X)) if weighted else None
    linear = LinearCCA(2, reg=reg).fit(X, y, sample_weight=weight)
    table = np.hstack([X, y])
    ours = two_views(shape[1], n_components=2, reg=reg).fit(table, sample_weight=weight)
    assert_allclose(ours.canonical_correlations_, linear.canonical_correlations_, atol=1e-12)
    assert_allclose(list(ours.reg_.values()), linear.reg_, atol=1e-12)
    if ours.canonical_correlations_[0] > 1 - 1e-9:
        return  # perfect correlations have no unique weights
    for name, side in (("a", "x"), ("b", "y")):
        weights = getattr(linear, f"{side}_weights_")
        assert_allclose(ours.weights_[name], weights, atol=1e-12 * np.abs(weights).max())
        assert_allclose(ours.loadings_[name], getattr(linear, f"{side}_loadings_"), atol=1e-12)
        assert_allclose(ours.means_[name], getattr(linear, f"{side}_mean_"), atol=1e-12)
        assert_allclose(ours.scales_[name], getattr(linear, f"{side}_scale_"), atol=1e-12)
    assert_allclose(ours.transform(table), np.hstack(linear.transform(X, y)), atol=1e-11)
    assert ours.score(table) == pytest.approx(linear.score(X, y), abs=1e-12)


def test_the_general_solution_has_the_singular_vectors_of_two_views(monkeypatch):
    X, y = shared_views()
    expected = two_views(6, n_components=2).fit(np.hstack([X, y]))
    blocks_class = multiview_solution.MomentBlocks
    monkeypatch.setattr(blocks_class, "diagonal", lambda self, i: np.eye(self._views[i].rank))
    make = blocks_class.__init__

    def incomplete(self, *arguments):
        make(self, *arguments)
        self.is_complete = False

    monkeypatch.setattr(blocks_class, "__init__", incomplete)
    found = two_views(6, n_components=2).fit(np.hstack([X, y]))
    for name in "ab":
        assert_allclose(found.weights_[name], expected.weights_[name], atol=1e-12)


@pytest.mark.parametrize("ridges", [(0, 0, 0), (0.5, 0.5, 0.5), (0.1, 2.0, 0.0)], ids=str)
@pytest.mark.parametrize("weighted", [False, True])
def test_three_views_equal_the_generalized_eigenproblem(ridges, weighted):
    weight = np.random.default_rng(2).uniform(0.5, 2, len(X)) if weighted else None
    weights, values = oracle(X, ridges, weight=weight)
    fitted = multi(2, reg=ridges).fit(X, sample_weight=weight)
    ours = [fitted.weights_[name] * fitted.scales_[name][:, None] for name in fitted.weights_]
    up_to_sign(ours, weights, 1e-10)
    # An eigenvalue is 1 plus a mean of the correlations, weighted by the parts of the views.
    if not any(ridges):
        variates = fitted.transform(X)
        assert_allclose(np.cov(variates.T, aweights=weight, ddof=1).diagonal(), 1, atol=2e-2)
        assert (values > 1 + fitted.canonical_correlations_).all()


def test_attributes_are_the_correlations_of_the_variates():
    fitted = multi(2, reg=0).fit(X)
    variates = fitted.transform(X)
    indices = fitted.output_indices_
    assert list(fitted.pair_correlations_) == [
        ("audio", "lyrics"), ("audio", "tags"), ("lyrics", "tags"),
    ]  # fmt: skip
    for (first, second), correlations in fitted.pair_correlations_.items():
        za, zb = variates[:, indices[first]], variates[:, indices[second]]
        expected = [np.corrcoef(za[:, c], zb[:, c])[0, 1] for c in range(2)]
        assert_allclose(correlations, expected, atol=1e-12)
    mean = np.mean(list(fitted.pair_correlations_.values()), axis=0)
    assert_allclose(fitted.canonical_correlations_, mean)
    assert fitted.score(X) == pytest.approx(mean.sum(), abs=1e-12)
    for side, (name, loadings) in zip(sides(), fitted.loadings_.items(), strict=True):
        z = variates[:, indices[name]]
        assert_allclose(loadings, np.corrcoef(X[:, side].T, z.T)[: len(loadings), -2:], atol=1e-10)
    largest = np.abs(fitted.loadings_["audio"]).argmax(axis=0)
    assert (fitted.loadings_["audio"][largest, [0, 1]] > 0).all()


def test_fewer_components_are_the_first_ones():
    fitted, fewer = multi().fit(X), multi(1).fit(X)
    assert fitted.n_components_ == 3  # the rank of the tags
    for name in fitted.weights_:
        assert_allclose(fewer.weights_[name], fitted.weights_[name][:, :1], atol=1e-10)


def test_wide_views_equal_the_primal_problem():
    X = three_views(30, (60, 45, 50))
    fitted = MultiCCA(named_views((60, 45, 50)), 2, reg=(0.5, 1.0, 2.0)).fit(X)
    Z = X - X.mean(axis=0)
    Z /= Z.std(axis=0, ddof=1)
    A = Z.T @ Z / 29
    B = np.zeros_like(A)
    for side, reg in zip(sides((60, 45, 50)), (0.5, 1.0, 2.0), strict=True):
        size = side.stop - side.start
        B[side, side] = A[side, side] + reg * np.eye(size)
        A[side, side] = B[side, side]
    vectors = eigh(A, B)[1][:, ::-1][:, :2]
    for side, (name, weights) in zip(sides((60, 45, 50)), fitted.weights_.items(), strict=True):
        ours, theirs = (
            Z[:, side] @ (weights * fitted.scales_[name][:, None]),
            Z[:, side] @ vectors[side],
        )
        for c in range(2):
            assert abs(np.corrcoef(ours[:, c], theirs[:, c])[0, 1]) == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize(
    ("spoil", "tolerance"),
    [
        (lambda V: np.column_stack([V, V[:, 0]]), 1e-9),
        (lambda V: np.column_stack([V, np.full(len(V), 7.3)]), 1e-10),
        (lambda V: np.column_stack([V, V @ np.ones(V.shape[1])]), 1e-9),
    ],
    ids=["duplicated", "constant", "dependent"],
)
def test_redundant_columns_change_nothing(spoil, tolerance):
    expected = multi(2, reg=0).fit(X)
    audio, rest = X[:, :5], X[:, 5:]
    fitted = MultiCCA(named_views((6, 4, 3)), 2, reg=0).fit(np.hstack([spoil(audio), rest]))
    assert_allclose(
        fitted.canonical_correlations_, expected.canonical_correlations_, atol=tolerance
    )
    assert_allclose(fitted.loadings_["lyrics"], expected.loadings_["lyrics"], atol=tolerance)
    if np.ptp(spoil(audio)[:, 5]) == 0:
        assert not fitted.weights_["audio"][5].any()
        assert not fitted.loadings_["audio"][5].any()


def test_nearly_dependent_columns_keep_their_digits():
    X, y = shared_views()
    for gap in (1e-3, 1e-7):
        near = np.column_stack([X, X[:, 0] + gap * np.random.default_rng(1).normal(size=len(X))])
        linear = LinearCCA(2, reg=0).fit(near, y)
        ours = two_views(7, n_components=2, reg=0).fit(np.hstack([near, y]))
        assert_allclose(ours.weights_["b"], linear.y_weights_, atol=1e-12)


@pytest.mark.parametrize("factor", [1e4, 1e-9, 1e150])
def test_units_do_not_matter(factor):
    expected = multi(2).fit(X)
    units = np.ones(12)
    units[[0, 6]] = factor, 1 / factor
    fitted = multi(2).fit(X * units)
    assert_allclose(fitted.canonical_correlations_, expected.canonical_correlations_, atol=1e-10)
    weights = fitted.weights_["audio"] * units[:5, None]
    assert_allclose(weights, expected.weights_["audio"], atol=1e-9)


def test_float32_columns_in_hz_keep_their_digits_and_their_type():
    table = (X * 100 + 3000).astype(np.float32)
    fitted = multi(2, reg=0).fit(table)
    expected = multi(2, reg=0).fit(table.astype(np.float64))
    assert_allclose(fitted.canonical_correlations_, expected.canonical_correlations_, atol=1e-10)
    assert fitted.transform(table).dtype == np.float32
    assert fitted.set_params(output="consensus").transform(table).dtype == np.float32


def test_sparse_views_stay_sparse_and_equal_dense_ones():
    S, y = sparse_views(n=200, p=12)
    table = sparse.hstack([S, y]).tocsr()
    for rows in (slice(None), slice(0, 11)):  # tall, and with fewer rows than columns
        model = MultiCCA(named_views((12, 3, 2)), 1, reg=0.5)
        found = model.fit(table[rows]).canonical_correlations_
        expected = model.fit(table[rows].toarray()).canonical_correlations_
        assert_allclose(found, expected, atol=1e-10)
    assert_allclose(model.fit(table).transform(table), model.transform(table.toarray()), atol=1e-12)


def test_sparse_output_of_a_transformer_with_dependent_columns():
    labels = np.random.default_rng(0).integers(0, 4, size=(len(X), 1)).astype(float)
    table = np.hstack([X[:, :8], labels])
    views = named_views((5, 3), ("a", "b"))
    models = [
        MultiCCA([*views, ("c", OneHotEncoder(sparse_output=is_sparse), [8])], 1, reg=0)
        for is_sparse in (True, False)
    ]
    found, expected = (model.fit(table) for model in models)  # no PrecisionWarning
    assert_allclose(found.canonical_correlations_, expected.canonical_correlations_, atol=1e-9)


def test_few_components_of_a_large_problem(monkeypatch):
    monkeypatch.setattr(multiview_solution, "_LARGE", 40)
    table = three_views(600, (30, 30, 20))
    model = MultiCCA(named_views((30, 30, 20)), 2)
    used = []
    eigsh = multiview_solution.eigsh
    monkeypatch.setattr(
        multiview_solution, "eigsh", lambda *a, **k: (used.append(1), eigsh(*a, **k))[1]
    )
    found = model.fit(table)
    assert used
    monkeypatch.setattr(multiview_solution, "_LARGE", 10**6)
    expected = multi(2).set_params(views=model.views).fit(table)
    for name in found.weights_:
        assert_allclose(found.weights_[name], expected.weights_[name], atol=1e-9)


def test_the_default_ridge_vanishes_with_many_rows_and_saves_wide_views():
    fitted = multi().fit(three_views(5000))
    assert max(fitted.reg_.values()) < 0.01
    sizes = (20, 200, 100)
    train, test = np.split(three_views(1050, sizes, noise=3.0), [50])
    for reg, low, high in (("auto", 0.5, 2), (0, -1, 0.4)):
        model = MultiCCA(named_views(sizes), 2, reg=reg)
        if reg == 0:
            with pytest.warns(PerfectCorrelationWarning, match="'audio' and 'lyrics' have ranks"):
                model.fit(train)
        assert low < model.fit(train).score(test) < high if reg else model.score(test) < high


@pytest.mark.parametrize("reg", [0, "auto", {"audio": 0.1, "lyrics": 1.0, "tags": "oas"}], ids=str)
def test_streams_and_blocks_equal_one_fit(reg):
    weight = np.random.default_rng(0).integers(0, 3, len(X)).astype(float)
    weight[90] = 0  # one block has zero weights only
    expected = multi(2, reg=reg).fit(X + 1e5, sample_weight=weight)
    cuts = np.split(np.arange(len(X)), [60, 90, 91])
    streamed = multi(2, reg=reg)
    for rows in (cuts[0], np.concatenate(cuts[1:3]), cuts[3]):
        assert streamed.partial_fit(X[rows] + 1e5, sample_weight=weight[rows]) is streamed
    blocks = [(X[rows] + 1e5, weight[rows]) for rows in cuts]
    in_blocks = multi(2, reg=reg).fit_blocks(blocks)
    generated = multi(2, reg=reg).fit_blocks(block for block in blocks)
    for fitted in (streamed, in_blocks, generated):
        for name in fitted.weights_:
            assert_allclose(fitted.weights_[name], expected.weights_[name], atol=1e-8)
        assert_allclose(fitted.canonical_correlations_, expected.canonical_correlations_, atol=1e-9)
    afresh = streamed.fit(X).partial_fit(X[:60])  # a fit ends the stream
    assert_allclose(afresh.means_["tags"], X[:60, 9:].mean(axis=0))


def interrupted(*arguments):
    raise KeyboardInterrupt


def test_a_failed_call_changes_nothing(monkeypatch):
    streamed = multi(1).partial_fit(X)
    before = streamed.weights_["audio"].copy()
    bad = X[:20].copy()
    bad[3, 1] = np.nan
    with pytest.raises(ValueError, match="Row 3 has only a part of the view 'audio'"):
        streamed.partial_fit(bad)
    with pytest.raises(ValueError, match="part of the view"):
        streamed.fit(bad)
    with monkeypatch.context() as patch:
        patch.setattr("skdcca._cca.multiview.fit_by_moments", interrupted)
        with pytest.raises(KeyboardInterrupt):
            streamed.partial_fit(X)
    streamed.partial_fit(X)
    twice = multi(1).fit(np.vstack([X, X]))
    assert_allclose(streamed.weights_["audio"], twice.weights_["audio"], atol=1e-10)
    assert not np.array_equal(streamed.weights_["audio"], before)


def test_dask_and_memory_mapped_tables(tmp_path):
    dask_array = pytest.importorskip("dask.array")
    expected = multi(2).fit(X)
    lazy = dask_array.from_array(X, chunks=(60, 7))
    fitted = multi(2).fit(lazy)
    assert_allclose(fitted.weights_["tags"], expected.weights_["tags"], atol=1e-10)
    projected = fitted.transform(lazy)
    assert projected.shape == (200, 6)
    assert_allclose(projected.compute(), expected.transform(X), atol=1e-9)
    np.save(tmp_path / "table.npy", X)
    mapped = np.load(tmp_path / "table.npy", mmap_mode="r")
    again = multi(2).fit(mapped)
    assert_allclose(again.weights_["tags"], expected.weights_["tags"], atol=1e-10)


def test_blocks_need_fitted_transformers():
    scale = FunctionTransformer(np.log1p)
    views = named_views()
    model = MultiCCA(
        [("audio", FrozenEstimator(scale.fit(X[:, :5] ** 2)), slice(0, 5)), *views[1:]]
    )
    table = np.hstack([X[:, :5] ** 2, X[:, 5:]])
    fitted = model.fit_blocks([table[:150], table[150:]])
    expected = MultiCCA([("audio", scale, slice(0, 5)), *views[1:]]).fit(table)
    assert_allclose(fitted.canonical_correlations_, expected.canonical_correlations_, atol=1e-10)
    absent = np.full((20, 5), np.nan)
    late = [np.hstack([absent, X[:20, 5:]]), table]
    with pytest.raises(ValueError, match="first of `blocks` must have a row with the view 'audio'"):
        model.fit_blocks(iter(late))
    assert model.fit_blocks(late).weights_["audio"].shape[0] == 5
    broken = table.copy()
    broken[7, 1] = np.nan
    with pytest.raises(ValueError, match="block 1: Row 7 has only a part of the view 'audio'"):
        model.fit_blocks([table, broken])
    assert len(model.fit_blocks([table.tolist(), table]).weights_) == 3
    encoder = MultiCCA([("a", OneHotEncoder(), [0]), *views[1:]])
    with pytest.raises(ValueError, match="view 'a' must be fitted for rows in blocks"):
        encoder.fit_blocks([X])


def test_streamed_dependent_columns_warn():
    table = np.column_stack([X[:, :5], X[:, 0], X[:, 5:]])
    with pytest.warns(PrecisionWarning, match="view 'audio'"):
        fitted = MultiCCA(named_views((6, 4, 3)), 2, reg=0).partial_fit(table)
    expected = multi(2, reg=0).fit(X)
    assert_allclose(fitted.canonical_correlations_, expected.canonical_correlations_, atol=1e-8)


@pytest.mark.parametrize(
    ("parameters", "table", "message"),
    [
        ({"n_components": 4}, X, r"must be <= 3 \(the rank of the view 'tags'\), got 4"),
        ({"n_components": 0}, X, "`n_components` must be an integer >= 1, or None, got 0"),
        ({"reg": -1}, X, "`reg` must be 'auto', 'ledoit_wolf', 'oas', or a finite number .* got -1"),
        ({"reg": (1, 2)}, X, "one of them for each of 3 views"),
        ({"reg": {"audio": 1.0}}, X, "one ridge for each of the views .*, got .'audio'."),
        ({"output": "both"}, X, "`output` must be one of .'consensus', 'variates'."),
        ({"similarity": "dot"}, X, "`similarity` must be one of"),
        ({"views": []}, X, "`views` must be a list of triples"),
        ({"views": [("a", "passthrough")]}, X, "`views` must be a list of triples"),
        ({"views": [("a", "passthrough", [0])]}, X, "at least two views .* got 1"),
        ({"views": [*named_views()[:2], ("reg", "passthrough", [9])]}, X, "conflict"),
        ({"views": [*named_views()[:2], ("c", "passthrough", [])]}, X, "view 'c' must have a column"),
        ({}, np.where(X[5, 6] == X, np.inf, X), "The view 'lyrics' contains infinity, first in row 5"),
        ({}, np.where(np.arange(12) < 5, 1.0, X), "Every column of the view 'audio' is constant"),
        ({}, X[:1], "minimum of 2 is required"),
        ({}, X.astype(str).astype(object) + "?", "view 'audio' contains text.*TfidfVectorizer"),
    ],
    ids=lambda value: None,
)  # fmt: skip
def test_bad_input_is_named(parameters, table, message):
    model = multi().set_params(**parameters)
    with pytest.raises(ValueError, match=message):
        model.fit(table)


def test_what_is_no_transformer_is_named():
    for wrong in (None, OneHotEncoder, "pass"):
        with pytest.raises(
            TypeError, match="view 'c' must be 'passthrough', 'drop' or a transformer"
        ):
            MultiCCA([*named_views()[:2], ("c", wrong, [9])]).fit(X)
    with pytest.raises(TypeError, match="`blocks` must be an iterable of tables"):
        multi().fit_blocks(X)
    with pytest.raises(
        ValueError, match="`reg` must not be 'ledoit_wolf' for rows that are read once"
    ):
        multi(reg="ledoit_wolf").partial_fit(X)
    with pytest.raises(
        ValueError, match="`reg` must not be 'ledoit_wolf' for rows that are read once"
    ):
        multi(reg="ledoit_wolf").fit_blocks(iter([X]))


@pytest.mark.parametrize("kind", ["list", "memmap"])
def test_blocks_that_can_be_read_again_give_the_model_of_all_rows(kind, tmp_path):
    table = without(X, random_presence(len(X), 0.2))
    table[:, 1] = (table[:, 0] > 0) * 1.0  # indicators of two classes depend on each other
    table[:, 2] = 1 - table[:, 1]
    table[np.isnan(table[:, 0]), 1:3] = np.nan
    expected = multi(2, reg=("ledoit_wolf", 0.1, 0.0)).fit(table)
    fitted = clone(expected)
    if kind == "list":
        fitted.fit_blocks([table[:70], table[70:]])
    else:
        np.save(tmp_path / "table.npy", table)
        fitted.fit(np.load(tmp_path / "table.npy", mmap_mode="r"))
    assert fitted.reg_ == pytest.approx(expected.reg_, rel=1e-10)
    found = fitted.canonical_correlations_
    assert_allclose(found, expected.canonical_correlations_, atol=1e-9)
