"""
An encoder of your own
======================

The encoders of :class:`~skdcca.DeepCCA` are parameter objects: descriptions of networks without
weights, which are built in ``fit`` when the shapes are known. To write your own, define a class with
a ``build`` method that returns a ``torch.nn.Module``. The encoder of this example convolves over
small images. (For larger ones, ``skdcca.encoders`` has :class:`~skdcca.encoders.ImageCNN`.)
"""

# %%
# The class
# ---------
#
# ``__init__`` only stores its parameters, as ``clone`` and grid searches require. ``build`` receives
# the shape of one sample, here 8 rows of 4 pixels, and the number of outputs. The network receives
# the view centered and scaled.
#
# In your own code, define the class in an importable module: pickles of a fitted model refer to it,
# and so do the workers of a search with ``n_jobs=2``. (This example runs in a single process and
# pickles nothing.)

import matplotlib.pyplot as plt
import numpy as np
from torch import nn

from skdcca.encoders import Encoder


class TwoConvolutions(Encoder):
    """Two convolutions over a small image."""

    def __init__(self, n_filters=16, dropout=0.1):
        self.n_filters = n_filters
        self.dropout = dropout

    def build(self, shape, n_outputs):
        height, width = shape
        n = self.n_filters
        return nn.Sequential(
            nn.Unflatten(1, (1, height)),  # one channel
            nn.Conv2d(1, n, 3, padding=1),
            nn.BatchNorm2d(n),
            nn.ReLU(),
            nn.Conv2d(n, 2 * n, 3, padding=1, stride=2),
            nn.BatchNorm2d(2 * n),
            nn.ReLU(),
            nn.Flatten(),
            nn.Dropout(self.dropout),
            nn.Linear(2 * n * (height // 2) * (width // 2), n_outputs),
        )


# %%
# In a grid
# ---------
#
# The views are the left and right halves of scikit-learn's digits, as images of shape (8, 4). 1,497
# digits are training rows; the other 300, chosen at random, are queries and gallery. The encoders
# are values of the grid; their parameters can be keys, such as ``x_encoder__n_filters``.

from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV, train_test_split

from skdcca import DeepCCA
from skdcca.encoders import MLP
from skdcca.metrics import chance, mrr_scorer

images = load_digits().images
X_train, X, y_train, y = train_test_split(
    images[:, :, :4], images[:, :, 4:], test_size=300, random_state=0
)
deep = DeepCCA(16, loss="infonce", max_epochs=22, batch_size=64, random_state=0)
encoders = {
    "MLP((256,))": MLP((256,)),
    "8 filters": TwoConvolutions(8),
    "16 filters": TwoConvolutions(16),
}
grid = [{"x_encoder": [encoder], "y_encoder": [encoder]} for encoder in encoders.values()]
search = GridSearchCV(deep, grid, scoring=mrr_scorer, cv=3).fit(X_train, y_train)
print("best:", search.best_params_["x_encoder"])
print(f"held-out MRR {mrr_scorer(search, X, y):.3f}, chance {chance(300)['mrr']:.3f}")

# %%
# The plot shows the three folds of each encoder. The larger convolutional network is on a par with
# the dense one: the difference is smaller than that between folds. The smaller one is behind. Compare
# architectures by cross-validation.

folds = np.array([search.cv_results_[f"split{k}_test_score"] for k in range(3)]).T
figure, ax = plt.subplots(figsize=(7.5, 3.6), layout="constrained")
for place, values in enumerate(folds):
    ax.plot(values, [place] * 3, "o", color="#0072B2", markerfacecolor="white")
    ax.plot(values.mean(), place, "o", color="#0072B2", markersize=10)
ax.axvline(chance(499)["mrr"], color="0.25", linestyle="--", label="chance")
ax.set(xlabel="mean reciprocal rank, gallery 499", yticks=range(3), yticklabels=list(encoders))
ax.set(ylim=(-0.6, 2.6), xlim=(0, None), title="three folds (filled: their mean)")
ax.legend(loc="center right")
plt.show()
