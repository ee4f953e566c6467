"""What reading a dataset brings to light: the domains as far as they can be had, and everything to say about them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from apportion.errors import InputError

if TYPE_CHECKING:
    from apportion.evaluators.data.domain import DomainData

Level = Literal["error", "warning", "note"]
Progress = Callable[[int, int], None]
"""Called now and then with the images read and the images there are."""


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


@dataclass(frozen=True)
class Scan:
    """`domains`: those that hold together, without the images that cannot be used."""

    domains: tuple["DomainData", ...]
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
