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
    n = str(scheme.loss.n) + (f" ({scheme.loss.missing} failed)" if scheme.loss.missing else "")
    n += f" ({scheme.pending} to come)" if scheme.pending else ""
    return [
        words.shown(scheme.controller),
        scheme.kind,
        words.budget_words(scheme.budget),
        words.percent(scheme.price.owned),
        f"{scheme.price.live:.2f}x",
        words.parameters(scheme.price.parameters),
        words.with_interval(scheme.loss),
        words.with_interval(scheme.accuracy, 2, 100.0),
        n,
    ]


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
    """A rich table; names are shown literally, never read as markup."""
    from rich.table import Table
    from rich.text import Text

    table = Table(caption=Text(caption(results)), caption_justify="left", header_style="bold")
    for i, name in enumerate(COLUMNS):
        table.add_column(name, justify="left" if i < LEFT else "right", no_wrap=i >= LEFT)
    previous: object = None
    for scheme in ranked(results):
        if scheme.budget != previous:
            table.add_section()
            previous = scheme.budget
        table.add_row(*(Text(cell) for cell in cells(scheme)))
    return table
