"""Compare `DeepMultiCCA` with `MultiCCA`, on complete rows and with 30 % of the views missing.

The truths have three views of two factors: linear mixtures of the factors, of their squares and of their
absolute values (*non-linear*), or of the factors in all views (*linear*). The third set is the four
quarters of the images of digits. The figure is the held-out correlation of the variates, averaged over
pairs of views and over components; *kept* is the model that `DeepMultiCCA` kept. Every model has its
defaults. CPU seconds of one thread.

    OMP_NUM_THREADS=1 make bench SCRIPT=deep_multiview ARGS="[--quick] [--seeds 3] [--sets digits]"
"""

import warnings
from typing import NamedTuple

import numpy as np
from sklearn.datasets import load_digits

from skdcca import DeepMultiCCA, MultiCCA

from _common.arguments import make_parser
from _common.table import print_head, print_row
from _common.threads import use_one_thread
from _common.timing import timed
from _common.view_tables import columns_of, random_presence, without_views

SIZES, NOISE = (8, 8, 8), 0.5  # of the views of both truths
N_TEST_ROWS = 2000
N_DIGITS = 1200  # of 1,797, the others are test rows
RATE = 0.3
N_ROWS = {"linear": (400, 2000), "non-linear": (400, 2000), "digits": (400, N_DIGITS)}


class Views(NamedTuple):
    """Rows of all views side by side, to train on and to test on, and the numbers of columns."""

    train: np.ndarray
    test: np.ndarray
    sizes: tuple
    n_components: int


def main():
    parser = make_parser(__doc__, "non-linear views with 400 rows, one seed; under 60 s")
    parser.add_argument("--seeds", type=int, default=3, help="number of sets of rows (default: 3)")
    parser.add_argument("--sets", nargs="+", choices=N_ROWS, default=list(N_ROWS))
    options = parser.parse_args()
    use_one_thread()
    print_head(
        "views", "training rows", "missing", "MultiCCA", "DeepMultiCCA", "kept", "s", "s, deep"
    )
    if options.quick:
        options.sets, options.seeds = ["non-linear"], 1
    for name in options.sets:
        for n_rows in N_ROWS[name][:1] if options.quick else N_ROWS[name]:
            for rate in (0, RATE):
                fits = [fit(name, n_rows, rate, seed) for seed in range(options.seeds)]
                print_fits(name, n_rows, rate, fits)


def fit(name, n_rows, rate, seed):
    """Return the held-out correlations and CPU seconds of both models, and which one was kept."""
    views = digits(n_rows, seed) if name == "digits" else truth(name, n_rows, seed)
    columns = columns_of(views.sizes)
    rng = np.random.default_rng([seed, 1])
    present = random_presence(len(views.train), len(columns), rate, rng)
    table = without_views(views.train, columns, present)
    models = [
        MultiCCA(columns, views.n_components),
        DeepMultiCCA(columns, views.n_components, random_state=seed),
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that the linear model was kept
        seconds = [timed(model.fit, table).cpu for model in models]
    scores = [model.score(views.test) / views.n_components for model in models]
    return scores, seconds, models[1].decision_["model"]


def truth(name, n_rows, seed):
    """Return three views of two factors; only the rows depend on the seed."""
    rng, mixing = np.random.default_rng(seed), np.random.default_rng(1000)
    factors = rng.normal(size=(n_rows + N_TEST_ROWS, 2))
    of_views = [factors] * 3
    if name == "non-linear":
        deviation = np.sqrt(1 - 2 / np.pi)
        of_views = factors, (factors**2 - 1) / np.sqrt(2), np.abs(factors) / deviation
    table = np.hstack(
        [f @ mixing.normal(size=(2, p)) for f, p in zip(of_views, SIZES, strict=True)]
    )
    table += NOISE * rng.normal(size=table.shape)
    return Views(table[:n_rows], table[n_rows:], SIZES, 2)


def digits(n_rows, seed):
    """Return the four quarters of images, in another order for each seed."""
    images = load_digits().images
    quarters = [images[:, i : i + 4, j : j + 4].reshape(-1, 16) for i in (0, 4) for j in (0, 4)]
    table = np.random.default_rng(seed).permutation(np.hstack(quarters))
    return Views(table[:n_rows], table[N_DIGITS:], (16,) * 4, 5)


def print_fits(name, n_rows, rate, fits):
    scores, seconds, kept = zip(*fits, strict=True)
    n_networks = sum(model == "networks" for model in kept)
    print_row(
        name,
        f"{n_rows:,}",
        f"{rate:.0%}",
        *(f"{mean:.3f}" for mean in np.mean(scores, axis=0)),
        f"networks {n_networks} of {len(kept)}",
        *(f"{mean:.1f}" for mean in np.mean(seconds, axis=0)),
    )


if __name__ == "__main__":
    main()
