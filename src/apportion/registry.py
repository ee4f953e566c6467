"""A registry: names of one kind of thing, each with a line about it. Adding a thing = one file + one registry line."""

import difflib
from collections.abc import Iterable, Iterator
from typing import Generic, Protocol, TypeVar

from apportion.errors import InputError


class Described(Protocol):
    """What every registered entry can say of itself."""

    @property
    def name(self) -> str: ...
    @property
    def summary(self) -> str: ...


Entry = TypeVar("Entry", bound=Described)


class Registry(Generic[Entry]):
    """Entries of one `kind` by name, in the order they were listed."""

    def __init__(self, kind: str, entries: Iterable[Entry]) -> None:
        self.kind = kind
        self._entries: dict[str, Entry] = {}
        for entry in entries:
            if entry.name in self._entries:
                raise ValueError(f"{kind} {entry.name!r} is registered twice")
            self._entries[entry.name] = entry

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._entries.values())

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def names(self) -> list[str]:
        return list(self._entries)

    def get(self, name: str, place: str | None = None) -> Entry:
        """The entry called `name`; an InputError at `place` with a suggestion where there is none."""
        try:
            return self._entries[name]
        except KeyError:
            raise InputError(
                place or self.kind, repr(name), f"no {self.kind} has this name", suggestion(name, self.names())
            ) from None


def suggestion(name: str, known: Iterable[str]) -> str:
    """`did you mean 'bottom'?`, or the whole list where nothing is near."""
    known = list(known)
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    return f"did you mean {near[0]!r}?" if near else "known: " + ", ".join(sorted(known))
