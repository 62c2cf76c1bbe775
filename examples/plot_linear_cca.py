"""
Linear CCA explained
====================

Two views of the same samples may share a signal that no single column shows. Canonical correlation
analysis (CCA) finds it: a weighted sum of the columns of one view and a weighted sum of the columns
of the other, with maximal correlation; then a second pair, uncorrelated with the first, and so on.
This example generates views with two shared signals, recovers them, and shows the most common
mistake with CCA: trusting the correlations of the training rows.
"""

# %%
# Two views that share two signals
# --------------------------------
#
# Each view has six columns. Two latent variables, a strong and a weaker one, are spread over all
# columns. The rest, which is the larger part, is noise that the views do not share.

import matplotlib.pyplot as plt
import numpy as np

rng = np.random.default_rng(0)
hidden = rng.normal(size=(1000, 2)) * [1.0, 0.8]


def make_view():
    own = rng.normal(size=(1000, 3)) @ rng.normal(size=(3, 6))
    return hidden @ rng.normal(size=(2, 6)) + own + rng.normal(size=(1000, 6))


X, y = make_view(), make_view()

# %%
# Half of the rows are training rows, the other half is held out. ``score`` returns the sum of the
# canonical correlations on the given rows.

from skdcca import LinearCCA

X_train, X_test, y_train, y_test = X[:500], X[500:], y[:500], y[500:]
cca = LinearCCA(n_components=3).fit(X_train, y_train)
print("training rows:", cca.canonical_correlations_.round(2))
print("sum on held-out rows:", round(cca.score(X_test, y_test), 2))

# %%
# The first panel shows the most correlated of all 36 pairs of columns, the others show the three
# pairs of variates, all on held-out rows. The first two pairs reveal what the columns hide; the third
# is noise.

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
# Interpret the variates
# ----------------------
#
# A loading is the correlation of a column with a variate. Weights define how a variate is computed;
# loadings show what it means.

from skdcca.plotting import LoadingsDisplay

display = LoadingsDisplay.from_estimator(cca, n_features=6)
plt.show()

# %%
# Spurious correlations
# ---------------------
#
# Add 60 columns of pure noise to each view, and train on only 150 rows. Classical CCA (``reg=0``)
# finds sums of columns that correlate almost perfectly on those rows, in every component. On held-out
# rows nothing remains, not even the true signals.
#
# A ridge keeps the weights small: 1 adds the variance of a standardized column to each column. By
# default it is chosen from the data. With it, the correlations of the training rows are lower, and
# those of the held-out rows are higher. A sum of 9 on the training rows still says nothing.

from skdcca.plotting import CorrelationDisplay

X_wide = np.hstack([X, rng.normal(size=(1000, 60))])
y_wide = np.hstack([y, rng.normal(size=(1000, 60))])
figure, axes = plt.subplots(1, 2, figsize=(10, 4), sharey=True, layout="constrained")
for ax, reg in zip(axes, [0, "auto"], strict=True):
    model = LinearCCA(n_components=10, reg=reg).fit(X_wide[:150], y_wide[:150])
    CorrelationDisplay.from_estimator(
        model, X_wide[500:], y_wide[500:], X_train=X_wide[:150], y_train=y_wide[:150], ax=ax
    )
    ax.set_title(f"66 columns per view, 150 rows, reg={reg!r}")
    ax.label_outer()
plt.show()

# %%
# In summary, report the correlations of held-out rows. If they matter, choose ``reg`` and
# ``n_components`` with :class:`~sklearn.model_selection.GridSearchCV`. To test whether a correlation is
# significant, use :func:`skdcca.canonical_correlation_test`: see
# :ref:`sphx_glr_gallery_plot_permutation_test.py`.
