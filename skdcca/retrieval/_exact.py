"""Exact search for the gallery rows that have the greatest products with queries."""

import numpy as np

from skdcca._utils.blocks import slices_of
from skdcca._utils.fork_safety import make_torch_fork_safe

# Queries and items per block of products, which is small enough for the cache of a core.
_QUERIES, _ITEMS = 256, 4096
# Items per block on a device, which is fast only with large blocks.
_ITEMS_ON_DEVICE = 2**16
# If candidates exceed this fraction of the gallery, computing all products exactly is faster.
_LARGEST_SHARE = 0.1
# Candidates per block of products in double precision.
_PAIRS = 8192


class ExactSearch:
    """Exact search for the gallery rows that have the greatest products with queries.

    Products in single precision select the candidates, with a margin that bounds the rounding error.
    The products of the candidates are then computed again in double precision.

    Parameters
    ----------
    rows : ndarray of shape (n_items, n_features)
        The gallery, in double precision.
    decimals : int
        Number of decimals to which products are rounded. Rows with equal products keep the order of
        the gallery.
    device : torch.device, default=None
        Device that selects the candidates; if None, NumPy selects them.
    """

    def __init__(self, rows, decimals, device=None):
        self.rows = rows
        self.decimals = decimals
        self.device = device
        self.longest = np.sqrt(np.einsum("ij,ij->i", rows, rows).max(initial=0.0)) or 1.0
        self.single = np.multiply(
            rows, 1 / self.longest, out=np.empty(rows.shape, np.float32), casting="same_kind"
        )
        if device is not None:
            import torch

            make_torch_fork_safe()
            self.single = torch.from_numpy(self.single).to(device)

    def top(self, queries, k):
        """Return the `k` greatest products of each query in descending order, and their gallery rows."""
        blocks = slices_of(len(queries), _QUERIES)
        products, places = zip(*(self._top(queries[block], k) for block in blocks), strict=True)
        return np.concatenate(products), np.concatenate(places)

    def among(self, queries, places, k):
        """Return the `k` greatest products of each query with its given rows, and these rows.

        `places`, of shape (n_queries, n_places), contains the gallery rows to compare with each query.
        """
        row = np.repeat(np.arange(len(queries)), places.shape[1])
        return self._best(queries, row, places.ravel(), k)

    def _top(self, queries, k):
        if k < _LARGEST_SHARE * len(self.rows):
            candidates = self._candidates(queries, k)
            if candidates is not None:
                return self._best(queries, *candidates, k)
        products = (queries @ self.rows.T).round(self.decimals)
        places = np.argsort(-products, axis=1, kind="stable")[:, :k]
        return np.take_along_axis(products, places, axis=1), places

    def _candidates(self, queries, k):
        """Return (query, row) pairs that include the best `k` rows of every query, or None.

        The result is None if there are too many candidates. They are selected by products in single
        precision, whose rounding error is bounded because all rows are scaled to a norm of at most 1
        [1]_. A product cannot be among the best if it is below the k-th best one by more than the sum
        of the two error bounds and the rounding to `decimals`.

        .. [1] N. J. Higham, "Accuracy and stability of numerical algorithms", SIAM 2002, section 3.1.
        """
        lengths = np.sqrt(np.einsum("ij,ij->i", queries, queries))[:, None]
        lengths = np.where(lengths > 0, lengths, 1.0)
        margin = self._margin(lengths, queries.shape[1])
        queries = (queries / lengths).astype(np.float32)
        if self.device is not None:
            return self._candidates_on_device(queries, margin, k)
        return self._candidates_on_cpu(queries, margin, k)

    def _margin(self, lengths, n_features):
        margin = (n_features + 4) * np.finfo(np.float32).eps
        if self.device is not None and not _is_single_precision():
            margin += 2.0**-7  # both factors rounded to 8 bits
        margin = margin + 10.0**-self.decimals / (lengths * self.longest)
        return np.minimum(margin, 4).astype(np.float32)  # products differ by 2 at most

    def _candidates_on_cpu(self, queries, margin, k):
        least = np.full((len(queries), 1), -np.inf, np.float32)
        kept, n_kept, n_before = [], 0, 0
        for block in slices_of(len(self.rows), max(_ITEMS, k)):
            products = queries @ self.single[block].T
            if block.start == 0:
                least = np.partition(products, -k, axis=1)[:, [-k]] - margin
            at = np.flatnonzero(products >= least)
            row, place = np.divmod(at, products.shape[1])
            kept.append((row, place + block.start, products.ravel()[at]))
            n_kept += len(at)
            if n_kept > _LARGEST_SHARE * len(self.rows) * len(queries):
                return None
            if n_kept > n_before:
                *near, least = _nearest(kept, margin, k)
                kept, n_kept = [near], len(near[0])
                n_before = 2 * n_kept
        row, place, *_ = _nearest(kept, margin, k)
        return row, place

    def _candidates_on_device(self, queries, margin, k):
        """Select candidates with `topk`, which takes no longer than the products on a device."""
        import torch

        with torch.inference_mode():
            queries = torch.from_numpy(queries).to(self.device)
            margin = torch.from_numpy(margin).to(self.device)
            best, kept, n_kept = None, [], 0
            for block in slices_of(len(self.rows), max(_ITEMS_ON_DEVICE, k)):
                products = queries @ self.single[block].T
                top = products.topk(min(k, products.shape[1])).values
                best = top if best is None else torch.cat([best, top], dim=1).topk(k).values
                row, place = (products >= best[:, -1:] - margin).nonzero(as_tuple=True)
                kept.append((row, place + block.start, products[row, place]))
                n_kept += len(row)
                if n_kept > _LARGEST_SHARE * len(self.rows) * len(queries):
                    return None
            row, place, value = map(torch.cat, zip(*kept, strict=True))
            near = value >= (best[:, -1:] - margin)[row, 0]
            return row[near].cpu().numpy(), place[near].cpu().numpy()

    def _best(self, queries, row, place, k):
        """Return the `k` best products of each query in double precision, and their gallery rows."""
        product = np.empty(len(row))
        for some in slices_of(len(row), _PAIRS):
            product[some] = np.einsum("ij,ij->i", queries[row[some]], self.rows[place[some]])
        product = product.round(self.decimals)
        order = np.lexsort((place, -product, row))
        first = np.searchsorted(row[order], np.arange(len(queries)))
        best = order[first[:, None] + np.arange(k)]
        return product[best], place[best]


def _is_single_precision():
    """Return False if torch may round the factors of a product to fewer bits."""
    import torch

    try:
        return torch.get_float32_matmul_precision() == "highest"
    except RuntimeError:  # the setting differs between devices
        return False


def _nearest(kept, margin, k):
    """Return the queries, rows and values of possible best candidates, and the thresholds."""
    row, place, value = map(np.concatenate, zip(*kept, strict=True))
    least = _kth_best(row, value, k)[:, None] - margin
    near = value >= least[row, 0]
    return row[near], place[near], value[near], least


def _kth_best(row, value, k):
    """Return the k-th greatest value of each query, where `row[i]` is the query of `value[i]`."""
    order = np.lexsort((-value, row))
    first = np.searchsorted(row[order], np.arange(row.max() + 1))
    return value[order][first + k - 1]
