"""Views in blocks: iterators, dask arrays and files give the model of arrays, in less memory."""

import tracemalloc
import weakref
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from _views import cut, orthonormal_correlations, shared_views
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from scipy.spatial.distance import pdist
from sklearn.base import clone
from sklearn.preprocessing import StandardScaler

from skdcca import DeepCCA, KernelCCA, LinearCCA, load, save
from skdcca._utils import blocks as _blocks

da = pytest.importorskip("dask.array")

NYSTROEM = KernelCCA(2, approximation="nystroem", n_landmarks=20, random_state=0, scale=False)
FOURIER = KernelCCA(2, approximation="rff", n_landmarks=30, random_state=0, scale=False)
KERNELS = {
    "rbf": NYSTROEM,
    "linear": clone(NYSTROEM).set_params(kernel="linear"),
    "poly": clone(NYSTROEM).set_params(kernel="poly", degree=2),
    "cosine": clone(NYSTROEM).set_params(kernel="cosine"),
    "fourier": FOURIER,
}
FITTED = (
    "canonical_correlations_ x_weights_ y_weights_ x_loadings_ y_loadings_ x_mean_ y_mean_ x_scale_ "
    "y_scale_ x_coefs_ y_coefs_ x_intercept_ y_intercept_ x_rows_ y_rows_ x_gamma_ y_gamma_ "
    "_y_of_variates"
).split()


def chunked(X, y, rows=70, columns=3):
    """Return dask arrays, chunked along both axes and differently."""
    return da.from_array(X, chunks=(rows, columns)), da.from_array(y, chunks=(rows + 13, -1))


def assert_same_model(one, other, tolerance=1e-10):
    assert one.n_components_ == other.n_components_
    for name in FITTED:
        ours, theirs = getattr(one, name, None), getattr(other, name, None)
        assert (ours is None) == (theirs is None), name
        if theirs is not None:
            # An intercept may be a rounding error, which is small beside variates of variance 1.
            atol = tolerance * max(np.abs(theirs).max(), "intercept" in name)
            assert_allclose(ours, theirs, rtol=0, atol=atol, err_msg=name)


# LinearCCA


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16, np.int32, ">f4"])
@pytest.mark.parametrize("scheduler", ["synchronous", "threads"])
def test_linear_fit_of_dask_arrays_equals_arrays(dtype, scheduler):
    X, y = (np.round(8 * view).astype(dtype) for view in shared_views(400))
    expected = LinearCCA(3, reg=(0.1, 0.0)).fit(X, y)
    with _dask_config(scheduler=scheduler):
        ours = LinearCCA(3, reg=(0.1, 0.0)).fit(*chunked(X, y))
    assert_same_model(ours, expected)
    assert ours.n_features_in_ == 6
    assert ours.predict(X).dtype == expected.predict(X).dtype


def _dask_config(**settings):
    import dask

    return dask.config.set(**settings)


