"""Encoders of deep canonical correlation analysis, which build the network of a view.

Like the kernel of a Gaussian process, an encoder only stores parameters, which a grid search can set
(``x_encoder__n_filters``). `DeepCCA` calls its method ``build`` when the shape of the view is known. The
input of the network is the centered and scaled view.

Use `MLP` for vectors, `ImageCNN` for images, `MelCNN` for spectrograms and `SequenceEncoder` for
sequences. A ``torch.nn.Module`` can be passed to `DeepCCA` directly. Subclass `Encoder` for a network
that depends on the shape of the view or has its own parameters. The class must be importable where the
fitted model is loaded.
"""

from skdcca.encoders._base import Encoder, ModuleEncoder
from skdcca.encoders._base import as_encoder as as_encoder  # for DeepCCA
from skdcca.encoders._convolutions import MelCNN, SequenceEncoder
from skdcca.encoders._images import ImageCNN
from skdcca.encoders._mlp import MLP

__all__ = ["MLP", "Encoder", "ImageCNN", "MelCNN", "ModuleEncoder", "SequenceEncoder"]
