"""The study log: `study.jsonl`, append-only, the only truth about a run.

A line is a JSON object with `sequence` (0, 1, 2, ...), `kind`, `at` (seconds since the epoch), the kind's own fields,
and `check`: a checksum chained to the line before, so that a change anywhere is found. A torn last line (the machine
died while writing) is set aside; damage before it is an error that names the record.
"""

import errno
import hashlib
import json
import os
import re
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


# Between a record's own bytes and its checksum, which covers them as they stand, spelling and all.
_CHECK = b',"check":"'
_WHOLE_RECORD = re.compile(rb',"check":"[0-9a-f]{32}"\}')


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
        # Unbuffered: after a failed write nothing is left over that closing would try to write again.
        self._file = path.open("ab", buffering=0)
        self._unsynced = False

    def append(self, kind: Kind, **fields: Any) -> Record:
        """Add a record; it is durable only after `sync`."""
        record = Record(self._next, kind, fields)
        body = {"sequence": record.sequence, "kind": kind, "at": round(time.time(), 3), **fields}
        content = json.dumps(body, separators=(",", ":"), allow_nan=False).encode()
        check = _chained(self._check, content)
        line = content[:-1] + _CHECK + check.encode() + b'"}\n'
        try:
            if self._file.write(line) != len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
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
    *lines, unended = path.read_bytes().split(b"\n") if path.exists() else [b""]
    for number, line in enumerate(lines):
        parsed = _parse(line, number, check)
        if isinstance(parsed, Damage):
            # The machine died while it wrote the last line: nothing stands behind it, and it is no whole record.
            if number == len(lines) - 1 and not unended and not parsed.of_several:
                return Reading(tuple(records), line + b"\n", check)
            raise _damaged(path, number, parsed.what)
        record, check = parsed
        records.append(record)
    whole = _WHOLE_RECORD.search(unended)
    if whole is not None and whole.end() < len(unended):
        raise _damaged(path, len(lines), "its content or the end of its line was changed")
    return Reading(tuple(records), unended, check)


def _damaged(path: Path, number: int, what: str) -> InputError:
    return InputError(
        f"study log {path}, record {number}",
        what,
        "a log is append-only and every record is chained to the one before",
        "restore the file from a copy, or start a new run under another name",
    )


def set_torn_tail_aside(path: Path, reading: Reading) -> Path | None:
    """Keep the file with its torn tail as `.bak` and cut the tail off. Returns the copy; None: nothing was torn."""
    if not reading.torn:
        return None
    backup = path.with_suffix(".jsonl.bak")
    while backup.exists():
        backup = backup.with_name(backup.name + "~")
    shutil.copy2(path, backup)
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size - len(reading.torn))
        os.fsync(file.fileno())
    return backup


def equal(left: Reading, right: Reading) -> bool:
    """Two logs tell the same story: equal but for times, process ids and checksums."""
    return [record.essence() for record in left.records] == [record.essence() for record in right.records]


def _chained(previous: str, content: bytes) -> str:
    return hashlib.sha256(previous.encode() + b"\n" + content).hexdigest()[:32]


@dataclass(frozen=True)
class Damage:
    """What is wrong with a line. `of_several`: more than its last record is damaged."""

    what: str
    of_several: bool = False


def _parse(line: bytes, number: int, previous: str) -> tuple[Record, str] | Damage:
    """The record and its check, or what is wrong with the line."""
    own, mark, rest = line.rpartition(_CHECK)
    if not mark or _WHOLE_RECORD.fullmatch(mark + rest) is None:
        return Damage("the line is no whole record")
    if _WHOLE_RECORD.search(own):
        return Damage("two records on one line", of_several=True)
    check, content = rest[:32].decode(), own + b"}"
    try:
        body = json.loads(content)
    except ValueError:
        return Damage("the line is not JSON")
    if not isinstance(body, dict) or body.get("sequence") != number:
        found = body.get("sequence") if isinstance(body, dict) else None
        return Damage(f"its sequence number is {found!r}")
    if check != _chained(previous, content):
        return Damage("its content does not match its checksum")
    kind = body.pop("kind", None)
    if kind not in KINDS:
        return Damage(f"its kind is {kind!r}")
    body.pop("sequence")
    return Record(number, kind, body), check
