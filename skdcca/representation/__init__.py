"""Compare representations, such as the activations of two layers or two networks, on the same samples.

Conventions
-----------
A representation is an array of shape (n_samples, n_features), and row i of both is the same sample. The
functions return one number, 1 for representations that are equal up to the transformations that the
measure ignores: invertible linear maps for `svcca` without truncation, rotations and scaling for `cka`.
"""

from skdcca.representation._cca import pwcca, svcca
from skdcca.representation._cka import cka

__all__ = ["cka", "pwcca", "svcca"]
