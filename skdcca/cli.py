"""The command ``skdcca``."""

import argparse
import sys

from skdcca import __version__


def main(arguments=None):
    """Run the command line; the exit status is 0, or 2 with a message if the input is at fault."""
    options = _parser().parse_args(arguments)
    try:
        options.run(options)
    except (ValueError, OSError) as error:
        print(f"skdcca: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("skdcca: interrupted", file=sys.stderr)
        return 130
    return 0


def _parser():
    parser = argparse.ArgumentParser(prog="skdcca", description="Audio finds its lyrics and back.")
    parser.add_argument("--version", action="version", version=f"skdcca {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    demo = commands.add_parser(
        "demo",
        help="the whole job on planted songs and on Bach's chorales, in three minutes",
        description="From songs to a table of retrieval figures beside chance, a few queries in "
        "words and a picture: on planted songs, then on Bach's chorales, or on your own songs.",
    )
    demo.add_argument(
        "--songs",
        metavar="PATH",
        help="your own: a .csv or .tsv with the columns audio and lyrics or lyrics_path (and id, "
        "title, group), or a folder of name.wav with name.txt",
    )
    demo.add_argument("--output", metavar="FOLDER", default="demo-output", help="for the picture")
    demo.set_defaults(run=_demo)
    return parser


def _demo(options):
    from skdcca._demo import run

    run(options.songs, options.output)


if __name__ == "__main__":
    sys.exit(main())
