"""Augment the batches of a training run."""

import torch

_RULE = "`augmentation` must return two tensors of the shapes that it gets"


def augment(augmentation, x, y):
    """Return the augmented batch; raise ValueError if it has another shape or is not finite."""
    if len(x) == 0:  # the rows of this batch belong to other processes
        return x, y
    augmented = augmentation(x, y)
    if not isinstance(augmented, (tuple, list)) or len(augmented) != 2:
        raise ValueError(f"{_RULE}, got {type(augmented).__name__}. Return a pair (x, y).")
    for name, before, after in zip("xy", (x, y), augmented, strict=True):
        if not isinstance(after, torch.Tensor):
            raise ValueError(f"{_RULE}, got {type(after).__name__} for {name}. Return a tensor.")
        if after.shape != before.shape:
            raise ValueError(
                f"{_RULE}, got {tuple(after.shape)} instead of {tuple(before.shape)} for {name}. Keep "
                "the rows and axes."
            )
        if not torch.isfinite(after).all():
            raise ValueError(
                f"`augmentation` must return finite values, got NaN or infinity for {name}. Change its "
                "parameters."
            )
    return tuple(augmented)
