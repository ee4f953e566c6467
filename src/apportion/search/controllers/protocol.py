"""What a controller promises, and what it is built from."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from pydantic import BaseModel

from apportion.evaluators.measurement import Measurement, Trial
from apportion.evaluators.objective import Objective
from apportion.evaluators.proposal import Proposal
from apportion.spaces.budget import Budget
from apportion.spaces.space import SharingSpace

if TYPE_CHECKING:
    from apportion.evaluators.laboratory import Laboratory


@dataclass(frozen=True)
class Wait:
    """Nothing to ask until an outstanding trial is told."""


@dataclass(frozen=True)
class Done:
    """Nothing will be asked any more."""


class Controller(Protocol):
    """Proposes patterns and learns from what they were worth. Cheap to rebuild: resuming replays its asks and tells."""

    def ask(self) -> Proposal | Wait | Done: ...

    def tell(self, trial: Trial) -> None:
        """Take in a trial that was asked for; a failed one is a value too. Trials may be told in any order."""
        ...


@dataclass(frozen=True)
class Context:
    """What a controller may know. `budgets` holds one budget, none for anchors, all for a search of the whole front.

    `seed` is for the controller's own draws; `trial_seed` and `rung` go into its proposals. How many
    trials it has it is not told: an amended study must replay like the one it was. `lab` computes what needs the
    network; not every evaluator has one.
    """

    space: SharingSpace
    budgets: tuple[Budget, ...]
    objective: Objective
    seed: int
    trial_seed: int
    rung: int
    lab: "Laboratory | None" = None

    def value(self, trial: Trial) -> float | None:
        """The objective on val (lower is better), None for a trial that failed or measured no finite number."""
        if not isinstance(trial.outcome, Measurement):
            return None
        value = self.objective(trial.outcome.splits["val"])
        return value if math.isfinite(value) else None


Kind = Literal["anchor", "hand-made", "searched"]


def at_each_budget(options: BaseModel) -> bool:
    """Not over the front, whatever the options are."""
    return False


def as_many_as_given(options: BaseModel) -> None:
    """`search.trials` decides, whatever the options are."""


def one(options: BaseModel) -> int:
    """A single pattern, whatever the options are."""
    return 1


Use = tuple[str, BaseModel]
"""A scorer's name and its options."""


@dataclass(frozen=True)
class ControllerEntry:
    """A registered controller. `options` validates its part of the config and loads nothing heavy.

    `bound`: built once per budget. Those that are not know their one pattern beforehand: anchors, users' own.
    `over_front(options)`: built once for all budgets instead, each of its proposals naming the least that holds it.
    `asks(options)`: the most that it asks for at a budget, where that is its own affair; None: as many as it is given.
    `uses(context, options)`: what it has computed in the laboratory; None for one that needs none.
    """

    name: str
    summary: str
    kind: Kind
    build: Callable[[Context, BaseModel], Controller]
    options: type[BaseModel]
    bound: bool = True
    over_front: Callable[[BaseModel], bool] = at_each_budget
    asks: Callable[[BaseModel], int | None] = as_many_as_given
    uses: Callable[[Context, BaseModel], Sequence[Use]] | None = None
