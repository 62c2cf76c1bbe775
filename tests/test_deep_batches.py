"""Batches: their sizes, blocks of rows, and views in files."""

import gc
import threading
import tracemalloc

import numpy as np
import pytest
import torch
from _deep_loop import Objective, run_loop
from _deep_models import Sizes, small, two_views
from sklearn.base import clone
from skorch.callbacks import Callback

from skdcca import DeepCCA
from skdcca._deep import batches
from skdcca.encoders import MLP
from skdcca.exceptions import SmallBatchWarning, TrainingInterruptedWarning
from skdcca.losses import CCALoss


def test_default_batches():
    X, y = two_views(n=1500)
    model = DeepCCA(
        x_encoder=MLP((64,), dropout=0),
        y_encoder=MLP((64,), dropout=0),
        fallback=None,
        n_networks=1,
        max_epochs=1,
        random_state=0,
    )
    assert clone(model).fit(X, y).batch_size_ == 1350 // 8
    assert clone(model).fit(X[:200], y[:200]).batch_size_ == 32
    assert clone(model).fit(*two_views(n=2500)).batch_size_ == 256
    model.set_params(loss="cca")
    assert clone(model).fit(X, y).batch_size_ == 1000
    assert clone(model).set_params(n_components=60).fit(X, y).batch_size_ == 1200
    assert clone(model).fit(X[:600], y[:600]).batch_size_ == 540  # all rows that are not held out


def test_blocks_of_a_long_transform(monkeypatch):
    X, y = two_views()
    fitted = small().fit(X, y)
    expected = fitted.transform(X)
    monkeypatch.setattr(batches, "_BLOCK_ROWS", 7)
    np.testing.assert_allclose(fitted.transform(X), expected, atol=1e-6)
    # Mean and range come from blocks, the last of which is shorter.
    again = small().fit(X, y)
    np.testing.assert_allclose(again.x_state_["0.mean"], fitted.x_state_["0.mean"], rtol=1e-12)
    np.testing.assert_allclose(
        again.x_state_["0.deviation"], fitted.x_state_["0.deviation"], rtol=1e-6
    )


@pytest.mark.parametrize("n", [60, 61, 62, 64, 99, 119, 25])
@pytest.mark.parametrize("loss", ["cca", "infonce"])
def test_no_short_batch_and_every_row(n, loss):
    X, y = two_views(n)
    sizes = Sizes()
    fitted = small(
        5, loss=loss, batch_size=30, validation_fraction=0, callbacks=[sizes], max_epochs=2
    ).fit(X, y)
    first, second = np.array_split(sizes.sizes, 2)
    assert first.sum() == second.sum() == n
    assert first.min() >= min(30, n)
    assert first.max() - first.min() <= 1
    zx, zy = fitted.transform(X, y)
    assert zx.shape == zy.shape == (n, 5)
    assert np.isfinite(zx).all()
    assert np.isfinite(zy).all()


def test_every_epoch_sees_every_training_row_and_no_held_out_one():
    seen = []

    class Rows(Callback):
        def on_batch_begin(self, net, batch=None, **kwargs):
            seen.append(batch[0]["x"][:, 0].numpy().astype(int))

    X, y = two_views(n=200)
    X[:, 0] = np.arange(200)
    small(batch_size=30, validation_fraction=0.2, max_epochs=2, callbacks=[Rows()]).fit(X, y)
    epochs = np.concatenate(seen).reshape(2, 160)
    assert set(epochs[0]) == set(epochs[1])
    assert len(set(epochs[0])) == 160
    assert list(epochs[0]) != list(epochs[1])


def test_the_loss_gets_the_labels_of_the_rows_of_its_batch():
    X, y = two_views(n=100)
    codes = np.random.default_rng(0).integers(5, size=100)
    rows, objective = [], Objective()

    class Rows(Callback):
        def on_batch_begin(self, net, batch=None, **kwargs):
            rows.append(batch[0]["x"][:, 0].numpy())

    run_loop(X, y, labels=codes, objective=objective, callbacks=[Rows()])
    assert len(objective.labels) == 9
    for values, (labels,) in zip(rows, objective.labels, strict=True):
        assert labels.dtype == torch.int64
        np.testing.assert_array_equal(labels, codes[[list(X[:, 0]).index(v) for v in values]])
    run_loop(X, y, objective=objective)
    assert objective.labels[9:] == [()] * 9


