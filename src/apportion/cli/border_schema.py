"""Where in a model a pydantic error lies: its path without union labels, and the field names around it.

Pydantic's `loc` mixes keys with names of union members: `("optimizer", "sgd", "schedule", "list[Step]", 0, "at")`.
Which pieces are keys can only be told by walking the annotations beside it.
"""

import dataclasses
from collections.abc import Iterator, Mapping
from collections.abc import Sequence as AbstractSequence
from collections.abc import Set as AbstractSet
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel, Discriminator, PydanticUserError, RootModel, TypeAdapter
from pydantic.fields import FieldInfo

from apportion.cli.yaml_reader import Path


class Shape(NamedTuple):
    """An annotation without wrappers. `members`: two or more where it is a union; `tag`: the key that chooses one."""

    annotation: Any
    members: tuple[Any, ...] = ()
    tag: str = ""


@dataclasses.dataclass(frozen=True)
class Spot:
    """`fields`: names beside the last key of `path`. `branches`: (path of a union, label of its member) on the way."""

    path: Path
    fields: tuple[str, ...]
    branches: tuple[tuple[Path, str], ...]
    shape: Shape


def find(model: Any, loc: tuple[str | int, ...]) -> Spot:
    """Follow `loc` from `model`."""
    path: Path = ()
    branches: list[tuple[Path, str]] = []
    fields: tuple[str, ...] = ()
    annotation = model
    for piece in loc:
        shape = shape_of(annotation)
        if shape.members:
            if not shape.tag:
                branches.append((path, str(piece)))
            annotation = member(shape, str(piece))
        elif piece != "[key]":
            fields = tuple(fields_of(shape.annotation))
            path, annotation = (*path, piece), child(shape.annotation, piece)
    return Spot(path, fields, tuple(branches), shape_of(annotation))


def shape_of(annotation: Any) -> Shape:
    """Unwrap Annotated, `type` aliases, root models and `| None`, none of which show in a `loc`."""
    tag = ""
    while True:
        if isinstance(annotation, FieldInfo):
            tag, annotation = _tag(annotation) or tag, annotation.annotation
        elif get_origin(annotation) is Annotated:
            annotation, *metadata = get_args(annotation)
            tag = next((found for found in map(_tag, metadata) if found), tag)
        elif hasattr(annotation, "__value__"):
            annotation = annotation.__value__
        elif _is_class(annotation, RootModel):
            annotation = annotation.model_fields["root"]
        elif get_origin(annotation) in (Union, UnionType):
            members = tuple(one for one in get_args(annotation) if one is not NoneType)
            if len(members) > 1:
                return Shape(annotation, members, tag)
            annotation = members[0]
        else:
            return Shape(annotation)


def _tag(metadata: Any) -> str:
    """The discriminator; `?` for one that is computed by a function."""
    found = getattr(metadata, "discriminator", None) if isinstance(metadata, FieldInfo | Discriminator) else None
    while isinstance(found, Discriminator):
        found = found.discriminator
    return found if isinstance(found, str) else "?" if found is not None else ""


def tags_of(annotation: Any, tag: str) -> tuple[str, ...]:
    """The values of key `tag` that choose a member of this (member of a) discriminated union."""
    shape = shape_of(annotation)
    if shape.members:
        return tuple(value for one in shape.members for value in tags_of(one, tag))
    field = fields_of(shape.annotation).get(tag)
    inner = shape_of(field).annotation if field is not None else None
    return (
        tuple(str(getattr(value, "value", value)) for value in get_args(inner)) if get_origin(inner) is Literal else ()
    )


def member(shape: Shape, label: str) -> Any:
    """The member of a union that pydantic calls `label`; Any where it cannot be told."""
    if shape.tag:
        return next((one for one in shape.members if label in tags_of(one, shape.tag)), Any)
    return next((one for one in shape.members if _label(one) == label), Any)


def _label(annotation: Any) -> str:
    """Pydantic's own name for the member, as far as it can make a validator of the member alone."""
    if _is_class(annotation, BaseModel) and not issubclass(annotation, RootModel):
        return str(annotation.__name__)
    try:
        return TypeAdapter(annotation).validator.title
    except PydanticUserError:
        return ""


def child(annotation: Any, key: str | int) -> Any:
    """The annotation of what lies under a key or index; Any where it cannot be told."""
    fields = fields_of(annotation)
    if fields:
        return fields.get(str(key), Any)
    origin, arguments = get_origin(annotation) or annotation, get_args(annotation)
    if not arguments or not isinstance(origin, type):
        return Any
    if issubclass(origin, Mapping):
        return arguments[-1]
    if issubclass(origin, tuple) and arguments[-1] is not Ellipsis:
        return arguments[key] if isinstance(key, int) and key < len(arguments) else Any
    return arguments[0] if issubclass(origin, AbstractSequence | AbstractSet) else Any


def fields_of(annotation: Any) -> dict[str, Any]:
    """Field annotations of a model or dataclass by the name that a config uses; empty for anything else."""
    if _is_class(annotation, BaseModel):
        return dict(_model_fields(annotation))
    if isinstance(annotation, type) and dataclasses.is_dataclass(annotation):
        return dict(_dataclass_fields(annotation))
    return {}


@cache
def _dataclass_fields(annotation: type) -> dict[str, Any]:
    hints = get_type_hints(annotation, include_extras=True)
    return {field.name: hints[field.name] for field in dataclasses.fields(annotation) if field.init}


def _model_fields(model: type[BaseModel]) -> Iterator[tuple[str, Any]]:
    for name, field in model.model_fields.items():
        alias = field.validation_alias or field.alias
        yield (alias if isinstance(alias, str) else name), field


def _is_class(annotation: Any, parent: type) -> bool:
    return isinstance(annotation, type) and get_origin(annotation) is None and issubclass(annotation, parent)
