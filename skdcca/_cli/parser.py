"""The command ``skdcca``."""

import argparse
import sys
import textwrap
import warnings
from importlib import import_module

from skdcca import __version__

MANIFEST = (
    "your songs: a .csv or .tsv with the columns audio and lyrics or lyrics_path (and id, title, "
    "group), or a folder of name.wav with name.txt"
)
EXAMPLES = """\
from songs to a search:
  skdcca fit songs.csv -o model.skdcca --search --hold-out 0.2
  skdcca evaluate model.skdcca songs.csv
  skdcca index model.skdcca songs.csv -o songs.index
  skdcca search songs.index "a line of lyrics"
  skdcca search songs.index --audio clip.wav
  skdcca serve songs.index

Files are opened without running any code that is in them. Those of joblib and pickle are not opened:
they run whatever they say when they are loaded, so in Python too load only your own. Exit status: 0, or
2 if the input is at fault, 130 if interrupted, 1 for anything that should not have happened.
"""
INTERRUPTED = "training was interrupted"
KINDS = """\
kinds of model:
  linear  exact and fast, on statistics of the spectrogram; the one to beat
  kernel  relations that are not linear, on the same; for a few thousand songs
  deep    two networks, on the same
  joint   convolutions over the spectrogram, trained together with the network of
          the lyrics; for thousands of songs, and better with a GPU

To know what a model is worth, keep some songs from it (--hold-out 0.2), whole
groups of them: skdcca evaluate then measures those alone. Songs of one artist or
versions of one work belong into one group; it is a column of the manifest.
"""


def main(arguments=None):
    """Run the command line.

    Parameters
    ----------
    arguments : list of str, default=None
        What was typed after ``skdcca``; None: `sys.argv`.

    Returns
    -------
    status : int
        0; 2 with a message if the input is at fault, 130 if interrupted, 1 for a fault of ours.
    """
    options = _parser().parse_args(arguments)
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace")  # any title on any terminal
    with warnings.catch_warnings():
        warnings.showwarning = _show_warning
        # A training that was interrupted returns what it has; here it is the whole command that ends.
        warnings.filterwarnings("error", INTERRUPTED)
        try:
            getattr(import_module("skdcca._cli.commands"), options.command)(options)
            sys.stdout.flush()
        except BrokenPipeError:  # the reader, `head` say, has seen enough
            sys.stdout = None
        except KeyboardInterrupt:
            return _fail("interrupted", 130)
        except (ValueError, OSError, ImportError) as error:
            return _fail(error, 2, options)
        except UserWarning as warning:
            if str(warning).startswith(INTERRUPTED):
                return _fail("interrupted", 130)
            raise
        except Exception as error:
            return _fail(
                f"unexpected {type(error).__name__}: {error}; for more: skdcca --traceback ...",
                1,
                options,
            )
    return 0


def _fail(message, status, options=None):
    if options is not None and options.traceback:
        raise
    print(f"skdcca: {message}", file=sys.stderr)
    return status


def _show_warning(message, category, filename, lineno, file=None, line=None):
    print(f"skdcca: note: {message}", file=sys.stderr)


