"""Entry point of the ``skdcca`` command, with its handling of errors and interruptions."""

import sys
import warnings
from collections.abc import Sequence
from pkgutil import resolve_name

from skdcca._cli.parser import COMMANDS, make_parser
from skdcca._cli.quiet import quiet_libraries
from skdcca.exceptions import LinearFallbackWarning, TrainingInterruptedWarning


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    arguments : sequence of str, default=None
        Arguments after ``skdcca``. If None, they are taken from `sys.argv`.

    Returns
    -------
    status : int
        0 on success, 2 for invalid input, 130 if interrupted, 1 for an internal error.
    """
    options = make_parser().parse_args(arguments)
    if options.check is not None:
        options.check(options)
    reconfigure = getattr(sys.stdout, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="backslashreplace")  # so that any title prints on any terminal
    with quiet_libraries(not options.traceback), warnings.catch_warnings():
        warnings.showwarning = _show_warning
        # In Python, interrupted training returns the partial model. Here the command must end.
        warnings.simplefilter("error", TrainingInterruptedWarning)
        warnings.simplefilter("ignore", LinearFallbackWarning)  # `fit` prints the decision
        return _run(options)


def _run(options):
    try:
        resolve_name(COMMANDS[options.command].work)(options)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader, such as `head`, has closed the pipe
        sys.stdout = None
    except (KeyboardInterrupt, TrainingInterruptedWarning):
        return _fail("interrupted", 130)
    except (ValueError, OSError, ImportError) as error:
        return _fail(_describe(error), 2, options)
    except Exception as error:
        message = f"unexpected {type(error).__name__}: {error}. For details: skdcca --traceback ..."
        return _fail(message, 1, options)
    return 0


def _describe(error):
    """Return the message of an error; for one of the system, its file and reason without its number."""
    if isinstance(error, OSError) and error.strerror and error.filename:
        return f"{error.filename}: {error.strerror}"
    return error


def _fail(message, status, options=None):
    """Print a message and return the status; with ``--traceback``, re-raise the error."""
    if options is not None and options.traceback:
        raise
    print(f"skdcca: {message}", file=sys.stderr)
    return status


def _show_warning(message, category, filename, lineno, file=None, line=None):
    print(f"skdcca: note: {message}", file=sys.stderr)
