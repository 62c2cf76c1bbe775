"""The process group of a fit that runs in a single process; it needs no torch."""


class SingleProcess:
    """A process group of one process: it holds all rows, so nothing has to be exchanged.

    `skdcca._deep.process_group.ProcessGroup` has the same methods for the processes of
    ``torch.distributed``. Rows are numbered over all processes, one process after another; *local*
    rows are those that this process holds.
    """

    rank = 0
    n_processes = 1
    distributed = False

    def check_same(self, **facts):
        """Raise an error unless all processes give the same facts."""

    def total_rows(self, n_rows):
        """Return the number of rows of all processes, given the number of local rows."""
        return n_rows

    def local_rows(self, rows):
        """Return which of these rows are local, by their position in this process."""
        return rows

    def all_gather_object(self, value):
        """Return the values of all processes, ordered by rank."""
        return [value]

    def all_gather_list(self, values):
        """Return the lists of all processes as one list, ordered by rank."""
        return [value for local in self.all_gather_object(values) for value in local]

    def broadcast(self, value):
        """Return the value of the first process."""
        return value

    def all_reduce(self, value):
        """Return the sum of a number or an array over the processes."""
        return value

    def count(self, n):
        """Return the sum of an integer over the processes."""
        return n

    def gather_rows(self, array):
        """Return the rows of an array of all processes, ordered by rank."""
        return array

    def gather_tensors(self, *tensors):
        """Return the rows of tensors of all processes; gradients flow back to the local rows."""
        return tensors

    def sum_tensors(self, *tensors, reduce_gradients=False):
        """Return the sums of tensors over the processes.

        With ``reduce_gradients=True`` the gradients of the sums are summed, too: each process goes on
        with its local rows. Otherwise every process computes the same from the sums.
        """
        return tensors

    def all_reduce_gradients(self, module, objective):
        """Replace the gradients of both modules by those of the rows of all processes."""

    def broadcast_state(self, module):
        """Replace the weights of a module by those of the first process."""

    def convert_batch_norm(self, module):
        """Let batch normalization use the rows of all processes."""

    def batch_generator(self, seed, device):
        """Return the generator that draws the batches, or None for that of torch."""


SINGLE_PROCESS = SingleProcess()
