"""Canonical summaries against what SAS, R, MATLAB, NAG and textbooks print, to the printed digit."""

import numpy as np
import pytest
from _published import (
    BONES,
    CAR_DEVIATIONS,
    CAR_MEANS,
    CARS,
    MARKS_COVARIANCE,
    NAG,
    PAIRS,
    SAVINGS,
    STUDENT_DEVIATIONS,
    STUDENTS,
    exact_rows,
)
from sklearn.datasets import load_linnerud

from skdcca import LinearCCA, canonical_summary


def classical(X, y, cv=3):
    return canonical_summary(LinearCCA(reg=0), X, y, cv=cv)


def assert_printed(values, printed, signs=1):
    """Check values against a printed table, to its last digit.

    `signs` are those of the columns, because programs choose the sign of a pair differently.
    """
    printed = np.array([row.split() for row in printed.strip().splitlines()])
    values = np.reshape(values * np.asarray(signs), printed.shape)
    for value, text in zip(values.ravel(), printed.ravel(), strict=True):
        assert as_printed(value, text) == pytest.approx(float(text), abs=1e-12, rel=1e-9), (
            value,
            text,
        )


def as_printed(value, text):
    """Return the value, rounded as the text is."""
    mantissa, exponent, _ = text.partition("e")
    digits = len(mantissa.partition(".")[2])
    return float(f"{value:.{digits}{'e' if exponent else 'f'}}")


def test_printed_values_are_compared_to_their_last_digit():
    assert_printed([0.79560], "0.7956")
    assert_printed([-2.47374e-05], "-2.4737e-05")
    for value, text in [(0.79566, "0.7956"), (2.47379e-05, "2.4737e-05"), (0.5, "-0.5")]:
        with pytest.raises(AssertionError):
            assert_printed([value], text)


@pytest.fixture(scope="module")
def fitness():
    """PROC CANCORR, SAS/STAT user's guide, example "Fitness club data"; the views as printed there."""
    exercise, body = load_linnerud(return_X_y=True)
    return classical(body, exercise, cv=5)


# The signs of SAS, for our signs.
FITNESS_SIGNS = [1, -1, 1]


def test_fitness_correlations_of_sas(fitness):
    assert_printed(fitness.correlations, "0.795608 0.200556 0.072570")
    assert_printed(fitness.correlations**2, "0.632992 0.040223 0.005266")
    assert_printed(fitness.eigenvalues, "1.7247 0.0419 0.0053")
    assert_printed(fitness.proportions, "0.9734 0.0237 0.0030")
    assert_printed(fitness.proportions.cumsum(), "0.9734 0.9970 1.0000")


def test_fitness_tests_of_sas(fitness):
    tests = fitness.tests
    assert_printed(tests["wilks"], "0.35039053 0.95472266 0.99473355")
    assert_printed(tests["f"], "2.05 0.18 0.08")
    assert_printed(tests["f_df1"], "9 4 1")
    assert_printed(tests["f_df2"], "34.223 30 16")
    assert_printed(tests["p_values"], "0.0635 0.9491 0.7748")
    published = {
        "wilks": ("0.35039053", "2.05 9 34.223 0.0635"),
        "pillai": ("0.67848151", "1.56 9 48 0.1551"),
        "hotelling_lawley": ("1.77194146", "2.64 9 19.053 0.0357"),
        "roy": ("1.72473874", "9.20 3 16 0.0009"),
    }
    for name, (statistic, row) in published.items():
        test = fitness.multivariate_tests[name]
        assert_printed([test.get("eigenvalue", test.statistic)], statistic)
        assert_printed([test.f, test.df1, test.df2, test.p_value], row)


def test_fitness_weights_of_sas(fitness):
    body = """
        -0.031404688 -0.076319506 -0.007735047
        0.4932416756 0.3687229894 0.1580336471
        -0.008199315 -0.032051994 0.1457322421"""
    exercise = """
        -0.066113986 -0.071041211 -0.245275347
        -0.016846231 0.0019737454 0.0197676373
        0.0139715689 0.0207141063 -0.008167472"""
    assert_printed(fitness.x.weights, body, FITNESS_SIGNS)
    assert_printed(fitness.y.weights, exercise, FITNESS_SIGNS)
    body = "-0.7754 -1.8844 -0.1910\n1.5793 1.1806 0.5060\n-0.0591 -0.2311 1.0508"
    exercise = "-0.3495 -0.3755 -1.2966\n-1.0540 0.1235 1.2368\n0.7164 1.0622 -0.4188"
    assert_printed(fitness.x.standardized_weights, body, FITNESS_SIGNS)
    assert_printed(fitness.y.standardized_weights, exercise, FITNESS_SIGNS)


