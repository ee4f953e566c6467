"""`warm_start`: hand-made patterns that an adaptive controller has measured before it asks for any of its own."""

from collections import deque
from dataclasses import replace
from typing import Annotated

from pydantic import AfterValidator, Strict

from apportion.evaluators.measurement import Trial
from apportion.evaluators.proposal import Proposal
from apportion.search.controllers.protocol import Context, Controller, ControllerEntry, Done, Wait
from apportion.search.controllers.starts import checked, schemes


def hand_made() -> dict[str, ControllerEntry]:
    """The schemes that a search may start from: one pattern at each budget, known beforehand."""
    return {name: entry for name, entry in schemes().items() if entry.uses is None}


def _known(names: tuple[str, ...]) -> tuple[str, ...]:
    return checked(names, hand_made(), "warm_start")


WarmStart = Annotated[tuple[str, ...], Strict(False), AfterValidator(_known)]
"""An option: names of hand-made controllers, by default (). A list will do, as YAML and a log's JSON have it."""


def warm_started(name: str, context: Context, schemes: tuple[str, ...], controller: Controller) -> Controller:
    """`controller` with the patterns of `schemes` asked first, as proposals of the controller called `name`."""
    return WarmStarted(name, context, schemes, controller) if schemes else controller


class WarmStarted:
    """Asks `warm-<scheme>` at each budget, then what the wrapped controller asks, which is told of every trial.

    To the wrapped one these trials are foreign: their ids are none of its own.
    """

    def __init__(self, name: str, context: Context, schemes: tuple[str, ...], controller: Controller) -> None:
        self.name, self.controller = name, controller
        self._ahead: deque[tuple[str, Controller]] = deque()
        for scheme in schemes:
            for budget in context.budgets:
                own = f"warm-{scheme}" if len(context.budgets) == 1 else f"warm-{scheme}-{budget.name}"
                entry = hand_made()[scheme]
                self._ahead.append((own, entry.build(replace(context, budgets=(budget,)), entry.options())))

    def ask(self) -> Proposal | Wait | Done:
        if not self._ahead:
            return self.controller.ask()
        own, scheme = self._ahead[0]
        asked = scheme.ask()
        self._ahead.popleft()
        assert isinstance(asked, Proposal), "a hand-made scheme knows its pattern"
        return replace(asked, id=own, controller=self.name)

    def tell(self, trial: Trial) -> None:
        self.controller.tell(trial)
