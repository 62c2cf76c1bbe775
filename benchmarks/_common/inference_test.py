"""Error rates and power of the permutation test with confounds and blocks, and its time."""

from functools import partial

import numpy as np
from scipy import linalg
from sklearn.model_selection import GridSearchCV

from skdcca import LinearCCA, canonical_correlation_test

from _common.timing import timed

LEVEL = 0.05
N_PERMUTATIONS = 199
FALSE_POSITIVES_HEAD = (
    "design",
    "rows",
    "confounds",
    "what is permuted",
    "false positives",
    "known link found",
    "the same if the design is ignored",
)
NUMBER_HEAD = ("links", "rows", "columns", "permutation", "roy", "wilks", "search by score")
LATER_HEAD = ("rows", "columns", "reg", "second component significant")
TIME_HEAD = (
    "views",
    "components",
    "permutations",
    "CPU s",
    "CPU s, all singular values",
    "same p-values",
)


def rows_false_positives(quick, seeds):
    """Yield the percentage of data sets in which the first component is significant at level 0.05.

    The views have five columns each. In the null data they are independent given the design, so 5 %
    are expected; in the others they share a factor. In the last column the null data are tested
    naively: residuals of the confounds are permuted, blocks are ignored. Columns and confounds of the
    "skewed" designs are lognormal. In the "unequal" designs both views have the same deviation in a
    site, exp(N(0, 0.7)), and the naive test takes indicators of the sites as confounds. Standard
    errors are in parentheses.
    """
    for design, n, n_confounds, how in _designs(quick):
        make = partial(_views, design, n, n_confounds)
        null = _percentage(partial(_informed, make, how), seeds)
        found = _percentage(partial(_informed, partial(make, link=2.0), how), seeds)
        naive = ""
        if n_confounds or how is not None:
            test = _unaware_of_variances if design.startswith("unequal") else _naive
            naive = _percentage(partial(test, make), seeds)
        yield design, n, n_confounds, _NAMES[how], null, found, naive


_NAMES = {None: "rows", "within": "rows within blocks", "whole": "whole blocks"}


def _designs(quick):
    """Return design, rows, confounds and the parameter `permute` of each cell."""
    cells = [
        ("free", 60, 0, None),
        ("free", 60, 10, None),
        ("free", 60, 20, None),
        ("free", 200, 10, None),
        ("free", 200, 20, None),
        ("sites of four", 60, 0, "within"),
        ("sites of four", 200, 0, "within"),
        ("families of four", 200, 0, "whole"),
        ("families of four", 400, 0, "whole"),
        ("sites of four", 100, 10, "within"),
        ("sites of four", 200, 20, "within"),
        ("skewed", 60, 0, None),
        ("skewed", 60, 10, None),
        ("skewed", 200, 10, None),
        ("unequal sites of four", 60, 0, "within"),
        ("unequal sites of four", 60, 1, "within"),
        ("unequal sites of four", 200, 20, "within"),
        ("unequal sites of twenty", 200, 1, "within"),
        ("unequal sites of twenty", 200, 20, "within"),
    ]
    return cells[2::3] if quick else cells


def _percentage(p_value, seeds):
    rate = np.mean([p_value(seed) <= LEVEL for seed in seeds])
    error = np.sqrt(rate * (1 - rate) / len(seeds))
    return f"{100 * rate:.1f} % ({100 * error:.1f})"