@pytest.mark.parametrize("again", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_linear_fit_of_blocks_equals_arrays(again, weighted):
    X, y = shared_views(400)
    X[:, 0] += 1e6
    weight = [np.random.default_rng(0).integers(0, 3, size=400)] if weighted else []
    for times in weight:
        times[:30] = 0  # of whole blocks
    expected = LinearCCA(3, reg=0).fit(X, y, *weight)
    blocks = cut(X, y, *weight)
    assert_same_model(
        LinearCCA(3, reg=0).fit_blocks(blocks if again else iter(blocks)), expected, 1e-9
    )


@pytest.mark.parametrize("weight", ["array", "dask"])
def test_weights_count_rows_of_dask_arrays(weight):
    X, y = shared_views(400)
    times = np.random.default_rng(0).integers(0, 3, size=400)
    given = times if weight == "array" else da.from_array(times, chunks=50)
    ours = LinearCCA(3, reg=0).fit(*chunked(X, y), sample_weight=given)
    assert_same_model(
        ours, LinearCCA(3, reg=0).fit(np.repeat(X, times, axis=0), np.repeat(y, times, axis=0))
    )


def nearly_dependent(gap):
    X, y = shared_views(400)
    noise = np.random.default_rng(1).normal(size=400)
    return np.column_stack([X, X[:, 0] + gap * noise, np.full(400, 0.1)]), y


@pytest.mark.parametrize("gap", [1e-3, 1e-6, 0.0])
def test_columns_that_are_nearly_dependent_keep_their_digits(gap):
    X, y = nearly_dependent(gap)
    expected = orthonormal_correlations(X, y, rcond=1e-12)
    for ours in (
        LinearCCA(reg=0).fit(*chunked(X, y)),
        LinearCCA(reg=0).fit_blocks(cut(X, y)),
        LinearCCA(reg=0).fit_blocks(partial(iter, cut(X, y))),
    ):
        assert_allclose(ours.canonical_correlations_, expected, atol=1e-10)
        assert_array_equal(ours.x_weights_[7], 0)
        assert_allclose(
            ours.transform(X), LinearCCA(reg=0).fit(X, y).transform(X), atol=1e-14 / (gap or 1e-3)
        )


def test_types_of_the_two_views_round_on_their_own():
    X, y = nearly_dependent(1e-7)  # less than the rounding of float32
    ours = LinearCCA(reg=0).fit(*chunked(X, y.astype(np.float32)))
    expected = orthonormal_correlations(X, y.astype(np.float32).astype(float), rcond=1e-12)
    assert_allclose(ours.canonical_correlations_, expected, atol=1e-9)


def test_wide_dask_arrays_equal_arrays():
    X, y = shared_views(20, p=30)
    assert_same_model(LinearCCA(2, reg=1.0).fit(*chunked(X, y)), LinearCCA(2, reg=1.0).fit(X, y))
    X, y = shared_views(20, p=2000)
    tracemalloc.start()
    LinearCCA(2, reg=1.0).fit(*chunked(X, y, columns=-1))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2000**2 * 8 / 2  # of the moments


def test_sparse_blocks():
    X = sparse.random_array(
        (300, 8), density=0.3, random_state=np.random.default_rng(0), format="csr"
    )
    y = shared_views(300)[1] + X.toarray()[:, :4]
    X = sparse.hstack([X, X[:, [0]]], "csr")
    blocks = [(X[rows], y[rows]) for rows in (slice(0, 100), slice(100, 300))]
    ours = LinearCCA(reg=0.1).fit_blocks(blocks).canonical_correlations_
    assert_allclose(
        ours, LinearCCA(reg=0.1).fit(X.toarray(), y).canonical_correlations_, atol=1e-10
    )


def test_blocks_of_frames_keep_their_names():
    X, y = shared_views(400)
    frame = pd.DataFrame(X, columns=list("abcdef"))
    blocks = [(frame[:100], y[:100]), (frame[100:], y[100:])]
    assert list(LinearCCA(2, reg=0).fit_blocks(blocks).feature_names_in_) == list("abcdef")
    blocks[1] = (blocks[1][0][list("bacdef")], blocks[1][1])
    with pytest.raises(ValueError, match=r"(?s)block 1: .*same order"):
        LinearCCA(2, reg=0).fit_blocks(blocks)


def test_one_column_of_y():
    X, y = shared_views(400)
    expected = LinearCCA(1, reg=0).fit(X, y[:, 0])
    for ours in (
        LinearCCA(1, reg=0).fit_blocks(cut(X, y[:, 0])),
        LinearCCA(1, reg=0).fit(chunked(X, y)[0], y[:, 0]),
        LinearCCA(1, reg=0).fit(X, da.from_array(y[:, 0], chunks=90)),
    ):
        assert_same_model(ours, expected)
        assert ours.predict(X).shape == (400,)


# KernelCCA


@pytest.mark.parametrize("kernel", KERNELS)
def test_kernel_fit_of_blocks_equals_arrays(kernel):
    X, y = shared_views(400)
    expected = clone(KERNELS[kernel]).fit(X + 3, y)
    assert_same_model(clone(KERNELS[kernel]).fit(*chunked(X + 3, y)), expected)
    assert_same_model(clone(KERNELS[kernel]).fit_blocks(cut(X + 3, y)), expected)
    assert_same_model(clone(KERNELS[kernel]).fit_blocks(lambda: iter(cut(X + 3, y))), expected)


def test_the_scale_of_a_kernel_equals_numpy():
    X, y = shared_views(400)
    X = X * [1, 2, 3, 4, 5, 6] + [1e6, 0, 0, 5, 0, 0]
    scaled = clone(NYSTROEM).set_params(gamma="scale")
    for ours in (scaled.fit(X, y), clone(scaled).fit_blocks(cut(X, y))):
        assert ours.x_gamma_ == pytest.approx(1 / (6 * X.var()), rel=1e-12)
        assert ours.y_gamma_ == pytest.approx(1 / (4 * y.var()), rel=1e-12)
    distances = pdist(y, "sqeuclidean").mean() * 399 / 400  # the distance of a row to itself counts
    assert clone(NYSTROEM).fit(X, y).y_gamma_ == pytest.approx(1 / distances)


def test_a_variance_too_small_for_numbers_is_refused():
    X, y = shared_views(400)
    X[:] = 0.0
    X[250:] = 1e-200
    with pytest.raises(ValueError, match="gamma='distance' cannot be computed for X"):
        clone(NYSTROEM).fit(*chunked(X, y))


def test_all_rows_as_landmarks_are_exact():
    X, y = shared_views(60)
    exact = KernelCCA(2, scale=False).fit(X, y)
    ours = KernelCCA(2, approximation="nystroem", n_landmarks=100, scale=False).fit(
        *chunked(X, y, rows=20)
    )
    assert_allclose(ours.canonical_correlations_, exact.canonical_correlations_, atol=1e-8)


# Errors


def generator(X, y):
    yield from cut(X, y)


def test_blocks_that_can_be_read_once_are_refused_where_they_are_read_again():
    X, y = shared_views(400)
    for model in (NYSTROEM, FOURIER):
        for blocks in (generator(X, y), zip(X[None], y[None], strict=True)):
            with pytest.raises(ValueError, match=r"readable more than once.*fit_blocks\(f\)"):
                clone(model).fit_blocks(blocks)
    with pytest.raises(ValueError, match=r"`approximation` must be .*, got None.*keeps every row"):
        KernelCCA(2, scale=False).fit_blocks(cut(X, y))


def spoilt(fault):
    X, y = shared_views(400)
    blocks = cut(X, y)
    last_x, last_y = blocks[-1]
    if fault == "nan":
        last_x[7, 3] = np.nan
    elif fault == "infinite y":
        last_y[9, 0] = -np.inf
    blocks[-1] = {
        "narrow": (last_x[:, :3], last_y),
        "narrow y": (last_x, last_y[:, :3]),
        "shorter": (last_x, last_y[:-1]),
        "no pair": last_x,
        "four": (last_x, last_y, last_y, last_y),
        "text": (np.full(last_x.shape, "a"), last_y),
    }.get(fault, blocks[-1])
    return blocks


@pytest.mark.parametrize("model", [LinearCCA(2, reg=0), NYSTROEM], ids=["linear", "kernel"])
@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("nan", "block 4: X contains NaN or infinity, first in row 7 of the block"),
        ("infinite y", "block 4: y contains NaN or infinity, first in row 9 of the block"),
        ("narrow", "block 4: X has 3 features, but .* is expecting 6 features"),
        ("narrow y", "block 4: y has 3 features, but .* expecting 4"),
        ("shorter", "block 4: X and y .* same number of samples, got 367 and 366"),
        ("no pair", r"block 4: must be a pair \(X, y\), got ndarray of shape \(367, 6\)"),
        ("four", "block 4: must be a pair .* tuple of length 4"),
        ("text", "block 4: X contains text"),
    ],
)
def test_a_bad_block_is_named(model, fault, message):
    X, y = shared_views(400)
    fitted = clone(model).fit(X, y)
    before = fitted.transform(X)
    with pytest.raises(ValueError, match=message):
        fitted.fit_blocks(spoilt(fault))
    assert_array_equal(fitted.transform(X), before)  # the model is unchanged


