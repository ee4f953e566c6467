"""A trial stopped at any step and taken up again is bit-equal to one that ran through."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from apportion.cli.config import config_from
from apportion.evaluators.data import DataOptions
from apportion.evaluators.measurement import Measurement
from apportion.evaluators.proposal import Proposal
from apportion.evaluators.protocol import Outcome, Slot, Stopped
from apportion.evaluators.registry import open_task
from apportion.evaluators.task import Bench, Task
from apportion.evaluators.training.checkpoints import load_model
from apportion.evaluators.training.options import OptimizerOptions, TrainOptions, WarmUpOptions
from apportion.search.study import LOG_NAME, from_json
from apportion.search.study_log import read_log
from apportion.spaces.budget import Budget
from apportion.spaces.options import BackboneOptions, SpaceOptions
from tests.cli.programs import TINY, config


class After:
    """Asks to stop when it has been looked at `looks` times."""

    def __init__(self, looks: int) -> None:
        self.looks = looks

    def is_set(self) -> bool:
        self.looks -= 1
        return self.looks < 0


def bench(optimizer: str) -> Bench:
    options = TrainOptions(
        form="compose",
        epochs=2,
        batch=400,
        optimizer=OptimizerOptions(name=optimizer, lr=0.01),
        warm_up=WarmUpOptions(shared_epochs=1),
    )
    backbone = BackboneOptions(name="resnet8", options={"width": 4, "stem_stride": 2})
    return open_task(Task(backbone, SpaceOptions(), DataOptions(domains=["digits", "photos"], image_size=16), options))


def proposal(bench: Bench) -> Proposal:
    budget = Budget("live", 0.4)
    pattern = bench.space.decode([1.0] * bench.space.dimension, budget)
    return Proposal("tpe/live-0.4/1/seed-1", "tpe", pattern, budget, 2, 1, "retrain", "tpe/live-0.4/1")


def splits(outcome: Outcome) -> object:
    return replace(outcome.measurement, seconds=0.0, peak_bytes=0)


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_a_trial_stopped_at_every_step_ends_as_one_that_ran_through(tmp_path: Path, optimizer: str) -> None:
    opened = bench(optimizer)
    asked = proposal(opened)
    whole = opened.evaluator(asked, Slot(tmp_path / "whole", keep_weights=True))
    slot = Slot(tmp_path / "stopped", keep_weights=True, checkpoint=tmp_path / "trial.checkpoint")
    stops = 0
    while True:
        try:
            # One step forward at a time: the first look is after the first step that is new.
            outcome = opened.evaluator(asked, replace(slot, stop=After(1 + stops % 2)))
            break
        except Stopped:
            stops += 1
            assert stops < 50
    # Two epochs of five steps, the last of an epoch not looked after; some sittings take two looks.
    assert stops >= 3
    assert splits(outcome) == splits(whole)
    mine, theirs = (load_model(tmp_path / name)[0] for name in ("stopped", "whole"))
    assert all(torch.equal(mine[name], theirs[name]) for name in theirs)


def test_a_damaged_or_foreign_checkpoint_is_not_taken_up(tmp_path: Path) -> None:
    opened = bench("adamw")
    asked = proposal(opened)
    whole = splits(opened.evaluator(asked, Slot()))
    slot = Slot(checkpoint=tmp_path / "trial.checkpoint")
    with pytest.raises(Stopped):
        opened.evaluator(asked, replace(slot, stop=After(2)))
    content = (tmp_path / "trial.checkpoint").read_bytes()
    damaged = bytearray(content)
    damaged[-10] ^= 1
    (tmp_path / "trial.checkpoint").write_bytes(bytes(damaged))
    assert splits(opened.evaluator(asked, slot)) == whole
    (tmp_path / "trial.checkpoint").write_bytes(content)
    other = replace(asked, seed=2, id="tpe/live-0.4/1/seed-2")
    assert splits(opened.evaluator(other, slot)) == splits(opened.evaluator(other, Slot()))


def test_running_out_of_memory_is_a_failed_trial_that_leaves_the_next_one_clean(tmp_path: Path) -> None:
    import subprocess
    import sys

    code = """
import resource, sys
from dataclasses import replace
from apportion.evaluators.protocol import Slot, TrialFailed
from tests.search.test_stopping import bench, proposal
opened = bench("adamw")
asked = proposal(opened)
opened.evaluator(asked, Slot())
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 2**26, -1))
huge = replace(opened.evaluator, options=opened.evaluator.options.model_copy(update={"batch": 200_000}))
try:
    huge(replace(asked, rung=1), Slot())
except TrialFailed as failed:
    print(failed.reason, "|", failed.message)
opened.evaluator(asked, Slot())
print("clean")
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=Path(__file__).parents[2])
    assert ran.returncode == 0, ran.stderr
    first, second = ran.stdout.splitlines()
    assert first.startswith("out of memory | peak ")
    assert "lower evaluator.batch" in first
    assert second == "clean"


OUT_OF_MEMORY = """
import resource, sys
from contextlib import closing
from pathlib import Path
from apportion.cli.config import config_from
from apportion.cli.search import prepare
from apportion.cli.stopping import Wish
from apportion.search.run import Run, Started, Told
from apportion.search.study_log import Reading

config = config_from(Path(sys.argv[1]), [])
config.run.mkdir(parents=True)
run = Run(config.run, *prepare(config, Reading((), b"", ""), False), Reading((), b"", ""))
with closing(run.events(Wish())) as events:
    for event in events:
        used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
        first = isinstance(event, Started) and not run.trials
        resource.setrlimit(resource.RLIMIT_AS, (used + 2**24 if first else -1, -1))
"""


def test_a_trial_that_runs_out_of_memory_is_in_the_log_with_its_peak_and_the_next_is_as_ever(tmp_path: Path) -> None:
    import subprocess
    import sys

    study = TINY.replace("batch: 200, warm_up: {shared_epochs: 1}", "batch: 1000")
    path = config(tmp_path, study.replace("{name: tpe, trials: 4}", "top"))
    command = [sys.executable, "-c", OUT_OF_MEMORY, str(path)]
    ran = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[2])
    assert ran.returncode == 0, ran.stderr
    records = read_log(tmp_path / "runs" / "study" / LOG_NAME).records
    (failed,) = [record.fields for record in records if record.kind == "fail"]
    outcome = failed["outcome"]
    assert outcome["reason"] == "out of memory" and "lower evaluator.batch" in outcome["message"]
    peak = int(outcome["message"].removeprefix("peak ").split(" bytes")[0].replace(",", ""))
    assert 2**27 < peak < 2**33
    tells = [record.fields for record in records if record.kind == "tell"]
    assert len(tells) >= 3 and records[-1].kind == "final"
    opened = open_task(config_from(path, []).task("cpu", 1))
    again = next(
        record.fields["proposal"] for record in records if record.fields.get("proposal", {}).get("id") == tells[0]["id"]
    )
    assert splits(opened.evaluator(from_json(Proposal, again), Slot())) == splits(
        Outcome(from_json(Measurement, tells[0]["outcome"]))
    )
