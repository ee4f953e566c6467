"""Tables of filter orders that are not computed from a seed: a user's list, or filters ranked by what they are worth.

A table is named by the hash of its content, so an allocation can name its order in a few bytes. The tables that a
process has seen are kept by that name: content-addressed, nothing can change under a name.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from apportion.errors import InputError
from apportion.files import write_durably
from apportion.registry import suggestion
from apportion.spaces.site import Site

Table = Mapping[str, Sequence[int] | Mapping[str, Sequence[int]]]
"""site -> filters, first ones first; or site -> owner -> filters. Sites left out have index order."""

FOLDER = "orders"

_seen: dict[str, Table] = {}


def learn(table: Table) -> str:
    """Take a table in; returns its name, 16 hex digits."""
    content = json.dumps(table, sort_keys=True, separators=(",", ":"))
    name = hashlib.sha256(content.encode()).hexdigest()[:16]
    _seen.setdefault(name, json.loads(content))
    return name


def table(name: str) -> Table:
    """The table called `name`; an InputError where this process has not seen it."""
    if name not in _seen:
        raise InputError(
            f"filter order {name}", "unknown", "its table stands in the run's `orders` folder", "restore it"
        )
    return _seen[name]


def by_owner(name: str) -> bool:
    """True where some site's order differs from owner to owner."""
    return any(isinstance(order, Mapping) for order in table(name).values())


def keep(name: str, run: Path) -> None:
    """Write the table into a run's folder, once."""
    path = run / FOLDER / f"{name}.json"
    if not path.exists():
        write_durably(path, json.dumps(table(name), sort_keys=True).encode())


def learn_from(run: Path) -> None:
    """Take in every table that a run keeps; a changed file has another name and is refused."""
    for path in sorted((run / FOLDER).glob("*.json")):
        name = learn(json.loads(path.read_text()))
        if name != path.stem:
            raise InputError(
                f"filter order {path}", f"content hash {name}", "a table is named by its content", "restore it"
            )


def read(path: Path, sites: Sequence[Site], owners: Sequence[str]) -> Table:
    """A user's table from JSON, checked against sites and owners."""
    try:
        content: Any = json.loads(path.read_text(encoding="utf-8"))
    except OSError as problem:
        raise InputError(f"filter order {path}", str(problem.strerror), "it must be a readable JSON file") from None
    except ValueError as problem:
        raise InputError(f"filter order {path}", str(problem), "it must be JSON: {site: [filters]}") from None
    known = {site.name: site for site in sites}
    if not isinstance(content, dict):
        raise InputError(f"filter order {path}", type(content).__name__, "it maps sites to lists of filters")
    for name, order in content.items():
        if name not in known:
            raise InputError(f"filter order {path}", repr(name), "no site has this name", suggestion(name, known))
        orders = order if isinstance(order, dict) else {"": order}
        for owner, filters in orders.items():
            place = f"filter order {path}, site {name}" + (f", {owner}" if owner else "")
            if owner and owner not in owners:
                raise InputError(place, repr(owner), "no domain has this name", suggestion(owner, owners))
            if not isinstance(filters, list) or sorted(map(str, filters)) != sorted(
                map(str, range(known[name].filters))
            ):
                law = f"it must name each of the filters 0 to {known[name].filters - 1} once"
                raise InputError(place, f"{len(filters) if isinstance(filters, list) else 0} entries", law)
    return content


def _check_permutation(place: str, filters: Any, count: int) -> None:
    whole = isinstance(filters, list) and all(type(f) is int for f in filters) and sorted(filters) == [*range(count)]
    if not whole:
        value = f"{len(filters)} entries" if isinstance(filters, list) else repr(filters)
        raise InputError(place, value, f"it must name each of the filters 0 to {count - 1} once")
