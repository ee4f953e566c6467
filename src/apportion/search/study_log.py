"""The study log: `study.jsonl`, append-only, the only truth about a run.

A line is a JSON object with `sequence` (0, 1, 2, ...), `kind`, `at` (seconds since the epoch), the kind's own fields,
and `check`: a checksum chained to the line before, so that a change anywhere is found. A torn last line (the machine
died while writing) is set aside; damage before it is an error that names the record.
"""

import hashlib
import json
import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from apportion.errors import InputError

Kind = Literal["header", "ask", "tell", "fail", "artifact", "amend", "open_test", "final"]
KINDS: tuple[str, ...] = get_args(Kind)

# Fields that may differ between two runs of the same study (DESIGN, "The study log is the truth").
INCIDENTAL = frozenset({"seconds", "cost_seconds", "peak_bytes", "at", "pid", "check"})


@dataclass(frozen=True)
class Record:
    sequence: int
    kind: str
    fields: dict[str, Any]

    def essence(self) -> dict[str, Any]:
        """The record without what may differ between equal runs."""
        return {"sequence": self.sequence, "kind": self.kind, **_without_incidental(self.fields)}


def _without_incidental(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_incidental(item) for key, item in value.items() if key not in INCIDENTAL}
    if isinstance(value, list):
        return [_without_incidental(item) for item in value]
    return value


@dataclass(frozen=True)
class Reading:
    """What a log file holds: its sound records, the torn tail's bytes (empty where there is none), the last check."""

    records: tuple[Record, ...]
    torn: bytes
    check: str


class StudyLog:
    """An open log. Only the holder of the run's lock may append."""

    def __init__(self, path: Path, reading: Reading) -> None:
        self.path = path
        self._check = reading.check
        self._next = len(reading.records)
        self._file = path.open("ab")
        self._unsynced = False

    def append(self, kind: Kind, **fields: Any) -> Record:
        """Add a record; it is durable only after `sync`."""
        record = Record(self._next, kind, fields)
        body = {"sequence": record.sequence, "kind": kind, "at": round(time.time(), 3), **fields}
        check = _chained(self._check, body)
        line = json.dumps({**body, "check": check}, separators=(",", ":"), allow_nan=False).encode() + b"\n"
        try:
            self._file.write(line)
            self._file.flush()
        except OSError as problem:
            free = shutil.disk_usage(self.path.parent).free
            raise InputError(
                f"study log {self.path}",
                f"{free:,} bytes free on the disk",
                f"the next record needs {len(line):,} ({problem.strerror})",
                "free some space and start the same command again: nothing that was recorded is lost",
            ) from problem
        self._check, self._next, self._unsynced = check, self._next + 1, True
        return record

    def sync(self) -> None:
        """Make all appended records durable (one fsync for a group of records)."""
        if self._unsynced:
            os.fsync(self._file.fileno())
            self._unsynced = False

    def close(self) -> None:
        self.sync()
        self._file.close()


def read_log(path: Path) -> Reading:
    """All sound records of `path`. Damage before the last record raises an InputError that names the record."""
    records: list[Record] = []
    check = ""
    content = path.read_bytes() if path.exists() else b""
    lines = content.split(b"\n")
    for number, line in enumerate(lines):
        last = number >= len(lines) - 2
        if number == len(lines) - 1:
            return Reading(tuple(records), line, check)
        parsed = _parse(line, number, check)
        if isinstance(parsed, str):
            if last and number == len(lines) - 2 and not lines[-1]:
                return Reading(tuple(records), line + b"\n", check)
            raise InputError(
                f"study log {path}, record {number}",
                parsed,
                "a log is append-only and every record is chained to the one before",
                "restore the file from a copy, or start a new run under another name",
            )
        record, check = parsed
        records.append(record)
    raise AssertionError("unreachable: split always yields a last piece")


def set_torn_tail_aside(path: Path, reading: Reading) -> Path | None:
    """Keep the file with its torn tail as `.bak` and cut the tail off. Returns the copy; None: nothing was torn."""
    if not reading.torn:
        return None
    backup = path.with_suffix(".jsonl.bak")
    shutil.copy2(path, backup)
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size - len(reading.torn))
        os.fsync(file.fileno())
    return backup


def equal(left: Reading, right: Reading) -> bool:
    """Two logs tell the same story: equal but for times, process ids and checksums."""
    return [record.essence() for record in left.records] == [record.essence() for record in right.records]


def _chained(previous: str, body: dict[str, Any]) -> str:
    text = json.dumps(body, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(f"{previous}\n{text}".encode()).hexdigest()[:32]


def _parse(line: bytes, number: int, previous: str) -> tuple[Record, str] | str:
    """The record and its check, or what is wrong with the line."""
    try:
        body = json.loads(line)
    except ValueError:
        return "the line is not JSON"
    if not isinstance(body, dict):
        return "the line is not a JSON object"
    check = body.pop("check", None)
    if body.get("sequence") != number:
        return f"its sequence number is {body.get('sequence')!r}"
    if check != _chained(previous, body):
        return "its content does not match its checksum"
    kind = body.pop("kind")
    if kind not in KINDS:
        return f"its kind is {kind!r}"
    body.pop("sequence")
    return Record(number, kind, body), check
