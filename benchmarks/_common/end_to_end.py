"""Networks over time: trained end to end from spectrograms, or on sequences of pretrained features."""

import joblib
import numpy as np
from sklearn.base import BaseEstimator, clone

from skdcca import DeepCCA, KernelCCA, LinearCCA
from skdcca.encoders import MLP, MelCNN, SequenceEncoder

OVER_TIME = SequenceEncoder(
    128, n_layers=2, kernel_size=5, pool_size=4, head="steps", n_steps=20, dropout=0.2
)
ALIGNED = DeepCCA(
    80,
    loss="infonce",
    x_encoder=OVER_TIME,
    y_encoder=clone(OVER_TIME).set_params(pool_size=2),
    lr=2e-3,
    weight_decay=0.1,
    batch_size=32,
    max_epochs=20,
    validation_fraction=0,
    random_state=0,
)
JOINT = clone(ALIGNED).set_params(
    n_components=30, x_encoder=MelCNN(8, pool_size=(4, 4)), y_encoder=MLP((256,))
)
ON_STEPS = clone(JOINT).set_params(x_encoder=SequenceEncoder(128, dropout=0.2))
# Candidates of the search within each training set.
GRID = {"network__lr": [2e-3, 6e-3]}
TOPS = {
    "linear": (LinearCCA(), {"model__n_components": [10, 30], "model__reg": [0.3, 3.0, 30.0]}),
    "kernel": (
        KernelCCA(gamma="scale", random_state=0),
        {"model__n_components": [10, 30], "model__reg": [3e-3, 3e-2, 0.3]},
    ),
}
# Networks that read spectrograms, and networks that read sequences of pretrained features.
END_TO_END = ("joint", "joint + linear", "joint + kernel")
END_TO_END += ("aligned", "aligned + linear", "aligned + kernel", "frozen", "shuffled")
ON_SEQUENCES = ("gru", "gru, shuffled", "mean over steps")
IN_RANDOM_ORDER = ("shuffled", "gru, shuffled")


class FrozenSequence(SequenceEncoder):
    """Sequence encoder with random, untrained convolutions; only the output map is trained."""

    def build(self, shape, n_outputs):
        """Build the network for sequences of this shape."""
        network = super().build(shape, n_outputs)
        network.requires_grad_(False)
        network[-2].requires_grad_(True)
        return network


class OnNetwork(BaseEstimator):
    """Correlation model fitted on the outputs of trained networks, or the networks alone.

    Networks are trained once for each training set and each setting, so that several models can be
    fitted on them.
    """

    trained = {}  # of this process

    def __init__(self, network, model=None):
        self.network = network
        self.model = model

    def fit(self, X, y):
        """Train the networks and fit the model on their outputs."""
        key = joblib.hash([described(self.network), X, list(y)])
        if key not in self.trained:
            self.trained[key] = clone(self.network).fit(X, y)
        self.network_ = self.trained[key]
        self.model_ = None
        if self.model is not None:
            self.model_ = clone(self.model).fit(*self.network_.transform(X, y))
        return self

    def transform(self, X, y=None):
        """Return the variates of one or both views."""
        outputs = self.network_.transform(X) if y is None else self.network_.transform(X, y)
        if self.model_ is None:
            return outputs
        return self.model_.transform(outputs) if y is None else self.model_.transform(*outputs)

    def transform_y(self, y):
        """Return the variates of the second view."""
        outputs = self.network_.transform_y(y)
        return outputs if self.model_ is None else self.model_.transform_y(outputs)

    def comparison(self):
        """Return the way variates are compared."""
        return (self.model_ or self.network_).comparison()


def network_of(model):
    """Return the networks of a row of the table."""
    if model.startswith("joint"):
        return JOINT
    if model in ON_SEQUENCES:
        head = "mean" if model == "mean over steps" else "gru"
        return clone(ON_STEPS).set_params(x_encoder__head=head)
    if model == "frozen":
        return clone(ALIGNED).set_params(x_encoder=FrozenSequence(**OVER_TIME.get_params()))
    return ALIGNED


def end_to_end(model):
    """Return the estimator and the grid of a row of the table."""
    _, _, top = model.partition(" + ")
    if not top:
        return OnNetwork(network_of(model)), GRID
    cca, grid = TOPS[top]
    return OnNetwork(network_of(model), cca), GRID | grid


def in_random_order(sequences):
    """Permute the steps of every song, each differently."""
    rng = np.random.default_rng(0)
    return np.stack([song[:, rng.permutation(song.shape[1])] for song in sequences])


def described(estimator):
    """Return all parameters of an estimator that are not defaults, as text."""
    return estimator.__repr__(N_CHAR_MAX=10**6)
