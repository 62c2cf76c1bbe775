"""Arrange the figures of a canonical summary in tables, and print them as text.

A `Table` is the one form from which text, HTML and pandas objects are made.
"""

from textwrap import wrap
from typing import Any, NamedTuple

import numpy as np

from skdcca._utils.columns import shorten, strongest

WIDTH = 96
# Longer tables are cut in print.
MOST_ROWS = 20


class Column(NamedTuple):
    """One column of a table; `kind` is a key of `FORMATS`."""

    name: Any
    heading: str
    values: Any
    kind: str = "fixed"


class Table(NamedTuple):
    """Columns with the same rows; `shown` are the rows to print if there are too many for all."""

    key: str
    title: str
    label: str
    index: list
    columns: list
    notes: tuple = ()
    shown: Any = None


def printed_rows(table):
    """Return the numbers of the rows to print."""
    if len(table.index) <= MOST_ROWS:
        return range(len(table.index))
    return range(MOST_ROWS) if table.shown is None else table.shown


def printed_cells(column, rows):
    """Return the cells of a column as text."""
    return [FORMATS[column.kind](column.values[i]) for i in rows]


def left_out(table, n_columns):
    """Return a sentence with the number of rows and columns that are not printed, or an empty text."""
    parts = []
    if (rows := len(table.index) - len(printed_rows(table))) > 0:
        parts.append(counted(rows, "row") + ("" if table.shown is None else " of smaller loadings"))
    if (columns := len(table.columns) - n_columns) > 0:
        parts.append(counted(columns, "column"))
    return f"Not shown: {', '.join(parts)}. to_frames() has all." if parts else ""


def counted(n, noun):
    return f"{n} {noun}{'' if n == 1 else 's'}"


def as_text(table):
    """Return a table as lines of text with aligned columns."""
    rows = printed_rows(table)
    index = [shorten(table.index[i]) for i in rows]
    width = max(map(len, [table.label, *index]))
    lines = [f"{text:<{width}}" for text in [table.label, *index]]
    n_columns = 0
    for column in table.columns:
        cells = [column.heading, *printed_cells(column, rows)]
        width = max(8, *map(len, cells))
        if len(lines[0]) + width + 2 > WIDTH:
            break
        lines = [f"{line}  {cell:>{width}}" for line, cell in zip(lines, cells, strict=True)]
        n_columns += 1
    header, *body = lines
    notes = [note for note in (left_out(table, n_columns), *table.notes) if note]
    notes = [line for note in notes for line in wrap(note, WIDTH)]
    return "\n".join([table.title, "-" * WIDTH, header, *body, *notes])


def _fixed(value):
    text = f"{value:.4f}" if abs(value) < 1e5 else f"{value:.4g}"
    return "0.0000" if text == "-0.0000" else text


def _significant(value):
    return f"{value + 0.0:#.4g}".rstrip(".")  # adding 0 removes the sign of -0


def _p_value(value):
    return "<.0001" if value < 0.0001 else f"{value:.4f}"


def _degrees(value):
    return f"{value:.3f}".rstrip("0").rstrip(".")


FORMATS = {
    "fixed": _fixed,
    "significant": _significant,
    "p": _p_value,
    "degrees": _degrees,
    "text": str,
}


def tables_of(summary):
    """Return all tables of a summary, in the order in which they are printed."""
    tables = [_correlations(summary)]
    if (sizes := _sizes(summary)) is not None:
        tables.append(sizes)
    if summary.tests is not None:
        tables += [_tests(summary), _multivariate_tests(summary)]
    views = {"x": summary.x, "y": summary.y}
    # In their order, unlike in a picture, so that a column is easy to find.
    shown = {name: np.sort(strongest(view.loadings, MOST_ROWS)) for name, view in views.items()}
    for make in (_weights, _standardized_weights, _loadings, _cross_loadings):
        tables += [make(name, view, shown[name]) for name, view in views.items()]
    for weighting in ("standardized", "raw"):
        tables += [_variance(name, view, weighting, summary) for name, view in views.items()]
    return tables + [_r2(name, view, shown[name]) for name, view in views.items()]


_BY_COMPONENT, _BY_COLUMN = "Component", "Column"
_TITLES, _OTHERS = {"x": "X", "y": "y"}, {"x": "y", "y": "X"}


def _components(k):
    return [str(i + 1) for i in range(k)]


def _correlations(summary):
    columns = [Column("correlation", "Correlation", summary.correlations)]
    if summary.eigenvalues is None:
        columns.append(Column("variate_correlation", "Variates", summary.variate_correlations))
        columns.append(Column("squared", "Squared", summary.variate_correlations**2))
        notes = (
            "With a ridge, the correlations are the values of the objective, as in "
            "canonical_correlations_. Those of the variates on the same rows are larger.",
        )
    else:
        columns += [
            Column("squared", "Squared", summary.correlations**2),
            Column("eigenvalue", "Eigenvalue", summary.eigenvalues),
            Column("proportion", "Proportion", summary.proportions),
            Column("cumulative", "Cumulative", np.cumsum(summary.proportions)),
        ]
        notes = ("Eigenvalue = squared / (1 - squared).",)
    index = _components(len(summary.correlations))
    return Table("correlations", "Canonical correlations", _BY_COMPONENT, index, columns, notes)


