"""Sparse models of cca-zoo 4, run by `sparse.py` in the environment of `make peers`.

Each parameter of a small grid is fitted. The output is a line of JSON for each: the parameter, the
weights of both views as columns and values, and the CPU seconds. Views are standardized.
"""

import json
import sys
import time
import warnings

import numpy as np
from cca_zoo.sparse import IPLSCCA, PMDCCA, ElasticNetCCA, ParkhomenkoCCA, SpanCCA

MODELS = {
    "PMDCCA": (PMDCCA, "l1_bound", (0.02, 0.05, 0.1, 0.2, 0.4)),
    "ParkhomenkoCCA": (ParkhomenkoCCA, "alpha", (0.4, 0.3, 0.2, 0.1, 0.05)),
    "IPLSCCA": (IPLSCCA, "alpha", (0.4, 0.3, 0.2, 0.1, 0.05)),
    "SpanCCA": (SpanCCA, "span", (2, 4, 10, 20, 50)),
    "ElasticNetCCA": (ElasticNetCCA, "alpha", (0.4, 0.3, 0.2, 0.1, 0.05)),
}


def main():
    name, path = sys.argv[1:]
    warnings.filterwarnings("ignore")
    with np.load(path) as views:
        X, y = (_standardized(views[key]) for key in "xy")
    model, parameter, grid = MODELS[name]
    for value in grid:
        began = time.process_time()
        fitted = model(1, random_state=0, **{parameter: value}).fit([X, y])
        found = {"parameter": value, "seconds": time.process_time() - began}
        for key, weights in zip("xy", fitted.weights_, strict=True):
            chosen = np.flatnonzero(weights[:, 0])
            found[key] = [chosen.tolist(), weights[chosen, 0].tolist()]
        print(json.dumps(found), flush=True)


def _standardized(view):
    return (view - view.mean(axis=0)) / view.std(axis=0)


if __name__ == "__main__":
    main()
