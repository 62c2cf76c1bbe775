"""Sum the loss of two encodings over the pairs of several views."""

from torch import nn

from skdcca._cca import pairs_of
from skdcca._deep.net import check_loss


class PairLosses(nn.Module):
    """Mean of the losses of all pairs of views.

    A pair uses the rows that have both views, and counts in proportion to their number. It is left out
    if a batch has fewer than two of them. Each pair has a loss of its own, because a loss may have
    weights, such as a temperature.

    Parameters
    ----------
    losses : list of torch.nn.Module
        Loss of each pair, in the order of `pairs_of`.
    n_views : int
        Number of views.
    """

    def __init__(self, losses, n_views):
        super().__init__()
        self.losses = nn.ModuleList(losses)
        self.n_views = n_views

    def forward(self, *encodings_and_labels, present=None):
        """Return the loss of a batch.

        Parameters
        ----------
        *encodings_and_labels : torch.Tensor
            Encodings of each view, of the rows that have it; then the label of each row, if any.
        present : torch.Tensor of bool, of shape (n_rows, n_views), default=None
            Views that each row has. If None, all rows have all views.
        """
        encodings = encodings_and_labels[: self.n_views]
        labels = encodings_and_labels[self.n_views :]
        found, counts = [], []
        for (i, j), loss in zip(pairs_of(self.n_views), self.losses, strict=True):
            pair = _common_rows((encodings[i], encodings[j]), labels, present, (i, j))
            if len(pair[0]) >= 2:
                found.append(check_loss(loss(*pair)))
                counts.append(len(pair[0]))
        if not found:  # no pair meets in this batch, so there is nothing to learn from it
            return sum(z.sum() for z in encodings) * 0.0
        return sum(value * (n / sum(counts)) for value, n in zip(found, counts, strict=True))


def _common_rows(encodings, labels, present, pair):
    """Return the encodings, and the labels, of the rows that have both views of a pair."""
    if present is None:
        return (*encodings, *labels)
    first, second = present[:, pair[0]], present[:, pair[1]]
    both = first & second
    kept = [z[both[has]] for z, has in zip(encodings, (first, second), strict=True)]
    return (*kept, *(of_row[both] for of_row in labels))
