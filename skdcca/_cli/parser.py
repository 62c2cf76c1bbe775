"""Options and help texts of the ``skdcca`` command."""

import argparse
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from skdcca import __version__

MODELS = ("words", "linear", "kernel", "deep", "joint", "views")
# Views of songs with tags, in the order of the columns of their table.
VIEWS = ("audio", "lyrics", "tags")
MANIFEST = (
    "your songs: a .csv, .tsv or .xlsx table with the columns audio and lyrics (or lyrics_path), "
    "and optionally id, title, group and tags (separated by semicolons or commas); or a folder of "
    "audio files, each with a text file of the same name (name.wav and name.txt). Lyrics may be "
    "missing where words are heard, and for --model views"
)
EXAMPLES = """\
typical workflow:
  skdcca fit songs.csv -o model.skdcca --search --hold-out 0.2
  skdcca evaluate model.skdcca songs.csv
  skdcca index model.skdcca songs.csv -o songs.index
  skdcca search songs.index "a line of lyrics"
  skdcca search songs.index --audio clip.wav
  skdcca search songs.index --tags "slow; sad"        (of a model of --model views)
  skdcca serve songs.index

Loading a model or an index never runs code stored in the file. Files written
by joblib and pickle are not opened, because loading them can run arbitrary
code; in Python, load them only from sources that you trust.

Exit status: 0 on success, 2 for invalid input, 130 if interrupted, 1 for an
internal error.
"""
KINDS = """\
models:
  words   the words that a speech recognizer hears, joined with linear; the default
          where there is one. Needs no lyrics; with lyrics of 10 songs or more, it
          learns from the sound as well
  linear  exact and fast, on summary statistics of the spectrogram; the baseline
  kernel  nonlinear relations, on the same statistics; for a few thousand songs
  deep    two neural networks, on the same statistics
  joint   a convolutional network over the spectrogram, trained jointly with
          the lyrics network; needs thousands of songs and benefits from a GPU
  views   audio, lyrics and tags (column tags of the manifest), each of which finds
          the others; songs may lack lyrics or tags

To measure how well a model generalizes, hold out some songs (--hold-out 0.2);
skdcca evaluate then scores only those. Songs are held out by group: give all
songs by one artist, or all versions of one work, the same value in the group
column of the manifest.
"""


@dataclass(frozen=True)
class Command:
    """A command of ``skdcca``.

    Attributes
    ----------
    work : str
        Function that runs the command, as ``"module:function"``. It takes the parsed options. Its
        module is imported only when the command runs, so that help appears quickly.
    summary : str
        Text in the list of commands.
    description : str
        Text at the top of the help of the command.
    add_options : callable
        Function that adds the options to the parser of the command.
    epilog : str, default=None
        Text after the options.
    check : callable, default=None
        Function that checks which options are given together. It takes the parser of the command and
        the parsed options, and calls ``parser.error``.
    """

    work: str
    summary: str
    description: str
    add_options: Callable[[argparse.ArgumentParser], None]
    epilog: str | None = None
    check: Callable[[argparse.ArgumentParser, argparse.Namespace], None] | None = None


