"""`table`: a pattern is worth what a table of trained patterns says; microseconds a trial, and the best is known."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, field_validator

from apportion.errors import InputError
from apportion.evaluators.proposal import Proposal
from apportion.evaluators.protocol import Outcome, Slot, TrialFailed
from apportion.evaluators.tables import Table, card_of, names, table_of
from apportion.evaluators.task import Bench, Task, space_of
from apportion.registry import suggestion
from apportion.spaces.allocation import Allocation
from apportion.spaces.shape import BackboneShape
from apportion.spaces.space import SharingSpace


class TableOptions(BaseModel):
    """`answer`: the row of one seed, as a search would see it (the proposal's seed picks it, in turn), or their mean.

    The study's space must be the table's grid: `apportion list tables` shows it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    name: Literal["table"] = "table"
    table: str = "sharebench"
    answer: Literal["seed", "mean"] = "seed"

    @field_validator("table")
    @classmethod
    def _known(cls, name: str) -> str:
        if name not in names():
            raise InputError("table", repr(name), "the package has no such table", suggestion(name, names()))
        return name

    @property
    def epochs(self) -> int:
        return card_of(self.table).epochs

    @property
    def domains(self) -> tuple[str, ...]:
        return card_of(self.table).owners


def shape_and_space(task: Task) -> tuple[BackboneShape, SharingSpace]:
    """The table's backbone and the task's space over it; the task's backbone and data are not used."""
    card = card_of(task.evaluator.table)
    return card.shape, space_of(task, card.shape, card.owners)


def opened(task: Task) -> Bench:
    """An evaluator that reads; an InputError where the space has more patterns than the table can hold."""
    shape, space = shape_and_space(task)
    table = table_of(task.evaluator.table)
    points = 1
    for variable in space.variables:
        points *= variable.steps + 1
    if points > len(table.patterns):
        raise InputError(
            "space",
            f"{space.granularity} with {points:,} patterns",
            f"table {table.card.name} holds {len(table.patterns)}",
            f"write space: {_flow(table.card.grid)}",
        )
    return Bench(shape, space, table.card.domains, TableReader(table, task.evaluator))


def _flow(grid: dict[str, object]) -> str:
    parts = (f"{key}: [{', '.join(map(str, v))}]" if isinstance(v, list) else f"{key}: {v}" for key, v in grid.items())
    return f"{{{', '.join(parts)}}}"


class TableReader:
    """The evaluator."""

    def __init__(self, table: Table, options: TableOptions) -> None:
        self.table, self.options = table, options

    @property
    def rungs(self) -> int:
        return self.table.card.epochs

    def __call__(self, proposal: Proposal, slot: Slot) -> Outcome:
        """The row; TrialFailed where the table has no such pattern (an order of filters of its own, say)."""
        pattern = self.table.name_of.get(proposal.allocation.key())
        if pattern is None:
            what = f"table {self.table.card.name} has no pattern of these levels and this order of filters"
            raise TrialFailed("not in the table", what)
        seeds = self.table.card.seeds
        seed = None if self.options.answer == "mean" else seeds[(proposal.seed - seeds[0]) % len(seeds)]
        return Outcome(self.table.measured(pattern, seed, proposal.rung, proposal.final))

    def seconds_per_epoch(self, allocation: Allocation) -> float:
        """Nothing is trained."""
        return 0.0
