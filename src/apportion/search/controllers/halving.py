"""Successive halving over paired seeds: all candidates on one seed, the better half of them on the next, ...

A pattern's worth is its mean over the seeds that it was trained on; candidates that are compared have the same ones.
The seeds are none of the retrains', which judge what was chosen.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from apportion.evaluators.measurement import Trial
from apportion.evaluators.proposal import Proposal
from apportion.search.controllers.protocol import Context, Done, Wait
from apportion.spaces.allocation import Allocation

# Retrains have small seeds: further seeds of a search stay clear of them.
_APART = 10_007


@dataclass
class Candidate:
    """A pattern in the race; `values` by seed, None where the trial failed."""

    name: str
    allocation: Allocation
    artifacts: tuple[str, ...] = ()
    values: dict[int, float | None] = field(default_factory=dict)

    def mean(self) -> float:
        """Infinite where any trial failed."""
        values = list(self.values.values())
        return float("inf") if None in values else sum(value for value in values if value is not None) / len(values)


class Race:
    """`seeds` rounds at most, at one budget; each further one has half of the candidates, at least two.

    `line_up` gives the candidates when the first is asked for. It may take trainings, and may be stopped in them: then
    it is asked again.
    """

    def __init__(self, name: str, context: Context, line_up: Callable[[], list[Candidate]], seeds: int) -> None:
        self.name, self.context, self.line_up, self.rounds = name, context, line_up, seeds
        (self.budget,) = context.budgets
        self.racing: list[Candidate] = []
        self.round = 0
        self._asked: dict[str, Candidate] = {}
        self._next: list[Candidate] = []

    @property
    def seed(self) -> int:
        """Of this round."""
        return self.context.trial_seed + _APART * self.round

    def ask(self) -> Proposal | Wait | Done:
        if not self.racing:
            self.racing = self.line_up()
            self._next = list(self.racing)
        elif not self._next:
            if any(self.seed not in candidate.values for candidate in self.racing):
                return Wait()
            if self.round + 1 == self.rounds or len(self.racing) < 2:
                return Done()
            self.racing = sorted(self.racing, key=Candidate.mean)[: left(len(self.racing))]
            self.round += 1
            self._next = list(self.racing)
        candidate = self._next.pop(0)
        name = candidate.name if not self.round else f"{candidate.name}+{self.round}"
        self._asked[name] = candidate
        rung, seed = self.context.rung, self.seed
        return Proposal(name, self.name, candidate.allocation, self.budget, rung, seed, artifacts=candidate.artifacts)

    def tell(self, trial: Trial) -> None:
        """A trial that was not asked for here is nobody's."""
        candidate = self._asked.get(trial.proposal.id)
        if candidate is not None and candidate.allocation == trial.proposal.allocation:
            candidate.values[trial.proposal.seed] = self.context.value(trial)


def left(racing: int) -> int:
    """How many of so many go on: half of them, at least two."""
    return max(2, (racing + 1) // 2)


def trials(candidates: int, seeds: int) -> int:
    """The most that a race asks for."""
    total = 0
    for _ in range(seeds):
        total += candidates
        if candidates < 2:
            break
        candidates = min(candidates, left(candidates))
    return total
