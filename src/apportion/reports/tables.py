"""The ranked table that a terminal shows when a search ends."""

from typing import TYPE_CHECKING

from apportion.reports import words
from apportion.reports.results import Results
from apportion.reports.schemes import Scheme

if TYPE_CHECKING:
    from rich.table import Table


def ranked(results: Results) -> list[Scheme]:
    """Anchors, then budget by budget; within one the least loss first, unmeasured schemes last."""
    ranks: dict[object, int] = {None: -1} | {budget: i for i, budget in enumerate(results.budgets)}
    return sorted(
        results.schemes,
        key=lambda s: (ranks[s.budget], not s.loss.n, s.loss.mean if s.loss.n else 0.0, s.controller),
    )


def cells(scheme: Scheme) -> list[str]:
    """One row: scheme, kind, budget, owned, live, parameters, loss, accuracy, n. Plain text, not escaped."""
    pending = f" ({scheme.pending} to come)" if scheme.pending else ""
    return [
        words.shown(scheme.controller),
        scheme.kind,
        words.budget_words(scheme.budget),
        words.percent(scheme.price.owned),
        f"{scheme.price.live:.2f}x",
        words.parameters(scheme.price.parameters),
        words.with_interval(scheme.loss),
        words.with_interval(scheme.accuracy, 2, 100.0),
        _seeds(scheme) + pending,
    ]


def _seeds(scheme: Scheme) -> str:
    return f"{scheme.loss.n}" + (f" ({scheme.loss.missing} failed)" if scheme.loss.missing else "")


COLUMNS = ("scheme", "kind", "budget", "owned", "live", "parameters", "loss", "accuracy %", "n")
LEFT = 3
"""Columns of text, aligned left; the others are numbers."""


def caption(results: Results) -> str:
    """What the numbers are, in a line: split, interval, n. Stands under every table and picture."""
    if not results.measured:
        return "Nothing has been measured yet."
    seeds = sorted({scheme.loss.n for scheme in results.measured})
    n = words.plural(seeds[0], "seed") if len(seeds) == 1 else f"{seeds[0]} to {seeds[-1]} seeds"
    text = f"Mean over {n} on {words.SPLIT_WORDS[results.split]}"
    text += ", with its 95 % Student-t interval." if seeds[-1] > 1 else "; one seed shows no spread."
    if results.provisional:
        text += " Provisional: best search trial so far, nothing was retrained yet."
    return text


def ranked_table(results: Results) -> "Table":
    """A rich table that fits 80 columns: a heading a budget, the budget's own column left out.

    Names are shown literally, never read as markup.
    """
    from rich.table import Table
    from rich.text import Text

    budget_column = COLUMNS.index("budget")
    table = Table(
        caption=Text(caption(results)),
        caption_justify="left",
        header_style="bold",
        box=None,
        pad_edge=False,
        collapse_padding=True,
    )
    for i, name in enumerate(COLUMNS):
        if i != budget_column:
            # The page has room for the whole word.
            short = "params" if name == "parameters" else name
            table.add_column(short, justify="left" if i < LEFT else "right", no_wrap=True)
    previous: object = results  # no scheme's budget, so that the first row has its heading too
    for scheme in ranked(results):
        if scheme.budget != previous:
            table.add_row()
            table.add_row(Text(_heading(scheme), style="bold"))
            previous = scheme.budget
        # Seeds still to come are left to the page: in every row they would cost the names their width.
        row = [*cells(scheme)[:-1], _seeds(scheme)]
        table.add_row(*(Text(cell) for i, cell in enumerate(row) if i != budget_column))
    return table


def _heading(scheme: Scheme) -> str:
    return "no budget" if scheme.budget is None else words.budget_words(scheme.budget)
