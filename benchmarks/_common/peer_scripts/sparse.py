"""Sparse models of cca-zoo 4, run by `sparse.py` in the environment of `make peers`.

Ten values of the parameter of each model are fitted, the sparsest first, until a fit takes more CPU
seconds than the limit. The output is a line of JSON for each: the model, the parameter, the weights of
both views as columns and values, and the CPU seconds. Views are standardized.
"""

import json
import signal
import sys
import time
import warnings
from contextlib import suppress

import numpy as np
from cca_zoo.sparse import IPLSCCA, PMDCCA, ElasticNetCCA, ParkhomenkoCCA, SpanCCA

BOUNDS = (0.02, 0.03, 0.04, 0.05, 0.07, 0.1, 0.15, 0.2, 0.3, 0.4)
ALPHAS = (0.5, 0.4, 0.3, 0.25, 0.2, 0.15, 0.1, 0.07, 0.05, 0.03)
SPANS = (2, 3, 4, 5, 7, 10, 15, 20, 30, 50)
MODELS = {
    "PMDCCA": (PMDCCA, "l1_bound", BOUNDS),
    "ParkhomenkoCCA": (ParkhomenkoCCA, "alpha", ALPHAS),
    "IPLSCCA": (IPLSCCA, "alpha", ALPHAS),
    "SpanCCA": (SpanCCA, "span", SPANS),
    "ElasticNetCCA": (ElasticNetCCA, "alpha", ALPHAS),
}


def main():
    path, limit = sys.argv[1:]
    warnings.filterwarnings("ignore")
    signal.signal(signal.SIGPROF, _end)
    with np.load(path) as views:
        X, y = (_standardized(views[key]) for key in "xy")
    for name in MODELS:
        with suppress(TimeoutError):
            print_fits(name, X, y, float(limit))


def print_fits(name, X, y, limit):
    """Print the fits of a model, or raise TimeoutError at the first that takes too long."""
    model, parameter, grid = MODELS[name]
    for value in grid:
        began = time.process_time()
        signal.setitimer(signal.ITIMER_PROF, limit)
        fitted = model(1, random_state=0, **{parameter: value}).fit([X, y])
        signal.setitimer(signal.ITIMER_PROF, 0)
        found = {"model": name, "parameter": value, "seconds": time.process_time() - began}
        for key, weights in zip("xy", fitted.weights_, strict=True):
            chosen = np.flatnonzero(weights[:, 0])
            found[key] = [chosen.tolist(), weights[chosen, 0].tolist()]
        print(json.dumps(found), flush=True)


def _end(*_):
    raise TimeoutError


def _standardized(view):
    return (view - view.mean(axis=0)) / view.std(axis=0)


if __name__ == "__main__":
    main()
