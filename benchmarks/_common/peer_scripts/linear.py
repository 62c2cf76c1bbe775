"""Linear CCA by cca-zoo and mvlearn, run by `linear.py` and `exactness.py` in their environments.

With `time`, each line of input starts another fit of all components, answered with its CPU seconds, or
with the peak of arrays in MB if the line is `memory`. With `exact`, the canonical correlations of each
case, or its error, are printed. `CCA` of cca-zoo is its `RidgeCCA` with a shrinkage of 0.
"""

import json
import sys
import time
import tracemalloc
import warnings

import numpy as np


def main():
    package, mode, path = sys.argv[1:]
    warnings.filterwarnings("ignore")
    with np.load(path) as archive:
        arrays = dict(archive)
    if mode == "time":
        answer(MODELS[package], arrays["x"], arrays["y"])
    else:
        cases = enumerate(json.loads(str(arrays["cases"])))
        found = [correlations(MODELS[package], arrays, i, **case) for i, case in cases]
        print(json.dumps(found))


def cca_zoo(k, reg=0.0):
    from cca_zoo.linear import RidgeCCA

    # (1 - shrinkage) (R + reg I): the same problem except for the scale.
    return RidgeCCA(k, shrinkage=reg / (1 + reg))


def mvlearn(k, reg=0.0):
    from mvlearn.embed import CCA

    if reg:
        raise NotImplementedError("its ridge is defined differently")
    return CCA(n_components=k)


MODELS = {"cca-zoo": cca_zoo, "mvlearn": mvlearn}


def answer(make, X, y):
    for line in sys.stdin:
        model = make(min(X.shape[1], y.shape[1]))
        if line.strip() == "memory":
            tracemalloc.start()
            model.fit([X, y])
            print(tracemalloc.get_traced_memory()[1] / 1e6, flush=True)
            tracemalloc.stop()
        else:
            began = time.process_time()
            model.fit([X, y])
            print(time.process_time() - began, flush=True)


def correlations(make, arrays, i, k, reg):
    X, y = arrays[f"x{i}"], arrays[f"y{i}"]
    try:
        model = make(k, reg).fit([X, y])
        zx, zy = (np.asarray(z, dtype=np.float64) for z in model.transform([X, y]))
    except NotImplementedError:
        return {"found": None}
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"}
    zx, zy = zx - zx.mean(axis=0), zy - zy.mean(axis=0)
    products = np.sum(zx * zy, axis=0)
    if reg:
        return {"found": list(products / (1 + reg) / (len(X) - 1))}
    norms = np.linalg.norm(zx, axis=0) * np.linalg.norm(zy, axis=0)
    return {"found": list(products / np.where(norms == 0, 1.0, norms))}


if __name__ == "__main__":
    main()
