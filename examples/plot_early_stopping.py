"""
Early stopping: when to end a training
======================================

A network learns its training rows by heart if it is given the time. ``DeepCCA`` therefore holds a
tenth of the rows out, keeps the weights of the epoch that was best on those, and stops when
nothing has improved for some epochs. This example shows what that is worth.
"""

# %%
# Two noisy views
# ---------------
#
# Four hidden numbers are spread over 40 columns of each view, under noise of more than twice their
# variance. 400 rows are to learn from, 2,000 others to measure: enough that the measure itself
# hardly varies.

import matplotlib.pyplot as plt
import numpy as np


def make_views(seed):
    rng = np.random.default_rng(seed)
    hidden = rng.normal(size=(2400, 4))
    return [hidden @ rng.normal(size=(4, 40)) + 3 * rng.normal(size=(2400, 40)) for _ in ("X", "y")]


X, y = make_views(0)

# %%
# Too long a training
# -------------------
#
# ``patience=None`` lets the training go on to its last epoch, so that the whole course can be
# seen. A quarter of the rows is held out. The correlations of training rows go on rising to the
# largest there can be; those of the held-out rows rise for some ten epochs, and then slowly fall.
# ``history_`` has the numbers of every epoch.

from skdcca import DeepCCA
from skdcca.encoders import MLP
from skdcca.plotting import HistoryDisplay

settings = {
    "n_components": 4,
    "loss": "cca",
    "x_encoder": MLP((512,), dropout=0.0),
    "y_encoder": MLP((512,), dropout=0.0),
    "batch_size": 128,
    "random_state": 0,
}
whole = DeepCCA(**settings, max_epochs=60, validation_fraction=0.25, patience=None)
whole.fit(X[:400], y[:400])
held_out = np.array([epoch["valid_correlation"] for epoch in whole.history_])
print(f"best epoch {held_out.argmax() + 1} of {len(held_out)}")

HistoryDisplay.from_estimator(whole)
plt.show()

# %%
# What holds for new rows
# -----------------------
#
# The sum of four correlations on the 2,000 rows that nothing was chosen by, for five data sets of
# this kind. Early stopping needs rows that are not trained on, here the tenth that is the
# default, and is worth them. The relation is linear, so that a linear model with a ridge is the
# best of all: always measure one beside.

from skdcca import LinearCCA

models = {
    "200 epochs, all rows": DeepCCA(**settings, max_epochs=200, validation_fraction=0),
    "stopped early": DeepCCA(**settings, max_epochs=200, patience=10),
    "linear, reg=1": LinearCCA(4, reg=1.0),
}
scores = {name: [] for name in models}
for seed in range(5):
    X, y = make_views(seed)
    for name, model in models.items():
        scores[name].append(model.fit(X[:400], y[:400]).score(X[400:], y[400:]))
for name, found in scores.items():
    print(f"{name:22} {np.mean(found):.2f} of 4")

figure, points = plt.subplots(figsize=(7, 4), layout="constrained")
for shift, (data, marker) in enumerate(
    zip(zip(*scores.values(), strict=True), "osD^v", strict=True)
):
    label = f"data {shift + 1}"
    points.plot(
        list(scores), data, marker + "-", color="0.6", markerfacecolor="#0072B2", label=label
    )
points.margins(x=0.15)
points.set(ylabel="sum of 4 correlations, 2,000 new rows")
points.legend(fontsize=9)
plt.show()

# %%
# Rows are held out at random. Where several rows belong together, as the songs of an artist do,
# only a split by group, outside of the model, tells what holds for other artists.
