"""Measure the similarity of unrelated representations, which should be 0, by the number of rows.

Both representations have 50 columns of independent normal numbers. Values are means over 20 pairs, with
the standard deviation of debiased CKA in parentheses.

    OMP_NUM_THREADS=1 make bench SCRIPT=representation ARGS="[--quick]"
"""

import warnings

import numpy as np

from skdcca.exceptions import FewSamplesWarning
from skdcca.representation import cka, pwcca, svcca

from _common.arguments import make_parser
from _common.table import print_head, print_row
from _common.threads import use_one_thread

N_FEATURES = 50
ROWS_PER_FEATURE = (0.5, 1, 2, 5, 10, 20, 50)


def main():
    options = make_parser(__doc__, "three pairs; under 60 s").parse_args()
    use_one_thread()
    warnings.simplefilter("ignore", FewSamplesWarning)
    print_head(
        "rows / features",
        "rows",
        "svcca",
        "pwcca",
        "cka, biased",
        "cka",
        "rbf cka, biased",
        "rbf cka",
    )
    for ratio in ROWS_PER_FEATURE:
        n = int(ratio * N_FEATURES)
        found = np.array([measure(n, seed) for seed in range(3 if options.quick else 20)])
        means, deviations = found.mean(axis=0), found.std(axis=0)
        cells = [f"{mean:.2f}" for mean in means]
        for i in (3, 5):
            cells[i] = f"{means[i]:.3f} ({deviations[i]:.3f})"
        print_row(f"{ratio:g}", n, *cells)


def measure(n, seed):
    """Return all measures of one pair of unrelated representations."""
    X, Y = np.random.default_rng(seed).normal(size=(2, n, N_FEATURES))
    alignments = [
        cka(X, Y, kernel=kernel, debiased=debiased)
        for kernel in ("linear", "rbf")
        for debiased in (False, True)
    ]
    return [svcca(X, Y), pwcca(X, Y), *alignments]


if __name__ == "__main__":
    main()
