"""Data sets of textbooks and manuals whose canonical correlations are printed there."""

import numpy as np


def exact_rows(n, correlation, mean=0.0, deviation=1.0):
    """Return `n` rows that have exactly this correlation matrix, these means and deviations."""
    correlation = np.asarray(correlation)
    random = np.random.default_rng(0).normal(size=(n, len(correlation)))
    basis = np.linalg.qr(random - random.mean(axis=0))[0] * np.sqrt(n - 1)
    return np.asarray(mean) + basis @ np.linalg.cholesky(correlation).T * np.asarray(deviation)


def symmetric(*rows):
    """Return a symmetric matrix from the rows of its upper triangle, as text."""
    upper = np.zeros((len(rows), len(rows)))
    for i, row in enumerate(rows):
        upper[i, i:] = np.array(row.split(), dtype=float)
    return upper + np.triu(upper, 1).T


# Marks of 600 students (UCLA): locus of control, self-concept, motivation; reading, writing,
# mathematics, science, female. The deviations are printed standardized coefficients, divided by raw
# ones.
STUDENTS = symmetric(
    "1 .17118778 .24513227 .37356505 .35887684 .33726900 .32462694 .11341075",
    "1 .28857075 .06065584 .01944856 .05359770 .06982633 -.12595132",
    "1 .21060992 .25424818 .19501347 .11566948 .09810277",
    "1 .62859089 .67927568 .69069291 -.04174278",
    "1 .63266640 .56914983 .24433183",
    "1 .64952612 -.04821830",
    "1 -.13818587",
    "1",
)
STUDENT_DEVIATIONS = [
    0.67027985,
    0.70551265,
    0.34272933,
    10.10298293,
    9.72645513,
    9.41473623,
    9.70617804,
    0.49838639,
]

# Bones of 276 chickens: length and breadth of the skull; lengths of femur and tibia.
BONES = symmetric("1 .505 .569 .602", "1 .422 .467", "1 .926", "1")

# Johnson and Wichern, example 10.1: two pairs of variables.
PAIRS = symmetric("1 .4 .5 .6", "1 .3 .4", "1 .2", "1")

# Marks of 88 students: mechanics and vectors (closed book); algebra, analysis and statistics (open).
MARKS_COVARIANCE = symmetric(
    "305.7680 127.22257 101.57941 106.27273 117.40491",
    "172.84222 85.15726 94.67294 99.01202",
    "112.88597 112.11338 121.87056",
    "220.38036 155.53553",
    "297.75536",
)

# 392 cars: displacement, horsepower and weight; acceleration and miles per gallon.
CARS = symmetric(
    "1 .89725700184 .93299440409 -.54380049673 -.80512694671",
    "1 .86453773757 -.68919551033 -.77842678390",
    "1 -.41683920200 -.83224421483",
    "1 .42332853690",
    "1",
)
CAR_MEANS = [194.4119898, 104.46938776, 2977.58418367, 15.54132653, 23.44591837]
CAR_DEVIATIONS = [104.64400391, 38.49115993, 849.40256004, 2.75886412, 7.80500749]

# Example of the routine G03ADF: columns 1 and 4 are one view, columns 2 and 3 the other.
NAG = np.array(
    [
        [80.0, 58.4, 14.0, 21.0],
        [75.0, 59.2, 15.0, 27.0],
        [78.0, 60.3, 15.0, 27.0],
        [75.0, 57.4, 13.0, 22.0],
        [79.0, 59.5, 14.0, 26.0],
        [78.0, 58.1, 14.5, 26.0],
        [75.0, 58.0, 12.5, 23.0],
        [64.0, 55.5, 11.0, 22.0],
        [80.0, 59.2, 12.5, 22.0],
    ]
)

# Savings of 50 countries: ratio of savings, % of people under 15 and over 75, income, growth of income.
_SAVINGS = """
    11.43 29.35 2.87 2329.68 2.87  12.07 23.32 4.41 1507.99 3.93  13.17 23.80 4.43 2108.47 3.82
    5.75 41.89 1.67 189.13 0.22  12.88 42.19 0.83 728.47 4.56  8.79 31.72 2.85 2982.88 2.43
    0.60 39.74 1.34 662.86 2.67  11.90 44.75 0.67 289.52 6.51  4.98 46.64 1.06 276.65 3.08
    10.78 47.64 1.14 471.24 2.80  16.85 24.42 3.93 2496.53 3.99  3.59 46.31 1.19 287.77 2.19
    11.24 27.84 2.37 1681.25 4.32  12.64 25.06 4.70 2213.82 4.52  12.55 23.31 3.35 2457.12 3.44
    10.67 25.62 3.10 870.85 6.28  3.01 46.05 0.87 289.71 1.48  7.70 47.32 0.58 232.44 3.19
    1.27 34.03 3.08 1900.10 1.12  9.00 41.31 0.96 88.94 1.54  11.34 31.16 4.19 1139.95 2.99
    14.28 24.52 3.48 1390.00 3.54  21.10 27.01 1.91 1257.28 8.21  3.98 41.74 0.91 207.68 5.81
    10.35 21.80 3.73 2449.39 1.57  15.48 32.54 2.47 601.05 8.12  10.25 25.95 3.67 2231.03 3.62
    14.65 24.71 3.25 1740.70 7.66  10.67 32.61 3.17 1487.52 1.76  7.30 45.04 1.21 325.54 2.48
    4.44 43.56 1.20 568.56 3.61  2.02 41.18 1.05 220.56 1.03  12.70 44.19 1.28 400.06 0.67
    12.78 46.26 1.12 152.01 2.00  12.49 28.96 2.85 579.51 7.48  11.14 31.94 2.28 651.11 2.19
    13.30 31.92 1.52 250.96 2.00  11.77 27.74 2.87 768.79 4.35  6.86 21.44 4.54 3299.49 3.01
    14.13 23.49 3.73 2630.96 2.70  5.13 43.42 1.08 389.66 2.96  2.81 46.12 1.21 249.87 1.13
    7.81 23.27 4.46 1813.93 2.01  7.56 29.81 3.43 4001.89 2.45  9.22 46.40 0.90 813.39 0.53
    18.56 45.25 0.56 138.33 5.14  7.72 41.12 1.73 380.47 10.23  9.24 28.13 2.72 766.54 1.88
    8.89 43.69 2.07 123.58 16.71  4.71 47.20 0.66 242.69 5.08
"""
SAVINGS = np.array(_SAVINGS.split(), dtype=float).reshape(50, 5)
