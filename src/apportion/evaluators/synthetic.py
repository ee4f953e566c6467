"""`synthetic`: a world in closed form whose best allocation is known; a measurement takes microseconds.

Owning filters of a site lowers a domain's loss with diminishing returns: loss_d = base_d - sum_s gain_sd * sqrt(n/F).
Without noise and with equal gains of all domains at a site, the best split of an `owned` budget solves
max sum_s g_s sqrt(x_s), sum_s p_s x_s = B, 0 <= x_s <= 1, whose solution is x_s = min(1, (g_s / (2 lambda p_s))^2).
"""

import time
from typing import Literal

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

from apportion.evaluators.domain_card import DomainCard
from apportion.evaluators.measurement import Measurement, Score, Scores, Split
from apportion.evaluators.proposal import Proposal
from apportion.evaluators.protocol import Outcome, Slot
from apportion.evaluators.task import Bench, Task, space_of
from apportion.spaces.allocation import Allocation
from apportion.spaces.budget import Budget
from apportion.spaces.orders import counted_seed
from apportion.spaces.shape import BackboneShape, Norm
from apportion.spaces.site import Site
from apportion.spaces.space import SharingSpace

CLASSES, IMAGES = 10, 1000


class SyntheticOptions(BaseModel):
    """`noise`: standard deviation of the loss per seed and domain. `world` seeds the gains."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    name: Literal["synthetic"] = "synthetic"
    sites: int = Field(9, ge=1, le=1000)
    domains: tuple[str, ...] = ("north", "east", "south")
    world: int = 0
    noise: float = Field(0.0, ge=0, allow_inf_nan=False)
    epochs: int = Field(4, ge=1)


def synthetic_shape(options: SyntheticOptions) -> BackboneShape:
    """A network that widens with depth, as real ones do: three stages, 3x3 convolutions."""
    sites, channels = [], 3
    for depth in range(options.sites):
        stage = 3 * depth // options.sites
        filters = 8 * 2**stage
        sites.append(
            Site(f"stage{stage}.conv{depth}", "conv", (filters, channels, 3, 3), 1, False, depth, stage, filters)
        )
        channels = filters
    norms = tuple(Norm(f"{site.name}.norm", site.filters) for site in sites)
    return BackboneShape("synthetic", tuple(sites), norms, "head", channels)


def shape_and_space(task: Task) -> tuple[BackboneShape, SharingSpace]:
    """The made-up backbone and its space; the task's backbone and data are not used."""
    backbone = synthetic_shape(task.evaluator)
    return backbone, space_of(task, backbone, task.evaluator.domains)


def opened(task: Task) -> Bench:
    """An evaluator of the world that the task's options name."""
    backbone, space = shape_and_space(task)
    world = f"synthetic world {task.evaluator.world}"
    cards = tuple(DomainCard(owner, CLASSES, 0, IMAGES, IMAGES, world) for owner in space.owners)
    return Bench(backbone, space, cards, Synthetic(space, task.evaluator))


class Synthetic:
    """An evaluator over `space`. Gains fall with depth and differ between sites, so that `bottom` is good, not best."""

    def __init__(self, space: SharingSpace, options: SyntheticOptions) -> None:
        self.space, self.options = space, options
        generator = np.random.Generator(np.random.Philox(counted_seed("synthetic", options.world)))
        sites = len(space.sites)
        depth = np.linspace(1.0, 0.3, sites)
        gains = depth * generator.lognormal(0.0, 0.6, sites)
        self.gains: npt.NDArray[np.float64] = gains / gains.sum()
        self.base: npt.NDArray[np.float64] = generator.uniform(1.0, 1.4, len(space.owners))

    @property
    def rungs(self) -> int:
        return self.options.epochs

    def __call__(self, proposal: Proposal, slot: Slot) -> Outcome:
        began = time.perf_counter()
        epochs = range(1, proposal.rung + 1)
        curve = tuple(self._scores(proposal, epoch, "val") for epoch in epochs)
        splits: dict[Split, Scores] = {"val": curve[-1]}
        if proposal.final:
            splits["test"] = self._scores(proposal, proposal.rung, "test")
        tested = epochs if proposal.purpose == "table" else ()
        test_curve = tuple(self._scores(proposal, epoch, "test") for epoch in tested)
        return Outcome(Measurement(splits, curve, time.perf_counter() - began, 0, test_curve))

    def seconds_per_epoch(self, allocation: Allocation) -> float:
        """Nothing is trained."""
        return 0.0

    def gain(self, allocation: Allocation) -> npt.NDArray[np.float64]:
        """How far owning lowers each domain's loss, 0 (shared) to 1 (independent). Shape [owners]."""
        levels = np.array(self.space.canonical(allocation).levels, dtype=np.float64)
        filters = np.array([site.filters for site in self.space.sites], dtype=np.float64)[:, None]
        gain: npt.NDArray[np.float64] = self.gains @ np.sqrt(levels / filters)
        return gain

    def optimum(self, budget: Budget) -> float:
        """The greatest mean gain that any real-valued allocation reaches at an `owned` budget: an upper bound."""
        if budget.measure != "owned":
            raise ValueError("the optimum is known for `owned` budgets")
        from scipy.optimize import brentq  # here, not above: every command reads this module's options

        price = np.array([site.parameters for site in self.space.sites], dtype=np.float64) * len(self.space.owners)
        limit = float(self.space.limit(budget))
        if limit >= price.sum():
            return 1.0

        def fractions(multiplier: float) -> npt.NDArray[np.float64]:
            wanted: npt.NDArray[np.float64] = (self.gains / (2 * multiplier * price)) ** 2
            return np.minimum(1.0, wanted)

        logarithm = brentq(lambda x: float(price @ fractions(np.exp(x))) - limit, -60.0, 20.0)
        return float(self.gains @ np.sqrt(fractions(float(np.exp(logarithm)))))

    def _scores(self, proposal: Proposal, epoch: int, split: Split) -> Scores:
        gain = self.gain(proposal.allocation)
        learned = 1 - 0.5 ** (4 * epoch / self.rungs)
        scores: Scores = {}
        for d, owner in enumerate(self.space.owners):
            drawn = counted_seed("noise", proposal.seed, proposal.allocation.key(), owner, epoch, split)
            noise = self.options.noise * np.random.Generator(np.random.Philox(drawn)).standard_normal()
            loss = float(np.log(CLASSES) - learned * (np.log(CLASSES) - self.base[d] + 0.3 * gain[d]) + noise)
            scores[owner] = Score(IMAGES, float(np.clip(np.exp(-loss), 0, 1)), max(loss, 1e-9), CLASSES)
        return scores