@pytest.mark.parametrize("model", [LinearCCA(2, reg=0), NYSTROEM], ids=["linear", "kernel"])
def test_a_bad_chunk_of_dask_is_named(model):
    X, y = shared_views(400)
    X[170, 3] = np.nan
    with pytest.raises(ValueError, match="block 2: X contains NaN or infinity, first in row 30"):
        clone(model).fit(*chunked(X, y))


@pytest.mark.parametrize("model", [LinearCCA(2, reg=0), NYSTROEM], ids=["linear", "kernel"])
def test_bad_blocks_and_parameters_are_refused(model):
    X, y = shared_views(400)
    lazy_x, lazy_y = chunked(X, y)
    with pytest.raises(ValueError, match="`blocks` is empty"):
        clone(model).fit_blocks([])
    with pytest.raises(TypeError, match="must be an iterable of pairs"):
        clone(model).fit_blocks(3)
    with pytest.raises(ValueError, match="rows"):
        clone(model).fit_blocks([(X[:1], y[:1])])
    with pytest.raises(ValueError, match=r"`n_components` must be <= [48] .*, got 9"):
        clone(model).set_params(
            n_components=9, **({"n_landmarks": 8} if model is NYSTROEM else {})
        ).fit(lazy_x, lazy_y)
    with pytest.raises(ValueError, match=r"`n_components` must be <= 1 .*samples - 1., got 2"):
        clone(model).fit_blocks([(X[:1], y[:1]), (X[1:2], y[1:2])])
    with pytest.raises(ValueError, match="same number of samples, got 400 and 399"):
        clone(model).fit(lazy_x, lazy_y[:-1])
    with pytest.raises(ValueError, match="compute_chunk_sizes"):
        clone(model).fit(lazy_x[lazy_x[:, 0] > 0], lazy_y[lazy_x[:, 0] > 0])
    for fit in (lambda m: m.fit(lazy_x, lazy_y), lambda m: m.fit_blocks(cut(X, y))):
        with pytest.raises(
            ValueError, match=r"`y_transformer` must be None for blocks .*, got StandardScaler\(\)"
        ):
            fit(clone(model).set_params(y_transformer=StandardScaler()))


