"""What a pattern was found to be worth, or why that could not be found."""

from dataclasses import dataclass, field
from typing import Literal

from apportion.evaluators.proposal import Proposal

Split = Literal["val", "test"]


@dataclass(frozen=True)
class Score:
    """One domain on one split: images counted, accuracy in 0..1, mean cross-entropy in nats, number of classes."""

    n: int
    accuracy: float
    cross_entropy: float
    classes: int


Scores = dict[str, Score]


@dataclass(frozen=True)
class Measurement:
    """`splits[split][domain]` after the last epoch run; `curve[k - 1]` holds the val scores of rung k.

    `test` is present for settled patterns only, since the search never sees it, and `test_curve` for rows of a table
    only. `seconds` of this run alone, shared steps (see `artifacts`) not included; `peak_bytes` of the process while
    it ran.
    """

    splits: dict[Split, Scores]
    curve: tuple[Scores, ...] = ()
    seconds: float = 0.0
    peak_bytes: int = 0
    test_curve: tuple[Scores, ...] = ()


@dataclass(frozen=True)
class Failure:
    """A trial that gave no measurement: `reason` is a short kind (`diverged`, `error`), `message` the whole story."""

    reason: str
    message: str
    seconds: float = 0.0


@dataclass(frozen=True)
class Artifact:
    """A file that a study made and other trials use: `key` names what it is, `sha256` its bytes.

    `seconds` is what it cost to make, without what it `needs`: other artifacts that it was made from, by key. A
    controller that used it is charged once for each.
    """

    key: str
    path: str
    sha256: str
    seconds: float
    needs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Trial:
    """A proposal and what came of it. `duplicate_of`: an earlier trial whose outcome this one repeats at no cost."""

    proposal: Proposal
    outcome: Measurement | Failure
    cost_seconds: float = 0.0
    artifacts: tuple[str, ...] = field(default=())
    duplicate_of: str | None = None
