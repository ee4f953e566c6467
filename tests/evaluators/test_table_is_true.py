"""ShareBench's rows are what training gives: one of them is trained again here, from its first step."""

import json

import numpy as np
import pytest

from apportion.cli.config import Config
from apportion.cli.machine import machine, versions
from apportion.evaluators.measurement import Measurement, Scores
from apportion.evaluators.proposal import Proposal
from apportion.evaluators.protocol import Slot
from apportion.evaluators.registry import open_task
from apportion.evaluators.tables import Table, table_of

PATTERN, SEED = "live-0.2_random-0", 1
DECIDE_BITS = ("torch", "numpy", "torchvision")


@pytest.fixture(scope="module")
def table() -> Table:
    return table_of("sharebench")


@pytest.fixture(scope="module")
def again(table: Table) -> Measurement:
    """The pattern trained as the card says."""
    study = {**table.card.study, "name": "again", "budgets": [{"share": 0.2}], "search": {"controllers": ["shared"]}}
    config = Config.model_validate_json(json.dumps(study))
    bench = open_task(config.task("cpu", table.card.made["threads"]))
    proposal = Proposal("0", "table", table.patterns[PATTERN], None, table.card.epochs, SEED, "table")
    return bench.evaluator(proposal, Slot()).measurement


def losses(scores: Scores) -> list[float]:
    return [score.cross_entropy for score in scores.values()]


def pooled_deviation(table: Table, split: str, owner: str) -> float:
    """Of one run's final loss about its pattern's mean over seeds."""
    variances = [
        np.var([epochs[-1][split][owner].cross_entropy for epochs, _ in own.values()], ddof=1)
        for own in table.runs.values()
    ]
    return float(np.sqrt(np.mean(variances)))


def test_a_row_trained_again_is_the_same(table: Table, again: Measurement) -> None:
    epochs, _ = table.runs[PATTERN][SEED]
    before = table.card.made
    processor = machine().split(",")[0]
    same = before["machine"].split(",")[0] == processor and all(
        before["versions"][package] == versions()[package] for package in DECIDE_BITS
    )
    if same:
        for now, then in ((again.curve, "val"), (again.test_curve, "test")):
            for scores, row in zip(now, epochs, strict=True):
                assert losses(scores) == pytest.approx(losses(row[then]), rel=1e-6)
        return
    for split in ("val", "test"):
        for owner, score in again.splits[split].items():
            there = epochs[-1][split][owner].cross_entropy
            assert abs(score.cross_entropy - there) < 4 * pooled_deviation(table, split, owner)


def test_neighbouring_seeds_and_patterns_would_not_pass_for_it(table: Table, again: Measurement) -> None:
    rows = [(PATTERN, 2), ("live-0.2_random-1", SEED)]
    for pattern, seed in rows:
        row = table.runs[pattern][seed][0][-1]["val"]
        assert losses(again.splits["val"]) != pytest.approx(losses(row), rel=1e-4)
