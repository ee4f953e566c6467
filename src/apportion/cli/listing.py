"""`apportion list`: what is registered, and the runs that are there."""

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

from apportion.errors import InputError
from apportion.registry import Described, suggestion

if TYPE_CHECKING:
    from apportion.evaluators.tables import Card

Rows = list[tuple[str, str]]


def listing(kind: str | None, runs: Path, as_json: bool) -> None:
    """Print name and one line of each entry of `kind`, or of all kinds."""
    kinds = _kinds(runs)
    if kind is not None and kind not in kinds:
        raise InputError("list", repr(kind), "there is nothing of this kind to list", suggestion(kind, kinds))
    shown = {name: rows() for name, rows in kinds.items() if kind in (None, name)}
    if as_json:
        print(json.dumps({name: dict(rows) for name, rows in shown.items()}, indent=1))
        return
    console = Console()
    for name, rows in shown.items():
        table = Table(title=name, title_justify="left", title_style="bold", show_header=False, box=None, pad_edge=False)
        table.add_column(no_wrap=True)
        table.add_column()
        for entry, summary in rows:
            table.add_row(Text(entry), Text(summary))
        console.print(table if rows else f"{name}: none")
        console.print()


def _kinds(runs: Path) -> dict[str, Callable[[], Rows]]:
    """Each kind with a function that looks it up: only what is asked for is imported."""

    def controllers() -> Rows:
        from apportion.search.controllers import controllers as registry

        return [(entry.name, f"[{entry.kind}] {entry.summary}") for entry in registry]

    def backbones() -> Rows:
        from apportion.spaces.backbones import backbones as registry
        from apportion.spaces.backbones.lookup import other_names

        return _rows(registry) + other_names()

    def operators() -> Rows:
        from apportion.spaces.operators import operators as registry

        return _rows(registry)

    def orders() -> Rows:
        from apportion.spaces.orders import orders as registry

        return _rows(registry)

    def datasets() -> Rows:
        from apportion.evaluators.data import datasets as registry

        return _rows(registry)

    def evaluators() -> Rows:
        from apportion.evaluators.registry import evaluators as registry

        return _rows(registry)

    def scorers() -> Rows:
        from apportion.evaluators.scorers import scorers as registry

        return [(entry.name, f"[of {entry.of}] {entry.summary}") for entry in registry]

    def tables() -> Rows:
        from apportion.evaluators.tables import card_of, names

        return [(name, _table(card_of(name))) for name in names()]

    def regimes() -> Rows:
        from apportion.evaluators.training.regimes import regimes as registry

        return _rows(registry)

    def sections() -> Rows:
        from apportion.reports.sections import sections as registry

        return _rows(registry)

    return {
        "controllers": controllers,
        "backbones": backbones,
        "operators": operators,
        "orders": orders,
        "datasets": datasets,
        "evaluators": evaluators,
        "scorers": scorers,
        "tables": tables,
        "regimes": regimes,
        "sections": sections,
        "runs": lambda: _runs(runs),
    }


def _rows(entries: Iterable[Described]) -> Rows:
    return [(entry.name, entry.summary) for entry in entries]


def _table(card: "Card") -> str:
    grid = ", ".join(f"{key} {value}" for key, value in card.grid.items())
    return f"{card.title}; {card.patterns} patterns, {len(card.seeds)} seeds each; space: {grid}"


def _runs(folder: Path) -> Rows:
    from apportion.search.study import LOG_NAME, open_study

    rows: Rows = []
    for log in sorted(folder.glob(f"*/{LOG_NAME}")):
        try:
            study = open_study(log.parent)
        except InputError as problem:
            rows.append((log.parent.name, str(problem)))
            continue
        state = "finished" if study.finished else f"unfinished, {len(study.trials)} of {study.planned} trials"
        rows.append((log.parent.name, state))
    return rows
