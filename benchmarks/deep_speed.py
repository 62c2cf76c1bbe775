"""Measure the overhead of `DeepCCA.fit` over a bare torch loop.

The loop has the same networks, loss, batches and threads. There are two tasks: 10,000 pairs of vectors
through networks of 392-1024-1024-50, and 500 spectrograms of 96 bands and 323 frames through a
`MelCNN`. Fits and loops of one and of several epochs alternate in one run. Their difference gives the
time per epoch; the remainder is spent before the first epoch and after the last (validating and
encoding the rows, fitting the linear model).

    python benchmarks/deep_speed.py [--repeats 3] [--quick]
"""

from functools import partial

import numpy as np
import torch

from skdcca import DeepCCA
from skdcca.encoders import MLP, MelCNN
from skdcca.losses import CCALoss

from _common.arguments import make_parser
from _common.table import print_head, print_row
from _common.timing import timed


def main():
    parser = make_parser(__doc__, "smaller tasks; under 60 s")
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    repeats = 2 if options.quick else options.repeats
    print(f"{torch.get_num_threads()} threads")
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
    for name, views, encoders, batch_size, epochs in tasks(options.quick):
        one, several = compare(views, encoders, batch_size, repeats, epochs)
        epoch = (several - one) / (epochs - 1)
        bare, plain, validated = np.median(epoch, axis=1)
        around = np.median((one - epoch)[1])
        ratio, with_held_out = np.median(epoch[1:] / epoch[0], axis=1)
        ratios.append(ratio)
        cells = (bare, plain, ratio, validated, with_held_out)
        print_row(name, *(f"{value:.2f}" for value in cells), f"{around:.1f}")
    print(f"ratio={max(ratios):.3f}")


def tasks(quick):
    """Yield the name, views, encoders, batch size and number of epochs of each task."""
    rng = np.random.default_rng(0)
    n = 4000 if quick else 10_000
    shared = rng.normal(size=(n, 60)).astype(np.float32)
    views = [
        shared @ rng.normal(size=(60, 392)).astype(np.float32)
        + rng.normal(size=(n, 392)).astype(np.float32)
        for _ in range(2)
    ]
    tower = MLP((1024, 1024))
    yield f"vectors ({n:,}; 392-1024-1024-50)", views, (tower, tower), 1000, 8
    n, frames = (60 if quick else 500), 323
    spectrograms = rng.normal(size=(n, 96, frames)).astype(np.float32)
    text = rng.normal(size=(n, 100)).astype(np.float32)
    yield f"spectrograms ({n}; MelCNN)", (spectrograms, text), (MelCNN(), MLP((128,))), 50, 4


def compare(views, encoders, batch_size, repeats, epochs):
    """Return the seconds of one epoch and of `epochs`, two arrays of shape (3, `repeats`).

    The rows are the bare loop, `fit`, and `fit` with held-out rows.
    """
    runs = [
        partial(bare_loop, views, encoders, batch_size),
        partial(fit, views, encoders, batch_size, validation_fraction=0),
        partial(fit, views, encoders, batch_size, validation_fraction=0.1),
    ]
    for run in runs:
        run(epochs=1)  # warm up
    return [
        np.transpose([[timed(run, epochs=n).wall for run in runs] for _ in range(repeats)])
        for n in (1, epochs)
    ]


def fit(views, encoders, batch_size, *, epochs, validation_fraction):
    model = DeepCCA(
        n_outputs(views),
        x_encoder=encoders[0],
        y_encoder=encoders[1],
        loss="cca",
        batch_size=batch_size,
        max_epochs=epochs,
        patience=None,
        validation_fraction=validation_fraction,
        random_state=0,
    )
    model.fit(*views)


def n_outputs(views):
    return 50 if views[0].ndim == 2 else 10


def bare_loop(views, encoders, batch_size, *, epochs):
    """Train with a plain loop over tensors that are standardized once, shuffled and sliced."""
    torch.manual_seed(0)
    views = [torch.from_numpy((view - view.mean()) / view.std()) for view in views]
    networks = [
        encoder.build(tuple(view.shape[1:]), n_outputs(views))
        for view, encoder in zip(views, encoders, strict=True)
    ]
    loss = CCALoss()
    parameters = [parameter for network in networks for parameter in network.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=1e-3, weight_decay=1e-2)
    for _ in range(epochs):
        for rows in torch.randperm(len(views[0])).split(batch_size):
            optimizer.zero_grad()
            encodings = (net(view[rows]) for net, view in zip(networks, views, strict=True))
            loss(*encodings).backward()
            optimizer.step()


if __name__ == "__main__":
    main()