def _sizes(summary):
    """Return the table of corrected and held-out correlations, or None if there are neither."""
    if summary.corrected is None and summary.held_out is None:
        return None
    k = len(summary.variate_correlations)
    if summary.held_out is not None:
        k = min(k, summary.held_out.shape[1])
    columns = [Column("correlation", "Training", summary.variate_correlations[:k])]
    notes = []
    if summary.corrected is not None:
        percent = f"{100 * summary.level:g} %"
        columns += [
            Column("corrected", "Corrected", summary.corrected[:k]),
            Column("corrected_low", f"{percent} low", summary.corrected_low[:k]),
            Column("corrected_high", f"{percent} high", summary.corrected_high[:k]),
        ]
        notes.append(_below(summary, k))
    if summary.held_out is not None:
        columns += [
            Column("held_out", "Held out", summary.held_out_mean),
            Column("held_out_spread", "SD of folds", summary.held_out_std),
        ]
    kinds = {"corrected": summary.corrected, "held-out": summary.held_out}
    kinds = [name for name, values in kinds.items() if values is not None]
    title = f"{' and '.join(kinds)} correlations".capitalize()
    return Table("sizes", title, _BY_COMPONENT, _components(k), columns, tuple(notes))


def _below(summary, k):
    below = [i + 1 for i in range(k) if not summary.detected[i]]
    if not below:
        return ""
    if len(below) == 1:
        found = f"Component {below[0]} is not detected: its interval begins at 0."
    else:
        to = "and" if len(below) == 2 else "to"
        found = (
            f"Components {below[0]} {to} {below[-1]} are not detected: their intervals begin at 0."
        )
    if summary.threshold == 0:
        return found
    return (
        f"{found} First correlations up to {summary.threshold:.4f} are hard to distinguish from chance "
        "with these rows."
    )


def _tests(summary):
    tests = summary.tests
    columns = [
        Column("wilks", "Wilks", tests["wilks"]),
        Column("f", "F", tests["f"]),
        Column("f_df1", "df 1", tests["f_df1"], "degrees"),
        Column("f_df2", "df 2", tests["f_df2"], "degrees"),
        Column("p_value", "p", tests["p_values"], "p"),
        Column("chi2", "Chi2", tests["chi2"]),
        Column("chi2_df", "df", tests["chi2_df"], "degrees"),
        Column("chi2_p_value", "p", tests["chi2_p_values"], "p"),
    ]
    title = "Tests that this and all later correlations are 0"
    return Table("tests", title, _BY_COMPONENT, _components(len(tests["wilks"])), columns)


_STATISTICS = {
    "wilks": "Wilks' lambda",
    "pillai": "Pillai's trace",
    "hotelling_lawley": "Hotelling-Lawley trace",
    "roy": "Roy's largest root",
}


def _multivariate_tests(summary):
    tests = [summary.multivariate_tests[name] for name in _STATISTICS]
    columns = [
        Column("statistic", "Value", np.array([_statistic(test) for test in tests])),
        Column("f", "F", np.array([test.f for test in tests])),
        Column("df1", "df 1", np.array([test.df1 for test in tests]), "degrees"),
        Column("df2", "df 2", np.array([test.df2 for test in tests]), "degrees"),
        Column("p_value", "p", np.array([test.p_value for test in tests]), "p"),
    ]
    index = list(_STATISTICS.values())
    notes = ("F of Roy's root is an upper bound, so its p-value is a lower bound.",)
    title = "Tests that all correlations are 0"
    return Table("multivariate_tests", title, "Statistic", index, columns, notes)


def _statistic(test):
    # Roy's root is printed as the eigenvalue, as in SAS and statsmodels.
    return test.get("eigenvalue", test.statistic)


def _by_component(values, kind="fixed"):
    return [Column(i + 1, str(i + 1), column, kind) for i, column in enumerate(values.T)]


def _weights(name, view, shown):
    columns = _by_component(view.weights, "significant")
    return Table(
        f"{name}_weights", f"Weights of {_TITLES[name]}", _BY_COLUMN, view.names, columns, (), shown
    )


def _standardized_weights(name, view, shown):
    columns = _by_component(view.standardized_weights)
    title = f"Standardized weights of {_TITLES[name]}"
    return Table(f"{name}_standardized_weights", title, _BY_COLUMN, view.names, columns, (), shown)


def _loadings(name, view, shown):
    communality = Column("communality", "Communality", view.communalities)
    columns = [communality, *_by_component(view.loadings)]
    title = f"Loadings of {_TITLES[name]}: correlations with the variates of {_TITLES[name]}"
    return Table(f"{name}_loadings", title, _BY_COLUMN, view.names, columns, (), shown)


def _cross_loadings(name, view, shown):
    title, other = _TITLES[name], _OTHERS[name]
    title = f"Cross-loadings of {title}: correlations with the variates of {other}"
    columns = _by_component(view.cross_loadings)
    return Table(f"{name}_cross_loadings", title, _BY_COLUMN, view.names, columns, (), shown)


def _variance(name, view, weighting, summary):
    suffix = "" if weighting == "standardized" else "_raw"
    columns = [
        Column("explained", "Explained", view[f"variance_explained{suffix}"]),
        Column(
            "explained_cumulative", "Cumulative", view[f"variance_explained_cumulative{suffix}"]
        ),
        Column("squared", "Squared r", summary.variate_correlations**2),
        Column("redundancy", "Redundancy", view[f"redundancy{suffix}"]),
        Column("redundancy_cumulative", "Cumulative", view[f"redundancy_cumulative{suffix}"]),
    ]
    title, other = _TITLES[name], _OTHERS[name]
    title = f"Variance of {title} ({weighting}) explained by its variates, and by those of {other}"
    index = _components(len(summary.variate_correlations))
    return Table(f"{name}_variance{suffix}", title, _BY_COMPONENT, index, columns)


def _r2(name, view, shown):
    title, other = _TITLES[name], _OTHERS[name]
    title = f"R2 of the columns of {title} by the first k variates of {other}"
    return Table(f"{name}_r2", title, _BY_COLUMN, view.names, _by_component(view.r2), (), shown)
