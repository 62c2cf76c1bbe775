"""What the transformers of raw songs and texts share in scikit-learn's contract."""


class RawInputMixin:
    """Tags of a transformer whose input is a list of songs or of texts, and no table of numbers."""

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.string = True
        return tags


class NoTableMixin:
    """`set_output` of a transformer whose output has three axes, so that no table can hold it."""

    def set_output(self, *, transform=None):
        """Do nothing: the output has three axes and no table can hold it.

        Parameters
        ----------
        transform : object
            Ignored; here so that a Pipeline can set the output of its other steps.

        Returns
        -------
        self : object
            The transformer.
        """
        return self
