"""Check tests, intervals, sample sizes and comparisons on simulated data whose truth is known.

Each part prints one table; the functions in `_common/inference_*.py` say what is in it:

    test        false positives and known links, with confounds and blocks; time of the permutations
    number      how often the number of components is right
    intervals   coverage of corrected correlations and of loadings; time of the bootstrap
    sample_size predicted and simulated power
    choosing    confounds inside and outside of folds; false positives of comparisons of models

    OMP_NUM_THREADS=1 make bench SCRIPT=inference ARGS="[--quick] [--parts test number] [--seeds 200]"
"""

from _common import inference_choosing, inference_intervals, inference_sample_size, inference_test
from _common.arguments import make_parser
from _common.table import print_head, print_row
from _common.threads import use_one_thread

# Title, header, function of the rows, and the number of data sets of each cell; functions without a
# number measure time.
PARTS = {
    "test": [
        (
            "False positives",
            inference_test.FALSE_POSITIVES_HEAD,
            inference_test.rows_false_positives,
            1000,
        ),
        ("Time of the test", inference_test.TIME_HEAD, inference_test.rows_time, None),
    ],
    "number": [
        (
            "Number of components",
            inference_test.NUMBER_HEAD,
            inference_test.rows_number_of_components,
            200,
        ),
        ("Later components", inference_test.LATER_HEAD, inference_test.rows_later, 500),
    ],
    "intervals": [
        (
            "Coverage of correlations",
            inference_intervals.CORRELATIONS_HEAD,
            inference_intervals.rows_correlations,
            5,
        ),
        (
            "Coverage of loadings",
            inference_intervals.LOADINGS_HEAD,
            inference_intervals.rows_loadings,
            5,
        ),
        (
            "Time of the bootstrap",
            inference_intervals.TIME_HEAD,
            inference_intervals.rows_time,
            None,
        ),
    ],
    "sample_size": [
        ("Power", inference_sample_size.POWER_HEAD, inference_sample_size.rows_power, 40),
    ],
    "choosing": [
        ("Confounds in folds", inference_choosing.LEAK_HEAD, inference_choosing.rows_leak, 100),
        (
            "Comparisons of models",
            inference_choosing.COMPARISON_HEAD,
            inference_choosing.rows_comparison,
            200,
        ),
    ],
}


def main():
    parser = make_parser(__doc__, "fewer cells and data sets; under 60 s")
    parser.add_argument("--parts", nargs="*", choices=PARTS, default=list(PARTS))
    parser.add_argument(
        "--seeds", type=int, help="data sets of each cell, instead of those of the docs"
    )
    options = parser.parse_args()
    use_one_thread()
    for part in options.parts:
        for title, head, rows, n_seeds in PARTS[part]:
            print(f"\n{title}\n", flush=True)
            print_head(*head)
            for row in rows(options.quick, *_seeds(n_seeds, options)):
                print_row(*row)


def _seeds(n_seeds, options):
    """Return the argument `seeds` of a function of rows, in a tuple; empty if it measures time."""
    if n_seeds is None:
        return ()
    return (range(options.seeds or (3 if options.quick else n_seeds)),)


if __name__ == "__main__":
    main()