def test_fitness_structure_of_sas(fitness):
    body = "0.6206 -0.7724 -0.1350\n0.9254 -0.3777 -0.0310\n-0.3328 0.0415 0.9421"
    exercise = "-0.7276 0.2370 -0.6438\n-0.8177 0.5730 0.0544\n-0.1622 0.9586 -0.2339"
    assert_printed(fitness.x.loadings, body, FITNESS_SIGNS)
    assert_printed(fitness.y.loadings, exercise, FITNESS_SIGNS)
    body = "0.4938 -0.1549 -0.0098\n0.7363 -0.0757 -0.0022\n-0.2648 0.0083 0.0684"
    exercise = "-0.5789 0.0475 -0.0467\n-0.6506 0.1149 0.0040\n-0.1290 0.1923 -0.0170"
    assert_printed(fitness.x.cross_loadings, body, FITNESS_SIGNS)
    assert_printed(fitness.y.cross_loadings, exercise, FITNESS_SIGNS)


def test_fitness_redundancy_of_sas(fitness):
    x, y = fitness.x, fitness.y
    assert_printed(x.variance_explained_raw, "0.3712 0.5436 0.0852")
    assert_printed(x.variance_explained_cumulative_raw, "0.3712 0.9148 1.0000")
    assert_printed(x.redundancy_raw, "0.2349 0.0219 0.0004")
    assert_printed(x.redundancy_cumulative_raw, "0.2349 0.2568 0.2573")
    assert_printed(y.variance_explained_raw, "0.4111 0.5635 0.0254")
    assert_printed(y.redundancy_cumulative_raw, "0.2602 0.2829 0.2830")
    assert_printed(x.variance_explained, "0.4508 0.2470 0.3022")
    assert_printed(x.redundancy, "0.2854 0.0099 0.0016")
    assert_printed(x.redundancy_cumulative, "0.2854 0.2953 0.2969")
    assert_printed(y.variance_explained_cumulative, "0.4081 0.8426 1.0000")
    assert_printed(y.redundancy, "0.2584 0.0175 0.0008")
    assert_printed(y.redundancy_cumulative, "0.2584 0.2758 0.2767")
    body = "0.2438 0.2678 0.2679\n0.5421 0.5478 0.5478\n0.0701 0.0702 0.0749"
    exercise = "0.3351 0.3374 0.3396\n0.4233 0.4365 0.4365\n0.0167 0.0536 0.0539"
    assert_printed(x.r2, body)
    assert_printed(y.r2, exercise)


def test_students_of_ucla():
    # UCLA, "Canonical correlation analysis: R data analysis examples", CCA and CCP packages of R. The
    # correlations are known to 8 digits, so that 5 digits of coefficients are compared.
    rows = exact_rows(600, STUDENTS, deviation=STUDENT_DEVIATIONS)
    summary, signs = classical(rows[:, :3], rows[:, 3:]), [-1, -1, 1]
    assert_printed(summary.correlations, "0.4640861 0.1675092 0.1039911")
    assert_printed(summary.tests["wilks"], "0.7543611 0.9614300 0.9891858")
    assert_printed(summary.tests["f"], "11.71573 2.94446 2.16461")
    assert_printed(summary.tests["f_df2"], "1634.653 1186.000 594.000")
    assert_printed(summary.tests["p_values"][1:], "0.002905 0.091092")
    pillai, roy = summary.multivariate_tests["pillai"], summary.multivariate_tests["roy"]
    assert_printed([pillai.statistic, pillai.f, pillai.df2], "0.254249 11.00057 1782")
    assert_printed([roy.statistic, roy.f, roy.df1, roy.df2], "0.2153759 32.61008 5 594")
    assert_printed([summary.multivariate_tests["hotelling_lawley"].statistic], "0.314297")
    psychology = """
        -1.25383 -0.62148 -0.66169
        0.35135 -1.18769 0.82672
        -1.26242 2.02726 2.00023"""
    academics = """
        -0.04462 -0.00491 0.02138
        -0.03588 0.04207 0.09131
        -0.02342 0.00423 0.00940
        -0.00503 -0.08516 -0.10984
        -0.63212 1.08464 -1.79465"""
    assert_printed(summary.x.weights, psychology, signs)
    assert_printed(summary.y.weights, academics, signs)
    psychology = """
        -0.84042 -0.41656 -0.44352
        0.24788 -0.83793 0.58326
        -0.43267 0.69480 0.68554"""
    academics = """
        -0.45080 -0.04961 0.21601
        -0.34896 0.40921 0.88810
        -0.22047 0.03982 0.08848
        -0.04878 -0.82660 -1.06608
        -0.31504 0.54057 -0.89443"""
    assert_printed(summary.x.standardized_weights, psychology, signs)
    assert_printed(summary.y.standardized_weights, academics, signs)
    psychology = """
        -0.90405 -0.38969 -0.17562
        -0.02084 -0.70874 0.70516
        -0.56715 0.35089 0.74513"""
    academics = """
        -0.84045 -0.35883 0.13536
        -0.87654 0.06484 0.25456
        -0.76395 -0.29795 0.14776
        -0.65841 -0.67680 -0.23036
        -0.36411 0.75493 -0.54340"""
    assert_printed(summary.x.loadings, psychology, signs)
    assert_printed(summary.y.loadings, academics, signs)