def _parser():
    parser = argparse.ArgumentParser(
        prog="skdcca",
        description="Audio finds its lyrics and lyrics find their audio.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"skdcca {__version__}")
    parser.add_argument("--traceback", action="store_true", help="show where an error came from")
    commands = parser.add_subparsers(
        title="commands", required=True, metavar="COMMAND", dest="command"
    )
    for add in (_fit, _evaluate, _index, _search, _inspect, _serve, _demo):
        add(commands)
    return parser


def _fit(commands):
    command = _command(
        commands,
        "fit",
        "learn from songs and their lyrics, and save the model",
        "Learn one space for songs and lyrics. Spectrograms are kept in the cache folder "
        "($SKDCCA_CACHE, else ~/.cache/skdcca), so that a second run is quick.",
        KINDS,
    )
    _add_manifest(command)
    _add_output(command, "MODEL")
    command.add_argument(
        "--model",
        choices=("linear", "kernel", "deep", "joint"),
        default="linear",
        help="kind of model (default: linear)",
    )
    command.add_argument(
        "--search",
        action="store_true",
        help="choose the hyper-parameters by a small grid and three folds by group",
    )
    command.add_argument(
        "--hold-out",
        type=float,
        default=0.0,
        metavar="SHARE",
        help="share of the songs, whole groups of them, to keep for evaluate (default: 0)",
    )
    command.add_argument("--seed", type=_seed, default=0, help="of all that is random (default: 0)")
    _add_quiet(command)


def _evaluate(commands):
    command = _command(
        commands,
        "evaluate",
        "measure how well songs and lyrics find each other",
        "Mean reciprocal rank, recall and median rank in both directions, beside the level of chance. "
        "Where the model has learned from some songs of the manifest, only the others count.",
    )
    command.add_argument("model_file", metavar="MODEL", help="from skdcca fit")
    _add_manifest(command)
    command.add_argument("--all", action="store_true", help="count songs learned from as well")
    command.add_argument("--json", action="store_true", help="figures for programs")
    _add_quiet(command)


def _index(commands):
    command = _command(
        commands,
        "index",
        "make songs searchable",
        "Embed the songs and lyrics of a manifest, so that skdcca search and serve find them. They need "
        "not be those that the model learned from.",
    )
    command.add_argument("model_file", metavar="MODEL", help="from skdcca fit")
    _add_manifest(command)
    _add_output(command, "INDEX")
    command.add_argument(
        "--faiss",
        action="store_true",
        help="approximate search by faiss, for galleries of 100,000 songs and more",
    )
    _add_quiet(command)


def _search(commands):
    command = _command(
        commands,
        "search",
        "find songs for a line of lyrics, or lyrics for a sound",
        "The best songs with their scores, and whether these are more than what lyrics or sounds get "
        "that belong to none of the songs.",
    )
    command.add_argument("index_file", metavar="INDEX", help="from skdcca index")
    query = command.add_mutually_exclusive_group(required=True)
    query.add_argument(
        "lyrics",
        nargs="?",
        metavar="LYRICS",
        help="a line of lyrics, in quotes; one that begins with a dash comes last, after --",
    )
    query.add_argument("--audio", metavar="FILE", help="a sound file that asks for lyrics")
    command.add_argument(
        "-n", "--number", type=_positive, default=10, help="number of songs (default: 10)"
    )
    command.add_argument("--json", action="store_true", help="results for programs")


def _inspect(commands):
    command = _command(
        commands,
        "inspect",
        "say what is in a model or an index",
        "Version, origin, steps, parameters and correlations of a file.",
    )
    command.add_argument("file", metavar="FILE", help="from skdcca fit or skdcca index")


def _serve(commands):
    command = _command(
        commands,
        "serve",
        "search in the browser",
        "A page on which a line of lyrics finds songs to play, and a sound finds lyrics. Only this "
        "machine can reach it, unless --host says otherwise; Ctrl-C ends it.",
    )
    command.add_argument("index_file", metavar="INDEX", help="from skdcca index")
    command.add_argument("--port", type=int, default=8000, help="port (default: 8000; 0: any)")
    command.add_argument(
        "--host",
        default="127.0.0.1",
        help="address to listen at; anything but 127.0.0.1 opens the songs to the network",
    )


def _demo(commands):
    command = _command(
        commands,
        "demo",
        "the whole job on planted songs and on Bach's chorales, in three minutes",
        "From songs to a table of retrieval figures beside chance, a few queries in words, a picture, a "
        "model and an index: on planted songs, then on Bach's chorales, or on your own songs.",
    )
    command.add_argument("--songs", metavar="PATH", help=MANIFEST)
    command.add_argument(
        "--output", metavar="FOLDER", default="demo-output", help="for picture, model and index"
    )


def _command(commands, name, summary, description, epilog=None):
    return commands.add_parser(
        name,
        help=summary,
        description=textwrap.fill(description, 80),
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def _add_manifest(command):
    command.add_argument("manifest", metavar="MANIFEST", help=MANIFEST)
    command.add_argument(
        "--skip-bad",
        dest="on_error",
        action="store_const",
        const="skip",
        default="raise",
        help="leave out songs that cannot be used, with a list of them, instead of stopping",
    )


def _add_output(command, name):
    command.add_argument("-o", "--output", metavar=name, required=True, help="file to write")


def _add_quiet(command):
    command.add_argument("--quiet", action="store_true", help="no progress bars")


def _seed(text):
    if not text.isdecimal() or int(text) >= 2**32:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 0 to {2**32 - 1}")
    return int(text)


def _positive(text):
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
