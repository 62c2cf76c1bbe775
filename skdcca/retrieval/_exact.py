"""Exact search for the greatest products of queries with the rows of a gallery."""

import numpy as np
from sklearn.utils import gen_batches

from skdcca._utils.fork_safety import make_torch_fork_safe

# Sizes of the blocks of products, chosen to stay in the cache of a core.
_QUERIES, _ITEMS = 256, 4096
# Items in a block on a device, which computes many products at once.
_ITEMS_ON_DEVICE = 2**16
# All products are kept once the candidates exceed this share of the gallery.
_LARGEST_SHARE = 0.1
# Candidates whose products are computed again at once.
_PAIRS = 8192


class ExactSearch:
    """Greatest products of queries with the rows of a gallery.

    Products in single precision select candidates, by a bound on their rounding; the candidates are
    computed again in double precision.

    Parameters
    ----------
    rows : ndarray of shape (n_items, n_features)
        The gallery, in double precision.
    decimals : int
        Decimals that products are rounded to; equal products keep the order of the gallery.
    device : torch.device, default=None
        Device that selects the candidates; NumPy if None.
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
        """Return the greatest `k` products of each query, descending, and their rows."""
        blocks = gen_batches(len(queries), _QUERIES)
        products, places = zip(*(self._top(queries[block], k) for block in blocks), strict=True)
        return np.concatenate(products), np.concatenate(places)

    def among(self, queries, places, k):
        """Return the same for each query among its own places, of shape (n_queries, n_places)."""
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
        """Return pairs of query and row that hold the best `k` of every query; None if too many.

        They come from products in single precision. No row is longer than 1, which bounds the rounding
        of a product [1]_: a product that is less than the k-th best by more than both bounds, and by
        more than the rounding to decimals, cannot be among the best.

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
        for block in gen_batches(len(self.rows), max(_ITEMS, k)):
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
        """Select candidates where the best of a block are found as fast as their products."""
        import torch

        with torch.inference_mode():
            queries = torch.from_numpy(queries).to(self.device)
            margin = torch.from_numpy(margin).to(self.device)
            best, kept, n_kept = None, [], 0
            for block in gen_batches(len(self.rows), max(_ITEMS_ON_DEVICE, k)):
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
        """Return the best `k` of the given pairs of query and row, in double precision."""
        product = np.empty(len(row))
        for some in gen_batches(len(row), _PAIRS):
            product[some] = np.einsum("ij,ij->i", queries[row[some]], self.rows[place[some]])
        product = product.round(self.decimals)
        order = np.lexsort((place, -product, row))
        first = np.searchsorted(row[order], np.arange(len(queries)))
        best = order[first[:, None] + np.arange(k)]
        return product[best], place[best]


def _is_single_precision():
    """Return False if torch may round the factors of products to fewer bits."""
    import torch

    try:
        return torch.get_float32_matmul_precision() == "highest"
    except RuntimeError:  # the setting differs between kinds of devices
        return False


def _nearest(kept, margin, k):
    """Return the row, place and value of what may be among the best, and the least value for that."""
    row, place, value = map(np.concatenate, zip(*kept, strict=True))
    least = _kth_best(row, value, k)[:, None] - margin
    near = value >= least[row, 0]
    return row[near], place[near], value[near], least


def _kth_best(row, value, k):
    """Return the k-th greatest value of each row, of values given with the number of their row."""
    order = np.lexsort((-value, row))
    first = np.searchsorted(row[order], np.arange(row.max() + 1))
    return value[order][first + k - 1]