def test_small_batches_warn():
    X, y = two_views(n=200)
    few = r"Batches of 20 rows .* for 5 components.*larger batch"
    with pytest.warns(SmallBatchWarning, match=few) as caught:
        small(5, batch_size=20, loss="cca").fit(X, y)
    assert caught[0].filename == __file__
    with pytest.warns(SmallBatchWarning, match="more samples"):
        small(5, loss="cca").fit(X[:20], y[:20])
    with pytest.warns(SmallBatchWarning, match=r"Batches of 10 rows .* for 12 components"):
        small(12, batch_size=10, loss="ey").fit(X, y)
    small(5, batch_size=20, loss="ey").fit(X, y)
    small(5, batch_size=4, loss="infonce").fit(X, y)  # no covariance, no warning


def test_one_row_is_transformed_as_among_others():
    X, y = two_views()
    fitted = small().fit(X, y)
    alone = np.concatenate([fitted.transform(row[None]) for row in X[:5]])
    np.testing.assert_allclose(alone, fitted.transform(X)[:5], atol=1e-6)


# Views in files


@pytest.fixture(scope="module")
def in_files(tmp_path_factory):
    """Return two views, one of them large, and the same views memory-mapped."""
    folder = tmp_path_factory.mktemp("views")
    X, y = (view.astype(np.float32) for view in two_views(n=10_000, p=400, q=4))
    for name, view in (("X", X), ("y", y)):
        np.save(folder / f"{name}.npy", view)
    mapped = [np.load(folder / f"{name}.npy", mmap_mode="r") for name in "Xy"]
    return X, y, *mapped


def test_memory_mapped_views_give_the_same_model_bit_for_bit(in_files):
    X, y, X_file, y_file = in_files
    model = small(x_encoder=MLP((16,), dropout=0.2), max_epochs=2)
    here, there = clone(model).fit(X, y), clone(model).fit(X_file, y_file)
    for name in ("x_state_", "y_state_"):
        for ours, theirs in zip(
            getattr(here, name).values(), getattr(there, name).values(), strict=True
        ):
            np.testing.assert_array_equal(ours, theirs)
    for ours, theirs in zip(here.transform(X, y), there.transform(X_file, y_file), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_array_equal(here.predict(X), there.predict(X_file))
    # Slices of files and a file for only one view work as well.
    half = clone(model).fit(X[:3000], y[:3000])
    np.testing.assert_array_equal(
        clone(model).fit(X_file[:3000], y[:3000]).transform(X), half.transform(X)
    )


def test_memory_mapped_views_are_not_copied(in_files, monkeypatch):
    monkeypatch.setattr(batches, "_BLOCK_ROWS", 256)  # blocks far smaller than the file
    *_, X, y = in_files
    model = small(max_epochs=1)
    clone(model).fit(X[:1000], y[:1000])  # imports and caches are not counted
    tracemalloc.start()
    model.fit(X, y).score(X, y)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < X.nbytes / 3


class Interrupting:
    """A loss that is interrupted by Ctrl-C in the third batch."""

    n_batches = 0

    def __call__(self, zx, zy):
        self.n_batches += 1
        if self.n_batches == 3:
            raise KeyboardInterrupt
        return CCALoss()(zx, zy)


def test_the_threads_that_read_end_with_the_training(in_files):
    *_, X, y = in_files

    def breaks(zx, zy):
        raise RuntimeError("no memory")

    before = threading.active_count()
    with pytest.raises(RuntimeError, match="no memory"):
        small(loss=breaks).fit(X, y)
    with pytest.warns(TrainingInterruptedWarning):
        small(loss=Interrupting()).fit(X, y)
    gc.collect()
    assert threading.active_count() == before


def test_an_error_in_reading_a_file_reaches_the_caller(in_files, monkeypatch):
    *_, X, y = in_files
    take_rows = batches._take_rows

    def fails(view, rows):
        if len(rows) == 256:  # of a batch
            raise OSError("the disk is gone")
        return take_rows(view, rows)

    monkeypatch.setattr(batches, "_take_rows", fails)
    with pytest.raises(OSError, match="the disk is gone"):
        small(validation_fraction=0).fit(X[:2560], y[:2560])
