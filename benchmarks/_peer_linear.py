"""Linear CCA by cca-zoo 4, run by `linear.py` and `exactness.py` in the environment of `make peers`.

With `time`: for each line of input, one more fit of all components of two views, and its CPU seconds;
for the line `memory`, the MB of arrays at its peak instead. With `exact`: the canonical correlations of
each case, or the error. `CCA` of cca-zoo is its `RidgeCCA` with a shrinkage of 0.
"""

import json
import sys
import time
import tracemalloc
import warnings

import numpy as np
from cca_zoo.linear import CCA, RidgeCCA


def main():
    mode, path = sys.argv[1:]
    warnings.filterwarnings("ignore")
    with np.load(path) as archive:
        arrays = dict(archive)
    if mode == "time":
        answer(arrays["x"], arrays["y"])
    else:
        cases = json.loads(str(arrays["cases"]))
        print(json.dumps([correlations(arrays, i, **case) for i, case in enumerate(cases)]))


def answer(X, y):
    for line in sys.stdin:
        model = CCA(min(X.shape[1], y.shape[1]))
        if line.strip() == "memory":
            tracemalloc.start()
            model.fit([X, y])
            print(tracemalloc.get_traced_memory()[1] / 1e6, flush=True)
            tracemalloc.stop()
        else:
            began = time.process_time()
            model.fit([X, y])
            print(time.process_time() - began, flush=True)


def correlations(arrays, i, k, reg):
    X, y = arrays[f"x{i}"], arrays[f"y{i}"]
    # (1 - shrinkage) (R + reg I): the same problem, but for the scale.
    shrinkage = reg / (1 + reg)
    try:
        model = RidgeCCA(k, shrinkage=shrinkage).fit([X, y])
        zx, zy = (z.astype(np.float64) for z in model.transform([X, y]))
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"}
    zx, zy = zx - zx.mean(axis=0), zy - zy.mean(axis=0)
    products = np.sum(zx * zy, axis=0)
    if reg:
        return {"found": list((1 - shrinkage) * products / (len(X) - 1))}
    norms = np.linalg.norm(zx, axis=0) * np.linalg.norm(zy, axis=0)
    return {"found": list(products / np.where(norms == 0, 1.0, norms))}


if __name__ == "__main__":
    main()
