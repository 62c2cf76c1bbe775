"""
Linear CCA explained
====================

Two views of the same things may share something that no column of either shows by itself.
Canonical correlation analysis (CCA) finds it: a weighted sum of the columns of one view and a
weighted sum of those of the other, which are as correlated as can be; then a second pair,
uncorrelated with the first, and so on. This example plants two such things, finds them again, and
shows the mistake that CCA invites: to believe the correlations of the rows that it was fitted to.
"""

# %%
# Two views that share two things
# -------------------------------
#
# Each view has six columns. Two hidden numbers of every row, a strong and a weaker one, are
# spread over all of them; the rest is noise that the views do not share, and it is the larger
# part.

import matplotlib.pyplot as plt
import numpy as np

rng = np.random.default_rng(0)
hidden = rng.normal(size=(1000, 2)) * [1.0, 0.8]


def make_view():
    own = rng.normal(size=(1000, 3)) @ rng.normal(size=(3, 6))
    return hidden @ rng.normal(size=(2, 6)) + own + rng.normal(size=(1000, 6))


X, y = make_view(), make_view()

# %%
# Half of the rows are to learn from, the others are to measure. ``score`` is the sum of the
# canonical correlations on the rows that it is given.

from skdcca import LinearCCA

X_train, X_test, y_train, y_test = X[:500], X[500:], y[:500], y[500:]
cca = LinearCCA(n_components=3).fit(X_train, y_train)
print("training rows:", cca.canonical_correlations_.round(2))
print("sum on new rows:", round(cca.score(X_test, y_test), 2))

# %%
# On the left, the most correlated of all 36 pairs of columns. Beside it the three pairs of
# variates, all on rows that were not learned from. What the columns hide the first two pairs
# show; the third is noise.

from skdcca.metrics import variate_correlations

between = np.corrcoef(X_train.T, y_train.T)[:6, 6:]
best_x, best_y = np.unravel_index(np.abs(between).argmax(), between.shape)
zx, zy = cca.transform(X_test, y_test)
panels = [(f"best columns, X{best_x} and y{best_y}", X_test[:, best_x], y_test[:, best_y])]
panels += [(f"variates {k + 1}", zx[:, k], zy[:, k]) for k in range(3)]

figure, axes = plt.subplots(1, 4, figsize=(11, 3.2), layout="constrained")
for ax, (title, left, right) in zip(axes, panels, strict=True):
    correlation = variate_correlations(left[:, None], right[:, None])[0]
    ax.plot(left, right, "o", color="#0072B2", markersize=3, alpha=0.5)
    ax.set(title=f"{title}\ncorrelation {correlation:.2f}", xlabel="from X", xticks=[], yticks=[])
axes[0].set_ylabel("from y")
plt.show()

# %%
# What the variates are made of
# -----------------------------
#
# A loading is the correlation of a column with a variate. Weights tell how to compute a variate,
# loadings what it is.

from skdcca.plotting import LoadingsDisplay

display = LoadingsDisplay.from_estimator(cca, n_features=6)
plt.show()

# %%
# The correlations that CCA makes up
# ----------------------------------
#
# Now 60 columns of pure noise are added to either view, and only 150 rows are learned from. CCA
# finds sums of columns that agree nearly perfectly on those rows, in every component. On new rows
# next to nothing is left, not even of what is there to be found.
#
# A ridge (``reg``) keeps the weights small. It means the same for any number of rows and any units:
# 1 adds the mean variance of a standardised column to each of them. The correlations of the
# training rows are lower then, and those that count are higher.

from skdcca.plotting import CorrelationDisplay

X_wide = np.hstack([X, rng.normal(size=(1000, 60))])
y_wide = np.hstack([y, rng.normal(size=(1000, 60))])
figure, axes = plt.subplots(1, 2, figsize=(10, 4), sharey=True, layout="constrained")
for ax, reg in zip(axes, [0.0, 3.0], strict=True):
    model = LinearCCA(n_components=10, reg=reg).fit(X_wide[:150], y_wide[:150])
    CorrelationDisplay.from_estimator(
        model, X_wide[500:], y_wide[500:], X_train=X_wide[:150], y_train=y_wide[:150], ax=ax
    )
    ax.set_title(f"66 columns a view, 150 rows, reg={reg:g}")
    ax.label_outer()
plt.show()

# %%
# What to take along: read the correlations of rows that were not learned from, and choose ``reg``
# and ``n_components`` by :class:`~sklearn.model_selection.GridSearchCV`. Whether a correlation is
# more than chance, :func:`skdcca.canonical_correlation_test` tells: see
# :ref:`sphx_glr_gallery_plot_permutation_test.py`.
