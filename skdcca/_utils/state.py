"""Define the mixin for the state of fitted models."""

from contextlib import contextmanager

from skdcca import __version__
from skdcca._utils.warnings import warn
from skdcca.exceptions import VersionWarning


class StateMixin:
    """Mixin of models that keep their state if a fit fails, and that pickle with their version."""

    @contextmanager
    def _rollback(self):
        """Restore the previous attributes if the fit inside the context fails."""
        before = dict(vars(self))
        try:
            yield
        except BaseException:
            vars(self).clear()
            vars(self).update(before)
            raise

    def __getstate__(self):
        return {**super().__getstate__(), "_skdcca_version": __version__}

    def __setstate__(self, state):
        stamp = state.get("_skdcca_version")
        if stamp != __version__:
            warn(
                f"This {type(self).__name__} was pickled with skdcca {stamp} and is loaded with "
                f"{__version__}. Check that its results have not changed, or fit it again.",
                VersionWarning,
            )
        super().__setstate__({k: v for k, v in state.items() if k != "_skdcca_version"})
