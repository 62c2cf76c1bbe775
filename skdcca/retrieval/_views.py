"""Index the items of a model of several views, of which items may lack some."""

from itertools import combinations, starmap
from typing import Self

import numpy as np
from sklearn.frozen import FrozenEstimator
from sklearn.utils.validation import check_is_fitted

from skdcca._audio import is_recording
from skdcca._utils.readers import opens_files
from skdcca._utils.sklearn_compat import num_samples
from skdcca._utils.validation import check_option
from skdcca.retrieval._checks import check_finite, check_restored_views
from skdcca.retrieval._texts import default_texts

# State of an index of two views, as files of older versions have it.
NO_VIEWS = {
    "variates_": None,
    "_texts_view": None,
    "_pairs": {},
    "_kept_pairs": [],
    "_present": {},
    "_parent": None,
    "_is_pair": False,
    "_y_has_words": True,
}
# Attributes of a pair that are slow to find, and therefore kept in the file of an index.
_KEPT = ("_searches", "_backgrounds", "_compared_by")


class ViewsMixin:
    """Methods of an index of several views.

    Its attributes are `variates_`, the variates of each view by its name; `_texts_view`, the view whose
    texts `find_words` searches; `_pairs`, the two-view indexes that were asked for; and `_kept_pairs`,
    what a file kept of them. The index of a pair has `_present`, the places of the items that have a
    view, if some items lack it; `_parent`, the index of all views; and `_y_has_words`, which is
    True if y is the view with the texts.
    """

    @property
    def views_(self) -> list[str] | None:
        """Names of the views, or None if the index has two views, X and y."""
        check_is_fitted(self)
        return None if self.variates_ is None else list(self.variates_)

    def pair(self, view: str | tuple[str, ...], find: str) -> Self:
        """Return the two-view index of two of several views.

        Its first view, X, is `view`, and its second view, y, is `find`; queries of either search the
        other. It has all items, and finds those that have the view that is searched. It is kept until
        the items change. Change the items of this index, not those of the pair.

        Parameters
        ----------
        view : str or tuple of str
            Name of a view. A tuple of names stands for several views that describe a query or an item
            together, such as audio and tags.
        find : str
            Name of another view.

        Returns
        -------
        pair : CrossModalIndex
            The index, whose methods `query`, `chance_score`, `p_values`, `is_far` and `find_words`
            work as for two views. Its variates are NaN where an item lacks a view.

        Raises
        ------
        ValueError
            If there are no such views, or the index has two views only.
        NotFittedError
            If the index is not fitted.
        """
        check_is_fitted(self)
        if self.variates_ is None:
            raise ValueError(
                "`pair` needs a model of several views, but this index has two, X and y. Use the index "
                "itself."
            )
        model = several_views(self.estimator).pair(view, find)
        found = self._pairs.get((model.view, model.find))
        if found is None or not self._is_current(found, model.estimator):
            found = self._new_pair(model)
            # Replace the dict instead of changing it, because other threads may be reading it.
            self._pairs = {**self._pairs, (model.view, model.find): found}
        return found

    def _is_current(self, pair, model):
        """Return True if a pair has the items and the parameters of this index."""
        return (
            pair.ids_ is self.ids_
            and pair.estimator.estimator is model
            and pair.neighbors is self.neighbors
            and pair.join == self.join
            and pair.device == self.device
        )

    def _new_pair(self, model):
        zx, zy = map(_known, model.join_views(self.variates_))
        pair = type(self)(model, neighbors=self.neighbors, join=self.join, device=self.device)
        pair._set(
            ids=self.ids_,
            zx=zx,
            zy=zy,
            metadata=self.metadata_,
            texts=self._texts,
            groups=self.groups_,
            next_number=self._next_number,
        )
        places = {view: _places_of(getattr(pair, f"z{view}_")) for view in "xy"}
        pair._present = {view: of for view, of in places.items() if of is not None}
        pair._parent, pair._is_pair = self, True
        pair._y_has_words = self._texts_view == model.find
        kept = self._kept_pairs.get((model.view, model.find))
        if kept is not None:
            vars(pair).update(kept)
        return pair

    def _fit_searches(self):
        """Fit `neighbors` to the views of the index, or of all of its pairs."""
        pairs = (
            [self] if self.variates_ is None else starmap(self.pair, combinations(self.views_, 2))
        )
        for pair in pairs:
            for view in pair._views():
                pair._gallery(view)

    def _query_views(self, view, V, find, n_neighbors, groups):
        """Return the results of queries of one view, or of several views, in another view."""
        if V is None or view is None:
            name = "V" if V is None else "view"
            raise ValueError(
                f"`{name}` must be given for a model of the views {self.views_}, got None. Call "
                "query(view=..., V=..., find=...)."
            )
        if num_samples(V) == 0:
            raise ValueError("`V` must have at least one query, got none. Pass a row.")
        given = view if isinstance(view, list | tuple) else [view]
        others = [name for name in self.views_ if name not in given]
        find = others[0] if find is None and len(others) == 1 else find
        check_option("find", find, others)
        return self._in_order(view, find, V, n_neighbors, groups)

    def _in_order(self, view, find, V, n_neighbors, groups):
        """Search the pair whose views are in the order of the model, so that few pairs are kept."""
        names = self.views_
        if isinstance(view, str) and view in names and names.index(view) > names.index(find):
            return self.pair(find, view).query(y=V, n_neighbors=n_neighbors, groups=groups)
        return self.pair(view, find).query(X=V, n_neighbors=n_neighbors, groups=groups)

    def _own_texts(self, split, given, known):
        """Return the view of a split table that has the texts of the items, and these texts."""
        transformers = several_views(self.estimator).transformers_
        read = {name: (*of_view, transformers[name]) for name, of_view in split.items()}
        return texts_of_views(read, known, given)

    def _table_variates(self, split):
        """Return the variates of a split table by their views."""
        variates = several_views(self.estimator)._transform_split(split)
        for name, (has, _) in split.items():
            check_finite(variates[name], f"the view {name!r}", has)
        return variates

    def _kept_variates(self, kept):
        """Return the variates of some items by their views."""
        if self.variates_ is None:
            return None
        return {name: z[kept] for name, z in self.variates_.items()}

    def _joined_variates(self, new, has_items):
        """Return the variates of all items by their views, after items are added."""
        if self.variates_ is None or not has_items:
            return new
        return {name: np.concatenate([z, new[name]]) for name, z in self.variates_.items()}

    def _refuse_changes(self):
        if getattr(self, "_is_pair", False):
            raise ValueError(
                "The items of a pair of views must not change. Change the index of all views, and call "
                "its pair again."
            )

    def _asks_for_views(self, X, y, view, V, find):
        """Return True if a query names views; raise ValueError if it does not fit the index."""
        if self.variates_ is None:
            for name, value in (("view", view), ("V", V), ("find", find)):
                if value is not None:
                    raise ValueError(
                        f"`{name}` must be None for an index of two views, got "
                        f"{type(value).__name__}. Pass the queries as X or y."
                    )
            return False
        if X is not None or y is not None:
            raise ValueError(
                f"`{'y' if X is None else 'X'}` must be None for an index of the views {self.views_}. "
                "Call query(view=..., V=..., find=...)."
            )
        return True

    def _refuse_several_views(self):
        """Raise ValueError in a method that is about two views, if the index has more."""
        if getattr(self, "variates_", None) is not None:
            raise ValueError(
                f"The index has the views {self.views_}. Call this method of two of them, "
                f"pair({self.views_[0]!r}, {self.views_[1]!r})."
            )

    def _forget_pairs(self):
        self._pairs, self._kept_pairs = {}, {}
        self._present, self._parent, self._is_pair, self._y_has_words = {}, None, False, True

    def _refuse_unknown_view(self, view):
        """Raise ValueError if no item of a pair has the view that is searched."""
        if self._is_pair:
            raise ValueError(
                f"The gallery must have an item with the view {self._name_of(view)}, which is searched, "
                "got none. Add one."
            )

    def _of_view(self, view):
        """Return the words of a message that say which items can be found."""
        return f" with the view {self._name_of(view)}" if view in self._present else ""

    def _name_of(self, view):
        model = self.estimator
        return repr(model.view if view == "x" else model.find)

    def _state_of_pairs(self):
        """Return what files keep of the pairs, as a list, because keys of dicts must be str."""
        if self.variates_ is None:
            return {"_kept_pairs": [], "_parent": None}
        found = self._kept_pairs | {
            key: {name: getattr(pair, name) for name in _KEPT}
            for key, pair in self._pairs.items()
            if self._is_current(pair, several_views(self.estimator))
        }
        kept = [
            [view if isinstance(view, str) else list(view), find, of]
            for (view, find), of in found.items()
            if of["_searches"] or of["_backgrounds"]
        ]
        return {"_pairs": {}, "_kept_pairs": kept, "_parent": None}

    def _places(self, view):
        """Return the places of the items that have a view, or a slice if all of them do."""
        places = self._present.get(view)
        return slice(None) if places is None else places

    def _n_having(self, view):
        """Return the number of items that have a view."""
        places = self._present.get(view)
        return len(self.ids_) if places is None else len(places)

    def _have(self, view, places):
        """Return which items at some places have a view."""
        present = self._present.get(view)
        return np.ones(len(places), dtype=bool) if present is None else np.isin(places, present)

    def _item_places(self, view, found):
        """Return the places in the gallery of items that have a view, from their numbers among these."""
        places = self._present.get(view)
        return found if places is None else places[found]