def _views(design, n, n_confounds, seed, link=0.0):
    """Return two views, the confounds and the labels of the blocks.

    The rows of a family are similar in each view, and those of a site in both views in the same way.
    """
    rng = np.random.default_rng(seed)
    size = 20 if design.endswith("twenty") else 4
    blocks = np.repeat(np.arange(n // size), size)
    X, y = rng.normal(size=(2, n, 5))
    if design == "families of four":
        own, of_family = rng.normal(size=(2, n // 4, 5)), rng.normal(size=n // 4)
        X, y = (0.5 * view + of_view[blocks] for view, of_view in zip((X, y), own, strict=True))
        factor = of_family[blocks]
    else:
        factor = rng.normal(size=n)
    if design == "skewed":
        X, y = np.exp(X), np.exp(y)
    if "sites" in design:
        common = rng.normal(size=(n // 4, 5))[blocks]
        X, y = X + common, y + common
    confounds = rng.normal(size=(n, n_confounds))
    if design == "skewed":
        confounds = np.exp(confounds)
    slopes = rng.normal(size=(2, n_confounds, 5))
    weights = np.array([1, 1, 0, 0, 0])
    deviation = np.ones(n)
    if design.startswith("unequal"):
        deviation = np.exp(0.7 * rng.normal(size=n // size))[blocks]
    X, y = (
        deviation[:, None] * (view + link * factor[:, None] * weights) + confounds @ slope
        for view, slope in zip((X, y), slopes, strict=True)
    )
    return X, y, confounds, blocks


def _informed(make, how, seed):
    X, y, confounds, blocks = make(seed)
    design = {}
    if confounds.shape[1]:
        design["confounds"] = confounds
    if how is not None:
        design.update(blocks=blocks, permute=how)
    return _first_p(X, y, seed, **design)


def _naive(make, seed):
    X, y, confounds, _ = make(seed)
    regressors = np.column_stack([np.ones(len(X)), confounds])
    X, y = (view - regressors @ linalg.lstsq(regressors, view)[0] for view in (X, y))
    return _first_p(X, y, seed)


def _unaware_of_variances(make, seed):
    X, y, confounds, blocks = make(seed)
    indicators = np.eye(blocks.max() + 1)[blocks]
    return _first_p(X, y, seed, confounds=np.hstack([confounds, indicators]))


def _first_p(X, y, seed, **design):
    test = canonical_correlation_test(
        LinearCCA(1, reg=0), X, y, n_permutations=N_PERMUTATIONS, random_state=seed, **design
    )
    return test.p_values[0]


def rows_number_of_components(quick, seeds):
    """Yield the percentage of data sets in which the number of components that are kept is right.

    Each link is a pair of columns with the correlation given; all other columns are independent. The
    tests keep `n_significant` components. The search has the best `score` in five folds, and keeps one
    component or more.
    """
    cells = [
        ([0.8, 0.6], 200, 5, 5),
        ([0.7, 0.5], 300, 6, 5),
        ([0.8, 0.6, 0.5], 200, 10, 10),
        ([0.8, 0.6, 0.4], 500, 20, 10),
        ([0.7, 0.6], 500, 60, 5),
        ([0.9, 0.8, 0.7, 0.6, 0.5], 500, 20, 20),
        ([], 60, 5, 3),
        ([], 100, 5, 5),
    ]
    for strength, n, p, q in cells[:1] if quick else cells:
        right = [_right_numbers(strength, n, p, q, seed) for seed in seeds]
        shown = [f"{100 * rate:.0f} %" for rate in np.mean(right, axis=0)]
        shown[-1] = shown[-1] if strength else ""
        yield ", ".join(map(str, strength)) or "none", n, f"{p} and {q}", *shown


def rows_later(quick, seeds):
    """Yield the percentage of data sets in which a second component without a link is significant.

    One pair of columns has the correlation 0.9; all other columns are independent, so 5 % are
    expected. Standard errors are in parentheses.
    """
    cells = [(20, 3, 2), (60, 3, 2), (100, 10, 10), (100, 30, 30), (500, 10, 10)]
    for n, p, q in cells[:2] if quick else cells:
        for reg in (0, "auto"):
            yield n, f"{p} and {q}", reg, _percentage(partial(_second_p, n, p, q, reg), seeds)


def _second_p(n, p, q, reg, seed):
    X, y = _linked([0.9], n, p, q, seed)
    test = canonical_correlation_test(
        LinearCCA(2, reg=reg), X, y, n_permutations=N_PERMUTATIONS, random_state=seed
    )
    return test.p_values[1]


def _right_numbers(strength, n, p, q, seed):
    X, y = _linked(strength, n, p, q, seed)
    kept = [
        canonical_correlation_test(
            LinearCCA(reg=0), X, y, method=method, n_permutations=N_PERMUTATIONS, random_state=seed
        ).n_significant
        for method in ("permutation", "roy", "wilks")
    ]
    grid = {"n_components": range(1, min(p, q) + 1)}
    kept.append(GridSearchCV(LinearCCA(reg=0), grid).fit(X, y).best_params_["n_components"])
    return np.array(kept) == len(strength)


def rows_time(quick):
    """Yield the CPU seconds of the test, and of a loop over all singular values.

    Both views have 500 rows and 50 columns. The permutations are the same, and so must be the p-values.
    """
    n_permutations = 300 if quick else 10_000
    for name, strength in (("unrelated", []), ("three links", [0.9, 0.7, 0.5])):
        X, y = _linked(strength, 500, 50, 50)
        for n_components in (3, None):
            arguments = X, y, n_components, n_permutations
            new, plain = timed(_tested, *arguments), timed(_tested_plainly, *arguments)
            same = "yes" if np.array_equal(new.result, plain.result) else "NO"
            shown = n_components or "all 50"
            yield name, shown, n_permutations, f"{new.cpu:.1f}", f"{plain.cpu:.1f}", same


def _linked(strength, n, p, q, seed=0):
    rng = np.random.default_rng(seed)
    X, y = rng.normal(size=(n, p)), rng.normal(size=(n, q))
    for k, r in enumerate(strength):
        y[:, k] = r * X[:, k] + np.sqrt(1 - r**2) * y[:, k]
    return X, y


def _tested(X, y, n_components, n_permutations):
    model = LinearCCA(n_components, reg=0)
    test = canonical_correlation_test(model, X, y, n_permutations=n_permutations, random_state=0)
    return test.p_values


def _tested_plainly(X, y, n_components, n_permutations):
    zx, zy = (linalg.svd(view - view.mean(axis=0), full_matrices=False)[0] for view in (X, y))
    left, correlations, right = linalg.svd(zx.T @ zy)
    correlations = correlations[:n_components]
    zx, zy, rng = zx @ left, zy @ right.T, np.random.RandomState(0)
    counts = np.zeros(len(correlations))
    for _ in range(n_permutations):
        cross = zx.T @ zy[rng.permutation(len(zy))]
        norms = [np.linalg.norm(cross[k:, k:], 2) for k in range(len(correlations))]
        counts += np.array(norms) >= correlations - 1e-10
    return np.maximum.accumulate((1 + counts) / (1 + n_permutations))
