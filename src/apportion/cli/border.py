"""The border: a YAML file and overrides go in, a checked config comes out, or one InputError of one line.

>>> config = read_config(Path("run.yaml"), ["evaluator.optimizer.lr=1e-3"], Config)     # doctest: +SKIP

Models are pydantic models with `ConfigDict(extra="forbid", frozen=True, strict=True)`: misspelt keys are refused, text
and `true` are never taken for numbers (an integer is taken for a float, a whole float never for an integer).
Rules in validators raise ValueError with the law as text ("it must divide the image size"), or an InputError where
value and remedy are better said by the rule itself.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from apportion.cli.border_document import dotted, read_document
from apportion.cli.border_errors import as_json, located, refusal
from apportion.cli.overrides import with_overrides
from apportion.cli.yaml_reader import Path as KeyPath
from apportion.errors import InputError

Model = TypeVar("Model", bound=BaseModel)


def read_config(path: Path, overrides: Sequence[str], model: type[Model]) -> Model:
    """The config in a YAML file, with `key.sub=value` overrides; anything wrong is an InputError with its place.

    The data goes to pydantic as JSON: its strict mode for Python objects refuses a list for a tuple and text for a
    pathlib.Path or an Enum, which YAML can only write that way; strict mode for JSON takes exactly these in addition.
    """
    document = with_overrides(read_document(path), overrides)
    try:
        return model.model_validate_json(as_json(document.data))
    except ValidationError as error:
        raise refusal(document, model, error) from None
    except InputError as error:
        raise located(document, model, error) from None


class _Absent:
    def __repr__(self) -> str:
        return "(absent)"


ABSENT = _Absent()
"""Stands for the value of a key that one of two configs does not have."""


def config_differences(old: dict[str, Any], new: dict[str, Any]) -> list[tuple[str, Any, Any]]:
    """Dotted keys whose values differ, with both values (or ABSENT), in the order of `old`.

    Both as a model's `model_dump(mode="json")` gives them. Lists of equal length are compared item by item, others as a
    whole. 1 equals 1.0 but not `true`; NaN equals NaN.
    """
    return [(dotted(path), left, right) for path, left, right in _differences((), old, new)]


def _differences(path: KeyPath, old: Any, new: Any) -> Iterator[tuple[KeyPath, Any, Any]]:
    if isinstance(old, dict) and isinstance(new, dict):
        for key in dict.fromkeys([*old, *new]):
            yield from _differences((*path, key), old.get(key, ABSENT), new.get(key, ABSENT))
    elif isinstance(old, list | tuple) and isinstance(new, list | tuple) and len(old) == len(new):
        for index, (left, right) in enumerate(zip(old, new, strict=True)):
            yield from _differences((*path, index), left, right)
    elif not _same(old, new):
        yield path, old, new


def _same(old: Any, new: Any) -> bool:
    if isinstance(old, bool) is not isinstance(new, bool):
        return False
    return bool(old == new) or (old != old and new != new)
