"""Deep canonical correlation analysis."""

from skdcca._utils.optional import needed_by

with needed_by("DeepCCA"):
    import skorch  # noqa: F401
    import torch  # noqa: F401
