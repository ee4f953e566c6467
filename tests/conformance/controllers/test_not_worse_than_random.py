"""No adaptive controller is worse than `random_search`: share of a known optimum found in equally many trials.

One-sided Mann-Whitney test at 5 %, H1: worse than random. A controller that is exactly as good as random would fail it
once in twenty, so a failure counts only if other worlds and seeds confirm it: once in four hundred.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
import pytest
from scipy.stats import mannwhitneyu

from apportion.evaluators.data import DataOptions
from apportion.evaluators.measurement import Trial
from apportion.evaluators.objective import Objective
from apportion.evaluators.proposal import Proposal
from apportion.evaluators.protocol import Slot
from apportion.evaluators.registry import open_task
from apportion.evaluators.synthetic import Synthetic, SyntheticOptions
from apportion.evaluators.task import Task
from apportion.search.controllers import Context, Controller, ControllerEntry, Done, Wait, controllers
from apportion.spaces.budget import Budget
from apportion.spaces.options import BackboneOptions, SpaceOptions
from apportion.spaces.orders import counted_seed
from tests.conformance.controllers.builders import proposals
from tests.conformance.controllers.entries import SEARCHED, SLOW, chosen, eager, named

# Random splits leave something to be found here: .93 of the optimum (SD .03) in 24 trials, TPE .97 (.02).
BUDGET = Budget("owned", 0.1)
LEVEL = 0.05
RANDOM_SEEDS = 2  # a world: the rival's sample is the larger one, for it is drawn once for all


@dataclass(frozen=True)
class Effort:
    """Trials of a search, and worlds of each of the two rounds."""

    trials: int = 24
    worlds: int = 10


# Slow controllers search less often and less long, against random ones as short. That still finds out who never moves,
# no longer who learns the wrong way round.
LESS = Effort(10, 5)

Build = Callable[[Context], Controller]


@cache
def synthetic(world: int) -> Synthetic:
    options = SyntheticOptions(world=world)
    evaluator = open_task(Task(BackboneOptions(), SpaceOptions(), DataOptions(), options)).evaluator
    assert isinstance(evaluator, Synthetic)
    return evaluator


def found(build: Build, world: int, seed: int, trials: int) -> float:
    """The share of the optimal gain that the best trial of one search reaches: 0 nothing, 1 all."""
    evaluator = synthetic(world)
    controller = build(Context(evaluator.space, (BUDGET,), Objective(), seed, trial_seed=0, rung=4))
    best = -math.inf
    for _ in range(trials):
        proposal = proposals(controller.ask())
        assert evaluator.space.exhausts(proposal.allocation, BUDGET)
        controller.tell(Trial(proposal, evaluator(proposal, Slot()).measurement))
        best = max(best, float(evaluator.gain(proposal.allocation).mean()))
    return best / evaluator.optimum(BUDGET)


@cache
def found_by_random(worlds: range, trials: int) -> list[float]:
    build = building("random_search")
    return [found(build, world, 1000 + seed, trials) for world in worlds for seed in range(RANDOM_SEEDS)]


def building(name: str) -> Build:
    entry = controllers.get(name)
    options = chosen(entry, eager(entry))
    return lambda context: entry.build(context, options)


def shown(values: list[float]) -> str:
    ordered = " ".join(f"{value:.3f}" for value in sorted(values))
    return f"mean {np.mean(values):.3f}, n {len(values)}: {ordered}"


def worse_than_random(name: str, build: Build, effort: Effort) -> bool:
    """True where both rounds say so. Prints the samples of each."""
    for number in range(2):
        worlds = range(number * effort.worlds, (number + 1) * effort.worlds)
        own = [found(build, world, world, effort.trials) for world in worlds]
        rival = found_by_random(worlds, effort.trials)
        p = float(mannwhitneyu(own, rival, alternative="less").pvalue)
        print(
            f"\nround {number + 1}, {effort.trials} trials, share of the optimum; p = {p:.4f} that {name} is no worse"
        )
        print(f"  {name:16} {shown(own)}\n  {'random_search':16} {shown(rival)}")
        if p >= LEVEL:
            return False
    return True


@named(SEARCHED)
def test_it_is_not_worse_than_random_search(entry: ControllerEntry) -> None:
    assert not worse_than_random(entry.name, building(entry.name), LESS if entry.name in SLOW else Effort())


# The test itself can fail.


class Stubborn:
    """Random search's first pattern, again and again."""

    def __init__(self, context: Context) -> None:
        self.first = proposals(building("random_search")(context).ask())

    def ask(self) -> Proposal | Wait | Done:
        return self.first

    def tell(self, trial: Trial) -> None:
        """What it was worth changes nothing."""


class Contrary:
    """Learns the wrong way round: departs from the worst pattern it knows."""

    def __init__(self, context: Context) -> None:
        self.context, self.known, self.asked = context, list[tuple[float, Proposal]](), 0

    def ask(self) -> Proposal | Wait | Done:
        space = self.context.space
        self.asked += 1
        generator = np.random.Generator(np.random.Philox(counted_seed("contrary", self.context.seed, self.asked)))
        wish = generator.random(space.dimension)
        if len(self.known) >= 3:
            _, worst = max(self.known, key=lambda pair: pair[0])
            wish = np.clip(space.encode(worst.allocation) + 0.1 * (wish - 0.5), 0, 1)
        return Proposal(str(self.asked), "contrary", space.decode(wish, BUDGET), BUDGET, 4, 0)

    def tell(self, trial: Trial) -> None:
        value = self.context.value(trial)
        assert value is not None
        self.known.append((value, trial.proposal))


@pytest.mark.parametrize(
    ("bad", "effort"),
    [(Stubborn, Effort()), (Contrary, Effort()), (Stubborn, LESS)],
    ids=["stubborn", "contrary", "stubborn, fewer trials"],
)
def test_a_bad_controller_is_found_out(bad: Build, effort: Effort) -> None:
    assert worse_than_random("bad", bad, effort)
