"""Every trial, in a table that can be sorted; failures say why."""

from apportion.reports import words
from apportion.reports.page.markup import Child, Markup, element, join, label
from apportion.reports.page.tables import Cell, Column, table
from apportion.reports.results import Results
from apportion.reports.sections.section import Fragment, Section
from apportion.reports.trial_rows import TrialRow, trial_rows

COLUMNS = [
    Column("trial"), Column("controller"), Column("kind"), Column("budget"), Column("purpose"),
    Column("seed", True), Column("epochs", True), Column("loss, val", True), Column("loss, test", True),
    Column("accuracy %", True), Column("owned", True), Column("live", True), Column("parameters", True),
    Column("seconds", True), Column("what became of it"),
]  # fmt: skip


def render(results: Results) -> Fragment:
    """The table of all trials."""
    rows = trial_rows(results)
    if not rows:
        return Fragment(element("p", "No trial has been asked for yet."))
    classes = ["duplicate" if row.duplicate_of else "" if row.status == "measured" else row.status for row in rows]
    body = table(COLUMNS, [_cells(row) for row in rows], True, _counts(rows), classes, tall=len(rows) > 25)
    return Fragment(body)


def _counts(rows: list[TrialRow]) -> str:
    failed = sum(row.status == "failed" for row in rows)
    pending = sum(row.status == "pending" for row in rows)
    duplicates = sum(row.duplicate_of is not None for row in rows)
    return (
        f"{words.plural(len(rows), 'trial')}: {failed} failed, {pending} under way, {duplicates} repeated an earlier"
        " one at no cost. Accuracy is on test images where they were scored, else on validation images. All numbers are"
        " in trials.csv."
    )


def _cells(row: TrialRow) -> list[Cell | Child]:
    asked = row.proposal
    return [
        label(asked.id),
        label(asked.controller),
        row.kind,
        words.budget_words(asked.budget),
        asked.purpose,
        _number(asked.seed, str(asked.seed)),
        _number(asked.rung, str(asked.rung)),
        _number(row.loss_val, words.number(row.loss_val)),
        _number(row.loss_test, words.number(row.loss_test)),
        _number(row.accuracy, words.number(None if row.accuracy is None else 100 * row.accuracy, 2)),
        _number(row.price.owned, words.percent(row.price.owned)),
        _number(row.price.live, f"{row.price.live:.2f}x"),
        _number(row.price.parameters, words.count(row.price.parameters)),
        _number(row.seconds, f"{row.seconds:.1f}" if row.status != "pending" else words.DASH),
        _outcome(row),
    ]


def _number(value: float | None, shown: str) -> Cell:
    return Cell(shown, "" if value is None else value)


def _outcome(row: TrialRow) -> Markup:
    if row.status == "failed":
        return join("failed: ", element("span", words.shown(row.message, 2000), class_="long"))
    if row.duplicate_of:
        return join("same as ", label(row.duplicate_of))
    return join("under way" if row.status == "pending" else "measured")


TRIALS = Section("trials", "Trials", "Everything that was run. A header sorts; a second press turns it round.", render)
