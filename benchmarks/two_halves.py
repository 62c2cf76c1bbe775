"""Measure correlation and retrieval between the left and right halves of MNIST digits.

The left 14 columns of each of 10,000 real digits are one view, the right 14 the other; 8,000 digits are
for training and 2,000 for testing. The table shows the sum of 50 held-out correlations, and retrieval
among the 2,000 in both directions: for the linear model, for `DeepCCA` with its defaults and with each
loss, and for the deep CCA of cca-zoo if `--peer` names the Python of an environment that has it.

    python benchmarks/two_halves.py --data DATA [--peer PYTHON] [--seeds 3] [--quick]
    python benchmarks/two_halves.py --data DATA --choose [--peer PYTHON]

`--choose` compares the candidates of each row on the training digits only: 6,400 for training and 1,600
for testing. Each row of the table runs in a separate process, to measure its peak memory.
"""

import argparse
import json
import resource
import sys
import tempfile
from pathlib import Path

import numpy as np

from _common.arguments import add_data, data_folder, make_parser
from _common.digits import halves
from _common.memory import greatest_resident
from _common.peers import run_script
from _common.processes import run_part
from _common.table import both_ways, print_head, print_row
from _common.timing import timed

N_COMPONENTS = 50
# Two layers for correlation, as in the deep CCA literature; no training rows are held out.
DEEP = {
    "hidden_layer_sizes": (1024, 1024),
    "dropout": 0.2,
    "max_epochs": 60,
    "validation_fraction": 0,
}
WIDE = {**DEEP, "hidden_layer_sizes": (2048,)}
# Candidates of each row; the first is the best one according to `--choose`.
ROWS = {
    "linear": [{"reg": 1e-2}, {"reg": 1e-3}, {"reg": 1e-1}],
    "default": [{}],
    "ey": [
        {**DEEP, "batch_size": 125},
        {**DEEP, "batch_size": 250},
        {**DEEP, "batch_size": 250, "activation": "gelu"},
    ],
    "cca": [
        {**DEEP, "batch_size": 1000, "lr_schedule": "constant"},
        {**DEEP, "batch_size": 1000, "lr_schedule": "constant", "reg": 1e-6},
        {**DEEP, "batch_size": 1000},
        {**DEEP, "batch_size": 2000, "lr": 2e-3},
        {**DEEP, "batch_size": 3200, "lr": 4e-3},
    ],
    "infonce": [
        {**DEEP, "batch_size": 1000, "lr": 2e-3},
        {**WIDE, "batch_size": 1000, "lr": 2e-3},
        {**DEEP, "batch_size": 1000, "lr": 2e-3, "activation": "gelu"},
    ],
    "barlow_twins": [
        {**DEEP, "batch_size": 250, "redundancy": 5e-2},
        {**DEEP, "batch_size": 250},
        {**DEEP, "batch_size": 250, "redundancy": 0.5},
    ],
    "vicreg": [
        {**DEEP, "batch_size": 250},
        {**DEEP, "batch_size": 250, "covariance": 5.0},
        {**DEEP, "batch_size": 250, "covariance": 25.0},
    ],
    "peer": [
        {**DEEP, "batch_size": 2000, "lr": 2e-3},
        {**DEEP, "batch_size": 1000, "lr": 1e-3},
    ],
}
NAMES = {
    "linear": "LinearCCA, 50 components (retrieval: 100, weighted by correlation ** 4)",
    "default": "DeepCCA(50), default",
    "peer": "cca-zoo 4 DCCA and CCA",
}


def main():
    options = parse_arguments()
    if options.row:
        print(json.dumps(measure(options)))
    elif options.choose:
        choose(options)
    else:
        tabulate(options)


