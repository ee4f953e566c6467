"""A computation that was stopped or killed goes on where it was and ends bit-equal; a finished one is not repeated."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from apportion.evaluators.protocol import Stopped
from tests.evaluators.scorers.builders import After, equal, in_sittings, laboratory, tensors, train

SCORERS: dict[str, dict[str, Any]] = {
    "fisher": {"batches": 7},
    "gradient_variance": {"batches": 7},
    "task_vector": {},
    "rung1": {},
    "delta_supernet": {},
}
START: dict[str, Any] = {"start": {"joint": 1}}


@pytest.mark.parametrize("scorer", SCORERS)
def test_stopped_every_few_steps_it_still_ends_with_the_same_bits(scorer: str, tmp_path: Path) -> None:
    evaluator = train()
    options = {**START, **SCORERS[scorer]}
    found, sittings = in_sittings(evaluator, tmp_path, scorer, looks=4, **options)
    assert sittings > 2
    assert equal(found, tensors(laboratory(evaluator), scorer, **options))


@pytest.mark.parametrize("scorer", SCORERS)
def test_a_stop_is_heard_before_the_work_is_done(scorer: str) -> None:
    lab = laboratory(train())
    lab.stop = After(0)
    with pytest.raises(Stopped):
        tensors(lab, scorer, start="template", **SCORERS[scorer])


@pytest.mark.parametrize("scorer", [*SCORERS, "depth"])
def test_a_second_call_computes_nothing_in_the_same_study_or_a_later_sitting(scorer: str, tmp_path: Path) -> None:
    evaluator, options = train(epochs=1), SCORERS.get(scorer, {})
    lab = laboratory(evaluator, tmp_path)
    first = tensors(lab, scorer, **options)

    def unbuildable(seed: int) -> torch.nn.Module:
        raise AssertionError("nothing needs a network any more")

    lab.evaluator = replace(evaluator, template=unbuildable)
    assert equal(tensors(lab, scorer, **options), first)
    later = laboratory(replace(evaluator, template=unbuildable), tmp_path)
    assert equal(tensors(later, scorer, **options), first)
    for path in (tmp_path / "artifacts").glob("*.json"):
        assert json.loads(path.read_text())["seconds"] > 0


def test_a_joint_start_is_computed_once_for_all_scorers() -> None:
    lab = laboratory(train(epochs=1))
    tensors(lab, "fisher", batches=1, **START)
    start = lab.card("start/joint-1/seed-0")
    tensors(lab, "task_vector", **START)
    assert start is not None
    assert lab.card("start/joint-1/seed-0") == start


def test_patterns_that_were_scored_are_not_scored_again_after_a_crash(tmp_path: Path) -> None:
    evaluator = train(epochs=1)
    options: dict[str, Any] = {"start": "template"}
    expected = tensors(laboratory(evaluator), "rung1", **options)
    lab, trainings = laboratory(evaluator, tmp_path), 0

    class Source:
        """Breaks in the third training."""

        def __getattr__(self, name: str) -> Any:
            return getattr(evaluator.source, name)

        def training(self, *args: Any) -> Any:
            nonlocal trainings
            trainings += 1
            if trainings == 3:
                raise ConnectionError
            return evaluator.source.training(*args)

    lab.evaluator = replace(evaluator, source=Source())
    with pytest.raises(ConnectionError):
        tensors(lab, "rung1", **options)
    again = laboratory(replace(evaluator, source=Source()), tmp_path)
    assert equal(tensors(again, "rung1", **options), expected)
    assert trainings == 4


KILLED = """
import json, sys
from pathlib import Path
import torch
from apportion.evaluators.training import keeper
from tests.evaluators.scorers.builders import laboratory, tensors, train
torch.set_num_threads(1)
keeper._EVERY_SECONDS = 0.0  # after every step
scorer, folder, options = sys.argv[1], Path(sys.argv[2]), json.loads(sys.argv[3])
tensors(laboratory(train(epochs=10), folder), scorer, **options)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("scorer", "options"),
    [
        ("gradient_variance", {"batches": 60, "start": "template"}),
        ("task_vector", {"start": "template"}),
        ("rung1", {"epochs": 10, "start": "template"}),
        ("delta_supernet", {"start": "template"}),
    ],
)
def test_killed_in_the_middle_it_goes_on_and_ends_with_the_same_bits(
    scorer: str, options: dict[str, Any], tmp_path: Path
) -> None:
    child = subprocess.Popen([sys.executable, "-c", KILLED, scorer, str(tmp_path), json.dumps(options)])
    try:
        _wait_for_steps(child, tmp_path / "checkpoints", 5)
    finally:
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
    assert not list((tmp_path / "artifacts").glob("*.safetensors"))
    evaluator = train(epochs=10)
    assert equal(
        tensors(laboratory(evaluator, tmp_path), scorer, **options), tensors(laboratory(evaluator), scorer, **options)
    )


def _wait_for_steps(child: "subprocess.Popen[bytes]", folder: Path, steps: int) -> None:
    """Until the checkpoint of a computation under way has that many steps."""
    for _ in range(6000):
        assert child.poll() is None, "it ended before it could be killed"
        for path in folder.glob("*.checkpoint"):
            facts = json.loads(path.read_bytes().split(b"\n", 2)[1])
            if facts["done"] >= steps:
                return
        time.sleep(0.01)
    raise AssertionError("no checkpoint came")
