"""Base class of the encoders, and the encoder that wraps a torch module."""

import copy

from sklearn.base import BaseEstimator

from skdcca._utils.fork_safety import make_torch_fork_safe
from skdcca._utils.optional import needed_by
from skdcca._utils.validation import check_option

with needed_by("skdcca.encoders"):
    from torch import nn

make_torch_fork_safe()


class Encoder(BaseEstimator):
    """Base class of encoders; subclass it for a custom network.

    A subclass stores its parameters in ``__init__`` and implements ``build(shape, n_outputs)``, which
    returns the network.

    See Also
    --------
    ModuleEncoder : Encoder that wraps a given module, so that no subclass is needed.

    Examples
    --------
    A linear network with a bottleneck, whose width is a parameter:

    >>> import math
    >>> import numpy as np
    >>> from torch import nn
    >>> from skdcca import DeepCCA
    >>> from skdcca.encoders import Encoder
    >>> class Bottleneck(Encoder):
    ...     def __init__(self, width=8):
    ...         self.width = width
    ...     def build(self, shape, n_outputs):
    ...         down, up = nn.Linear(math.prod(shape), self.width), nn.Linear(self.width, n_outputs)
    ...         return nn.Sequential(down, nn.Tanh(), up)
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(200, 5))
    >>> y = X[:, :3] + 0.1 * rng.normal(size=(200, 3))
    >>> cca = DeepCCA(2, x_encoder=Bottleneck(width=4), fallback=None, max_epochs=5).fit(X, y)
    >>> cca.transform(X).shape
    (200, 2)
    """

    def build(self, shape: tuple[int, ...], n_outputs: int) -> nn.Module:
        """Build the network for samples of a given shape.

        Parameters
        ----------
        shape : tuple of int
            Shape of one sample: ``(n_features,)`` for vectors, ``(n_mels, n_frames)`` for
            spectrograms.
        n_outputs : int
            Number of outputs.

        Returns
        -------
        network : torch.nn.Module
            Network that maps a float32 tensor of shape ``(n_samples, *shape)`` to a tensor of shape
            ``(n_samples, n_outputs)``.

        Raises
        ------
        NotImplementedError
            If a subclass does not implement this method.
        """
        raise NotImplementedError(f"{type(self).__name__} must implement build(shape, n_outputs).")


class ModuleEncoder(Encoder):
    """Encoder that wraps a given ``torch.nn.Module``.

    ``DeepCCA(x_encoder=module)`` is shorthand for ``DeepCCA(x_encoder=ModuleEncoder(module))``. To
    fine-tune a pretrained module, set ``keep_weights=True``. A copy of the module is trained; the module
    itself never changes.

    Parameters
    ----------
    module : torch.nn.Module
        Module that maps a float32 tensor of shape ``(n_samples, *shape)``, where `shape` is the shape of
        one sample, to a tensor of shape ``(n_samples, n_components)``. Its class must be importable
        where the fitted model is loaded.
    keep_weights : bool, default=False
        If True, training starts from the weights of the module. If False, it starts from new weights,
        seeded by the `random_state` of `DeepCCA`: every submodule that has a ``reset_parameters``
        method, like most layers of ``torch.nn``, is reset. All other parameters keep their values.

    Raises
    ------
    ValueError
        From `build`, if `keep_weights` is not a bool.

    See Also
    --------
    Encoder : Base class for networks that depend on the shape of the view.

    Notes
    -----
    A model that contains a module can be pickled, but `skdcca.save` cannot save modules. To save the
    model, subclass `Encoder` and create the module in its method ``build``.

    Examples
    --------
    Train a module from new weights, and then from the weights of the module:

    >>> import numpy as np
    >>> from torch import nn
    >>> from skdcca import DeepCCA
    >>> from skdcca.encoders import ModuleEncoder
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(200, 5))
    >>> y = X[:, :3] + 0.1 * rng.normal(size=(200, 3))
    >>> network = nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 2))
    >>> cca = DeepCCA(2, x_encoder=network, fallback=None, max_epochs=5, random_state=0).fit(X, y)
    >>> cca.x_encoder_.keep_weights
    False
    >>> pretrained = ModuleEncoder(network, keep_weights=True)
    >>> cca.set_params(x_encoder=pretrained).fit(X, y).transform(X).shape
    (200, 2)
    """

    def __init__(self, module: nn.Module, *, keep_weights: bool = False) -> None:
        self.module = module
        self.keep_weights = keep_weights

    def build(self, shape: tuple[int, ...], n_outputs: int) -> nn.Module:
        """Copy the module, and give the copy new weights unless `keep_weights` is True.

        Parameters
        ----------
        shape : tuple of int
            Shape of one sample; not used.
        n_outputs : int
            Number of outputs; not used.

        Returns
        -------
        network : torch.nn.Module
            Copy of the module, on the CPU and in float32.

        Raises
        ------
        ValueError
            If `keep_weights` is not a bool.
        """
        check_option("keep_weights", self.keep_weights, (False, True))
        network = copy.deepcopy(self.module).cpu().float()
        if not self.keep_weights:
            # Children are reset first, so that a module that resets its children itself overrides them.
            for layer in reversed(list(network.modules())):
                if hasattr(layer, "reset_parameters"):
                    layer.reset_parameters()
        return network

    def __repr__(self, N_CHAR_MAX=None):
        options = ", keep_weights=True" if self.keep_weights else ""
        return f"{type(self).__name__}({self.module!r}{options})"


def as_encoder(encoder):
    """Wrap a module in an encoder; return an encoder or None unchanged."""
    is_module = isinstance(encoder, nn.Module) and not hasattr(encoder, "build")
    return ModuleEncoder(encoder) if is_module else encoder
