"""`Cached`: a pattern that was measured under the same seed and rung is not measured again.

It wraps the executor, not the evaluator, so that one memory serves all workers, and so that a repeat of a trial still
in flight waits for it. A repeat costs nothing; the log counts it by naming the trial it repeats.
"""

from dataclasses import dataclass
from typing import Protocol

from apportion.evaluators.measurement import Failure, Measurement, Trial
from apportion.evaluators.proposal import Proposal
from apportion.evaluators.protocol import Outcome, Slot, Stopped
from apportion.search.executor import Executor, Result

Key = tuple[str, int, int, str]


@dataclass(frozen=True)
class Repeated:
    """The outcome of an earlier trial."""

    of: str
    outcome: Outcome | Failure


class ResultOrRepeat(Protocol):
    """Waits for a result, or repeats one."""

    def __call__(self) -> Outcome | Failure | Repeated: ...


class Cached:
    """Executor that answers repeats from memory. `wrapped` must hand out results that can be asked for once."""

    def __init__(self, wrapped: Executor) -> None:
        self.wrapped = wrapped
        self._first: dict[Key, str] = {}
        self._known: dict[str, Outcome | Failure] = {}
        self.repeats = 0

    def learn(self, trial: Trial) -> None:
        """Take in a trial of the log."""
        if trial.duplicate_of is None:
            self._first[_key(trial.proposal)] = trial.proposal.id
            outcome = trial.outcome
            self._known[trial.proposal.id] = (
                Outcome(outcome, trial.artifacts) if isinstance(outcome, Measurement) else outcome
            )

    def submit(self, proposal: Proposal, slot: Slot) -> "ResultOrRepeat":
        first = self._first.setdefault(_key(proposal), proposal.id)
        if first != proposal.id:
            self.repeats += 1
            return lambda: self._repeated(first)
        return self._remembering(proposal.id, self.wrapped.submit(proposal, slot))

    def _repeated(self, first: str) -> Repeated:
        if first not in self._known:
            raise Stopped  # told in order, the first one has ended before its repeat: unless the study was stopped
        return Repeated(first, self._known[first])

    def _remembering(self, name: str, result: Result) -> Result:
        def wait() -> Outcome | Failure:
            self._known[name] = result()
            return self._known[name]

        return wait

    def close(self) -> None:
        self.wrapped.close()


def _key(proposal: Proposal) -> Key:
    """What decides a measurement: settled patterns are scored on test as well, rows of a table after every epoch."""
    scored = proposal.purpose if proposal.purpose in ("search", "table") else "final"
    return proposal.allocation.key(), proposal.seed, proposal.rung, scored