def make_parser():
    """Return the parser of ``skdcca``, with a sub-parser for each of `COMMANDS`."""
    parser = argparse.ArgumentParser(
        prog="skdcca",
        description="Find songs by their lyrics, and lyrics by their audio.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"skdcca {__version__}")
    parser.add_argument(
        "--traceback", action="store_true", help="show the full traceback of an error"
    )
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
        added.set_defaults(check=partial(command.check, added) if command.check else None)
    return parser


# The options of each command


def _add_fit_options(parser):
    _add_manifest(parser)
    _add_output(parser, "MODEL")
    parser.add_argument(
        "--model",
        choices=MODELS,
        help="model to fit (default: words where there is a speech recognizer, otherwise linear)",
    )
    _add_whisper(parser)
    parser.add_argument(
        "--search",
        action="store_true",
        help="tune the hyperparameters on a small grid, by 3-fold cross-validation over groups",
    )
    parser.add_argument(
        "--hold-out",
        type=float,
        default=0.0,
        metavar="FRACTION",
        help="fraction of the groups to hold out for skdcca evaluate (default: 0)",
    )
    parser.add_argument(
        "--seed",
        type=_integer(0, 2**32 - 1),
        default=0,
        help="random seed (default: 0)",
    )
    _add_quiet(parser)


def _add_evaluate_options(parser):
    _add_model(parser)
    _add_manifest(parser)
    _add_whisper(parser)
    parser.add_argument("--all", action="store_true", help="include the training songs")
    parser.add_argument("--json", action="store_true", help="print the scores as JSON")
    _add_quiet(parser)


def _add_index_options(parser):
    _add_model(parser)
    _add_manifest(parser)
    _add_output(parser, "INDEX")
    _add_whisper(parser)
    parser.add_argument(
        "--faiss",
        action="store_true",
        help="search approximately with Faiss, for galleries of 100,000 songs or more",
    )
    _add_quiet(parser)


def _add_search_options(parser):
    _add_index(parser)
    parser.add_argument(
        "lyrics",
        nargs="?",
        metavar="LYRICS",
        help="line of lyrics, in quotes; put it last, after --, if it begins with a dash",
    )
    parser.add_argument(
        "--audio", metavar="FILE", help="audio file to search with, instead of lyrics"
    )
    parser.add_argument(
        "--tags",
        metavar="TAGS",
        help="tags to search with, such as 'slow; sad', instead of lyrics or together with lyrics or "
        "audio; for indexes of --model views",
    )
    parser.add_argument(
        "--text",
        metavar="LYRICS",
        help="line of lyrics; another way to give it, beside other options",
    )
    parser.add_argument(
        "--find",
        choices=VIEWS,
        help="what to find, for indexes of --model views (default: the first of audio, lyrics and tags "
        "that is not given)",
    )
    parser.add_argument(
        "-n", "--number", type=_integer(1), default=10, help="number of results (default: 10)"
    )
    _add_whisper(parser)
    parser.add_argument("--json", action="store_true", help="print the results as JSON")


def _check_search(parser, options):
    """End the command unless a query is given, once."""
    if options.lyrics is not None and options.text is not None:
        parser.error("argument --text: not allowed with argument LYRICS")
    if {options.lyrics, options.text, options.audio, options.tags} == {None}:
        parser.error("one of the arguments LYRICS --text --audio --tags is required")


def _add_inspect_options(parser):
    parser.add_argument(
        "file", metavar="FILE", help="model or index, written by skdcca fit or skdcca index"
    )


def _add_serve_options(parser):
    _add_index(parser)
    parser.add_argument(
        "--port",
        type=int,
        default=8000,
        help="port to listen on (default: 8000; 0 picks a free one)",
    )
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        help="address to listen on (default: 127.0.0.1); any other address exposes the songs to "
        "the network",
    )
    _add_whisper(parser)


def _add_no_options(parser):
    pass


def _add_demo_options(parser):
    parser.add_argument("--songs", metavar="PATH", help=MANIFEST)
    _add_encoding(parser)
    parser.add_argument(
        "--output",
        metavar="FOLDER",
        default="demo-output",
        help="folder for the plot, the model and the index (default: demo-output)",
    )
    _add_whisper(parser)
    _add_overwrite(parser)


# Options shared by several commands


def _add_manifest(parser):
    parser.add_argument("manifest", metavar="MANIFEST", help=MANIFEST)
    parser.add_argument(
        "--skip-bad",
        dest="on_error",
        action="store_const",
        const="skip",
        default="raise",
        help="skip songs that cannot be used, and list them, instead of stopping",
    )
    _add_encoding(parser)


def _add_encoding(parser):
    parser.add_argument(
        "--encoding",
        metavar="NAME",
        help="encoding, such as cp1252, of tables and text files that are not UTF-8",
    )


def _add_model(parser):
    parser.add_argument("model_file", metavar="MODEL", help="model written by skdcca fit")


def _add_index(parser):
    parser.add_argument("index_file", metavar="INDEX", help="index written by skdcca index")


