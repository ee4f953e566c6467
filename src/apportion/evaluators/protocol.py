"""What an evaluator promises, and the place it works in."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from apportion.evaluators.measurement import Measurement
from apportion.evaluators.proposal import Proposal
from apportion.spaces.allocation import Allocation


@dataclass(frozen=True)
class Slot:
    """Where a trial may leave files. `folder` is the run's; `keep_weights`: save the trained network there."""

    folder: Path | None = None
    keep_weights: bool = False


@dataclass(frozen=True)
class Outcome:
    """What an evaluator hands back: the measurement and the keys of the shared artifacts it used."""

    measurement: Measurement
    artifacts: tuple[str, ...] = ()


class Evaluator(Protocol):
    """Turns a proposal into a measurement. Raises `TrialFailed` for a pattern that could not be measured."""

    def __call__(self, proposal: Proposal, slot: Slot) -> Outcome: ...

    @property
    def rungs(self) -> int:
        """Epochs of the full schedule: the highest rung."""
        ...

    def seconds_per_epoch(self, allocation: Allocation) -> float:
        """What one epoch of a trial takes here, scores included; from a short timing. Leaves no trace."""
        ...


class TrialFailed(Exception):
    """A trial that gave no measurement; becomes a `Failure` in the log."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason, self.message = reason, message

    def __reduce__(self) -> tuple[type["TrialFailed"], tuple[str, str]]:
        return (TrialFailed, (self.reason, self.message))
