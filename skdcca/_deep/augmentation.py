"""Augment the batches of a training run."""

import torch

_NUMBERS = {2: "two", 3: "three"}


def augment(augmentation, views):
    """Return the augmented batch; raise ValueError if it has another shape or is not finite.

    `views` has the tensor of each view by its name.
    """
    # The rows of a batch may all lack a view, or belong to other processes.
    if not all(map(len, views.values())):
        return views
    n_views = _NUMBERS.get(len(views), len(views))
    rule = f"`augmentation` must return {n_views} tensors of the shapes that it gets"
    augmented = augmentation(*views.values())
    if not isinstance(augmented, (tuple, list)) or len(augmented) != len(views):
        remedy = "a pair (x, y)" if len(views) == 2 else "a tuple"
        raise ValueError(f"{rule}, got {type(augmented).__name__}. Return {remedy}.")
    for (name, before), after in zip(views.items(), augmented, strict=True):
        if not isinstance(after, torch.Tensor):
            raise ValueError(f"{rule}, got {type(after).__name__} for {name}. Return a tensor.")
        if after.shape != before.shape:
            raise ValueError(
                f"{rule}, got {tuple(after.shape)} instead of {tuple(before.shape)} for {name}. Keep "
                "the rows and axes."
            )
        if not torch.isfinite(after).all():
            raise ValueError(
                f"`augmentation` must return finite values, got NaN or infinity for {name}. Change its "
                "parameters."
            )
    return dict(zip(views, augmented, strict=True))