def test_blocks_that_differ_when_they_are_read_again_are_refused():
    X, y = shared_views(400)
    sizes = iter([400, 400, 300, 300, 300])
    with pytest.raises(ValueError, match=r"got 400 rows at first and 300"):
        clone(FOURIER).fit_blocks(lambda: [(X[:n], y[:n]) for n in [next(sizes)]])


def test_weights_that_sum_to_too_little_are_refused():
    X, y = shared_views(400)
    with pytest.raises(ValueError, match=r"must sum to more than 1, got 0\.8 in 400 rows"):
        LinearCCA(1, reg=0).fit_blocks(cut(X, y, np.full(400, 0.002)))
    with pytest.raises(ValueError, match=r"block 4: Negative values"):
        LinearCCA(1, reg=0).fit_blocks(cut(X, y, -1.0 * (np.arange(400) > 40)))


# Fitted models


@pytest.mark.parametrize(
    "model",
    [
        LinearCCA(2, reg=0),
        KernelCCA(2, scale=False),
        NYSTROEM,
        DeepCCA(2, fallback=None, n_networks=1, max_epochs=1, random_state=0),
    ],
    ids=["linear", "exact", "landmarks", "deep"],
)
def test_variates_of_dask_arrays_are_dask_arrays(model):
    X, y = shared_views(400)
    model = clone(model).fit(X, y)
    lazy_x, lazy_y = chunked(X, y)
    zx, zy = model.transform(lazy_x, lazy_y)
    atol = 1e-5 if isinstance(model, DeepCCA) else 1e-12
    for ours, theirs in [
        (zx, model.transform(X)),
        (zy, model.transform_y(y)),
        (model.predict(lazy_x), model.predict(X)),
        (model.transform(lazy_x.astype("f4")), model.transform(X.astype("f4"))),
    ]:
        assert isinstance(ours, da.Array)
        assert ours.shape == theirs.shape
        assert ours.dtype == ours.compute().dtype == theirs.dtype
        assert_allclose(ours, theirs, atol=1e-5 if theirs.dtype == np.float32 else atol)
    assert model.score(lazy_x, lazy_y) == pytest.approx(model.score(X, y), abs=1e-5)


def test_numbers_of_one_column_stay_flat():
    X, y = shared_views(400)
    model = LinearCCA(1, reg=0).fit(X, y[:, 0])
    predicted = model.predict(chunked(X, y)[0])
    assert predicted.shape == (400,)
    assert_allclose(predicted, model.predict(X))
    assert_allclose(
        model.transform_y(da.from_array(y[:, 0], chunks=50)), model.transform_y(y[:, 0])
    )


def test_a_model_of_blocks_is_saved(tmp_path):
    X, y = shared_views(400)
    for model in (LinearCCA(2, reg=0), NYSTROEM, FOURIER):
        model = clone(model).fit(*chunked(X, y))
        save(model, tmp_path / "model.skdcca")
        assert_array_equal(load(tmp_path / "model.skdcca").transform(X), model.transform(X))


# Memory


def recorded(tmp_path, dtype, rows=400):
    X, y = (np.round(8 * view).astype(dtype) for view in shared_views(rows))
    for name, view in (("x", X), ("y", y)):
        np.save(tmp_path / f"{name}.npy", view)
    return X, y, *(np.load(tmp_path / f"{name}.npy", mmap_mode="r") for name in "xy")


