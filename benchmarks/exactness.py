"""Measure the numerical error of canonical correlations on ill-conditioned data.

The table shows the largest absolute error over the components. The reference is a rank-revealing
singular value decomposition of the centered and standardized views in float64. For float32 views, it
receives the rounded values. Where its own rounding would matter, it receives other columns with the
same span: without a known shift, without duplicates, and for two nearly identical columns, one of them
and their difference, which is exact in floating point.

scikit-learn (with its defaults; it converts float32 to float64 and has no ridge), cca-zoo and mvlearn
do not return correlations, so those of their transformed training rows are used. With a ridge, cca-zoo
receives standardized columns, and its objective is scaled to ours; mvlearn defines its ridge
differently. The target of `LinearCCA` is 1e-10 in float64 and 1e-5 in float32; the last line is its
largest error divided by that target.

    python benchmarks/exactness.py
"""

import json
import subprocess
import tempfile
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sklearn.cross_decomposition import CCA

from skdcca import LinearCCA

from _common.arguments import make_parser
from _common.peers import INSTALLED, NO_PEERS, run_script
from _common.table import print_head, print_row

TARGETS = {"float64": 1e-10, "float32": 1e-5}


@dataclass
class Case:
    """Two views derived from well-conditioned ones, and the parameters of the fit."""

    name: str
    make: Callable = lambda X, y: (X, y)
    k: int = 5
    reg: float = 0.0
    plain: Callable = lambda X: X  # other columns with the span of the first view
    dtypes: tuple = tuple(TARGETS)
    refused: bool = False


def near(gap):
    """Append a nearly identical column, and return other columns with the same span."""
    noise = np.random.default_rng(1).normal(size=400)
    return {
        "make": lambda X, y: (np.column_stack([X, X[:, 0] + gap * noise]), y),
        "plain": lambda X: np.column_stack([X[:, :6], (X[:, 6] - X[:, 0]) / gap]),
    }


def tied(X, y):
    """Return views with correlations of 0.8, 0.8, 0.8, 0.3 and 0.3."""
    basis = np.linalg.qr(np.column_stack([X, y]) - np.r_[X.mean(axis=0), y.mean(axis=0)])[0]
    rho = np.array([0.8, 0.8, 0.8, 0.3, 0.3])
    turn = np.random.default_rng(1).normal(size=(5, 5))
    return basis[:, :6], (rho * basis[:, :5] + np.sqrt(1 - rho**2) * basis[:, 6:]) @ turn


def wide(X, y):
    return X.reshape(60, 40), y[:60]


def with_value(value):
    def make(X, y):
        X = X.copy()
        X[7, 3] = value
        return X, y

    return make


CASES = [
    Case("plain, 2 components", k=2),
    Case("views swapped", lambda X, y: (y, X)),
    Case("all components"),
    Case("ridge 0.1", reg=0.1),
    Case("ridge 0.9", reg=0.9),
    Case("view + 1e6", lambda X, y: (X + 1e6, y), plain=lambda X: X - 1e6),
    Case("view x 1e6", lambda X, y: (X * 1e6, y)),
    Case("view x 1e-9", lambda X, y: (X * 1e-9, y)),
    Case("one column x 1e4", lambda X, y: (X * np.r_[1e4, np.ones(5)], y)),
    Case("one column x 1e8", lambda X, y: (X * np.r_[1e8, np.ones(5)], y)),
    Case(
        "one column 3000 + 1000 x",
        lambda X, y: (X * np.r_[1e3, np.ones(5)] + np.r_[3e3, np.zeros(5)], y),
    ),
    Case(
        "duplicated columns",
        lambda X, y: (np.column_stack([X, X[:, :2]]), y),
        plain=lambda X: X[:, :6],
    ),
    Case("nearly duplicated, 1e-4", **near(1e-4)),
    Case("nearly duplicated, 1e-9", **near(1e-9), dtypes=("float64",)),  # float32 rounds it away
    Case(
        "constant column",
        lambda X, y: (np.column_stack([X, np.full(len(X), 0.1)]), y),
        plain=lambda X: X[:, :6],
    ),
    Case(
        "rank 2, 5 components",
        lambda X, y: (X[:, :2] @ np.arange(-5.0, 7).reshape(2, 6), y),
        plain=lambda X: X[:, :2],
    ),
    Case("n < p", wide),
    Case("n < p, ridge 0.1", wide, reg=0.1),
    Case("perfect correlation", lambda X, y: (X, X @ np.triu(np.ones((6, 5))))),
    Case("tied correlations", tied),
    Case("q = 1", lambda X, y: (X, y[:, :1]), k=1),
    Case("n = 2", lambda X, y: (X[:2], y[:2]), k=1),
    Case("view of zeros", lambda X, y: (0 * X, y), refused=True),
    Case("NaN", with_value(np.nan), refused=True),
    Case("infinity", with_value(np.inf), refused=True),
]


