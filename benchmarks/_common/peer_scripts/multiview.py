"""Linear models of several views by cca-zoo, run by `multiview.py` in its environment.

With `time`, each line of input starts another fit of 10 components, answered with its CPU seconds, or
with the peak of arrays in MB if the line is `memory`. With `exact`, the mean correlation of all pairs of
variates is printed for each model and component, for every shrinkage that the archive lists.
"""

import json
import sys
import time
import tracemalloc
import warnings
from itertools import combinations

import numpy as np
from cca_zoo.linear import GCCA, MCCA

MODELS = {"MCCA": MCCA, "GCCA": GCCA}


def main():
    mode, name, k, path = sys.argv[1:]
    warnings.filterwarnings("ignore")
    with np.load(path) as archive:
        arrays = dict(archive)
    views = [arrays[key] for key in sorted(arrays) if key.startswith("view")]
    if mode == "time":
        answer(MODELS[name], int(k), views)
    else:
        shrinkages = arrays["shrinkages"].tolist()
        print(json.dumps([correlations(MODELS[name], int(k), s, views) for s in shrinkages]))


def answer(model, k, views):
    for line in sys.stdin:
        if line.strip() == "memory":
            tracemalloc.start()
            model(k).fit(views)
            print(tracemalloc.get_traced_memory()[1] / 1e6, flush=True)
            tracemalloc.stop()
        else:
            began = time.process_time()
            model(k).fit(views)
            print(time.process_time() - began, flush=True)


def correlations(model, k, shrinkage, views):
    try:
        variates = model(k, shrinkage=shrinkage).fit(views).transform(views)
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"}
    pairs = [
        [np.corrcoef(x[:, c], y[:, c])[0, 1] for c in range(k)]
        for x, y in combinations(variates, 2)
    ]
    return {"found": np.mean(pairs, axis=0).tolist()}


if __name__ == "__main__":
    main()
