"""Define mixins for transformers whose input or output is not a table of numbers."""


class RawInputMixin:
    """Mixin that sets the tags of a transformer of songs or texts."""

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.string = True
        return tags


class NoTableMixin:
    """Mixin that disables `set_output` for a transformer whose output has three axes."""

    def set_output(self, *, transform=None):
        """Do nothing, because a table cannot hold an output with three axes.

        Parameters
        ----------
        transform : {"default", "pandas", "polars"}, default=None
            Ignored. The parameter exists because a `Pipeline` passes it to all of its steps.

        Returns
        -------
        self : object
            The transformer.
        """
        return self
