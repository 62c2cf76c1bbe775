"""Define the process group of a fit in a single process, which does not need torch."""


class SingleProcess:
    """Process group of one process, which holds all rows and exchanges nothing.

    `skdcca._deep.process_group.ProcessGroup` has the same methods for the processes of
    ``torch.distributed``. Rows are numbered consecutively over all processes, ordered by rank. *Local*
    rows are the rows that this process holds.
    """

    rank = 0
    n_processes = 1
    distributed = False

    def check_same(self, **facts):
        """Raise an error unless all processes pass the same values."""

    def total_rows(self, n_rows):
        """Return the total number of rows, given the number of local rows."""
        return n_rows

    def local_rows(self, rows):
        """Return the positions of the local ones among `rows`, counted from the first local row."""
        return rows

    def all_gather_object(self, value):
        """Return the values of all processes, ordered by rank."""
        return [value]

    def all_gather_list(self, values):
        """Return the lists of all processes as one list, ordered by rank."""
        return [value for local in self.all_gather_object(values) for value in local]

    def broadcast(self, value):
        """Return the value of process 0."""
        return value

    def all_reduce(self, value):
        """Return the sum of a number or array over all processes."""
        return value

    def count(self, n):
        """Return the sum of an integer over all processes."""
        return n

    def gather_rows(self, array):
        """Return the array that holds the rows of all processes, ordered by rank."""
        return array

    def gather_tensors(self, *tensors):
        """Return tensors that hold the rows of all processes; gradients reach the local rows."""
        return tensors

    def sum_tensors(self, *tensors, reduce_gradients=False):
        """Return the sums of tensors over all processes.

        Set ``reduce_gradients=True`` if each process combines the sums with its local rows: the
        gradients are then summed as well. Leave it False if all processes compute the same values
        from the sums.
        """
        return tensors

    def all_reduce_gradients(self, module, objective):
        """Replace the gradients of both modules by the gradients over the total rows."""

    def broadcast_state(self, module):
        """Replace the weights of a module by the weights in process 0."""

    def convert_batch_norm(self, module):
        """Make batch normalization layers of the module use the rows of all processes."""

    def batch_generator(self, seed, device):
        """Return the generator that draws the batches, or None for the default generator of torch."""


SINGLE_PROCESS = SingleProcess()
