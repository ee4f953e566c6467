"""Seconds per controller: own runs, shared steps once each, duplicates free."""

import pytest

from apportion.evaluators.measurement import Artifact
from apportion.reports.sections.costs import costs, spent
from tests.reports.builders import Builder, study


def test_a_shared_step_is_charged_once_to_each_controller_and_once_in_all() -> None:
    builder = Builder()
    builder.tell("bottom", 0.5, artifacts=("warm",))
    builder.tell("bottom", 0.5, seed=1, purpose="retrain", artifacts=("warm",))
    builder.tell("tpe", 0.5, artifacts=("warm", "other"))
    made = builder.study(
        artifacts={"warm": Artifact("warm", "w", "0", 100.0), "other": Artifact("other", "o", "0", 7.0)}
    )
    bottom, tpe = costs(made)
    assert (bottom.searching, bottom.retraining, bottom.shared, bottom.total) == (10.0, 10.0, 100.0, 120.0)
    assert (tpe.shared, tpe.total) == (107.0, 117.0)
    assert spent(made) == pytest.approx(30.0 + 107.0)


def test_duplicates_are_free_and_failures_are_paid() -> None:
    builder = Builder()
    builder.tell("tpe", 0.5)
    builder.tell("tpe", 0.5, duplicate_of="t0")
    builder.tell("tpe", None)
    (tpe,) = costs(builder.study())
    assert (tpe.trials, tpe.failed, tpe.duplicates, tpe.total) == (3, 1, 1, 13.0)


def test_no_trial_costs_nothing() -> None:
    assert costs(study()) == [] and spent(study()) == 0
