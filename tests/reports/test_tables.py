"""The table in the terminal and trials.csv."""

import csv
import io
from dataclasses import replace

import pytest
from rich.console import Console

from apportion.reports import ranked_table, results_of
from apportion.reports.tables import ranked
from apportion.reports.trials_csv import safe, trials_csv
from tests.reports.builders import HOSTILE, Builder, hostile, simulated, study


def printed(results_study: object = None) -> str:
    console = Console(file=io.StringIO(), width=160)
    console.print(ranked_table(results_of(results_study)))  # type: ignore[arg-type]
    file = console.file
    assert isinstance(file, io.StringIO)
    return file.getvalue()


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_within_a_budget_the_least_loss_stands_first() -> None:
    results = results_of(simulated())
    for budget in results.budgets:
        losses = [scheme.loss.mean for scheme in ranked(results) if scheme.budget == budget]
        assert losses == sorted(losses)
    assert [scheme.budget for scheme in ranked(results)[:2]] == [None, None]


def test_the_table_names_split_seeds_and_interval() -> None:
    text = printed(simulated(seeds=3))
    assert "Mean over 3 seeds on test images, with its 95 % Student-t interval." in text
    assert "equal_spend" in text and "±" in text


def test_failed_seeds_stand_in_the_table() -> None:
    builder = Builder()
    builder.tell("shared", None, purpose="anchor")
    builder.tell("shared", 0.5, seed=1, purpose="anchor")
    builder.tell("bottom", 0.4, purpose="retrain")
    assert "1 (1 failed)" in printed(builder.study())


def test_names_are_not_read_as_markup_of_the_terminal() -> None:
    builder = Builder()
    builder.tell("[bold red]me[/]", 0.5, purpose="retrain")
    assert "[bold red]me[/]" in printed(builder.study())


def test_an_empty_study_prints_an_empty_table() -> None:
    assert "Nothing has been measured yet." in printed(study())


def test_the_csv_has_a_row_per_trial_pending_ones_included() -> None:
    base = simulated(seeds=2)
    pending = replace(base, trials=base.trials[:-1], pending=(base.trials[-1].proposal,))
    rows = rows_of(trials_csv(results_of(pending)))
    assert [row["id"] for row in rows] == [trial.proposal.id for trial in base.trials]
    assert rows[-1]["status"] == "pending" and rows[-1]["loss_val"] == ""


def test_numbers_survive_the_csv_unrounded() -> None:
    base = simulated(seeds=2)
    row, trial = rows_of(trials_csv(results_of(base)))[0], base.trials[0]
    assert not isinstance(trial.outcome, str)
    scores = trial.outcome.splits["test"]  # type: ignore[union-attr]
    assert float(row["loss_test"]) == base.header.objective(scores)
    assert float(row["photos.accuracy_test"]) == scores["photos"].accuracy
    assert float(row["glyphs.cross_entropy_test"]) == scores["glyphs"].cross_entropy


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_what_a_spreadsheet_would_run_gets_an_apostrophe(text: str) -> None:
    assert safe(text) == "'" + text


def test_numbers_and_plain_text_pass() -> None:
    assert (safe(-1.5), safe("bottom"), safe(""), safe(None), safe(float("nan"))) == (-1.5, "bottom", "", None, None)


def test_hostile_names_come_back_from_the_csv_as_data() -> None:
    base = hostile()
    text = trials_csv(results_of(base))
    rows = rows_of(text)
    assert len(rows) == len(base.trials)
    assert not any(value.startswith(("=", "@", "+")) for row in rows for value in row.values())
    assert any(row["id"].startswith("'" + HOSTILE[3]) for row in rows)


def test_duplicates_cost_nothing_and_failures_say_why() -> None:
    builder = Builder()
    first = builder.tell("bottom", 0.4)
    builder.tell("tpe", 0.4, duplicate_of=first.proposal.id)
    builder.tell("tpe", None)
    one, two, three = rows_of(trials_csv(results_of(builder.study())))
    assert (one["seconds"], two["seconds"], two["duplicate_of"]) == ("10.0", "0.0", "t0")
    assert (three["status"], three["failure"]) == ("failed", "diverged: loss became NaN in photos at step 12")
