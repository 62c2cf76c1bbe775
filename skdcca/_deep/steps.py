"""Count the gradient steps of a training run, and warn if there are too few."""

import math

from skdcca._deep.batches import count_batches
from skdcca._utils.warnings import warn
from skdcca.exceptions import ShortTrainingWarning

# Gradient steps that a network needs at least. With few batches in an epoch, a number of epochs alone
# would end the training before the learning rate has reached its maximum.
FEWEST_STEPS = 300


def count_steps(settings, n_rows):
    """Return the number of gradient steps in `max_epochs` epochs."""
    return settings.max_epochs * count_batches(n_rows, settings.batch_size)


def epochs_of(n_steps, n_rows, batch_size):
    """Return the smallest number of epochs that has at least this many gradient steps."""
    return math.ceil(n_steps / count_batches(n_rows, batch_size))


def patience_of(settings, n_rows):
    """Return the number of epochs without a rise after which training stops, or None."""
    if settings.patience is None:
        return None
    return max(settings.patience, epochs_of(FEWEST_STEPS, n_rows, settings.batch_size))


def warn_if_short(history, settings, n_rows):
    """Warn if a completed training run ended at `max_epochs` too early."""
    n_epochs, n_steps = settings.max_epochs, count_steps(settings, n_rows)
    if n_steps < FEWEST_STEPS:
        enough = epochs_of(FEWEST_STEPS, n_rows, settings.batch_size)
        warn(
            f"Training had only {n_steps} gradient steps, because `max_epochs` is {n_epochs}. Networks "
            f"usually need at least {FEWEST_STEPS}: set max_epochs={enough}.",
            ShortTrainingWarning,
        )
    elif settings.lr_schedule == "constant" and _rises_at_the_end(history, n_epochs):
        warn(
            f"The held-out correlation still rose in the last of {n_epochs} epochs ({n_steps} gradient "
            f"steps). Increase `max_epochs`, for example to {2 * n_epochs}.",
            ShortTrainingWarning,
        )


def _rises_at_the_end(history, n_epochs):
    """Return True if the last possible epoch has the highest held-out correlation."""
    measured = [row["valid_correlation"] for row in history if "valid_correlation" in row]
    return len(measured) == n_epochs and measured[-1] > max(measured[:-1], default=math.inf)
