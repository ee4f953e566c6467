"""`task_vector` and `rung1`: they are trainings that trials know, taken in part."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch

from apportion.errors import InputError
from apportion.evaluators.data import DataOptions
from apportion.evaluators.measurement import Scores
from apportion.evaluators.objective import Objective
from apportion.evaluators.proposal import Proposal
from apportion.evaluators.protocol import Slot
from apportion.evaluators.registry import open_task
from apportion.evaluators.scorers.options import DeltaSupernetOptions, JointStart, Rung1Options
from apportion.evaluators.scorers.start import owned_rows
from apportion.evaluators.task import Task
from apportion.evaluators.train import Train
from apportion.evaluators.training.checkpoints import load_model
from apportion.evaluators.training.options import TrainOptions
from apportion.spaces.allocation import Allocation
from apportion.spaces.options import BackboneOptions, SpaceOptions
from apportion.spaces.order_tables import learn
from apportion.spaces.orders import Order
from tests.evaluators.scorers.builders import laboratory, patterns, tensors, train, worth

WARM: dict[str, Any] = {"warm_up": {"shared_epochs": 1}}


def trial(evaluator: Train, allocation: Allocation, rung: int, slot: Slot = Slot()) -> Scores:  # noqa: B008
    return evaluator(Proposal("t", "made up", allocation, None, rung, 0, "retrain"), slot).measurement.splits["val"]


@pytest.mark.parametrize("against", ["start", "mean"])
def test_a_task_vector_of_no_epoch_is_zero(against: str) -> None:
    for values in worth(laboratory(train()), "task_vector", epochs=0, against=against):
        assert not values.any()


@pytest.mark.parametrize("how", ["replace", "delta"])
def test_a_task_vector_is_how_far_the_independent_trial_of_its_seed_moves_each_filter(how: str, tmp_path: Path) -> None:
    lab = laboratory(train(parametrisation=how, **WARM))
    evaluator = lab.evaluator
    assert isinstance(evaluator, Train)
    independent = evaluator.space.independent()
    trial(evaluator, independent, 2, Slot(tmp_path, keep_weights=True))
    net, _ = evaluator._started(Proposal("t", "made up", independent, None, 2, 0), None)
    before = [rows.detach().clone() for rows in owned_rows(net, evaluator.space)]
    net.load_state_dict(load_model(tmp_path)[0])
    moved = [(now - was).norm(dim=-1) for now, was in zip(owned_rows(net, evaluator.space), before, strict=True)]
    for values, wanted in zip(worth(lab, "task_vector"), moved, strict=True):
        torch.testing.assert_close(values.float(), wanted)
    assert all(values.min() > 0 for values in moved)


def test_against_the_mean_a_task_vector_sees_only_what_domains_do_not_do_together() -> None:
    lab = laboratory(train())
    start, mean = (worth(lab, "task_vector", against=against, scale="raw") for against in ("start", "mean"))
    for whole, apart in zip(start, mean, strict=True):
        # |x|^2 over domains = their spread + domains x |their mean|^2
        assert bool((apart.sum(0) < whole.sum(0)).all())


def test_a_run_longer_than_the_schedule_is_refused() -> None:
    for scorer, options in (("task_vector", {"epochs": 3}), ("rung1", {"epochs": 3, "anneal": False})):
        with pytest.raises(InputError, match=rf"scorer {scorer}, epochs: 3, but the full schedule has 2 epochs; lower"):
            tensors(laboratory(train()), scorer, **options)


def test_without_its_own_schedule_rung_1_is_a_trials_rung_1_bit_for_bit() -> None:
    lab = laboratory(train(**WARM))
    assert isinstance(lab.evaluator, Train)
    found = tensors(lab, "rung1", anneal=False)
    for i, allocation in enumerate(patterns(lab.evaluator.space)):
        scores = trial(lab.evaluator, allocation, 1)
        assert found["cross_entropy"][i].tolist() == [score.cross_entropy for score in scores.values()]
        assert found["accuracy"][i].tolist() == [score.accuracy for score in scores.values()]
        assert float(found["losses"][i]) == Objective()(scores)


def test_with_it_rung_1_is_a_whole_study_of_one_epoch() -> None:
    annealed = tensors(laboratory(train(**WARM)), "rung1")
    short = train(**WARM, epochs=1)
    lab = laboratory(short)
    assert isinstance(lab.evaluator, Train)
    for i, allocation in enumerate(patterns(short.space)):
        assert float(annealed["losses"][i]) == Objective()(trial(lab.evaluator, allocation, 1))


def test_patterns_in_learned_orders_are_scored_as_they_are() -> None:
    lab = laboratory(train())
    assert isinstance(lab.evaluator, Train)
    space = lab.evaluator.space
    backwards = {site.name: {owner: [*range(site.filters)][::-1] for owner in space.owners} for site in space.sites}
    order = Order("listed", per_owner=True, table=learn(backwards))
    levels = tuple((1,) * len(space.owners) for _ in space.sites)
    chosen = [Allocation(levels), Allocation(levels, order)]
    for scorer, options in (("rung1", Rung1Options()), ("delta_supernet", DeltaSupernetOptions(epochs=1))):
        _, losses = lab.losses(scorer, options, 0, chosen)
        assert losses[0] != losses[1]


def test_a_pattern_that_diverges_has_an_infinite_loss_and_the_others_are_scored() -> None:
    # The first update of every pattern is too great: the loss behind it is not finite.
    found = tensors(laboratory(train(optimizer={"name": "sgd", "lr": 1e30})), "rung1")
    assert found["losses"].tolist() == [math.inf] * 3


@pytest.mark.slow
def test_patterns_of_the_pocket_are_ranked_as_they_should_be() -> None:
    task = Task(
        BackboneOptions(name="resnet8", options={"width": 4, "stem_stride": 2}),
        SpaceOptions(),
        DataOptions(domains=["digits", "fashion", "photos"], image_size=16),
        TrainOptions(epochs=1),
        form="compose",
    )
    bench = open_task(task)
    assert bench.lab is not None
    bottom = Allocation(tuple(((site.filters if site.depth < 4 else 0),) * 3 for site in bench.space.sites))
    chosen = [bench.space.shared(), bottom, bench.space.independent()]
    start = JointStart(joint=1)
    for scorer, options in (
        ("rung1", Rung1Options(start=start)),
        ("delta_supernet", DeltaSupernetOptions(start=start)),
    ):
        shared, half, independent = bench.lab.losses(scorer, options, 0, chosen)[1]
        # Gaps of .009 or more, at three seeds of four; of .001 between runs of one pattern.
        assert independent < half < shared < 1
