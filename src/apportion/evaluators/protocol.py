"""What an evaluator promises, and the place it works in."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from apportion.evaluators.measurement import Measurement
from apportion.evaluators.proposal import Proposal
from apportion.spaces.allocation import Allocation


class Stop(Protocol):
    """Somebody's wish that a trial stop soon (`threading.Event` and `multiprocessing.Event` are such)."""

    def is_set(self) -> bool: ...


class Stopped(Exception):
    """A trial stopped on request, its state kept where its slot says; asked again, it goes on from there."""


@dataclass(frozen=True)
class Slot:
    """What a trial may use: `folder` for its files, `keep_weights`: save the trained network there.

    `checkpoint`: the file that holds an unfinished trial. `stop`: looked at after every training step.
    """

    folder: Path | None = None
    keep_weights: bool = False
    checkpoint: Path | None = None
    stop: Stop | None = None


@dataclass(frozen=True)
class Outcome:
    """What an evaluator hands back: the measurement and the keys of the shared artifacts it used."""

    measurement: Measurement
    artifacts: tuple[str, ...] = ()


class Evaluator(Protocol):
    """Turns a proposal into a measurement.

    Raises `TrialFailed` for a pattern that could not be measured, `Stopped` when the slot asked for that.
    """

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
