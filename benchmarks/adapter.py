"""Code written for cca-zoo, given `skdcca.adapters.ViewsList`: what it answers, beside its own models.

600 rows of 6 and 5 columns that share three directions; half to learn from, half to answer. cca-zoo is
run where ``make peers`` put it, with skdcca on its path.

    python benchmarks/adapter.py
"""

import importlib.util
import os
import sys
import warnings
from pathlib import Path

import numpy as np
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

FOLDER = Path(__file__).parents[1]


def main():
    if importlib.util.find_spec("cca_zoo") is None:
        peers = str(FOLDER / ".venv-peers/bin/python")
        path = os.pathsep.join([str(FOLDER), *sys.path[1:]])
        os.execve(peers, [peers, __file__], os.environ | {"PYTHONPATH": path})
    warnings.filterwarnings("ignore")
    print("| job | cca-zoo | `ViewsList` |\n|---|---|---|")
    for job, (theirs, ours) in jobs().items():
        print(f"| {job} | {theirs} | {ours} |")


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
    # The same ridge: of cca-zoo added to the covariance, of skdcca in parts of the total variance.
    total = [np.trace(centred_kernel(view, 0.1)) / (n - 1) for view in train]
    reg = tuple(0.1 / 0.9 / value for value in total)
    their_cca, our_cca = CCA(3), ViewsList(LinearCCA(3))
    return {
        "`score` of `CCA(3)`": scores(their_cca, our_cca),
        "correlations of its components": [correlations(m) for m in (their_cca, our_cca)],
        "`score` of `RidgeCCA(3, shrinkage=0.5)`, `reg=1`": scores(
            RidgeCCA(3, shrinkage=0.5), ViewsList(LinearCCA(3, reg=1.0))
        ),
        "`score` of `KCCA(2, kernel='rbf', gamma=0.1)`, the same ridge": scores(
            KCCA(2, shrinkage=0.1, **kernel), ViewsList(KernelCCA(2, reg=reg, **kernel))
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


def centred_kernel(view, gamma):
    from sklearn.metrics.pairwise import rbf_kernel
    from sklearn.preprocessing import KernelCenterer

    return KernelCenterer().fit_transform(rbf_kernel(view, gamma=gamma))


if __name__ == "__main__":
    main()
