"""Halves of MNIST digits: how well the left half of a digit and its right half are correlated.

10,000 real digits, 8,000 to learn from and 2,000 to test; the left 14 columns of each are one view,
the right 14 the other. A table of the sum of 50 held-out correlations and of retrieval among the 2,000
in both directions: for the linear model, for `DeepCCA` as it is and with each loss, and for the deep
CCA of cca-zoo if `--peer` names the Python of an environment that has it.

    python benchmarks/two_halves.py --data DATA [--peer PYTHON] [--seeds 3] [--quick]
    python benchmarks/two_halves.py --data DATA --choose [--peer PYTHON]

`--choose` compares the candidates of each row on a part of the 8,000: 6,400 to learn from, 1,600 to
test. Each row of the table is a process of its own, so that its peak memory is its own.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from _scores import data_folder

N_TRAIN, N_CHOOSE, N_COMPONENTS = 8000, 6400, 50
PEER = Path(__file__).with_name("_peer_halves.py")
# Two layers for correlation, as in the deep CCA literature; all 8,000 rows are learned from.
DEEP = {
    "hidden_layer_sizes": (1024, 1024),
    "dropout": 0.2,
    "max_epochs": 60,
    "validation_fraction": 0,
}
WIDE = {**DEEP, "hidden_layer_sizes": (2048,)}
# Candidates of each row; the first is the one that `--choose` found best.
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
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", help="folder of the benchmark data (default: $SKDCCA_DATA)")
    parser.add_argument("--peer", help="Python of an environment with cca-zoo[deep]")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--rows", nargs="*", choices=ROWS, help="only these")
    parser.add_argument("--choose", action="store_true", help="compare the candidates")
    parser.add_argument("--quick", action="store_true", help="3 rows, 3 epochs; under 60 s")
    parser.add_argument("--row", choices=ROWS, help=argparse.SUPPRESS)
    parser.add_argument("--candidate", type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument("--seed", type=int, default=0, help=argparse.SUPPRESS)
    return parser.parse_args()


def tabulate(options):
    rows = options.rows or (["linear", "default", "ey"] if options.quick else list(ROWS))
    print("| model | sum of 50 correlations | MRR there / back | recall@1 there / back | s | GB |")
    print("|---|---|---|---|---|---|")
    means = {}
    for row in rows:
        if row == "peer" and not options.peer:
            continue
        seeds = range(1 if row == "linear" or options.quick else options.seeds)
        found = [run(options, row, 0, seed) for seed in seeds]
        means[row] = {key: np.mean([one[key] for one in found], axis=0) for key in found[0]}
        total = [one["correlation"] for one in found]
        spread = f" ({min(total):.2f} to {max(total):.2f})" if len(total) > 1 else ""
        mean = means[row]
        cells = [
            NAMES.get(row, f'DeepCCA, loss="{row}"'),
            f"{mean['correlation']:.2f}{spread}",
            " / ".join(f"{value:.3f}" for value in mean["mrr"]),
            " / ".join(f"{value:.3f}" for value in mean["recall"]),
            f"{mean['seconds']:.0f}",
            f"{mean['memory']:.1f}",
        ]
        print(f"| {' | '.join(cells)} |", flush=True)
    n = 10_000 - N_TRAIN
    print(f"gallery {n}; chance: MRR {np.sum(1 / np.arange(1, n + 1)) / n:.4f}, recall@1 {1 / n}")
    if "infonce" in means:
        print(f"best_mrr={max(mean['mrr'].mean() for mean in means.values()):.3f}")
    print(f"default_mrr={means['default']['mrr'].mean():.3f}" if "default" in means else "")
    print(f"best_correlation={max(mean['correlation'] for mean in means.values()):.2f}")


def choose(options):
    for row in options.rows or ROWS:
        if row == "peer" and not options.peer:
            continue
        for i, candidate in enumerate(ROWS[row]):
            found = run(options, row, i, 0)
            print(
                f"{row} {candidate}: correlation {found['correlation']:.2f}, MRR "
                f"{np.mean(found['mrr']):.3f}, {found['seconds']:.0f} s",
                flush=True,
            )


def run(options, row, candidate, seed):
    """Figures of one fit in its own process."""
    command = [sys.executable, __file__, "--row", row, "--data", str(data_folder(options.data))]
    command += ["--candidate", str(candidate), "--seed", str(seed)]
    command += ["--quick"] * options.quick + ["--choose"] * options.choose
    command += ["--peer", options.peer] if options.peer else []
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def measure(options):
    """Fit one row and measure it on the rows it has not seen."""
    train, test = halves(data_folder(options.data), options.choose)
    parameters = dict(ROWS[options.row][options.candidate])
    if options.quick and options.row != "linear":
        parameters["max_epochs"] = 3
    fit = {"linear": linear, "peer": peer}.get(options.row, deep)
    began = time.perf_counter()
    variates, embeddings = fit(train, test, parameters, options)
    seconds = time.perf_counter() - began
    from skdcca.metrics import retrieval_metrics, variate_correlations

    of = resource.RUSAGE_CHILDREN if options.row == "peer" else resource.RUSAGE_SELF
    found = retrieval_metrics(*embeddings, k=(1,))
    return {
        "correlation": float(variate_correlations(*variates).sum()),
        "mrr": [found[way]["mrr"] for way in ("x_to_y", "y_to_x")],
        "recall": [found[way]["recall@1"] for way in ("x_to_y", "y_to_x")],
        "seconds": seconds,
        "memory": resource.getrusage(of).ru_maxrss / 2**20,
    }


def halves(data, choosing):
    """Left and right halves of the digits to learn from and of those to test."""
    with np.load(data / "mnist10k.npz") as archive:
        pixels = archive["X"].reshape(-1, 28, 28).astype(np.float32) / 255
    views = [half.reshape(len(half), -1) for half in np.split(pixels, 2, axis=2)]
    first, last = (N_CHOOSE, N_TRAIN) if choosing else (N_TRAIN, len(pixels))
    return [view[:first] for view in views], [view[first:last] for view in views]


def linear(train, test, parameters, options):
    from skdcca import LinearCCA

    model = LinearCCA(100, **parameters).fit(*train)
    zx, zy = model.transform(*test)
    weights = model.canonical_correlations_**4
    return (zx[:, :N_COMPONENTS], zy[:, :N_COMPONENTS]), (zx * weights, zy * weights)


def deep(train, test, parameters, options):
    from skdcca import DeepCCA
    from skdcca._deep.estimator import LOSSES
    from skdcca.encoders import MLP

    if options.row != "default":
        of_loss = {k: parameters.pop(k) for k in ("redundancy", "covariance") if k in parameters}
        network = ("hidden_layer_sizes", "dropout", "activation")
        network = {k: parameters.pop(k) for k in network if k in parameters}
        parameters |= {"x_encoder": MLP(**network), "y_encoder": MLP(**network)}
        # By name, the loss "cca" has the ridge of the model.
        parameters["loss"] = LOSSES[options.row](**of_loss) if of_loss else options.row
    model = DeepCCA(N_COMPONENTS, random_state=options.seed, **parameters).fit(*train)
    whitened = model.linear_.transform(model._encode("x", test[0]), model._encode("y", test[1]))
    return whitened, model.transform(*test)


def peer(train, test, parameters, options):
    """The same by cca-zoo, in the environment that has it."""
    with tempfile.TemporaryDirectory() as scratch:
        views = Path(scratch) / "views.npz"
        np.savez(views, x=train[0], y=train[1], x_test=test[0], y_test=test[1])
        settings = {**parameters, "n_components": N_COMPONENTS, "seed": options.seed}
        command = [options.peer, str(PEER), str(views), json.dumps(settings)]
        subprocess.run(command, check=True, stdout=sys.stderr)
        with np.load(views) as found:
            variates = found["zx"], found["zy"]
    return variates, variates


if __name__ == "__main__":
    main()
