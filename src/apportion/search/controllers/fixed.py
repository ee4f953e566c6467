"""A controller that asks for one pattern it knew beforehand: anchors and hand-made schemes are made of it."""

from collections.abc import Callable

from pydantic import BaseModel, ConfigDict

from apportion.evaluators.measurement import Trial
from apportion.evaluators.proposal import Proposal, Purpose
from apportion.search.controllers.protocol import Context, Controller, ControllerEntry, Done, Wait, one
from apportion.spaces.allocation import Allocation
from apportion.spaces.budget import Budget
from apportion.spaces.space import SharingSpace


class NoOptions(BaseModel):
    """This controller takes no options."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Fixed:
    """Asks once for `allocation`. Without a budget there is nothing to search: the first trial is the final one."""

    def __init__(
        self, name: str, context: Context, allocation: Allocation, budget: Budget | None, final: Purpose = "anchor"
    ) -> None:
        purpose: Purpose = final if budget is None else "search"
        self._next: Proposal | None = Proposal(
            "0",
            name,
            allocation,
            budget,
            context.rung,
            context.trial_seed,
            purpose,
        )

    def ask(self) -> Proposal | Wait | Done:
        asked, self._next = self._next, None
        return asked or Done()

    def tell(self, trial: Trial) -> None:
        """What it was worth changes nothing."""


def hand_made(name: str, summary: str, pattern: Callable[[SharingSpace, Budget], Allocation]) -> ControllerEntry:
    """An entry for a scheme that is a function of space and budget."""

    def build(context: Context, options: BaseModel) -> Controller:
        (budget,) = context.budgets
        return Fixed(name, context, pattern(context.space, budget), budget)

    return ControllerEntry(name, summary, "hand-made", build, NoOptions, asks=one)


def anchor(name: str, summary: str, pattern: Callable[[SharingSpace], Allocation]) -> ControllerEntry:
    """An entry for one of the two ends, which no budget binds."""

    def build(context: Context, options: BaseModel) -> Controller:
        return Fixed(name, context, pattern(context.space), None)

    return ControllerEntry(name, summary, "anchor", build, NoOptions, bound=False)