def _add_whisper(parser):
    parser.add_argument(
        "--whisper",
        metavar="NAME|FOLDER",
        help="speech recognizer: a Whisper model, by its name (tiny, base, small, ...; downloaded "
        "once) or its folder. Default: that of the model, or the one in $SKDCCA_WHISPER",
    )


def _add_output(parser, name):
    parser.add_argument("-o", "--output", metavar=name, required=True, help="output file")
    _add_overwrite(parser)


def _add_overwrite(parser):
    parser.add_argument("--overwrite", action="store_true", help="replace a file of an earlier run")


def _add_quiet(parser):
    parser.add_argument("--quiet", action="store_true", help="hide progress bars")


def _integer(ge, le=None):
    """Return a function that parses an option as an integer within bounds."""
    rule = f">= {ge}" if le is None else f"in [{ge}, {le}]"

    def convert(text):
        value = int(text) if text.isdecimal() else -1
        if value < ge or (le is not None and value > le):
            raise argparse.ArgumentTypeError(f"must be an integer {rule}, got {text!r}")
        return value

    return convert


# To add a command, add an entry here, a function for its options above, and one that runs it.
COMMANDS = {
    "fit": Command(
        "skdcca._cli.commands:fit",
        "train a model on songs and their lyrics",
        "Train a model that embeds audio and lyrics in a shared space, and save it. Spectrograms are "
        "cached in $SKDCCA_CACHE (default: ~/.cache/skdcca), so later runs are faster.",
        _add_fit_options,
        KINDS,
    ),
    "evaluate": Command(
        "skdcca._cli.commands:evaluate",
        "score how well audio and lyrics find each other",
        "Print the mean reciprocal rank, recall and median rank in both directions, next to their "
        "chance levels, and the same for verses, lines and words from the middle of the lyrics and for "
        "clips of the sound, of up to 200 songs. A model of --model views has a row for each pair of "
        "audio, lyrics and tags, and for queries by two of them. If the manifest contains both training "
        "songs and others, only the others are scored.",
        _add_evaluate_options,
    ),
    "index": Command(
        "skdcca._cli.commands:index",
        "make songs searchable",
        "Embed the songs of a manifest and save them as an index for skdcca search and skdcca serve. "
        "They need not be the training songs. Songs without lyrics are searched by the words that are "
        "heard.",
        _add_index_options,
    ),
    "search": Command(
        "skdcca._cli.commands:search",
        "find songs by a line of lyrics, or lyrics by an audio file",
        "Print the best matches with their scores, and how many of them are above the chance level, "
        "which 95% of unrelated queries do not reach. With an index of audio, lyrics and tags, each of "
        "them finds the others, and two together find the third.",
        _add_search_options,
        check=_check_search,
    ),
    "inspect": Command(
        "skdcca._cli.commands:inspect",
        "describe a model or an index",
        "Print the version, origin, steps, parameters and canonical correlations of a model or an "
        "index.",
        _add_inspect_options,
    ),
    "serve": Command(
        "skdcca._cli.commands:serve",
        "search in the browser",
        "Serve a web page that finds songs by lyrics, and lyrics by an audio clip. It is reachable "
        "from this machine only, unless --host is given. Press Ctrl-C to stop.",
        _add_serve_options,
    ),
    "demo": Command(
        "skdcca._cli.demo:run",
        "run the whole workflow on synthetic songs and Bach's chorales, in three minutes",
        "Tune, cross-validate and save a model: print its retrieval scores next to the chance level, "
        "search by a line, a verse and a clip, and write a plot, a model and an index. The data are "
        "synthetic songs and Bach's chorales, and spoken songs where there is a speech recognizer; or "
        "your own songs (--songs).",
        _add_demo_options,
    ),
    "doctor": Command(
        "skdcca._cli.doctor:doctor",
        "describe the installation, and say what is missing or slow",
        "Print versions, processor, linear algebra, GPU, cache and optional parts, and what to do about "
        "each fault. Add it to reports of problems.",
        _add_no_options,
    ),
}
