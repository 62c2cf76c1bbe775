"""Run code written for cca-zoo with `skdcca.adapters.ViewsList`, and compare its results.

The views have 600 rows, 6 and 5 columns, and three shared directions; half of the rows are for training
and half for testing. The script runs in the environment of ``make peers``, with skdcca on its path.

    python benchmarks/adapter.py
"""

import importlib.util
import os
import sys
import warnings

import numpy as np
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from _common.arguments import make_parser
from _common.peers import PYTHONS, ROOT
from _common.table import print_head, print_row


def main():
    make_parser(__doc__).parse_args()
    if importlib.util.find_spec("cca_zoo") is None:
        run_where_cca_zoo_is()
    warnings.filterwarnings("ignore")
    print_head("job", "cca-zoo", "`ViewsList`")
    for job, (theirs, ours) in jobs().items():
        print_row(job, theirs, ours)


def run_where_cca_zoo_is():
    """Replace this process with one in the environment of cca-zoo."""
    python = PYTHONS["cca-zoo"]
    if not python.exists():
        raise SystemExit("cca-zoo is not installed. `make peers` makes an environment with it.")
    path = os.pathsep.join([str(ROOT), *sys.path[1:]])
    os.execve(python, [python, __file__], os.environ | {"PYTHONPATH": path})


def jobs():
    from cca_zoo.linear import CCA, RidgeCCA
    from cca_zoo.metrics import average_pairwise_correlations, pairwise_correlations
    from cca_zoo.model_selection import GridSearchCV, permutation_test_significance
    from cca_zoo.nonparametric import KCCA
    from cca_zoo.preprocessing import PerViewTransformer

    from skdcca import KernelCCA, LinearCCA
    from skdcca.adapters import ViewsList

    raw, raw_test = views()
    scaler = PerViewTransformer(StandardScaler()).fit(raw)
    train, test = scaler.transform(raw), scaler.transform(raw_test)
    n = len(train[0])

    def scores(*models):
        return [f"{model.fit(train).score(test):.6f}" for model in models]

    def correlations(model):
        found = average_pairwise_correlations(
            pairwise_correlations(model.fit(train).transform(test))
        )
        return " ".join(f"{value:.4f}" for value in found)

    def piped(model):
        pipeline = make_pipeline(PerViewTransformer(StandardScaler()), model).fit(raw)
        return f"{pipeline.score(raw_test):.6f}"

    def searched(model, grid):
        search = GridSearchCV(model, grid, cv=3).fit(train)
        return f"{search.best_score_:.4f}"

    def tested(model):
        found = permutation_test_significance(model, train, n_permutations=99, random_state=0)
        return " ".join(f"{value:.2f}" for value in found.p_values)

    shrinkages = np.array([0.1, 0.5, 0.9])
    regs = shrinkages / (1 - shrinkages)
    kernel = {"kernel": "rbf", "gamma": 0.1}
    # The same ridge: an absolute value in cca-zoo, relative to the total variance in skdcca.
    total = [np.trace(centered_kernel(view, 0.1)) / (n - 1) for view in train]
    reg = tuple(0.1 / 0.9 / value for value in total)
    their_cca, our_cca = CCA(3), ViewsList(LinearCCA(3, reg=0))
    return {
        "`score` of `CCA(3)`": scores(their_cca, our_cca),
        "correlations of its components": [correlations(m) for m in (their_cca, our_cca)],
        "`score` of `RidgeCCA(3, shrinkage=0.5)`, `reg=1`": scores(
            RidgeCCA(3, shrinkage=0.5), ViewsList(LinearCCA(3, reg=1.0))
        ),
        "`score` of `KCCA(2, kernel='rbf', gamma=0.1)`, the same ridge": scores(
            KCCA(2, shrinkage=0.1, **kernel),
            ViewsList(KernelCCA(2, reg=reg, scale=False, **kernel)),
        ),
        "a Pipeline after `PerViewTransformer`": [piped(m) for m in (their_cca, our_cca)],
        "cca-zoo's `GridSearchCV`, best mean of 3 folds": [
            searched(RidgeCCA(3), {"shrinkage": shrinkages}),
            searched(our_cca, {"estimator__reg": regs}),
        ],
        "p values of its `permutation_test_significance`": [
            tested(m) for m in (their_cca, our_cca)
        ],
    }


def views():
    rng = np.random.default_rng(0)
    shared = rng.normal(size=(600, 3))
    X = np.hstack([shared + rng.normal(size=(600, 3)), rng.normal(size=(600, 3))])
    y = np.hstack([shared + rng.normal(size=(600, 3)), rng.normal(size=(600, 2))])
    return [X[:300], y[:300]], [X[300:], y[300:]]


def centered_kernel(view, gamma):
    from sklearn.metrics.pairwise import rbf_kernel
    from sklearn.preprocessing import KernelCenterer

    return KernelCenterer().fit_transform(rbf_kernel(view, gamma=gamma))


if __name__ == "__main__":
    main()
