"""`trials.csv`: every trial of a study, for whoever wants to compute something else from it."""

import csv
import io
import math

from apportion.reports.results import Results
from apportion.reports.trial_rows import TrialRow, domains_of, trial_rows

Cell = str | int | float | None


def trials_csv(results: Results) -> str:
    """The file's text: a header row, then one row per trial. Empty cells are unknown, never zero."""
    domains = domains_of(results.study)
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    rows = [_cells(row, domains) for row in trial_rows(results)]
    writer.writerow([safe(name) for name in _columns(domains)])
    writer.writerows([safe(cell) for cell in row.values()] for row in rows)
    return file.getvalue()


def safe(cell: Cell) -> Cell:
    """Text that a spreadsheet would run as a formula gets an apostrophe in front; numbers pass.

    https://owasp.org/www-community/attacks/CSV_Injection names these characters.
    """
    if isinstance(cell, str):
        return "'" + cell if cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n")) else cell
    return None if isinstance(cell, float) and not math.isfinite(cell) else cell


def _columns(domains: tuple[str, ...]) -> list[str]:
    fixed = ["id", "controller", "kind", "budget", "purpose", "parent", "seed", "rung", "status", "duplicate_of"]
    fixed += ["loss_val", "loss_test", "accuracy_val", "accuracy_test", "owned_share", "live_backbones"]
    fixed += ["stored_parameters", "seconds", "failure"]
    return fixed + [name for domain in domains for name in _domain_columns(domain)]


def _domain_columns(domain: str) -> list[str]:
    return [f"{domain}.{what}_{split}" for split in ("val", "test") for what in ("accuracy", "cross_entropy")]


def _cells(row: TrialRow, domains: tuple[str, ...]) -> dict[str, Cell]:
    asked = row.proposal
    fixed: list[Cell] = [asked.id, asked.controller, row.kind, asked.budget.name if asked.budget else "", asked.purpose]
    fixed += [asked.parent or "", asked.seed, asked.rung, row.status, row.duplicate_of or ""]
    fixed += [row.loss_val, row.loss_test, _accuracy(row, "val"), _accuracy(row, "test")]
    fixed += [row.price.owned, row.price.live, int(row.price.parameters), row.seconds, row.message]
    for domain in domains:
        for scores in (row.val, row.test):
            score = scores.get(domain) if scores else None
            fixed += [score.accuracy, score.cross_entropy] if score else [None, None]
    return dict(zip(_columns(domains), fixed, strict=True))


def _accuracy(row: TrialRow, split: str) -> float | None:
    scores = row.val if split == "val" else row.test
    return math.fsum(score.accuracy for score in scores.values()) / len(scores) if scores else None
