"""
Weight components by their correlation
======================================

Later components are mostly noise, and a plain cosine weights them like the first ones. In this
example, left halves of digits search for their right halves, and four ways to score a pair are
compared. The parameter ``similarity`` selects the score; changing it does not require refitting.
"""

# %%
# Halves of digits
# ----------------
#
# The data are the 1,797 digits of scikit-learn, with 8 by 8 pixels. The left four columns are one
# view, the right four the other. The model is trained on 1,297 digits, chosen at random; the other
# 500 are both queries and gallery. The chance level of the mean reciprocal rank (MRR) is 0.014.

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
print(f"gallery {len(X)}, chance level of the MRR {level:.3f}")

# %%
# Four similarities and the number of components
# ----------------------------------------------
#
# ``"cosine"`` uses the variates unscaled; ``"weighted"`` (the default) scales each by its squared
# correlation, and a number by that power of its correlation. ``"likelihood"`` is the log-likelihood
# ratio of a matching pair over a random pair.

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
# The cosine peaks at some number of components and then falls, because later components add noise.
# With weights, the number of components hardly matters: there is one parameter less to tune.

figure, (ax, weights) = plt.subplots(
    1, 2, figsize=(10, 4.2), width_ratios=(3, 2), layout="constrained"
)
styles = [("#009E73", "D:"), ("#0072B2", "o-"), ("#D55E00", "^--"), ("black", "s-.")]
for (name, mrr), (color, style) in zip(found.items(), styles, strict=True):
    ax.plot(n_components, mrr, style, color=color, label=name, markerfacecolor="white")
ax.axhline(level, color="0.25", linewidth=1)
ax.text(n_components[-1], level + 0.01, f"chance {level:.3f}", ha="right")
ax.set(xlabel="number of components", ylabel="MRR, mean of both directions", ylim=(0, None))
ax.set_title(f"left half finds right half, gallery {len(X)}")
ax.legend()

component = np.arange(1, len(correlations) + 1)
for power, (color, style) in zip([2, 0, 4], styles[1:], strict=True):
    line = {"color": color, "label": f"power {power}", "markersize": 3}
    weights.plot(component, correlations**power, style, **line)
weights.set(
    xlabel="component", ylabel="weight, correlation ** power", title="weight of each component"
)
weights.set_ylim(0, 1.05)
weights.legend()
plt.show()

# %%
# With a single component, the cosine is just a sign, which is no better than chance in a gallery of
# 500.
#
# Choose by cross-validation
# --------------------------
#
# Do not choose from the plot: it shows the test rows. ``similarity`` can be a key of the grid like any
# other parameter. Here, five folds of the training rows select the likelihood, and the test rows are
# scored once.

from sklearn.model_selection import GridSearchCV

grid = {"similarity": ["cosine", "weighted", 4, "likelihood"], "reg": [0.001, 0.01, 0.1]}
search = GridSearchCV(LinearCCA(), grid, scoring=mrr_scorer, cv=5).fit(X_train, y_train)
print(search.best_params_)
print(f"MRR {mrr_scorer(search, X, y):.3f}, gallery {len(X)}, chance {level:.3f}")

# %%
# No similarity is best for all data. On larger images (halves of 28 by 28 pixels, 8,000 training rows),
# power 4 is better than power 2; here it is the reverse. On songs, the default is at least as good as
# the plain cosine. Choose by cross-validation.
