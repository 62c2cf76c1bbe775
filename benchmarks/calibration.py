"""Check that the scores of a `ScoreFusion` are log odds on new pairs.

The views are simulated: three columns that both share with little noise, three with much, and three
that they do not share. A `LinearCCA` of each three columns is joined. The fusion of 200 or 500 training
rows scores all pairs of 400 new rows, weighted so that matching pairs and others count the same. Slope
and intercept are those of a logistic regression on the score: 1 and 0 if scores are log odds. The
difference is that of predicted and true probability, the largest in five intervals. All are means over
six data sets, with standard deviations in parentheses.

    OMP_NUM_THREADS=1 make bench SCRIPT=calibration ARGS="[--quick]"
"""

from itertools import pairwise

import numpy as np
from scipy.special import expit
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from skdcca import LinearCCA, ScoreFusion
from skdcca.metrics import pair_scores

from _common.arguments import make_parser
from _common.table import print_head, print_row
from _common.threads import use_one_thread

N_NEW = 400
BOUNDS = (0.05, 0.2, 0.4, 0.6, 0.8, 0.95)


def main():
    options = make_parser(__doc__, "two data sets; under 60 s").parse_args()
    use_one_thread()
    print_head("similarity", "training rows", "slope", "intercept", "largest difference")
    for similarity in ("weighted", "likelihood"):
        for n_train in (200, 500):
            seeds = range(2 if options.quick else 6)
            found = np.array([measure(similarity, n_train, seed) for seed in seeds])
            means, deviations = found.mean(axis=0), found.std(axis=0)
            cells = [f"{means[i]:.2f} ({deviations[i]:.2f})" for i in range(2)]
            print_row(similarity, n_train, *cells, f"{np.abs(means[2:]).max():.2f}")


def measure(similarity, n_train, seed):
    """Return slope, intercept, and true minus predicted probability in each interval."""
    X, y = make_views(n_train + N_NEW, seed)
    models = [(f"columns {i}", model_of(slice(i, i + 3), similarity)) for i in (0, 3, 6)]
    fusion = ScoreFusion(models).fit(X[:n_train], y[:n_train])
    scores = pair_scores(fusion, X[n_train:], y[n_train:]).ravel()
    matching = np.eye(N_NEW, dtype=bool).ravel()
    weights = np.where(matching, 1.0, matching.sum() / (~matching).sum())
    check = LogisticRegression(C=1e6).fit(scores[:, None], matching, sample_weight=weights)
    found = [check.coef_[0, 0], check.intercept_[0]]
    predicted = expit(scores)
    for low, high in pairwise(BOUNDS):
        inside = (predicted > low) & (predicted < high)
        difference = matching[inside] - predicted[inside]
        found.append(np.average(difference, weights=weights[inside]))
    return found


def make_views(n, seed):
    """Return two views with six columns that they share, and three of noise only."""
    rng = np.random.default_rng(seed)
    shared = rng.normal(size=(n, 9)) * np.repeat([1, 1, 0], 3)
    noise = np.repeat([0.6, 1.2, 1.0], 3)
    return tuple(shared + noise * rng.normal(size=shared.shape) for _ in range(2))


def model_of(columns, similarity):
    """Return a CCA of some columns of both views."""
    x_side, y_side = (make_column_transformer(("passthrough", columns)) for _ in range(2))
    return make_pipeline(x_side, LinearCCA(similarity=similarity, y_transformer=y_side))


if __name__ == "__main__":
    main()
