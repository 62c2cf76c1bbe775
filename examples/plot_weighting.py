"""
Weighting: which components a search should listen to
=====================================================

Of many canonical variates the first few are reliable and the later ones are mostly noise. A plain
cosine gives all of them the same say. This example lets the left halves of digits search for
their right halves and compares four ways to score a pair; the scores are a parameter of the
model, ``similarity``, so that nothing needs to be fitted again.
"""

# %%
# Halves of digits
# ----------------
#
# The 1,797 digits that come with scikit-learn, 8 by 8 pixels. The left four columns are one view,
# the right four the other. 1,297 digits are learned from, chosen at random; the other 500 are both
# queries and gallery, so that chance has a mean reciprocal rank (MRR) of 0.014.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from skdcca import LinearCCA
from skdcca.metrics import chance, mrr_scorer

images = load_digits().images
left, right = images[:, :, :4].reshape(-1, 32), images[:, :, 4:].reshape(-1, 32)
X_train, X, y_train, y = train_test_split(left, right, test_size=500, random_state=0)
level = chance(len(X))["mrr"]
print(f"gallery {len(X)}, chance of the MRR {level:.3f}")

# %%
# Four scores, and any number of components
# -----------------------------------------
#
# ``"cosine"`` takes the variates as they are, ``"weighted"`` (the default) scales each by its
# squared correlation, a number by that power of it; ``"likelihood"`` asks how much likelier the
# two are as a pair than apart.

similarities = {
    "likelihood": "likelihood",
    "weighted (power 2)": "weighted",
    "cosine (power 0)": "cosine",
    "power 4": 4,
}
n_components = [1, 2, 3, 4, 6, 8, 12, 16, 22, 28]
found = {name: [] for name in similarities}
for k in n_components:
    model = LinearCCA(k, reg=0.01).fit(X_train, y_train)
    for name, similarity in similarities.items():
        found[name].append(mrr_scorer(model.set_params(similarity=similarity), X, y))
correlations = model.canonical_correlations_
for name, mrr in found.items():
    print(f"{name:20} best {max(mrr):.3f}, with all {n_components[-1]} components {mrr[-1]:.3f}")

# %%
# The cosine is best with some number of components and falls beyond it, when it listens to noise.
# Weighted, the number of components stops to matter: there is one thing less to choose.

figure, (ax, weights) = plt.subplots(
    1, 2, figsize=(10, 4.2), width_ratios=(3, 2), layout="constrained"
)
styles = [("#009E73", "D:"), ("#0072B2", "o-"), ("#D55E00", "^--"), ("black", "s-.")]
for (name, mrr), (colour, style) in zip(found.items(), styles, strict=True):
    ax.plot(n_components, mrr, style, color=colour, label=name, markerfacecolor="white")
ax.axhline(level, color="0.25", linewidth=1)
ax.text(n_components[-1], level + 0.01, f"chance {level:.3f}", ha="right")
ax.set(xlabel="number of components", ylabel="MRR, mean of both directions", ylim=(0, None))
ax.set_title(f"left half finds right half, gallery {len(X)}")
ax.legend()

component = np.arange(1, len(correlations) + 1)
for power, (colour, style) in zip([2, 0, 4], styles[1:], strict=True):
    line = {"color": colour, "label": f"power {power}", "markersize": 3}
    weights.plot(component, correlations**power, style, **line)
weights.set(xlabel="component", ylabel="weight, correlation ** power", title="who has how much say")
weights.set_ylim(0, 1.05)
weights.legend()
plt.show()

# %%
# The cosine of a single variate is its sign, which is no better than chance in a list of 500.
#
# Let the folds choose
# --------------------
#
# The picture explains, but it must not choose: it was drawn from the test rows. ``similarity`` is
# a key of the grid like any other. Here five folds of the training rows choose the likelihood,
# and the test rows are asked once.

from sklearn.model_selection import GridSearchCV

grid = {"similarity": ["cosine", "weighted", 4, "likelihood"], "reg": [0.001, 0.01, 0.1]}
search = GridSearchCV(LinearCCA(), grid, scoring=mrr_scorer, cv=5).fit(X_train, y_train)
print(search.best_params_)
print(f"MRR {mrr_scorer(search, X, y):.3f}, gallery {len(X)}, chance {level:.3f}")

# %%
# No score is the best for all data. On larger images (halves of 28 by 28 pixels, 8,000 to learn
# from) power 4 is better than power 2, which is here the other way round; on songs the default is
# as good as the plain cosine or better. That is what folds are for.
