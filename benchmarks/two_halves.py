"""Measure correlation and retrieval between the left and right halves of MNIST digits.

The left 14 columns of each of 10,000 real digits are one view, the right 14 the other; 8,000 digits are
for training and 2,000 for testing. The table shows the sum of 50 held-out correlations, and retrieval
among the 2,000 in both directions: for the linear model, for `DeepCCA` with its defaults and with each
loss, and for the deep CCA of cca-zoo if `--peer` names the Python of an environment that has it.

    python benchmarks/two_halves.py --data DATA [--peer PYTHON] [--seeds 3] [--quick]
    python benchmarks/two_halves.py --data DATA --choose [--peer PYTHON]
    python benchmarks/two_halves.py --data DATA --labels

`--choose` compares the candidates of each row on the training digits only: 6,400 for training and 1,600
for testing. Each row of the table runs in a separate process, to measure its peak memory. `--labels`
trains with and without the classes of the digits, and measures how well halves of the same digit are
found.
"""

import argparse
import json
import resource
import sys
import tempfile
from pathlib import Path

import numpy as np

from _common.arguments import add_data, data_folder, make_parser
from _common.digits import halves, labels_of_digits
from _common.memory import greatest_resident
from _common.peers import run_script
from _common.processes import run_part
from _common.table import both_ways, print_head, print_row
from _common.timing import timed

N_COMPONENTS = 50
# Two layers for correlation, as in the deep CCA literature; no training rows are held out.
DEEP = {
    "hidden_layer_sizes": (1024, 1024),
    "activation": "relu",
    "dropout": 0.2,
    "lr": 1e-3,
    "max_epochs": 60,
    "validation_fraction": 0,
}
WIDE = {**DEEP, "hidden_layer_sizes": (2048,)}
# Convolutions over the halves as images; the whole digits are warped.
IMAGES = {
    "loss": "ey_infonce",
    "weight": 15.0,
    "dropout": 0.1,
    "warp": {},
    "n_networks": 1,
    "batch_size": 125,
    "lr": 2e-3,
    "max_epochs": 40,
    "validation_fraction": 0,
}
# With fewer epochs, to compare single changes.
SHORT = {**IMAGES, "weight": 6.0, "max_epochs": 5}
# Candidates of each row; the first is the best one according to `--choose`.
ROWS = {
    "linear": [{"reg": 1e-2}, {"reg": 1e-3}, {"reg": 1e-1}],
    "default": [
        {},
        {"loss": "ey"},
        {"loss": "ey", "hidden_layer_sizes": (1024,), "activation": "relu"},
        {"loss": "ey_infonce", "hidden_layer_sizes": (1024,)},
    ],
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
    "ey_infonce": [
        {**DEEP, "batch_size": 250, "activation": "gelu"},
    ],
    "images": [
        IMAGES,
        SHORT,
        {**SHORT, "weight": 2.0},
        {**SHORT, "weight": 15.0},
        {**SHORT, "batch_size": 250},
        {**SHORT, "warp": None},
        {**SHORT, "warp": {"shift": 2.0}},
        {**SHORT, "average": 0.99},
        {**SHORT, "loss": "cca_layer", "weight": None, "batch_size": 500},
        # As many steps as the others, which have batches of 125.
        {**SHORT, "loss": "cca_layer", "weight": None, "batch_size": 500, "max_epochs": 20},
    ],
    "images, correlation": [{**IMAGES, "weight": 2.0}],
    "images, three networks": [{**IMAGES, "weight": 2.0, "n_networks": 3, "max_epochs": 24}],
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
    "ey": 'DeepCCA, loss="ey"',
    "cca": 'DeepCCA, loss="cca"',
    "infonce": 'DeepCCA, loss="infonce"',
    "ey_infonce": 'DeepCCA, loss="ey_infonce"',
    "barlow_twins": 'DeepCCA, loss="barlow_twins"',
    "vicreg": 'DeepCCA, loss="vicreg"',
    "images": 'DeepCCA, loss="ey_infonce", ImageCNN and Warp',
    "images, correlation": "the same with weight 2",
    "images, three networks": "the same with weight 2, three networks",
    "peer": "cca-zoo 4 DCCA and CCA",
}
ONE_SEED = ("linear", "images, three networks")  # the three networks have different seeds


