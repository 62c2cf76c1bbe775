"""Mixins of transformers whose input or output is not a table of numbers."""


class RawInputMixin:
    """Tags of a transformer that takes a list of songs or texts."""

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.string = True
        return tags


class NoTableMixin:
    """`set_output` of a transformer whose output has three axes."""

    def set_output(self, *, transform=None):
        """Do nothing: the output has three axes, and no container of tables can hold it.

        Parameters
        ----------
        transform : object
            Ignored; a Pipeline passes it to all of its steps.

        Returns
        -------
        self : object
            The transformer.
        """
        return self
