"""All that a model has to say against a document, as one InputError of one line."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from pydantic import BaseModel, PydanticUserError, TypeAdapter, ValidationError

from apportion.cli.border_document import Document
from apportion.cli.border_schema import child, fields_of, member, shape_of
from apportion.cli.border_words import MISSING, Mistake, mistake
from apportion.cli.yaml_reader import Path
from apportion.errors import InputError


def refusal(document: Document, model: type[BaseModel], error: ValidationError) -> InputError:
    """The first mistake as a reader meets them, and how many there are beside it."""
    entries = error.errors(include_url=False)
    mistakes = _without_consequences(_collapse([mistake(model, entry) for entry in entries]))
    first, *others = sorted(mistakes, key=lambda one: document.origin(one.path))
    law, remedy = first.rule, first.remedy
    if others:
        more = f" (and {len(others)} more)"
        law, remedy = (law, remedy + more) if remedy else (law + more, "")
    return InputError(document.place(first.path), first.value, law, remedy)


def located(document: Document, model: type[BaseModel], error: InputError) -> InputError:
    """The same error with the place in the config in front of its own.

    A rule may say its place as keys below the value it was given (`options.width`): then they go on from there.
    """
    culprit, own = _culprit(model, document.data, error), _keys(error.place)
    # A field's own rule names the field again: budgets.0 and `share`, but backbone.name and `name`.
    repeated = max((n for n in range(len(own) + 1) if n == 0 or culprit[-n:] == own[:n]), default=0)
    place = document.place((*culprit, *own[repeated:])) if own else f"{document.place(culprit)}: {error.place}"
    return InputError(place, error.value, error.law, error.remedy)


def _keys(place: str) -> Path:
    """`budgets.0.share` as a path; () for a place in words."""
    if not re.fullmatch(r"[A-Za-z_]\w*(\.\w+)*", place):
        return ()
    return tuple(int(key) if key.isdigit() else key for key in place.split("."))


def _collapse(mistakes: list[Mistake]) -> list[Mistake]:
    """A union complains once per member; keep the complaint of the member that was most likely meant."""
    settled = [one for one in mistakes if not one.branches]
    unions: dict[Path, dict[str, list[Mistake]]] = {}
    for one in mistakes:
        if one.branches:
            at, label = one.branches[0]
            unions.setdefault(at, {}).setdefault(label, []).append(replace(one, branches=one.branches[1:]))
    for at, members in unions.items():
        settled += _most_specific(at, [_collapse(complaints) for complaints in members.values()])
    return settled


def _most_specific(at: Path, members: list[list[Mistake]]) -> list[Mistake]:
    """The fewest complaints among members that take this kind of value at all; else all alternatives in one."""
    fitting = [complaints for complaints in members if any(one.path != at or one.law for one in complaints)]
    if fitting:
        return min(fitting, key=len)
    alternatives = [one for complaints in members for one in complaints]
    nouns = list(dict.fromkeys(one.noun for one in alternatives))
    if "a number" in nouns and "an integer" in nouns:
        nouns.remove("an integer")
    remedy = next((one.remedy for one in alternatives if one.remedy), "")
    return [replace(alternatives[0], noun=" or ".join(nouns), remedy=remedy)]


def _without_consequences(mistakes: list[Mistake]) -> list[Mistake]:
    """`bach: 32` is one mistake, though pydantic sees two: an unknown key, and `batch` missing.

    A list with a wrong item is not too short as well, though pydantic counts its sound items only.
    """
    meant = {(*one.path[:-1], one.meant) for one in mistakes if one.meant}
    around = {one.path[:n] for one in mistakes for n in range(len(one.path))}
    return [
        one
        for one in mistakes
        if not (one.kind in MISSING and one.path in meant) and not (one.kind == "too_short" and one.path in around)
    ]


def _culprit(annotation: Any, value: Any, error: InputError) -> Path:
    """The path of the value whose validator raised `error`.

    Pydantic lets exceptions that are no ValueError through without saying where it was. So ask again with one part at a
    time: the part that brings the same error back holds the culprit. Where no single part does (the rule binds several
    keys), the mapping around them is the place. Validators are pure, so asking again is harmless.
    """
    for key, below, probe, alone in _parts(annotation, value):
        if _raises(probe, alone, error):
            return (*key, *_culprit(below, value[key[0]] if key else value, error))
    return ()


def _parts(annotation: Any, value: Any) -> Iterator[tuple[Path, Any, Any, Any]]:
    """Key (none: a member of a union), the annotation below it, and what to ask: an annotation and a value for it."""
    shape = shape_of(annotation)
    if shape.tag and isinstance(value, dict):
        chosen = member(shape, str(value.get(shape.tag)))
        yield (), chosen, chosen, value
    elif shape.members:
        yield from (((), one, one, value) for one in shape.members)
    elif isinstance(value, dict):
        fields = fields_of(shape.annotation)
        yield from (
            ((key,), child(shape.annotation, key), shape.annotation, {key: item})
            for key, item in value.items()
            if key in fields or not fields
        )
    elif isinstance(value, list):
        for index, item in enumerate(value):
            below = child(shape.annotation, index)
            yield (index,), below, below, item


def _raises(annotation: Any, value: Any, error: InputError) -> bool:
    try:
        TypeAdapter(annotation).validate_json(as_json(value))
    except InputError as again:
        return str(again) == str(error)
    except (ValidationError, PydanticUserError):
        return False
    return False


def as_json(data: Any) -> str:
    """Plain data for pydantic's JSON mode, which takes NaN and Infinity as Python writes them."""
    return json.dumps(data)
