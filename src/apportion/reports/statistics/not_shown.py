"""The place of a number that would mean nothing."""

from dataclasses import dataclass


@dataclass(frozen=True)
class NotShown:
    """`reason` says in words which precondition failed. `n` values were there, `missing` ones were not numbers."""

    reason: str
    n: int = 0
    missing: int = 0

    def __str__(self) -> str:
        return f"not shown: {self.reason}"
