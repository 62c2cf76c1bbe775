"""Kernel CCA by cca-zoo 4, run by `kernel.py` in the environment of `make peers`.

Each line of input starts another fit of 10 components, answered with its CPU seconds. `shrinkage` is
the ridge, (1 - shrinkage) variance + shrinkage; its value does not change the amount of work.
"""

import sys
import time
import warnings

import numpy as np
from cca_zoo.nonparametric import KCCA


def main():
    gamma, reg, path = sys.argv[1:]
    warnings.filterwarnings("ignore")
    with np.load(path) as views:
        X, y = views["x"], views["y"]
    model = KCCA(10, kernel="rbf", gamma=float(gamma), shrinkage=float(reg))
    model.fit([X[:200], y[:200]])  # to warm up
    for _ in sys.stdin:
        began = time.process_time()
        model.fit([X, y])
        print(time.process_time() - began, flush=True)


if __name__ == "__main__":
    main()
