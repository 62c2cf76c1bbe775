"""
Early stopping: when to end training
====================================

Given enough epochs, a network memorizes its training rows. A single network of ``DeepCCA`` therefore
holds out a tenth of the rows, keeps the weights of the epoch with the best held-out correlation, and
stops when that has not improved for several epochs. This example shows how much early stopping gains,
and what the default does on so few rows.
"""

# %%
# Two noisy views
# ---------------
#
# Four latent variables are spread over the 40 columns of each view, with noise of more than twice
# their variance. The models are trained on 400 rows and tested on 2,000 others, enough for a precise
# score.

import matplotlib.pyplot as plt
import numpy as np


def make_views(seed):
    rng = np.random.default_rng(seed)
    hidden = rng.normal(size=(2400, 4))
    return [hidden @ rng.normal(size=(4, 40)) + 3 * rng.normal(size=(2400, 40)) for _ in ("X", "y")]


X, y = make_views(0)

# %%
# Training for too long
# ---------------------
#
# With ``patience=None``, training continues to the last epoch, so that the whole curve is visible.
# A quarter of the rows is held out. The correlations on training rows rise toward their maximum;
# those on held-out rows rise for some epochs and then slowly fall. ``history_`` contains the values of
# every epoch. ``n_networks=1`` and ``fallback=None`` train one network and keep it, however it compares
# with a linear model.

from skdcca import DeepCCA
from skdcca.encoders import MLP
from skdcca.plotting import HistoryDisplay

settings = {
    "n_components": 4,
    "loss": "cca",
    "x_encoder": MLP((256,), dropout=0.0),
    "y_encoder": MLP((256,), dropout=0.0),
    "batch_size": 128,
    "n_networks": 1,
    "fallback": None,
    "random_state": 0,
}
whole = DeepCCA(**settings, max_epochs=150, validation_fraction=0.25, patience=None)
whole.fit(X[:400], y[:400])
held_out = np.array([epoch["valid_correlation"] for epoch in whole.history_])
print(f"best epoch {held_out.argmax() + 1} of {len(held_out)}")

HistoryDisplay.from_estimator(whole)
plt.show()

# %%
# Scores on new rows
# ------------------
#
# The next cell computes the sum of the four correlations on the 2,000 test rows, for three such data
# sets. Early stopping gives up some training rows, here the default tenth, and gains more than it
# loses. The relation is linear, so a linear model with a ridge is the best of all.

from skdcca import LinearCCA

models = {
    "150 epochs, all rows": DeepCCA(**settings, max_epochs=150, validation_fraction=0),
    "stopped early": DeepCCA(**settings, max_epochs=150),
    "linear, reg=1": LinearCCA(4, reg=1.0),
}
scores = {name: [] for name in models}
for seed in range(3):
    X, y = make_views(seed)
    for name, model in models.items():
        scores[name].append(model.fit(X[:400], y[:400]).score(X[400:], y[400:]))
for name, found in scores.items():
    print(f"{name:22} {np.mean(found):.2f} of 4")

figure, points = plt.subplots(figsize=(7, 4), layout="constrained")
for shift, (data, marker) in enumerate(zip(zip(*scores.values(), strict=True), "osD", strict=True)):
    label = f"data set {shift + 1}"
    points.plot(
        list(scores), data, marker + "-", color="0.6", markerfacecolor="#0072B2", label=label
    )
points.margins(x=0.15)
points.set(ylabel="sum of 4 correlations, 2,000 test rows")
points.legend(fontsize=9)
plt.show()

# %%
# The default
# -----------
#
# With fewer than 1,000 rows, the default trains several networks, each without a fold of the rows, and
# compares them with a linear model on these folds. Here, it keeps the linear model. It says so in a
# warning, which is expected here; ``decision_`` has the figures.

import warnings

from skdcca.exceptions import LinearFallbackWarning

warnings.simplefilter("ignore", LinearFallbackWarning)
default = DeepCCA(4, x_encoder=MLP((256,)), y_encoder=MLP((256,)), random_state=0)
default.fit(X[:400], y[:400])
print(f"model: {default.decision_['model']}, because {default.decision_['reason']}")
for name in ("networks", "linear", "difference", "standard_error"):
    print(f"{name:15} {default.decision_[name]:5.2f}")
print(f"test rows: {default.score(X[400:], y[400:]):.2f} of 4")

# %%
# Rows are held out at random. If rows belong together, such as the songs of an artist, pass their
# ``groups`` to ``fit``, so that held-out rows are those of other artists.
