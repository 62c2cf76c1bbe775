"""Print Markdown tables row by row."""


def print_head(*columns):
    """Print the header of a table."""
    print_row(*columns)
    print("|---" * len(columns) + "|", flush=True)


def print_row(*cells):
    """Print one row immediately, so that a long run shows its progress."""
    print(f"| {' | '.join(map(str, cells))} |", flush=True)


def both_ways(values, form=".3f"):
    """Format the values of both directions: X to y / y to X."""
    return " / ".join(f"{value:{form}}" for value in values)
