"""Overrides from the command line: `evaluator.lr=1e-3`, `budgets.0.share=.3`, `domains=[digits, photos]`.

The part before the first `=` is a path: keys and list indexes (from 0) joined by dots, so a key that itself holds a dot
can only be reached through the mapping around it. The part after it is YAML on one line, read as strictly as the file;
it takes the place of whatever stood there (mappings are not merged). Later overrides win over earlier ones. A key that
the file does not mention is added; whether it may exist is the model's business.
"""

from collections.abc import Sequence
from copy import deepcopy
from typing import Any

import yaml

from apportion.cli.border_document import Document, Origin, dotted
from apportion.cli.yaml_reader import Path, YamlProblem, compose, data_and_lines, short
from apportion.errors import InputError

SHAPE = "write key.sub=value"


def with_overrides(document: Document, overrides: Sequence[str]) -> Document:
    """The document with the overrides in it, and with their text as the origin of what they wrote."""
    changed = Document(document.file, deepcopy(document.data), dict(document.origins))
    for number, text in enumerate(overrides):
        keys, value, inner = _parse(text)
        path = _put(changed, keys, value, text)
        for known in [known for known in changed.origins if known[: len(path)] == path]:
            del changed.origins[known]
        for written in [path[:length] for length in range(1, len(path))]:
            changed.origins.setdefault(written, _origin(number, text))
        for below in inner:
            changed.origins[path + below] = _origin(number, text)
    return changed


def _origin(number: int, text: str) -> Origin:
    return Origin(False, number, _place(text))


def _place(text: str) -> str:
    return f"override {short(text, 80)}"


def _parse(text: str) -> tuple[list[str], Any, list[Path]]:
    """Path, value, and the paths inside the value."""
    name, equals, written = text.partition("=")
    keys = name.split(".")
    if not equals:
        raise InputError(_place(text), "no `=` in it", "an override is a key and a value", SHAPE)
    if not all(keys):
        raise InputError(_place(text), f"the key {name!r}", "a key has a name between all dots", SHAPE)
    try:
        root = compose(written)
        if root is None:
            law, remedy = "an override has a value", "write null for none, '' (quoted for the shell) for empty text"
            raise InputError(_place(text), "nothing after `=`", law, remedy)
        if isinstance(root, yaml.CollectionNode) and not root.flow_style:
            remedy = "write {key: value} or [item, item], or put text in quotes"
            raise InputError(_place(text), short(written), "a value stands on one line", remedy)
        value, lines = data_and_lines(root)
    except YamlProblem as problem:
        place = _place(text) + (f": {dotted(problem.path)}" if problem.path else "")
        raise InputError(place, problem.value, problem.law, problem.remedy) from None
    return keys, value, list(lines)


def _put(document: Document, keys: list[str], value: Any, text: str) -> Path:
    """Write `value` into the document's data; the path with list indexes as numbers."""
    here: Any = document.data
    path: Path = ()
    for position, key in enumerate(keys):
        last = position == len(keys) - 1
        step: Any = _index(here, key, path, text) if isinstance(here, list) else key
        path = (*path, step)
        if last:
            here[step] = value
            break
        below = here[step] if isinstance(here, list) else here.get(step)
        if below is None:  # a key that is not there, or that was written with nothing after its colon
            below = here[step] = {}
        if not isinstance(below, dict | list):
            law = f"{dotted(path)} is {short(below)} and has nothing inside"
            raise InputError(_place(text), f"the key {dotted(keys)}", law, f"write {dotted(path)}=value")
        here = below
    return path


def _index(items: list[Any], key: str, path: Path, text: str) -> int:
    if key.isascii() and key.isdigit() and len(key) < 6 and int(key) < len(items):
        return int(key)
    known = f"its indexes are 0 to {len(items) - 1}" if items else "it is empty"
    law, remedy = f"{dotted(path)} is a list and {known}", f"to add items, write {dotted(path)}=[...]"
    raise InputError(_place(text), f"index {short(key)}", law, remedy)