def several_views(estimator):
    """Return the model of several views inside an estimator, or None if it has two views.

    Raise ValueError for a Pipeline with steps before the model, because a query has one view only.
    """
    if isinstance(estimator, FrozenEstimator):
        return several_views(estimator.estimator)
    if hasattr(estimator, "best_estimator_"):
        return several_views(estimator.best_estimator_)
    if not hasattr(estimator, "named_steps"):
        is_such = hasattr(estimator, "transform_view") and hasattr(estimator, "pair")
        return estimator if is_such else None
    *before, (_, last) = estimator.steps
    model = several_views(last)
    before = [name for name, step in before if step not in ("passthrough", None)]
    if model is not None and before:
        raise ValueError(
            f"`estimator` must not have steps before a model of several views, got {before}. Make them "
            "part of the transformers of the views."
        )
    return model


def texts_of_views(split, view, given):
    """Return the view that has the texts of the items, and these texts.

    Parameters
    ----------
    split : dict of str to (ndarray, columns, transformer)
        The views of a table, from ``split_views`` of a model, and their transformers.
    view : str or None
        The view that earlier items had the texts of.
    given : sequence or None
        Texts that the user gave.

    Returns
    -------
    view : str or None
        The view called "lyrics" if it is texts, otherwise the first view of texts. If texts are given,
        the view called "lyrics", otherwise the first view with these texts. None if there is none.
    texts : list or None
        Texts of the view, None for items that lack it.
    """
    found = {name: _texts_of(*of_view) for name, of_view in split.items()}
    found = {name: texts for name, texts in found.items() if texts is not None}
    if view is None:
        names = [name for name in found if given is None or _are_same(found[name], given)]
        has_lyrics = "lyrics" in (split if given is not None else found)
        view = "lyrics" if has_lyrics else next(iter(names), None)
    return view, found.get(view)