def test_life_cycle_savings_of_r():
    # The help page of cancor; its variates have a sum of squares of 1.
    summary, signs = classical(SAVINGS[:, 1:3], SAVINGS[:, [0, 3, 4]]), [-1, -1]
    assert_printed(summary.correlations, "0.8247966 0.3652762")
    people = "-0.009110856 -0.03622206\n0.048647514 -0.26031158"
    economy = """
        0.0084710221 3.337936e-02
        0.0001307398 -7.588232e-05
        0.0041706000 -1.226790e-02"""
    assert_printed(summary.x.weights / 7, people, signs)
    assert_printed(summary.y.weights / 7, economy, signs)


def test_cars_of_matlab():
    # The help page of canoncorr.
    rows = exact_rows(392, CARS, CAR_MEANS, CAR_DEVIATIONS)
    summary = classical(rows[:, :3], rows[:, 3:])
    assert_printed(summary.correlations[:1], "0.8782")
    engine = "0.0025 0.0048\n0.0202 0.0409\n-2.4737e-05 -0.0027"
    assert_printed(summary.x.weights, engine, [1, -1])
    assert_printed(summary.y.weights, "-0.1666 -0.3637\n-0.0916 0.1078", [1, -1])


def test_bones_of_johnson_and_wichern():
    rows = exact_rows(276, BONES)
    summary = classical(rows[:, :2], rows[:, 2:])
    assert_printed(summary.correlations, "0.631 0.057")
    assert_printed(summary.x.standardized_weights, "0.781 -0.856\n0.345 1.106", [1, 1])
    assert_printed(summary.y.standardized_weights, "0.060 -2.648\n0.944 2.475", [1, 1])


def test_pairs_of_johnson_and_wichern():
    rows = exact_rows(50, PAIRS)
    summary = classical(rows[:, :2], rows[:, 2:])
    assert_printed(summary.correlations, "0.74 0.03")
    assert_printed(summary.x.weights[:, 0], "0.86 0.28")
    assert_printed(summary.y.weights[:, 0], "0.54 0.74")
    assert_printed(summary.x.loadings[:, 0], "0.97 0.62")
    assert_printed(summary.y.loadings[:, 0], "0.69 0.85")
    assert_printed(summary.x.cross_loadings[:, 0], "0.71 0.46")


def test_marks_of_mardia_kent_and_bibby():
    deviation = np.sqrt(np.diag(MARKS_COVARIANCE))
    rows = exact_rows(88, MARKS_COVARIANCE / deviation / deviation[:, None], deviation=deviation)
    summary = classical(rows[:, :2], rows[:, 2:])
    assert_printed(summary.correlations[:1], "0.663")
    # Their covariances have the divisor n.
    divisor = np.sqrt(88 / 87)
    assert_printed(summary.x.weights[:, 0] * divisor, "0.0260 0.0518")
    assert_printed(summary.y.weights[1:, 0] * divisor, "0.0081 0.0035")


def test_example_of_nag():
    summary, signs = classical(NAG[:, 1:3], NAG[:, [0, 3]]), [-1, -1]
    assert_printed(summary.correlations, "0.9570 0.3624")
    assert_printed(summary.eigenvalues, "10.8916 0.1512")
    assert_printed(summary.proportions, "0.9863 0.0137")
    assert_printed(summary.tests["chi2"], "14.3914 0.7744")
    assert_printed(summary.tests["chi2_p_values"], "0.0061 0.3789")
    assert_printed(summary.x.weights, "-0.4261 1.0337\n-0.3444 -1.1136", signs)
    assert_printed(summary.y.weights, "-0.1415 0.1504\n-0.2384 -0.3424", signs)
