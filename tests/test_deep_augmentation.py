"""Augmentation of the training batches of DeepCCA."""

import numpy as np
import pytest
import torch
from _deep_loop import run_loop
from _deep_models import two_views
from skorch.callbacks import Callback

from skdcca._deep.networks import state_of


def test_it_gets_the_raw_rows_of_both_views_of_training_batches_only():
    X, y = (view.astype(np.float32) for view in two_views(n=120))
    X[:, 0] = y[:, 0] = np.arange(120)
    seen = []

    def record(x, y):
        seen.append((x.clone(), y.clone()))
        return x, y

    run_loop(X, y, n_held_out=20, augmentation=record)
    assert len(seen) == 9  # three epochs of three batches
    rows = torch.cat([x[:, 0] for x, _ in seen[:3]]).int().numpy()
    assert sorted(rows) == list(range(100))
    for given, view in zip(zip(*seen, strict=True), (X, y), strict=True):
        np.testing.assert_array_equal(torch.cat(given[:3]).numpy(), view[rows])


def test_the_networks_get_the_augmented_rows():
    X, y = two_views(n=100)
    moved = 3 * X + 1
    module, history, _ = run_loop(X, y, augmentation=lambda x, y: (3 * x + 1, y))
    # Without augmentation, on views that are changed before, the input scaling would be another.
    clean, *_ = run_loop(X, y)
    clean.x_network[0].load_state_dict(module.x_network[0].state_dict())
    seen = []

    class Record(Callback):
        def on_batch_end(self, net, y_pred=None, **kwargs):
            seen.append(y_pred[0].detach())

    for views, augmentation in [((moved, y), None), ((X, y), lambda x, y: (3 * x + 1, y))]:
        fresh, *_ = run_loop(X, y, max_epochs=1)
        run_loop(
            *views, module=fresh, max_epochs=1, augmentation=augmentation, callbacks=[Record()]
        )
    before, after = torch.cat(seen[:3]), torch.cat(seen[3:])
    torch.testing.assert_close(before, after)
    assert np.isfinite(history[-1]["train_loss"])


def test_it_draws_from_the_generator_of_torch_and_leaves_held_out_rows_alone():
    X, y = two_views(n=120)
    before = X.copy(), y.copy()

    def noisy(x, y):
        x += torch.randn(x.shape, dtype=x.dtype)  # in place
        return x, y

    one, history, _ = run_loop(X, y, n_held_out=20, augmentation=noisy)
    other, again, _ = run_loop(X, y, n_held_out=20, augmentation=noisy)
    for name, value in state_of(one).items():
        np.testing.assert_array_equal(state_of(other)[name], value)
    assert history[-1]["valid_correlation"] == again[-1]["valid_correlation"]
    for view, kept in zip((X, y), before, strict=True):
        np.testing.assert_array_equal(view, kept)


def test_an_optimizer_with_several_evaluations_sees_one_augmentation_of_a_step():
    calls = []

    def count(x, y):
        calls.append(len(x))
        return x, y

    run_loop(*two_views(n=60), augmentation=count, optimizer=torch.optim.LBFGS, max_epochs=1)
    assert calls == [30, 30]


@pytest.mark.parametrize(
    ("augmentation", "message"),
    [
        (lambda x, y: x, "two tensors of the shapes that it gets, got Tensor"),
        (lambda x, y: (x, y.numpy()), "got ndarray for y. Return a tensor"),
        (lambda x, y: (x[:, :3], y), r"got \(30, 3\) instead of \(30, 6\) for x"),
        (lambda x, y: (x, y * torch.nan), "must return finite values, got NaN or infinity for y"),
    ],
)
def test_wrong_results_are_refused(augmentation, message):
    with pytest.raises(ValueError, match=message):
        run_loop(*two_views(n=60), augmentation=augmentation)
