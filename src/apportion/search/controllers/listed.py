"""`listed`: a pattern that a user wrote down, from a JSON file, so that anybody's scheme can stand on the front.

    {"levels": {"stem": 8, "layer1.conv1": [1, 2, 3], "layer2.conv1": {"digits": 4}}}
    {"fractions": {"stem": 1.0, "layer1.conv1": {"digits": 0.5, "photos": 0.25}}}

A number is everyone's, a list has one for each domain in order, a mapping names domains; what is left out is shared. It
has its own cost, so no budget binds it; it is not searched, and is retrained like every other scheme.
"""

import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator

from apportion.errors import InputError
from apportion.registry import suggestion
from apportion.search.controllers.fixed import Fixed
from apportion.search.controllers.protocol import Context, Controller, ControllerEntry
from apportion.spaces.allocation import Allocation
from apportion.spaces.space import SharingSpace


class ListedOptions(BaseModel):
    """`file`: JSON with `levels` or `fractions`."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    file: str

    @model_validator(mode="after")
    def _is_there(self) -> "ListedOptions":
        if not Path(self.file).is_file():
            raise InputError("options.file", repr(self.file), "there is no such file", "give the JSON of a pattern")
        return self


def pattern(space: SharingSpace, path: Path) -> Allocation:
    """The allocation that a file describes; an InputError names the site and domain where it does not fit the space."""
    kind, given = _read(path)
    known = {site.name: site.max_level for site in space.sites}
    rows = dict.fromkeys(known, (0,) * len(space.owners))
    for name, value in given.items():
        place = f"pattern {path}, site {name}"
        if name not in known:
            raise InputError(place, repr(name), "no site has this name", suggestion(name, known))
        numbers = _per_owner(value, space.owners, place)
        rows[name] = tuple(
            _level(number, known[name], kind, f"{place}, {owner}")
            for owner, number in zip(space.owners, numbers, strict=True)
        )
    return space.canonical(Allocation(tuple(rows[name] for name in known), space.order))


def _read(path: Path) -> tuple[str, dict[str, Any]]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as problem:
        raise InputError(f"pattern {path}", str(problem), "a pattern is JSON", "see `listed` in the README") from None
    given = content if isinstance(content, dict) else {}
    kinds = [kind for kind in ("levels", "fractions") if isinstance(given.get(kind), dict)]
    if len(kinds) != 1 or len(content) != 1:
        found = ", ".join(content) if isinstance(content, dict) else type(content).__name__
        raise InputError(f"pattern {path}", found or "nothing", 'it is {"levels": {...}} or {"fractions": {...}}')
    return kinds[0], content[kinds[0]]


def _per_owner(value: Any, owners: tuple[str, ...], place: str) -> list[Any]:
    if isinstance(value, dict):
        for owner in value:
            if owner not in owners:
                raise InputError(place, repr(owner), "no domain has this name", suggestion(owner, owners))
        return [value.get(owner, 0) for owner in owners]
    if isinstance(value, list):
        if len(value) != len(owners):
            raise InputError(place, f"{len(value)} numbers", f"there are {len(owners)} domains: {', '.join(owners)}")
        return value
    return [value] * len(owners)


def _level(number: Any, most: int, kind: str, place: str) -> int:
    if kind == "levels":
        if type(number) is not int or not 0 <= number <= most:
            raise InputError(place, f"level {number!r}", f"the site has levels 0 to {most}")
        return number
    if isinstance(number, bool) or not isinstance(number, int | float) or not 0 <= number <= 1:
        raise InputError(place, f"fraction {number!r}", "a fraction is a number from 0 to 1")
    return round(number * most)


def _build(context: Context, options: BaseModel) -> Controller:
    assert isinstance(options, ListedOptions)
    path = Path(options.file)
    return Fixed(f"listed:{path.stem}", context, pattern(context.space, path), None, "retrain")


listed = ControllerEntry(
    "listed", "a user's own pattern from a JSON file (--pattern); its own cost, no budget", "hand-made", _build,
    ListedOptions, bound=False,
)  # fmt: skip