def parse_arguments():
    parser = make_parser(__doc__, "3 rows, 3 epochs; under 60 s")
    add_data(parser)
    parser.add_argument("--peer", help="Python of an environment with cca-zoo[deep]")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--rows", nargs="*", choices=ROWS, help="only these")
    parser.add_argument("--choose", action="store_true", help="compare the candidates")
    parser.add_argument("--row", choices=ROWS, help=argparse.SUPPRESS)
    parser.add_argument("--candidate", type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument("--seed", type=int, default=0, help=argparse.SUPPRESS)
    return parser.parse_args()


def tabulate(options):
    print_head(
        "model", "sum of 50 correlations", "MRR there / back", "recall@1 there / back", "s", "GB"
    )
    means = {}
    for row in wanted_rows(options, ["linear", "default", "ey"] if options.quick else ROWS):
        seeds = range(1 if row == "linear" or options.quick else options.seeds)
        found = [run(options, row, 0, seed) for seed in seeds]
        means[row] = {key: np.mean([one[key] for one in found], axis=0) for key in found[0]}
        print_row(*cells(row, means[row], [one["correlation"] for one in found]))
    n = 2000
    print(f"gallery {n}; chance: MRR {np.sum(1 / np.arange(1, n + 1)) / n:.4f}, recall@1 {1 / n}")
    if "infonce" in means:
        print(f"best_mrr={max(mean['mrr'].mean() for mean in means.values()):.3f}")
    if "default" in means:
        print(f"default_mrr={means['default']['mrr'].mean():.3f}")
    print(f"best_correlation={max(mean['correlation'] for mean in means.values()):.2f}")


def wanted_rows(options, rows):
    """Return the names of the rows to measure; the peer needs an environment."""
    return [row for row in options.rows or rows if row != "peer" or options.peer]


def cells(row, mean, correlations):
    """Return the cells of a row: means over seeds, and the range of the correlation."""
    spread = ""
    if len(correlations) > 1:
        spread = f" ({min(correlations):.2f} to {max(correlations):.2f})"
    return [
        NAMES.get(row, f'DeepCCA, loss="{row}"'),
        f"{mean['correlation']:.2f}{spread}",
        both_ways(mean["mrr"]),
        both_ways(mean["recall"]),
        f"{mean['seconds']:.0f}",
        f"{mean['memory']:.1f}",
    ]


def choose(options):
    for row in wanted_rows(options, ROWS):
        for i, candidate in enumerate(ROWS[row]):
            found = run(options, row, i, 0)
            print(
                f"{row} {candidate}: correlation {found['correlation']:.2f}, MRR "
                f"{np.mean(found['mrr']):.3f}, {found['seconds']:.0f} s",
                flush=True,
            )


def run(options, row, candidate, seed):
    """Return the scores of one fit in a separate process."""
    arguments = ["--row", row, "--candidate", candidate, "--seed", seed]
    arguments += ["--data", data_folder(options.data)]
    if options.quick:
        arguments.append("--quick")
    if options.choose:
        arguments.append("--choose")
    if options.peer:
        arguments += ["--peer", options.peer]
    return run_part(__file__, *arguments)


def measure(options):
    """Fit one row and score it on the test rows."""
    train, test = halves(data_folder(options.data), options.choose)
    parameters = dict(ROWS[options.row][options.candidate])
    if options.quick and options.row != "linear":
        parameters["max_epochs"] = 3
    fit = {"linear": linear, "peer": peer}.get(options.row, deep)
    fitting = timed(fit, train, test, parameters, options)
    correlation, embeddings = fitting.result
    from skdcca.metrics import retrieval_metrics

    ran = resource.RUSAGE_CHILDREN if options.row == "peer" else resource.RUSAGE_SELF
    found = retrieval_metrics(*embeddings, k=(1,))
    return {
        "correlation": float(correlation),
        "mrr": [found[way]["mrr"] for way in ("x_to_y", "y_to_x")],
        "recall": [found[way]["recall@1"] for way in ("x_to_y", "y_to_x")],
        "seconds": fitting.wall,
        "memory": greatest_resident(ran) / 2**30,
    }


def linear(train, test, parameters, options):
    """Return the sum of the first 50 correlations and the weighted variates of a linear model."""
    from skdcca import LinearCCA
    from skdcca.metrics import variate_correlations

    model = LinearCCA(100, **parameters).fit(*train)
    zx, zy = model.transform(*test)
    weights = model.canonical_correlations_**4
    correlations = variate_correlations(zx[:, :N_COMPONENTS], zy[:, :N_COMPONENTS])
    return correlations.sum(), (zx * weights, zy * weights)


def deep(train, test, parameters, options):
    """Return the sum of the correlations and the variates of a deep model."""
    from skdcca import DeepCCA
    from skdcca.encoders import MLP
    from skdcca.losses import BarlowTwinsLoss, VICRegLoss

    if options.row != "default":
        network = take(parameters, "hidden_layer_sizes", "dropout", "activation")
        settings = take(parameters, "redundancy", "covariance")
        parameters |= {"x_encoder": MLP(**network), "y_encoder": MLP(**network)}
        parameters["loss"] = options.row
        if settings:
            losses = {"barlow_twins": BarlowTwinsLoss, "vicreg": VICRegLoss}
            parameters["loss"] = losses[options.row](**settings)
    model = DeepCCA(N_COMPONENTS, random_state=options.seed, **parameters).fit(*train)
    return model.score(*test), model.transform(*test)


def take(parameters, *names):
    """Remove these parameters, if given, and return them."""
    return {name: parameters.pop(name) for name in names if name in parameters}


def peer(train, test, parameters, options):
    """Return the same for cca-zoo, run in its environment, with the weighting of `DeepCCA`."""
    from skdcca.metrics import variate_correlations

    with tempfile.TemporaryDirectory() as scratch:
        views = Path(scratch) / "views.npz"
        np.savez(views, x=train[0], y=train[1], x_test=test[0], y_test=test[1])
        settings = {**parameters, "n_components": N_COMPONENTS, "seed": options.seed}
        run_script(options.peer, "halves", views, json.dumps(settings), stdout=sys.stderr)
        with np.load(views) as found:
            zx, zy, correlations = found["zx"], found["zy"], found["correlations"]
    weights = np.clip(correlations, 0, None) ** 2
    return variate_correlations(zx, zy).sum(), (zx * weights, zy * weights)


if __name__ == "__main__":
    main()
