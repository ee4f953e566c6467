"""The comparison in a terminal, 80 columns wide."""

from typing import TYPE_CHECKING

from apportion.reports import words
from apportion.reports.compare.comparison import Comparison
from apportion.reports.compare.rows import Row
from apportion.reports.statistics import Interval, NotShown

if TYPE_CHECKING:
    from rich.table import Table

COLUMNS = ("controller", "runs", "trials", "best found", "charged", "loss", "\N{MINUS SIGN} reference", "p")


def cells(row: Row) -> list[str]:
    """One row, as plain text."""
    return [
        words.shown(row.controller, 16),
        str(row.runs),
        str(row.trials),
        words.with_interval(row.best),
        words.duration(row.seconds.mean) if row.seconds.n else words.DASH,
        words.number(row.loss.mean) if isinstance(row.loss, Interval) else words.DASH,
        "reference" if row.is_reference else difference(row),
        probability(row.declared.p if row.declared else None),
    ]


def difference(row: Row) -> str:
    """The paired difference with its interval; a dash where there is none."""
    found = row.declared.paired.interval if row.declared else None
    return words.with_interval(found, signed=True) if isinstance(found, Interval) else words.DASH


def probability(p: float | NotShown | None) -> str:
    """`.031`; a dash where there is none, which the notes explain."""
    if p is None or isinstance(p, NotShown):
        return words.DASH
    return "<.001" if p < 0.001 else f"{p:.3f}".removeprefix("0")


def comparison_table(comparison: Comparison) -> "Table":
    """A heading a budget; names are shown literally, never read as markup."""
    from rich.table import Table
    from rich.text import Text

    table = Table(header_style="bold", box=None, pad_edge=False, collapse_padding=True)
    for i, name in enumerate(COLUMNS):
        table.add_column(name, justify="right" if i else "left", no_wrap=True)
    previous: object = None
    for row in comparison.rows:
        if row.budget != previous:
            table.add_row()
            table.add_row(Text(words.budget_words(row.budget), style="bold"))
            previous = row.budget
        table.add_row(*map(Text, cells(row)))
    return table
