"""Print the tables of a canonical summary as HTML.

The tables are plain: they have no colors, so that they are readable on a dark page, and no scripts.
"""

from html import escape

from skdcca.inference._summary_tables import left_out, printed_cells, printed_rows

_TABLE = "text-align: right; border-spacing: 1em 0; margin-bottom: 1em"
_CAPTION = "text-align: left; font-weight: bold; white-space: nowrap; padding: 0 1em"
_NAME = "text-align: left"


def as_html(header, tables, notes):
    """Return the tables as HTML, below the lines of the header and above the notes."""
    parts = ["<div>", *(_paragraph(line) for line in header), *map(_table, tables)]
    return "\n".join([*parts, *map(_paragraph, notes), "</div>"])


def _paragraph(text):
    return f"<p>{escape(text)}</p>"


def _table(table):
    rows = printed_rows(table)
    cells = [printed_cells(column, rows) for column in table.columns]
    body = [_row(table.index[i], [column[k] for column in cells]) for k, i in enumerate(rows)]
    headings = [f'<th scope="col">{escape(column.heading)}</th>' for column in table.columns]
    label = f'<th scope="col" style="{_NAME}">{escape(table.label)}</th>'
    notes = [left_out(table, len(table.columns)), *table.notes]
    return "\n".join(
        [
            f'<table style="{_TABLE}">',
            f'<caption style="{_CAPTION}">{escape(table.title)}</caption>',
            f"<thead><tr>{label}{''.join(headings)}</tr></thead>",
            "<tbody>",
            *body,
            "</tbody>",
            "</table>",
            *(_paragraph(note) for note in notes if note),
        ]
    )


def _row(name, cells):
    cells = "".join(f"<td>{escape(cell)}</td>" for cell in cells)
    return f'<tr><th scope="row" style="{_NAME}">{escape(name)}</th>{cells}</tr>'