@pytest.mark.parametrize("dtype", ["f8", "f4", "f2", "i2", ">f4"])
@pytest.mark.parametrize(
    "model", [LinearCCA(2, reg=0), NYSTROEM, KernelCCA(2, scale=False)], ids=["l", "n", "k"]
)
def test_memory_mapped_files_equal_arrays(tmp_path, monkeypatch, dtype, model):
    monkeypatch.setattr(_blocks, "_NUMBERS", 700)
    X, y, x_file, y_file = recorded(tmp_path, dtype)
    expected = clone(model).fit(X, y)
    assert_same_model(clone(model).fit(x_file, y_file), expected)
    assert_same_model(clone(model).fit(pd.DataFrame(X), y_file), expected)
    assert_same_model(clone(model).fit(x_file, y.tolist()), clone(model).fit(X, y.astype(float)))
    if dtype == "f8":  # with a transformer of y, and rows as a search slices them
        scaled = clone(model).set_params(y_transformer=StandardScaler())
        assert_same_model(clone(scaled).fit(x_file, y_file), scaled.fit(X, y))


@pytest.mark.parametrize(
    ("model", "dtype"),
    [
        (LinearCCA(2, reg=0), "f4"),
        (LinearCCA(2, reg=0), "f2"),
        (LinearCCA(2, reg=0), ">f4"),
        (KernelCCA(2, approximation="nystroem", n_landmarks=5, random_state=0, scale=False), "f2"),
    ],
)
def test_files_are_never_copied_as_a_whole(tmp_path, monkeypatch, dtype, model):
    for limit in (
        "_utils.blocks._NUMBERS",
        "_cca.moments._BLOCK",
        "_cca.linear._NUMBERS",
        "_cca.kernel_maps._NUMBERS",
    ):
        monkeypatch.setattr(f"skdcca.{limit}", 2**13)
    monkeypatch.setattr("skdcca._cca.kernel_maps._ROWS", 256)
    shape = (8000, 40)
    X, y = np.random.default_rng(0).normal(size=(2, 1000, 40)).astype(dtype)
    for name, view in (("x", X), ("y", y)):
        file = np.lib.format.open_memmap(tmp_path / name, "w+", dtype, shape)
        file[:] = np.tile(view, (8, 1))
    x_file, y_file = (np.load(tmp_path / name, mmap_mode="r") for name in "xy")
    tracemalloc.start()
    model = clone(model).fit(x_file, y_file)
    if dtype == "f4":  # other types are converted for variates
        model.transform(x_file)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < x_file.size * 8 / 4


def test_pages_of_a_file_are_released(tmp_path):
    *_, x_file, y_file = recorded(tmp_path, "f8", rows=40_000)
    LinearCCA(2, reg=0).fit(x_file, y_file)
    if not Path("/proc/self/smaps").exists():
        pytest.skip("no /proc to show the resident pages of a file")
    of_files = Path("/proc/self/smaps").read_text().split(str(tmp_path / "x.npy"))
    resident = int(of_files[1].split("Rss:")[1].split()[0])
    assert resident < 512 < x_file.nbytes / 1024


def test_unsaved_changes_of_a_memory_map_are_used(tmp_path):
    X, y, *_ = recorded(tmp_path, "f8")
    changed = np.load(tmp_path / "x.npy", mmap_mode="c")
    changed[:, 0] = X[:, 0] = np.arange(400) % 7
    assert_same_model(LinearCCA(2, reg=0).fit(changed, y), LinearCCA(2, reg=0).fit(X, y))
    assert_array_equal(changed, X)


@pytest.mark.parametrize("model", [LinearCCA(2, reg=0), NYSTROEM], ids=["linear", "kernel"])
def test_dask_arrays_are_never_in_memory_as_a_whole(model):
    alive, most, made = weakref.WeakValueDictionary(), 0, 0

    class Watched(np.ndarray):
        pass

    def chunk(block_info=None):
        nonlocal most, made
        (start, stop), _ = block_info[None]["array-location"]
        made += 1
        alive[made] = array = (
            np.random.default_rng(start).normal(size=(stop - start, 8)).view(Watched)
        )
        most = max(most, len(alive))
        return array

    raw = da.map_blocks(chunk, chunks=((100,) * 50, (8,)), dtype=float, meta=np.empty((0, 0)))
    with _dask_config(scheduler="synchronous"):
        clone(model).fit(raw[:, :5], raw[:, 5:])
    assert most <= 3
    # A chunk that both views come from is computed once per pass.
    if isinstance(model, LinearCCA):
        assert made == 50
    else:  # and again for landmarks
        assert 100 < made <= 150
