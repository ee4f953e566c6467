"""`synthetic`: a world in closed form whose best allocation is known; a measurement takes microseconds.

Owning a fraction x_s of a site's filters lowers a domain's loss with diminishing returns, in y_s = sqrt(x_s):
gain = [sum_s g_s y_s + k sum_s w_s sqrt(y_s y_{s+1})] / (1 + k), k the `interactions` of neighbouring sites.
It is concave, and an `owned` budget is sum_s p_s y_s^2 <= B, so its greatest value is known: see `optimum`.
"""

import time
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

from apportion.evaluators.domain_card import DomainCard
from apportion.evaluators.laboratory import Laboratory
from apportion.evaluators.measurement import Measurement, Score, Scores, Split
from apportion.evaluators.proposal import Proposal
from apportion.evaluators.protocol import Outcome, Slot
from apportion.evaluators.synthetic_shapes import Shape, synthetic_shape
from apportion.evaluators.task import Bench, Task, space_of
from apportion.spaces.allocation import Allocation
from apportion.spaces.budget import Budget
from apportion.spaces.orders import counted_seed
from apportion.spaces.shape import BackboneShape
from apportion.spaces.space import SharingSpace

CLASSES, IMAGES = 10, 1000


class SyntheticOptions(BaseModel):
    """`noise`: standard deviation of the loss per seed and domain. `world` seeds the gains.

    `shape`: `widening`, three stages of 3x3 convolutions, or `mobilenet_v2`, the 50 convolutions of that network's
    blocks, whose sizes differ 300-fold. `interactions`: worth of neighbours owned together, against all sites alone.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    name: Literal["synthetic"] = "synthetic"
    shape: Shape = "widening"
    sites: int = Field(9, ge=1, le=1000)
    domains: tuple[str, ...] = ("north", "east", "south")
    world: int = 0
    noise: float = Field(0.0, ge=0, allow_inf_nan=False)
    interactions: float = Field(0.0, ge=0, allow_inf_nan=False)
    epochs: int = Field(4, ge=1)


def shape_and_space(task: Task) -> tuple[BackboneShape, SharingSpace]:
    """The made-up backbone and its space; the task's backbone and data are not used."""
    backbone = synthetic_shape(task.evaluator.shape, task.evaluator.sites)
    return backbone, space_of(task, backbone, task.evaluator.domains)


def opened(task: Task) -> Bench:
    """An evaluator of the world that the task's options name."""
    backbone, space = shape_and_space(task)
    world = f"synthetic world {task.evaluator.world}"
    cards = tuple(DomainCard(owner, CLASSES, 0, IMAGES, IMAGES, world) for owner in space.owners)
    evaluator = Synthetic(space, task.evaluator)
    return Bench(backbone, space, cards, evaluator, lab=Laboratory(evaluator, task.folder))


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
        together = (self.gains[1:] + self.gains[:-1]) * generator.lognormal(0.0, 0.6, sites - 1)
        self.together: npt.NDArray[np.float64] = together / max(together.sum(), 1e-12)

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
        return self._gain(np.sqrt(levels / filters))

    def _gain(self, y: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """The gain at square roots of fractions, [sites] or [sites, owners]."""
        k = self.options.interactions if len(y) > 1 else 0.0
        gain: npt.NDArray[np.float64] = (self.gains @ y + k * (self.together @ np.sqrt(y[1:] * y[:-1]))) / (1 + k)
        return gain

    def _slope(self, y: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Derivatives of the gain, [sites] -> [sites]; every y above 0."""
        k = self.options.interactions if len(y) > 1 else 0.0
        slope = self.gains.copy()
        slope[1:] += k * self.together * 0.5 * np.sqrt(y[:-1] / y[1:])
        slope[:-1] += k * self.together * 0.5 * np.sqrt(y[1:] / y[:-1])
        return slope / (1 + k)

    def optimum(self, budget: Budget) -> float:
        """An upper bound on the mean gain of any real-valued allocation at an `owned` budget, in practice reached.

        A concave gain lies below its tangent, so the tangent's greatest value within the budget is a bound wherever it
        touches. Without interactions the gain is its own tangent. With them the best point found numerically is where
        it touches: there the bound and the gain at that point agree to about 1e-6.
        """
        if budget.measure != "owned":
            raise ValueError("the optimum is known for `owned` budgets")
        price = np.array([site.parameters for site in self.space.sites], dtype=np.float64) * len(self.space.owners)
        limit = float(self.space.limit(budget))
        if limit >= price.sum():
            return 1.0
        if not limit:
            return 0.0
        y = _poured(self.gains, price, limit)
        if self.options.interactions and len(y) > 1:
            y = self._best_from(y, price, limit)
        slope = self._slope(y)
        return float(self._gain(y) + slope @ (_poured(slope, price, limit) - y))

    def _best_from(
        self, start: npt.NDArray[np.float64], price: npt.NDArray[np.float64], limit: float
    ) -> npt.NDArray[np.float64]:
        """The best y [sites] within the budget, found by sequential quadratic programming."""
        from scipy.optimize import minimize  # here, not above: every command reads this module's options

        within: Any = {
            "type": "ineq",
            "fun": lambda y: 1.0 - price @ (y * y) / limit,
            "jac": lambda y: -2 * price * y / limit,
        }
        bounds: Any = [(1e-5, 1.0)] * len(start)
        loss: Any = lambda y: (-self._gain(y), -self._slope(y))  # noqa: E731
        options: Any = {"maxiter": 500, "ftol": 1e-12}
        first = np.clip(start, 1e-3, 1.0)
        found = minimize(loss, first, jac=True, bounds=bounds, constraints=within, method="SLSQP", options=options)
        best: npt.NDArray[np.float64] = np.clip(found.x, 1e-5, 1.0)
        return best

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


def _poured(gains: npt.NDArray[np.float64], price: npt.NDArray[np.float64], limit: float) -> npt.NDArray[np.float64]:
    """argmax of gains @ y with price @ y^2 <= limit and 0 <= y <= 1: y_s = min(1, gains_s / (2 lambda price_s))."""
    from scipy.optimize import brentq  # here, not above: every command reads this module's options

    def at(logarithm: float) -> npt.NDArray[np.float64]:
        wanted: npt.NDArray[np.float64] = np.minimum(1.0, gains / (2 * np.exp(logarithm) * price))
        return wanted

    return at(brentq(lambda x: float(price @ at(x) ** 2) - limit, -60.0, 20.0, xtol=1e-13))