def main():
    options = parse_arguments()
    if options.row:
        print(json.dumps(measure(options)))
    elif options.labels:
        compare_labels(options)
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
    parser.add_argument("--labels", action="store_true", help="compare training with labels")
    parser.add_argument("--row", choices=ROWS, help=argparse.SUPPRESS)
    parser.add_argument("--candidate", type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument("--seed", type=int, default=0, help=argparse.SUPPRESS)
    return parser.parse_args()


def tabulate(options):
    print_head(
        "model", "sum of 50 correlations", "MRR there / back", "recall@1 there / back", "s", "GB"
    )
    for row in wanted_rows(options, ["linear", "default", "ey"] if options.quick else ROWS):
        seeds = range(1 if row in ONE_SEED or options.quick else options.seeds)
        found = [run(options, row, 0, seed) for seed in seeds]
        for name in found[0]:
            print_row(*cells(NAMES[row] + name, [one for fit in found for one in fit[name]]))
    n = 2000
    print(f"gallery {n}; chance: MRR {np.sum(1 / np.arange(1, n + 1)) / n:.4f}, recall@1 {1 / n}")


def wanted_rows(options, rows):
    """Return the names of the rows to measure; the peer needs an environment."""
    return [row for row in options.rows or rows if row != "peer" or options.peer]


def cells(name, found):
    """Return the cells of a row: means over models, and the range of the correlation."""
    mean = {key: np.mean([one[key] for one in found], axis=0) for key in found[0]}
    correlations = [one["correlation"] for one in found]
    spread = ""
    if len(correlations) > 1:
        spread = f" ({min(correlations):.2f} to {max(correlations):.2f})"
    return [
        name,
        f"{mean['correlation']:.2f}{spread}",
        both_ways(mean["mrr"]),
        both_ways(mean["recall"]),
        f"{mean['seconds']:.0f}",
        f"{mean['memory']:.1f}",
    ]


def choose(options):
    for row in wanted_rows(options, ROWS):
        for i, candidate in enumerate(ROWS[row]):
            for name, found in run(options, row, i, 0).items():
                print(
                    f"{row} {candidate}{name}: correlation "
                    f"{np.mean([one['correlation'] for one in found]):.2f}, MRR "
                    f"{np.mean([one['mrr'] for one in found]):.3f}, {found[0]['seconds']:.0f} s",
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
    """Fit one row, and score its models on the test rows; return a list of scores for each name."""
    train, test = halves(data_folder(options.data), options.choose)
    parameters = dict(ROWS[options.row][options.candidate])
    if options.quick and options.row != "linear":
        parameters["max_epochs"] = 3
    fit = {"linear": linear, "peer": peer}.get(options.row, deep)
    fitting = timed(fit, train, test, parameters, options)
    ran = resource.RUSAGE_CHILDREN if options.row == "peer" else resource.RUSAGE_SELF
    memory = greatest_resident(ran) / 2**30
    return {
        name: [scored(*model, fitting.wall / len(models), memory) for model in models]
        for name, models in fitting.result.items()
    }


def scored(correlation, scores, seconds, memory):
    """Return the figures of one model."""
    from skdcca.metrics import both_directions

    found = both_directions(scores, k=(1,))
    return {
        "correlation": float(correlation),
        "mrr": [found[way]["mrr"] for way in ("x_to_y", "y_to_x")],
        "recall": [found[way]["recall@1"] for way in ("x_to_y", "y_to_x")],
        "seconds": seconds,
        "memory": memory,
    }


def linear(train, test, parameters, options):
    """Return the sum of the first 50 correlations of a linear model, and the scores of all pairs."""
    from skdcca import LinearCCA
    from skdcca.metrics import variate_correlations

    model = LinearCCA(100, similarity=4, **parameters).fit(*train)
    zx, zy = model.transform(*test)
    correlations = variate_correlations(zx[:, :N_COMPONENTS], zy[:, :N_COMPONENTS])
    return {"": [(correlations.sum(), model.compare(zx, zy))]}


def deep(train, test, parameters, options):
    """Return the same of a deep model, and of each of its networks if there are several."""
    from skdcca import DeepCCA

    from _common.halves_training import deep_parameters, networks_alone

    images = options.row.startswith("images")
    if images:
        train, test = ([view.reshape(-1, 28, 14) for view in views] for views in (train, test))
    loss = None if options.row == "default" else options.row
    parameters = deep_parameters(parameters, loss, images=images)
    model = DeepCCA(N_COMPONENTS, random_state=options.seed, **parameters).fit(*train)
    whole = model.score(*test), model.compare(*model.transform(*test))
    if model.n_networks_ == 1:
        return {"": [whole]}
    return {", together": [whole], ", one alone": networks_alone(model, train, test)}


def peer(train, test, parameters, options):
    """Return the same for cca-zoo, run in its environment, with the weighting of `DeepCCA`."""
    from skdcca.metrics import similarity, variate_correlations

    with tempfile.TemporaryDirectory() as scratch:
        views = Path(scratch) / "views.npz"
        np.savez(views, x=train[0], y=train[1], x_test=test[0], y_test=test[1])
        settings = {**parameters, "n_components": N_COMPONENTS, "seed": options.seed}
        run_script(options.peer, "halves", views, json.dumps(settings), stdout=sys.stderr)
        with np.load(views) as found:
            zx, zy, correlations = found["zx"], found["zy"], found["correlations"]
    scores = similarity(zx, zy, correlations=correlations, power=2)
    return {"": [(variate_correlations(zx, zy).sum(), scores)]}


def compare_labels(options):
    """Print retrieval of the same digit and of the same half, trained with and without labels."""
    from skdcca import DeepCCA
    from skdcca.metrics import both_directions

    train, test = halves(data_folder(options.data), options.choose)
    classes, test_classes = labels_of_digits(data_folder(options.data), options.choose)
    print_head("loss", "labels", "MAP of the same digit there / back", "MRR of the own half")
    for loss in ("ey", "infonce", "ey_infonce"):
        for labels in (None, classes):
            model = DeepCCA(9, loss=loss, fallback=None, validation_fraction=0, random_state=0)
            model.set_params(max_epochs=3 if options.quick else 20).fit(*train, labels=labels)
            scores = model.compare(*model.transform(*test))
            found = both_directions(scores, k=(1,))
            print_row(
                loss,
                "no" if labels is None else "yes",
                both_ways([mean_average_precision(s, test_classes) for s in (scores, scores.T)]),
                both_ways([found[way]["mrr"] for way in ("x_to_y", "y_to_x")]),
            )


def mean_average_precision(scores, labels):
    """Return the mean average precision, where all rows of the label of a query are relevant."""
    order = np.argsort(-scores, axis=1)
    relevant = labels[order] == labels[:, None]
    precision = relevant.cumsum(axis=1) / np.arange(1, len(labels) + 1)
    return np.mean((precision * relevant).sum(axis=1) / relevant.sum(axis=1))


if __name__ == "__main__":
    main()
