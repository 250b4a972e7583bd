"""Medians, percentiles and the tables that show them."""
import statistics


def median(values):
    return statistics.median(values)


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def row(values):
    """p50, p95 and the least."""
    return median(values), percentile(values, 0.95), min(values)


class Table:
    """A Markdown table that reads well as plain text, too."""

    def __init__(self, title, columns):
        self.title, self.columns, self.rows, self.notes = title, columns, [], []

    def add(self, *cells):
        self.rows.append([str(cell) for cell in cells])

    def note(self, text):
        self.notes.append(text)

    def __str__(self):
        widths = [max(len(line[i]) for line in [self.columns, *self.rows]) for i in range(len(self.columns))]
        def line(cells):
            first, *rest = [cell.ljust(width) if i == 0 else cell.rjust(width) for i, (cell, width) in enumerate(zip(cells, widths))]
            return "| " + " | ".join([first, *rest]) + " |"
        rule = "|" + "|".join("-" * (width + 2) if i == 0 else "-" * (width + 1) + ":" for i, width in enumerate(widths)) + "|"
        text = [f"### {self.title}", "", line(self.columns), rule, *map(line, self.rows)]
        if self.notes:
            text += [""] + [f"- {note}" for note in self.notes]
        return "\n".join(text) + "\n"


def ms(seconds):
    return f"{seconds * 1000:.2f}"


def verdict(good):
    return "reached" if good else "**missed**"
