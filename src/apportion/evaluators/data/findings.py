"""What reading a dataset brings to light: the domains as far as they can be had, and everything to say about them."""

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from apportion.errors import InputError

if TYPE_CHECKING:
    from apportion.evaluators.data.domain import DomainData

_TICK_SECONDS = 0.1
Level = Literal["error", "warning", "note"]
Progress = Callable[[int, int], None]
"""Called now and then with the images read and the images there are."""


class Ticks:
    """Tells a progress of the images read, one after the other, ten times a second at most."""

    def __init__(self, progress: Progress, total: int) -> None:
        self.progress, self.total, self.done = progress, total, 0
        self._last = 0.0

    def __call__(self) -> None:
        """One more was read."""
        self.done += 1
        if time.monotonic() - self._last > _TICK_SECONDS or self.done == self.total:
            self._last = time.monotonic()
            self.progress(self.done, self.total)


@dataclass(frozen=True)
class Problem:
    """`kind`: a few words under which problems are counted. The rest as in an InputError."""

    level: Level
    domain: str
    kind: str
    place: str
    value: str
    law: str
    remedy: str = ""

    def error(self, more: str = "") -> InputError:
        """As an InputError; `more` goes behind the remedy."""
        return InputError(self.place, self.value, self.law, f"{self.remedy} {more}".strip())

    @property
    def line(self) -> str:
        return str(self.error())


def unloadable(domain: str, error: InputError) -> Problem:
    """A domain that comes whole or not at all, and does not."""
    return Problem("error", domain, "cannot be loaded", error.place, error.value, error.law, error.remedy)


@dataclass(frozen=True)
class Census:
    """What a domain holds, without its pixels. `counts[split]`: images of each of `classes`.

    `skipped`: as in `DomainData`.
    """

    name: str
    classes: tuple[str, ...]
    channels: int
    image_size: int
    counts: Mapping[str, tuple[int, ...]]
    skipped: Mapping[str, int]

    @property
    def sizes(self) -> dict[str, int]:
        """Images per split."""
        return {split: sum(counts) for split, counts in self.counts.items()}


def census_of(domain: "DomainData") -> Census:
    """Of a domain that is in memory."""
    found = {split: Counter(domain.split(split).labels.tolist()) for split in domain.sizes}
    counts = {split: tuple(count[label] for label in range(domain.class_count)) for split, count in found.items()}
    size = domain.train.images.shape[1]
    return Census(domain.name, domain.classes, domain.channels, size, counts, dict(domain.skipped))


@dataclass(frozen=True)
class Scan:
    """`domains`: those that hold together, without the images that cannot be used."""

    domains: tuple[Census, ...]
    problems: tuple[Problem, ...]

    def at(self, level: Level) -> list[Problem]:
        return [problem for problem in self.problems if problem.level == level]


def refuse_first(problems: Sequence[Problem]) -> None:
    """InputError for the first error there is, saying how many there are beside it."""
    errors = [problem for problem in problems if problem.level == "error"]
    if errors:
        raise errors[0].error(f"(and {len(errors) - 1} more: see `apportion check`)" if len(errors) > 1 else "")


def counted(count: int, noun: str, plural: str = "") -> str:
    """`1 image`, `1,000 images`."""
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"


def shown(path: Path | str) -> str:
    """A path as it can be printed: control characters and bytes that are no UTF-8 as escapes."""
    text = str(path).encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
