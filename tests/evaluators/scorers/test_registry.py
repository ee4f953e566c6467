"""What is registered, its options, and what it says of a synthetic world."""

import subprocess
import sys
import time
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apportion.evaluators.data import PentathlonOptions
from apportion.evaluators.laboratory import Laboratory
from apportion.evaluators.objective import Objective
from apportion.evaluators.proposal import Proposal
from apportion.evaluators.protocol import Slot
from apportion.evaluators.registry import open_task
from apportion.evaluators.scorers import ScorerEntry, scorers
from apportion.evaluators.scorers.options import (
    DeltaSupernetOptions,
    FisherOptions,
    GradientVarianceOptions,
    JointStart,
    Rung1Options,
    TaskVectorOptions,
)
from apportion.evaluators.synthetic import Synthetic, SyntheticOptions
from apportion.evaluators.task import Task
from apportion.spaces.allocation import Allocation
from apportion.spaces.options import BackboneOptions, SpaceOptions
from tests.strategies import allocations_of

OWN = ("fisher", "gradient_variance", "task_vector", "depth", "rung1", "delta_supernet")


def world(**options: Any) -> Laboratory:
    task = Task(BackboneOptions(), SpaceOptions(), PentathlonOptions(), SyntheticOptions(sites=4, **options))
    lab = open_task(task).lab
    assert lab is not None
    return lab


def synthetic(lab: Laboratory) -> Synthetic:
    assert isinstance(lab.evaluator, Synthetic)
    return lab.evaluator


@pytest.mark.parametrize("entry", [scorers.get(name) for name in OWN], ids=lambda entry: entry.name)
def test_an_entry_says_what_it_does_and_can_be_loaded(entry: ScorerEntry) -> None:
    assert callable(entry.load())
    assert 20 < len(entry.summary) < 110
    assert entry.options.model_validate_json(entry.options().model_dump_json()) == entry.options()


def test_registry_and_options_load_no_torch() -> None:
    code = "import apportion.evaluators.scorers, sys; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "False"


@pytest.mark.parametrize("name", ["fisher", "gradient_variance", "task_vector"])
def test_in_a_synthetic_world_the_worth_of_what_is_owned_adds_up_to_the_gain(name: str) -> None:
    lab = world()
    evaluator = synthetic(lab)
    worth = lab.worth(name, scorers.get(name).options(), 0).of

    @settings(max_examples=40)
    @given(st.data())
    def holds(data: st.DataObject) -> None:
        allocation = evaluator.space.canonical(data.draw(allocations_of(evaluator.space)))
        owned = np.zeros(len(evaluator.space.owners))
        for values, levels in zip(worth, allocation.levels, strict=True):
            owned += [own[:level].sum() for own, level in zip(values, levels, strict=True)]
        np.testing.assert_allclose(owned, evaluator.gain(allocation), atol=1e-12)

    holds()
    for values in worth:
        assert bool((np.diff(values, axis=1) < 0).all())


@pytest.mark.parametrize("name", ["rung1", "delta_supernet"])
def test_in_a_synthetic_world_patterns_have_the_loss_of_its_first_rung(name: str) -> None:
    lab = world(noise=0.01)
    evaluator = synthetic(lab)
    chosen = [evaluator.space.shared(), evaluator.space.independent(), Allocation(((3, 2, 0),) * 4)]
    _, losses = lab.losses(name, scorers.get(name).options(), 5, chosen)
    for loss, allocation in zip(losses, chosen, strict=True):
        measured = evaluator(Proposal("t", "made up", allocation, None, 1, 5), Slot()).measurement
        assert loss == Objective()(measured.splits["val"])


def test_depth_falls_from_the_input_to_the_last_site_alike_for_all() -> None:
    worth = world().worth("depth", scorers.get("depth").options(), 0).of
    assert [float(values[0, 0]) for values in worth] == [1.0, 0.75, 0.5, 0.25]
    assert all(bool((values == values[0, 0]).all()) for values in worth)


def test_a_synthetic_world_is_scored_in_milliseconds() -> None:
    lab = world()
    lab.worth("depth", scorers.get("depth").options(), 0)  # loads torch
    began = time.process_time()
    for seed in range(20):
        lab.worth("fisher", FisherOptions(), seed)
    assert (time.process_time() - began) / 20 < 0.02


@pytest.mark.parametrize(
    ("model", "wrong"),
    [
        (FisherOptions, {"batches": 0}),
        (FisherOptions, {"batch": 1}),
        (FisherOptions, {"scale": "log"}),
        (FisherOptions, {"start": "cold"}),
        (FisherOptions, {"start": {"joint": 0}}),
        (GradientVarianceOptions, {"batches": 1}),
        (TaskVectorOptions, {"epochs": -1}),
        (TaskVectorOptions, {"against": "zero"}),
        (Rung1Options, {"epochs": 0}),
        (DeltaSupernetOptions, {"budgets": ({"share": 0.2, "multiple": 2.0},)}),
        (DeltaSupernetOptions, {"statistics_batches": 0}),
        (DeltaSupernetOptions, {"unknown": 1}),
    ],
)
def test_impossible_options_are_refused(model: Any, wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        model.model_validate(wrong)


def test_starts_read_as_they_are_written_in_a_config() -> None:
    assert FisherOptions.model_validate_json('{"start": {"joint": 3}}').start == JointStart(joint=3)
    assert FisherOptions.model_validate_json('{"start": "warm_up"}').start == "warm_up"
