"""Check the views of `DeepCCA`, and choose and describe the networks for them."""

from sklearn.base import clone

from skdcca._deep.networks import Branch
from skdcca._deep.plan import make_plan, resolve_projection
from skdcca.encoders import MLP, ImageCNN, MelCNN, as_encoder

VIEWS = {"x": "X", "y": "y"}
_DEFAULTS = (MLP, MelCNN, ImageCNN)  # for samples with one, two and three axes


def from_older_file(state):
    """Return the state of a `DeepCCA` with what files of earlier versions do not have."""
    older = {"fallback": None, "n_networks": 1, "similarity": "cosine", "augmentation": None}
    if "linear_" in state:
        decision = {"model": "networks", "reason": "fitted with an earlier version"}
        older |= {"n_networks_": 1, "decision_": decision, "_deviations": None}
    return older | state


def new_encoder(parameter, given, shape):
    """Return a copy of the encoder of a view, or the default encoder for samples of this shape."""
    encoder = as_encoder(given)
    if encoder is not None:
        return clone(encoder)
    if len(shape) > len(_DEFAULTS):
        raise ValueError(
            f"`{parameter}` must be an encoder or a torch.nn.Module for samples of shape {shape}, got "
            "None. Set it, because there is no default for more than three axes."
        )
    return _DEFAULTS[len(shape) - 1]()


def check_n_rows(model, n_rows, plan):
    """Raise ValueError if there are too few rows for the held-out rows."""
    if n_rows - plan.n_held_out < 2:
        raise ValueError(
            f"`validation_fraction` must leave at least 2 samples for training, got "
            f"{model.validation_fraction}, which holds out {plan.n_held_out} of {n_rows}. Use a "
            "smaller fraction."
        )


class InputMixin:
    """Mixin of `DeepCCA` with what depends on the shapes of the views and on the number of rows."""

    def _validate_x(self, X, *, reset=False, min_rows=1):
        X = super()._validate_x(X, reset=reset and not self._continues(), min_rows=min_rows)
        return self._check_view("x", X, reset)

    def _validate_y(self, y, *, reset=False, min_rows=1):
        y = super()._validate_y(y, reset=reset and not self._continues(), min_rows=min_rows)
        return self._check_view("y", y, reset)

    def _check_view(self, side, view, reset):
        """Return the view; raise ValueError if its shape does not suit the encoder or fitted model."""
        shape = view.shape[1:]
        if reset:
            self._check_encoder(side, shape)
        if reset and not self._continues():
            return view
        fitted = getattr(self, f"{side}_shape_")
        if shape != fitted:
            raise ValueError(
                f"A sample of {VIEWS[side]} must have shape {fitted}, as in `fit`, got {shape}. Pass "
                "samples of the same shape."
            )
        return view

    def _check_encoder(self, side, shape):
        """Raise ValueError if no encoder suits the shape, or if the encoder is not the fitted one."""
        encoder = self._new_encoder(side, shape)
        if not self._continues():
            return
        fitted = getattr(self, f"{side}_encoder_")
        if repr(encoder) != repr(fitted):
            raise ValueError(
                f"`{side}_encoder` must be the fitted {fitted!r} with warm_start=True, got {encoder!r}. "
                "Use the same encoder, or set warm_start=False."
            )

    def _check_n_components(self, x_shape, y_shape=None):
        # With several processes, the total number of rows is known only in `_fit`.
        if not self.distributed:
            plan = make_plan(self, x_shape[0], x_shape[1:])
            check_n_rows(self, x_shape[0], plan)
            self._check_n_training(x_shape[0] - plan.n_held_out)

    def _check_n_training(self, n_training):
        """Raise ValueError if there are too few training rows for the components."""
        if resolve_projection(self) != "raw":
            super()._check_n_components((n_training,))
        if self._continues() and self.n_components not in (None, self.n_components_):
            raise ValueError(
                f"`n_components` must be the {self.n_components_} of the fitted networks with "
                f"warm_start=True, got {self.n_components}. Use the same number, or set "
                "warm_start=False."
            )

    def _most_components(self, x_shape, y_shape):
        # The columns set no limit here, because a network can have more outputs than inputs.
        return {"the number of training samples - 1": x_shape[0] - 1}

    def _new_encoder(self, side, shape):
        return new_encoder(f"{side}_encoder", getattr(self, f"{side}_encoder"), shape)

    def _continues(self):
        return self.warm_start and getattr(self, "x_state_", None) is not None

    def _set_up(self, X, y, n_training):
        """Set the fitted attributes that a later fit with `warm_start` keeps."""
        self.x_shape_, self.y_shape_ = X.shape[1:], y.shape[1:]
        shapes = self.x_shape_, self.y_shape_
        self.n_components_ = self._resolve_n_components(shapes, n_training)
        self.x_encoder_ = self._new_encoder("x", self.x_shape_)
        self.y_encoder_ = self._new_encoder("y", self.y_shape_)
        self.history_ = []

    def _branch(self, side):
        encoder, shape = getattr(self, f"{side}_encoder_"), getattr(self, f"{side}_shape_")
        return Branch(VIEWS[side], encoder, shape, self.n_components_, f"{side}_encoder")
