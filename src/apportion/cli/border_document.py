"""A config as it was written: its data, and for every key the line of the file or the override it came from."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path as File
from typing import Any, NamedTuple

from apportion.cli.yaml_reader import Path, YamlProblem, compose, data_and_lines, short
from apportion.errors import InputError

MOST_BYTES = 1_000_000


class Origin(NamedTuple):
    """Where a key was written. Origins sort as a person should meet them: the command line first, then by line."""

    from_file: bool
    number: int
    text: str


@dataclass(frozen=True)
class Document:
    """`data` is a mapping of plain values; `origins` has an entry for every key and list item in it."""

    file: str
    data: dict[str, Any]
    origins: dict[Path, Origin]

    def origin(self, path: Path) -> Origin:
        """Where `path` was written, or the nearest thing around it for a key that is missing."""
        while path and path not in self.origins:
            path = path[:-1]
        return self.origins.get(path, Origin(True, 1, f"{self.file}:1"))

    def place(self, path: Path) -> str:
        """`run.yaml:12: evaluator.lr`, or `override 'evaluator.lr=fast': evaluator.lr`."""
        return f"{self.origin(path).text}: {dotted(path)}" if path else self.origin(path).text


def read_document(file: File) -> Document:
    """The mapping in a YAML file. Every way in which that can fail is an InputError."""
    text = _read_text(file)
    try:
        root = compose(text)
        data, lines = data_and_lines(root) if root is not None else (None, {})
    except YamlProblem as problem:
        place = f"{file}:{problem.line}" + (f": {dotted(problem.path)}" if problem.path else "")
        raise InputError(place, problem.value, problem.law, problem.remedy) from None
    if data is None:
        raise InputError(f"{file}:1", "an empty file", "a config is a mapping", "write lines such as `key: value`")
    if not isinstance(data, dict):
        place = f"{file}:{lines[()]}"
        raise InputError(place, short(data), "a config is a mapping", "write lines such as `key: value`")
    return Document(str(file), data, {path: Origin(True, line, f"{file}:{line}") for path, line in lines.items()})


def _read_text(file: File) -> str:
    try:
        with file.open("rb") as stream:
            content = stream.read(MOST_BYTES + 1)
    except FileNotFoundError:
        raise InputError(str(file), "no such file", "a config is a file that exists", _near_file(file)) from None
    except IsADirectoryError:
        raise InputError(str(file), "a folder", "a config is a file", "name the YAML file in it") from None
    except PermissionError:
        raise InputError(
            str(file), "no permission to read it", "a config is readable", "see its owner and mode"
        ) from None
    except (OSError, ValueError) as problem:  # a name too long, a loop of links, a zero byte in the name
        reason = getattr(problem, "strerror", None) or str(problem)
        raise InputError(short(str(file), 200), reason, "a config is a file that can be read") from None
    if len(content) > MOST_BYTES:
        law = f"a config has at most {MOST_BYTES:,}"
        raise InputError(str(file), f"more than {MOST_BYTES:,} bytes", law, "is it the right file?")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        line = content.count(b"\n", 0, problem.start) + 1
        found = f"byte 0x{problem.object[problem.start]:02x}"
        raise InputError(f"{file}:{line}", found, "a config is UTF-8 text", "save it as UTF-8") from None


def _near_file(file: File) -> str:
    try:
        near = get_close_matches(file.name, [other.name for other in file.parent.iterdir()], n=1)
    except OSError:
        return f"there is no folder {file.parent}"
    return f"did you mean {str(file.parent / near[0])!r}?" if near else ""


def dotted(path: Sequence[str | int]) -> str:
    """`budgets.0.share`; a key that is no plain word is quoted, so that it cannot be misread."""
    return ".".join(str(key) if re.fullmatch(r"[\w-]+", str(key)) else short(key) for key in path)