def main():
    make_parser(__doc__).parse_args()
    warnings.simplefilter("ignore")  # low rank, and scikit-learn has not converged
    views = {dtype: [views_of(case, dtype) for case in CASES] for dtype in TARGETS}
    columns = {f"LinearCCA, {dtype}": answers(ours, views[dtype]) for dtype in TARGETS}
    errors = tuple(columns)
    columns["scikit-learn"] = answers(scikit_learn, views["float64"])
    for name in INSTALLED:
        columns |= {f"{name}, {dtype}": answers_of(name, views[dtype]) for dtype in TARGETS}
    print_head("case", *columns)
    ratios = {}
    for i, case in enumerate(CASES):
        cells = []
        for column, answered in columns.items():
            dtype = "float32" if column.endswith("float32") else "float64"
            error, cell = judge(case, answered[i], *views[dtype][i], dtype)
            cells.append(cell)
            if column in errors:
                ratios[f"{case.name} ({dtype})"] = error / TARGETS[dtype]
        print_row(case.name, *cells)
    if not INSTALLED:
        print(NO_PEERS)
    missed = [f"{name}: {ratio:.2g} times" for name, ratio in ratios.items() if ratio > 1]
    print(f"targets missed: {'; '.join(missed) or 'none'}")
    print(f"worst={max(ratios.values()):.2g}")


def views_of(case, dtype):
    rng = np.random.default_rng(0)
    shared = rng.normal(size=(400, 3)) * [2, 1, 0.5]
    X, y = (shared @ rng.normal(size=(3, p)) + rng.normal(size=(400, p)) for p in (6, 5))
    return [np.ascontiguousarray(view, dtype) for view in case.make(X, y)]


def oracle(X, y, k, reg):
    lefts = []
    for view in (X, y):
        left, singular, _ = np.linalg.svd(standardize(view), full_matrices=False)
        real = singular > 1e-11 * singular[0]
        variance = singular[real] ** 2 / (len(view) - 1)
        lefts.append(left[:, real] * np.sqrt(variance / (variance + reg)))
    found = np.linalg.svd(lefts[0].T @ lefts[1], compute_uv=False)[:k]
    return np.pad(found, (0, k - len(found)))


def standardize(view):
    view = view.astype(np.float64)
    view = view - view.mean(axis=0)
    view -= view.mean(axis=0)  # the rounding of the first mean
    return view / view.std(axis=0, ddof=1)


def answers(correlations, views):
    """Return the correlations of each case, an error message, or None if not applicable."""
    found = []
    for case, (X, y) in zip(CASES, views, strict=True):
        try:
            found.append(correlations(case, X, y))
        except Exception as error:
            found.append(f"{type(error).__name__}: {error}")
    return found


def ours(case, X, y):
    return LinearCCA(case.k, reg=case.reg).fit(X, y).canonical_correlations_


def scikit_learn(case, X, y):
    if case.reg:
        return None
    zx, zy = CCA(case.k).fit(X, y).transform(X, y)
    zx, zy = zx - zx.mean(axis=0), zy - zy.mean(axis=0)
    norms = np.linalg.norm(zx, axis=0) * np.linalg.norm(zy, axis=0)
    # Tied components have no defined order.
    return np.sort(np.sum(zx * zy, axis=0) / np.where(norms == 0, 1.0, norms))[::-1]


def answers_of(name, views):
    """Return the same for a peer, run in its environment."""
    arrays = {"cases": json.dumps([{"k": case.k, "reg": case.reg} for case in CASES])}
    for i, (case, pair) in enumerate(zip(CASES, views, strict=True)):
        for side, view in zip("xy", pair, strict=True):
            arrays[f"{side}{i}"] = standardize(view).astype(view.dtype) if case.reg else view
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "cases.npz"
        np.savez(path, **arrays)
        done = run_script(INSTALLED[name], "linear", name, "exact", path, stdout=subprocess.PIPE)
    return [one.get("found", one.get("error")) for one in json.loads(done.stdout)]


def judge(case, answer, X, y, dtype):
    """Return the largest error of a result, and its table cell."""
    if answer is None or dtype not in case.dtypes:
        return 0.0, "–"
    if isinstance(answer, str):
        clear = case.refused and answer.startswith("ValueError: ")
        message = answer.removeprefix("ValueError: ").splitlines()[0].replace("|", "/")
        return 0.0 if clear else np.inf, f"error: {message[:50]}{'…' * (len(message) > 50)}"
    if case.refused:
        return np.inf, f"no error, {len(answer)} components"
    expected = oracle(case.plain(X.astype(np.float64)), y, case.k, case.reg)
    error = np.abs(np.asarray(answer) - expected[: len(answer)]).max()
    if len(answer) < case.k:
        return np.inf, f"{error:.0e}, fewer components ({len(answer)} of {case.k})"
    return (error, f"{error:.0e}") if np.isfinite(error) else (np.inf, "NaN")


if __name__ == "__main__":
    main()
