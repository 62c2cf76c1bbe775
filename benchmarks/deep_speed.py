"""Measure the overhead of `DeepCCA.fit` over a bare torch loop.

The loop has the same networks, loss, batches and number of gradient steps; it is what one writes by
hand, with ``torch.optim.AdamW``. Everything runs in one thread, and CPU seconds are compared.

- An epoch of 10,000 pairs of vectors through networks of 392-1024-1024-50, and of 200 spectrograms of
  96 bands and 323 frames through a `MelCNN`. Fits and loops of one and of several epochs alternate in
  one run. Their difference gives the time per epoch; the remainder is spent before the first epoch and
  after the last (validating and encoding the rows, fitting the linear model).
- A whole fit of 1,000 pairs of vectors with a network of 64 units and the defaults of `DeepCCA`, which
  also measures held-out rows after every epoch, and compares the networks with a linear model.

    python benchmarks/deep_speed.py [--repeats 3] [--quick]
"""

import warnings
from functools import partial

import numpy as np
import torch
from sklearn.base import clone
from threadpoolctl import threadpool_limits

from skdcca import DeepCCA
from skdcca.encoders import MLP, MelCNN
from skdcca.losses import CCALoss, EYInfoNCELoss

from _common.arguments import make_parser
from _common.table import print_head, print_row
from _common.timing import timed


def main():
    parser = make_parser(__doc__, "smaller tasks; under 60 s")
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    repeats = 2 if options.quick else options.repeats
    torch.set_num_threads(1)
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of few epochs, and of the linear model that was kept
        ratio = report_epochs(repeats, options.quick)
        print()
        small = report_small(repeats, options.quick)
    print(f"ratio={ratio:.3f} small={small:.3f}")


def report_epochs(repeats, quick):
    """Print the time of an epoch of each task, and return the largest ratio."""
    print_head(
        "task",
        "bare loop, s an epoch",
        "DeepCCA.fit",
        "ratio",
        "with 10 % held out",
        "ratio",
        "before and after, s",
    )
    ratios = []
    for name, views, encoders, batch_size, epochs in tasks(quick):
        one, several = compare(views, encoders, batch_size, repeats, epochs)
        epoch = (several - one) / (epochs - 1)
        bare, plain, validated = np.median(epoch, axis=1)
        around = np.median((one - epoch)[1])
        ratio, with_held_out = np.median(epoch[1:] / epoch[0], axis=1)
        ratios.append(ratio)
        cells = (bare, plain, ratio, validated, with_held_out)
        print_row(name, *(f"{value:.2f}" for value in cells), f"{around:.1f}")
    return max(ratios)


def report_small(repeats, quick):
    """Print the time of whole fits of a small network, and return the ratio with the defaults."""
    runs = small_runs(10 if quick else 100)
    rounds = [[timed(run).cpu for run in runs.values()] for _ in range(repeats + 1)]
    seconds = np.array(rounds[1:])  # the first round warms up
    ratios = np.median(seconds / seconds[:, :1], axis=0)
    print_head("1,000 vectors of 50 columns, `MLP((64,))`, start to end", "s", "ratio")
    for name, found, ratio in zip(runs, np.median(seconds, axis=0), ratios, strict=True):
        print_row(name, f"{found:.2f}", f"{ratio:.2f}")
    return ratios[-1]


def small_runs(epochs):
    """Return the bare loops and the fits by name; all of them have the same number of steps."""
    views, encoder = vectors(1000, 50, 10), MLP((64,))
    model = DeepCCA(
        x_encoder=encoder, y_encoder=encoder, max_epochs=epochs, patience=None, random_state=0
    )
    kept = clone(model).set_params(fallback=None).fit(*views)
    n_training = len(views[0]) - round(kept.validation_fraction * len(views[0]))
    n_batches = n_training // kept.batch_size_
    loop = partial(
        bare_loop,
        [view[:n_training] for view in views],
        (encoder, encoder),
        -(-n_training // n_batches),
        n_outputs=kept.n_components_,
        loss=EYInfoNCELoss(),
        epochs=epochs,
    )
    return {
        "bare loop": loop,
        "bare loop, fused AdamW": partial(loop, fused=True),
        "`DeepCCA(fallback=None)`": partial(kept.fit, *views),
        "`DeepCCA()`": partial(model.fit, *views),
    }


def tasks(quick):
    """Yield the name, views, encoders, batch size and number of epochs of each task."""
    n = 4000 if quick else 10_000
    tower = MLP((1024, 1024))
    yield f"vectors ({n:,}; 392-1024-1024-50)", vectors(n, 392, 60), (tower, tower), 1000, 3
    n, frames = (60 if quick else 200), 323
    rng = np.random.default_rng(0)
    spectrograms = rng.normal(size=(n, 96, frames)).astype(np.float32)
    text = rng.normal(size=(n, 100)).astype(np.float32)
    yield f"spectrograms ({n}; MelCNN)", (spectrograms, text), (MelCNN(), MLP((128,))), 50, 3


def vectors(n, n_columns, n_shared):
    """Return two views of `n` rows that share factors."""
    rng = np.random.default_rng(0)
    shared = rng.normal(size=(n, n_shared)).astype(np.float32)
    return [
        shared @ rng.normal(size=(n_shared, n_columns)).astype(np.float32)
        + rng.normal(size=(n, n_columns)).astype(np.float32)
        for _ in range(2)
    ]


def compare(views, encoders, batch_size, repeats, epochs):
    """Return the seconds of one epoch and of `epochs`, two arrays of shape (3, `repeats`).

    The rows are the bare loop, `fit`, and `fit` with held-out rows.
    """
    n_outputs = 50 if views[0].ndim == 2 else 10
    common = (views, encoders, batch_size)
    runs = [
        partial(bare_loop, *common, n_outputs=n_outputs, loss=CCALoss()),
        partial(fit, *common, n_outputs=n_outputs, validation_fraction=0),
        partial(fit, *common, n_outputs=n_outputs, validation_fraction=0.1),
    ]
    for run in runs:
        run(epochs=1)  # warm up
    return [
        np.transpose([[timed(run, epochs=n).cpu for run in runs] for _ in range(repeats)])
        for n in (1, epochs)
    ]


def fit(views, encoders, batch_size, *, n_outputs, epochs, validation_fraction):
    model = DeepCCA(
        n_outputs,
        x_encoder=encoders[0],
        y_encoder=encoders[1],
        loss="cca",
        fallback=None,
        n_networks=1,
        batch_size=batch_size,
        max_epochs=epochs,
        patience=None,
        validation_fraction=validation_fraction,
        random_state=0,
    )
    model.fit(*views)


def bare_loop(views, encoders, batch_size, *, n_outputs, loss, epochs, fused=None):
    """Train with a plain loop over tensors that are standardized once, shuffled and sliced."""
    torch.manual_seed(0)
    views = [torch.from_numpy((view - view.mean()) / view.std()) for view in views]
    networks = [
        encoder.build(tuple(view.shape[1:]), n_outputs)
        for view, encoder in zip(views, encoders, strict=True)
    ]
    objective = loss.build()
    parameters = [weight for part in (*networks, objective) for weight in part.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=1e-3, weight_decay=1e-2, fused=fused)
    for _ in range(epochs):
        for rows in torch.randperm(len(views[0])).split(batch_size):
            optimizer.zero_grad()
            encodings = (net(view[rows]) for net, view in zip(networks, views, strict=True))
            objective(*encodings).backward()
            optimizer.step()


if __name__ == "__main__":
    main()
