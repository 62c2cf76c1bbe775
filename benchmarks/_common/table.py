"""Markdown tables, printed row by row."""


def print_head(*columns):
    """Print the names of the columns and the line below them."""
    print_row(*columns)
    print("|---" * len(columns) + "|", flush=True)


def print_row(*cells):
    """Print one row at once, so that a long run shows its progress."""
    print(f"| {' | '.join(map(str, cells))} |", flush=True)


def both_ways(values, form=".3f"):
    """Format the figures of both directions: there / back."""
    return " / ".join(f"{value:{form}}" for value in values)