def _texts_of(has, columns, transformer):
    """Return the texts of a view, None for rows that lack it; None if the view is not texts."""
    some = default_texts(columns) if has.any() else None
    if some is None or opens_files(transformer) or all(map(is_recording, some)):
        return None
    texts = iter(some)
    return [next(texts) if of_row else None for of_row in has]


def _are_same(texts, given):
    """Return True if most items have the same text in both lists."""
    pairs = [(one, other) for one, other in zip(texts, given, strict=False) if one and other]
    return 2 * sum(one == other for one, other in pairs) > len(pairs)


def _known(z):
    """Return variates, or None if no item has them."""
    return None if len(z) and np.isnan(z[:, 0]).all() else z


def _places_of(z):
    """Return the places of the rows that are known, or None if all of them are."""
    if z is None:
        return None
    known = ~np.isnan(z[:, 0])
    return None if known.all() else np.flatnonzero(known)


def check_table(X, y):
    """Raise ValueError unless the items of a model of several views are one table."""
    if X is None or y is not None:
        raise ValueError(
            f"`y` must be None for a model of several views, got {type(y).__name__}. Pass the columns "
            "of all views as one table X."
        )


def restored_views(state):
    """Return the state of an index with the pairs that a file kept, by their views.

    The state may come from an untrusted file, and is checked.
    """
    check_restored_views(state)
    kept = {
        (view if isinstance(view, str) else tuple(view), find): of
        for view, find, of in state["_kept_pairs"]
    }
    return {**state, "_kept_pairs": kept}
