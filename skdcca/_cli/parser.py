"""The options of the command ``skdcca``: what it accepts and what its help says."""

import argparse
import textwrap
from collections.abc import Callable
from dataclasses import dataclass

from skdcca import __version__

MODELS = ("linear", "kernel", "deep", "joint")
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


@dataclass(frozen=True)
class Command:
    """A command: its help, its options and its work.

    Attributes
    ----------
    work : str
        The function that does the work, as ``"module:function"``. It takes the parsed options. Its
        module is imported only when the command runs, so that help appears at once.
    summary : str
        What the list of commands says.
    description : str
        What the help of the command says.
    add_options : callable
        Function that adds the options to the parser of the command.
    epilog : str, default=None
        Text after the options.
    """

    work: str
    summary: str
    description: str
    add_options: Callable[[argparse.ArgumentParser], None]
    epilog: str | None = None


def make_parser():
    """Return the parser of ``skdcca``, with a sub-parser for each of `COMMANDS`."""
    parser = argparse.ArgumentParser(
        prog="skdcca",
        description="Audio finds its lyrics and lyrics find their audio.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"skdcca {__version__}")
    parser.add_argument("--traceback", action="store_true", help="show where an error came from")
    parsers = parser.add_subparsers(
        title="commands", required=True, metavar="COMMAND", dest="command"
    )
    for name, command in COMMANDS.items():
        added = parsers.add_parser(
            name,
            help=command.summary,
            description=textwrap.fill(command.description, 80),
            epilog=command.epilog,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        command.add_options(added)
    return parser


# The options of each command


def _add_fit_options(parser):
    _add_manifest(parser)
    _add_output(parser, "MODEL")
    parser.add_argument(
        "--model", choices=MODELS, default="linear", help="kind of model (default: linear)"
    )
    parser.add_argument(
        "--search",
        action="store_true",
        help="choose the hyper-parameters by a small grid and three folds by group",
    )
    parser.add_argument(
        "--hold-out",
        type=float,
        default=0.0,
        metavar="SHARE",
        help="share of the songs, whole groups of them, to keep for evaluate (default: 0)",
    )
    parser.add_argument(
        "--seed",
        type=_integer(0, 2**32 - 1),
        default=0,
        help="of all that is random (default: 0)",
    )
    _add_quiet(parser)


def _add_evaluate_options(parser):
    _add_model(parser)
    _add_manifest(parser)
    parser.add_argument("--all", action="store_true", help="count songs learned from as well")
    parser.add_argument("--json", action="store_true", help="figures for programs")
    _add_quiet(parser)


def _add_index_options(parser):
    _add_model(parser)
    _add_manifest(parser)
    _add_output(parser, "INDEX")
    parser.add_argument(
        "--faiss",
        action="store_true",
        help="approximate search by faiss, for galleries of 100,000 songs and more",
    )
    _add_quiet(parser)


def _add_search_options(parser):
    _add_index(parser)
    query = parser.add_mutually_exclusive_group(required=True)
    query.add_argument(
        "lyrics",
        nargs="?",
        metavar="LYRICS",
        help="a line of lyrics, in quotes; one that begins with a dash comes last, after --",
    )
    query.add_argument("--audio", metavar="FILE", help="a sound file that asks for lyrics")
    parser.add_argument(
        "-n", "--number", type=_integer(1), default=10, help="number of songs (default: 10)"
    )
    parser.add_argument("--json", action="store_true", help="results for programs")


def _add_inspect_options(parser):
    parser.add_argument("file", metavar="FILE", help="from skdcca fit or skdcca index")


def _add_serve_options(parser):
    _add_index(parser)
    parser.add_argument("--port", type=int, default=8000, help="port (default: 8000; 0: any)")
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        help="address to listen at; anything but 127.0.0.1 opens the songs to the network",
    )


def _add_demo_options(parser):
    parser.add_argument("--songs", metavar="PATH", help=MANIFEST)
    parser.add_argument(
        "--output", metavar="FOLDER", default="demo-output", help="for picture, model and index"
    )


# Options that several commands have


def _add_manifest(parser):
    parser.add_argument("manifest", metavar="MANIFEST", help=MANIFEST)
    parser.add_argument(
        "--skip-bad",
        dest="on_error",
        action="store_const",
        const="skip",
        default="raise",
        help="leave out songs that cannot be used, with a list of them, instead of stopping",
    )


def _add_model(parser):
    parser.add_argument("model_file", metavar="MODEL", help="from skdcca fit")


def _add_index(parser):
    parser.add_argument("index_file", metavar="INDEX", help="from skdcca index")


def _add_output(parser, name):
    parser.add_argument("-o", "--output", metavar=name, required=True, help="file to write")


def _add_quiet(parser):
    parser.add_argument("--quiet", action="store_true", help="no progress bars")


def _integer(ge, le=None):
    """Return a function that converts the text of an option to an integer within bounds."""
    rule = f">= {ge}" if le is None else f"in [{ge}, {le}]"

    def convert(text):
        value = int(text) if text.isdecimal() else -1
        if value < ge or (le is not None and value > le):
            raise argparse.ArgumentTypeError(f"must be an integer {rule}, got {text!r}")
        return value

    return convert


# A new command is one entry here, one function for its options above, and one for its work.
COMMANDS = {
    "fit": Command(
        "skdcca._cli.commands:fit",
        "learn from songs and their lyrics, and save the model",
        "Learn one space for songs and lyrics. Spectrograms are kept in the cache folder "
        "($SKDCCA_CACHE, else ~/.cache/skdcca), so that a second run is quick.",
        _add_fit_options,
        KINDS,
    ),
    "evaluate": Command(
        "skdcca._cli.commands:evaluate",
        "measure how well songs and lyrics find each other",
        "Mean reciprocal rank, recall and median rank in both directions, beside the level of chance. "
        "Where the model has learned from some songs of the manifest, only the others count.",
        _add_evaluate_options,
    ),
    "index": Command(
        "skdcca._cli.commands:index",
        "make songs searchable",
        "Embed the songs and lyrics of a manifest, so that skdcca search and serve find them. They need "
        "not be those that the model learned from.",
        _add_index_options,
    ),
    "search": Command(
        "skdcca._cli.commands:search",
        "find songs for a line of lyrics, or lyrics for a sound",
        "The best songs with their scores, and whether these are more than what lyrics or sounds get "
        "that belong to none of the songs.",
        _add_search_options,
    ),
    "inspect": Command(
        "skdcca._cli.commands:inspect",
        "say what is in a model or an index",
        "Version, origin, steps, parameters and correlations of a file.",
        _add_inspect_options,
    ),
    "serve": Command(
        "skdcca._cli.commands:serve",
        "search in the browser",
        "A page on which a line of lyrics finds songs to play, and a sound finds lyrics. Only this "
        "machine can reach it, unless --host says otherwise; Ctrl-C ends it.",
        _add_serve_options,
    ),
    "demo": Command(
        "skdcca._cli.demo:run",
        "the whole job on planted songs and on Bach's chorales, in three minutes",
        "From songs to a table of retrieval figures beside chance, a few queries in words, a picture, a "
        "model and an index: on planted songs, then on Bach's chorales, or on your own songs.",
        _add_demo_options,
    ),
}
