"""Command-line options shared by the benchmarks, and the data folder."""

import argparse
import os
from pathlib import Path


def make_parser(docstring, quick=None):
    """Return a parser whose description is the first line of `docstring`.

    `quick` is the help text of the option ``--quick``, which is added only if it is given.
    """
    parser = argparse.ArgumentParser(description=docstring.splitlines()[0])
    if quick is not None:
        parser.add_argument("--quick", action="store_true", help=quick)
    return parser


def add_data(parser):
    """Add the option ``--data``."""
    parser.add_argument("--data", help="folder of the benchmark data (default: $SKDCCA_DATA)")


def add_song_options(parser):
    """Add the options ``--data``, ``--cache`` and ``--n-jobs``."""
    add_data(parser)
    parser.add_argument("--cache", help="folder for sounds and features (default: $SKDCCA_CACHE)")
    parser.add_argument("--n-jobs", type=int, default=2)


def data_folder(argument=None):
    """Return the folder of the benchmark data: `argument`, else that of SKDCCA_DATA."""
    folder = argument or os.environ.get("SKDCCA_DATA")
    if not folder or not Path(folder).is_dir():
        raise SystemExit(
            f"the benchmark data folder {folder!r} does not exist. Name it with --data or in the "
            "environment variable SKDCCA_DATA."
        )
    return Path(folder)
