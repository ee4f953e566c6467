"""Where scorers start, and what they leave behind."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from apportion.errors import InputError
from apportion.evaluators.laboratory import Laboratory
from apportion.evaluators.proposal import Proposal
from apportion.evaluators.protocol import Slot, TrialFailed
from apportion.evaluators.scorers import scorers
from apportion.evaluators.scorers.options import JointStart, Start
from apportion.evaluators.scorers.start import owned_rows, started
from apportion.evaluators.train import Train
from tests.evaluators.scorers.builders import equal, laboratory, tensors, train

WARM: dict[str, Any] = {"warm_up": {"shared_epochs": 1}}
QUICK: dict[str, dict[str, Any]] = {
    "fisher": {"batches": 2},
    "gradient_variance": {"batches": 2},
    "task_vector": {},
    "depth": {},
    "rung1": {},
    "delta_supernet": {},
}


def first_rows(lab: Laboratory, start: Start) -> Tensor:
    """What every domain owns of the first site, at the start."""
    assert isinstance(lab.evaluator, Train)
    net = started(lab, lab.evaluator, start, 0, lab.evaluator.space.independent())
    return owned_rows(net, lab.evaluator.space)[0].detach()


@pytest.mark.parametrize("start", ["auto", "template", JointStart(joint=1)])
@pytest.mark.parametrize("how", ["replace", "delta"])
def test_all_domains_start_from_the_same_filters(start: Start, how: str) -> None:
    rows = first_rows(laboratory(train(parametrisation=how, **WARM)), start)
    assert torch.equal(rows, rows[:1].expand_as(rows))
    assert rows.any()


def test_auto_is_the_warm_up_of_the_trials_where_there_is_one_and_else_the_template() -> None:
    warm, cold = laboratory(train(**WARM)), laboratory(train())
    assert isinstance(warm.evaluator, Train)
    warm.evaluator(Proposal("t", "made up", warm.evaluator.space.shared(), None, 1, 0), Slot())
    card = warm.card("warm-up/seed-0")
    assert card is not None
    assert torch.equal(first_rows(warm, "auto"), first_rows(warm, "warm_up"))
    assert warm.card("warm-up/seed-0") == card
    assert not torch.equal(first_rows(warm, "auto"), first_rows(warm, "template"))
    assert torch.equal(first_rows(cold, "auto"), first_rows(cold, "template"))
    assert torch.equal(first_rows(warm, "template"), first_rows(cold, "template"))
    assert not torch.equal(first_rows(cold, JointStart(joint=1)), first_rows(cold, "template"))


def test_a_warm_up_that_nobody_configured_is_refused() -> None:
    with pytest.raises(InputError, match=r"start: 'warm_up', but the evaluator has no warm-up; set evaluator"):
        tensors(laboratory(train()), "fisher", start="warm_up")


def test_what_trains_nothing_has_nothing_to_score_with() -> None:
    class Told:
        rungs = 1

    told: Any = Told()
    lab = Laboratory(told, None)
    for scorer in sorted(QUICK.keys() - {"depth"}):
        entry = scorers.get(scorer)
        given: tuple[list[Any], ...] = ([],) if entry.of == "patterns" else ()
        with pytest.raises(InputError, match=rf"scorer {scorer}: evaluator told, but it needs a network and images"):
            entry.load()(lab, entry.options(), 0, "key", *given)


def test_a_start_that_diverged_is_said() -> None:
    with pytest.raises((TrialFailed, InputError), match=r"step 1 of phase start: loss (nan|inf)"):
        tensors(laboratory(train(optimizer={"name": "sgd", "lr": 1e30})), "fisher", start={"joint": 1})


@pytest.mark.parametrize("scorer", QUICK)
def test_a_scorer_leaves_global_generators_alone_and_is_left_alone_by_them(scorer: str) -> None:
    found = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        np.random.seed(seed)
        before, before_numpy = torch.get_rng_state(), np.random.get_state()[1].copy()  # type: ignore[index]
        found.append(tensors(laboratory(train(epochs=1)), scorer, **QUICK[scorer]))
        assert torch.equal(torch.get_rng_state(), before)
        assert np.array_equal(np.random.get_state()[1], before_numpy)  # type: ignore[index]
    assert equal(found[0], found[1])


@pytest.mark.parametrize("scorer", sorted(QUICK.keys() - {"depth"}))
def test_another_seed_gives_another_answer(scorer: str) -> None:
    lab = laboratory(train(epochs=1))
    one, other = (tensors(lab, scorer, seed, **QUICK[scorer]) for seed in (0, 1))
    assert one.keys() == other.keys()
    assert not equal(one, other)


class Watched:
    """A source that notes which splits were read."""

    def __init__(self, source: Any) -> None:
        self._source, self.read = source, set[str]()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._source, name)

    def training(self, *args: Any) -> Iterator[Any]:
        self.read.add("train")
        yield from self._source.training(*args)

    def batches(self, domain: str, split: str, batch: int) -> Iterator[Any]:
        self.read.add(split)
        yield from self._source.batches(domain, split, batch)


@pytest.mark.parametrize("scorer", QUICK)
def test_no_scorer_sees_a_test_image_and_those_of_filters_see_no_val_image(scorer: str) -> None:
    evaluator = train(epochs=1)
    watched: Any = Watched(evaluator.source)
    tensors(laboratory(replace(evaluator, source=watched)), scorer, **QUICK[scorer])
    assert watched.read <= ({"train", "val"} if scorers.get(scorer).of == "patterns" else {"train"})
