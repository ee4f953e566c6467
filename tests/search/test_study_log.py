"""The study log: a chain in which a change is found and named, a torn tail is set aside, and one process writes."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apportion.errors import InputError
from apportion.search.lock import only_writer
from apportion.search.study_log import (
    INCIDENTAL,
    KINDS,
    Kind,
    Reading,
    Record,
    StudyLog,
    equal,
    read_log,
    set_torn_tail_aside,
)

EMPTY = Reading((), b"", "")


def written(path: Path, *records: tuple[Kind, dict[str, Any]]) -> Path:
    """A log of these records, after what is there already."""
    log = StudyLog(path, read_log(path))
    for kind, fields in records:
        log.append(kind, **fields)
    log.close()
    return path


def of_strings(path: Path, words: str = "abcd") -> Path:
    """One record a word, without any number or letter that JSON can spell in two ways."""
    return written(path, *[("ask", {"proposal": {"id": word}}) for word in words])


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A place for a log that is overwritten by every example."""
    return tmp_path_factory.mktemp("logs") / "study.jsonl"


@pytest.fixture(scope="module")
def content(path: Path) -> bytes:
    """Four records, written at a time that has one spelling only."""
    with mock.patch("time.time", return_value=1_000_000_000.125):
        return of_strings(path).read_bytes()


# Reading and writing.


def test_a_log_that_is_not_there_is_empty(tmp_path: Path) -> None:
    assert read_log(tmp_path / "study.jsonl") == EMPTY


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_record_comes_back_as_it_was_written(tmp_path: Path, kind: Kind) -> None:
    fields = {
        "text": "gr\u00fc\u00df \u2028 \n\t\0",
        "number": 0.1,
        "none": None,
        "deep": {"list": [1, True, {"x": -0.0}]},
    }
    path = written(tmp_path / "study.jsonl", (kind, fields))
    (record,) = read_log(path).records
    assert (record.sequence, record.kind) == (0, kind)
    assert {name: record.fields[name] for name in fields} == fields
    assert set(record.fields) == {*fields, "at"}


def test_records_are_numbered_on_when_a_log_is_opened_again(tmp_path: Path) -> None:
    path = of_strings(tmp_path / "study.jsonl", "ab")
    of_strings(path, "cd")
    records = read_log(path).records
    assert [record.sequence for record in records] == [0, 1, 2, 3]
    assert [record.fields["proposal"]["id"] for record in records] == list("abcd")


def test_a_line_is_one_json_object_with_a_check(tmp_path: Path) -> None:
    lines = of_strings(tmp_path / "study.jsonl").read_text().splitlines()
    bodies = [json.loads(line) for line in lines]
    assert [body["sequence"] for body in bodies] == [0, 1, 2, 3]
    assert len({body["check"] for body in bodies}) == 4


def test_the_same_record_has_another_check_in_another_place(tmp_path: Path) -> None:
    left = of_strings(tmp_path / "left.jsonl", "xb").read_bytes().splitlines()
    right = of_strings(tmp_path / "right.jsonl", "yb").read_bytes().splitlines()
    # A record moved from one log into another does not fit its new chain.
    mixed = tmp_path / "mixed.jsonl"
    mixed.write_bytes(b"\n".join([left[0], right[1], b'{"torn'])[:])
    with pytest.raises(InputError, match="record 1"):
        read_log(mixed)


def test_numbers_that_json_does_not_know_are_not_written(tmp_path: Path) -> None:
    log = StudyLog(tmp_path / "study.jsonl", EMPTY)
    with pytest.raises(ValueError, match="JSON"):
        log.append("tell", outcome=float("nan"))
    log.append("ask")
    log.close()
    assert [record.kind for record in read_log(log.path).records] == ["ask"]


# Damage.


@settings(max_examples=150)
@given(st.data())
def test_a_changed_byte_before_the_last_record_is_found_and_its_record_is_named(
    path: Path, content: bytes, data: st.DataObject
) -> None:
    ends = [i for i, byte in enumerate(content) if byte == ord("\n")]
    # All but the newline before the last record, which has a test of its own below.
    place = data.draw(st.integers(0, ends[-2] - 1))
    other = data.draw(st.integers(0, 255).filter(lambda byte: byte != content[place]))
    path.write_bytes(content[:place] + bytes([other]) + content[place + 1 :])
    number = content[:place].count(b"\n")
    with pytest.raises(InputError, match=rf"record {number}:"):
        read_log(path)


def test_a_changed_newline_before_the_last_record_is_found(tmp_path: Path) -> None:
    path = of_strings(tmp_path / "study.jsonl", "abc")
    lines = path.read_bytes().split(b"\n")
    path.write_bytes(lines[0] + b"\n" + lines[1] + b" " + lines[2] + b"\n")
    with pytest.raises(InputError, match="record 1:"):
        read_log(path)


@pytest.mark.parametrize(
    ("value", "old", "new"), [(0.0, b"0.0", b"0e0"), (1e-5, b"1e-05", b"1E-05"), ("\u00fc", b"\\u00fc", b"\\u00Fc")]
)
def test_another_spelling_of_the_same_value_is_found(tmp_path: Path, value: object, old: bytes, new: bytes) -> None:
    path = written(tmp_path / "study.jsonl", ("ask", {"value": value}), ("ask", {}))
    content = path.read_bytes()
    assert content.count(b":" + old) + content.count(b'"' + old) == 1
    path.write_bytes(content.replace(old, new, 1))
    with pytest.raises(InputError, match="record 0:"):
        read_log(path)


@pytest.mark.parametrize("missing", [0, 1])
def test_a_missing_record_is_found_where_more_than_one_follows(tmp_path: Path, missing: int) -> None:
    path = of_strings(tmp_path / "study.jsonl")
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:missing] + lines[missing + 1 :]))
    with pytest.raises(InputError, match=rf"record {missing}:"):
        read_log(path)


def test_records_that_changed_places_are_found(tmp_path: Path) -> None:
    path = of_strings(tmp_path / "study.jsonl")
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([lines[0], lines[2], lines[1], lines[3]]))
    with pytest.raises(InputError, match="record 1:"):
        read_log(path)


def test_a_record_of_unknown_kind_is_named_even_where_its_check_is_right(tmp_path: Path) -> None:
    path = written(tmp_path / "study.jsonl", ("ask", {}), ("guess", {}), ("ask", {}))  # type: ignore[arg-type]
    with pytest.raises(InputError, match="record 1: its kind is 'guess'"):
        read_log(path)


# Torn tails.


def test_a_tail_torn_at_any_byte_is_set_aside_and_kept(tmp_path: Path) -> None:
    whole = of_strings(tmp_path / "whole.jsonl").read_bytes()
    last = whole.rindex(b"\n", 0, len(whole) - 1) + 1
    for end in range(last, len(whole)):
        path = tmp_path / f"{end}" / "study.jsonl"
        path.parent.mkdir()
        path.write_bytes(whole[:end])
        reading = read_log(path)
        assert [record.fields["proposal"]["id"] for record in reading.records] == list("abc")
        assert reading.torn == whole[last:end]
        backup = set_torn_tail_aside(path, reading)
        if end == last:
            assert backup is None
        else:
            assert backup is not None
            assert backup.name == "study.jsonl.bak"
            assert backup.read_bytes() == whole[:end]
        assert path.read_bytes() == whole[:last]
    # And the chain goes on from there.
    of_strings(path, "e")
    assert [record.fields["proposal"]["id"] for record in read_log(path).records] == list("abce")


@settings(max_examples=60)
@given(st.data())
def test_a_damaged_last_record_is_a_torn_tail(path: Path, content: bytes, data: st.DataObject) -> None:
    last = content.rindex(b"\n", 0, len(content) - 1) + 1
    place = data.draw(st.integers(last, len(content) - 2))
    # Not a newline: that makes two records of one, and the first of them is not the last.
    other = data.draw(st.integers(11, 255).filter(lambda byte: byte != content[place]))
    path.write_bytes(content[:place] + bytes([other]) + content[place + 1 :])
    reading = read_log(path)
    assert len(reading.records) == 3
    assert reading.torn == path.read_bytes()[last:]


def test_a_sound_log_has_no_tail_to_set_aside(tmp_path: Path) -> None:
    path = of_strings(tmp_path / "study.jsonl")
    before = path.read_bytes()
    assert set_torn_tail_aside(path, read_log(path)) is None
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_second_torn_tail_does_not_erase_the_first(tmp_path: Path) -> None:
    path = of_strings(tmp_path / "study.jsonl")
    for tail in (b'{"first', b'{"second'):
        with path.open("ab") as file:
            file.write(tail)
        set_torn_tail_aside(path, read_log(path))
    kept = b"".join(backup.read_bytes() for backup in tmp_path.glob("*.bak*"))
    assert b'{"first' in kept
    assert b'{"second' in kept


# Equality.


def reading_of(*fields: dict[str, Any]) -> Reading:
    return Reading(tuple(Record(i, "tell", body) for i, body in enumerate(fields)), b"", "")


@pytest.mark.parametrize("name", ["seconds", "at", "pid", "check", "cost_seconds", "peak_bytes"])
def test_logs_are_equal_without_what_the_clock_and_the_machine_decide(name: str) -> None:
    left, right = ({"id": "a", name: value, "deep": [{"deeper": {name: value}}]} for value in (1, 2))
    assert equal(reading_of(left), reading_of(right))
    assert equal(reading_of(left), reading_of({"id": "a", "deep": [{"deeper": {}}]}))


def test_nothing_else_is_ignored() -> None:
    assert {"seconds", "at", "pid", "check", "cost_seconds", "peak_bytes"} == INCIDENTAL
    base: dict[str, Any] = {"id": "a", "deep": [{"value": 1}]}
    others: list[dict[str, Any]] = [
        {"id": "b", "deep": [{"value": 1}]},
        {"id": "a", "deep": [{"value": 2}]},
        {"id": "a", "deep": [{"value": 1}, {}]},
        {"id": "a", "deep": [{"value": 1, "more": 0}]},
        {"id": "a", "deep": [{"second": 1}]},
        {"id": "a"},
    ]
    for other in others:
        assert not equal(reading_of(base), reading_of(other))
    assert not equal(reading_of(base), reading_of(base, base))
    assert not equal(reading_of(base), Reading((Record(0, "fail", base),), b"", ""))


def test_a_log_written_twice_is_equal_to_itself(tmp_path: Path) -> None:
    left, right = (of_strings(tmp_path / name) for name in ("left.jsonl", "right.jsonl"))
    time.sleep(0.002)
    assert equal(read_log(left), read_log(right))


# Full disks.


@contextlib.contextmanager
def on_a_full_disk(folder: Path) -> Iterator[StudyLog]:
    """A log whose every write fails for want of space."""
    path = folder / "study.jsonl"
    path.symlink_to("/dev/full")
    log = StudyLog(path, EMPTY)
    try:
        yield log
    finally:
        with contextlib.suppress(OSError):
            log.close()
        # What could not be written must not be tried again when the file is collected.
        with contextlib.suppress(OSError):
            log._file.close()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full")
def test_a_full_disk_is_bad_input_with_the_bytes_that_are_needed(tmp_path: Path) -> None:
    with on_a_full_disk(tmp_path) as log, pytest.raises(InputError) as refused:
        log.append("ask", proposal={"id": "x" * 1000})
    said = str(refused.value)
    assert "bytes free on the disk" in said
    assert "No space left on device" in said
    needed = int(said.split("the next record needs ")[1].split(" ")[0].replace(",", ""))
    assert 1000 < needed < 1300


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full")
def test_a_log_on_a_full_disk_can_be_closed(tmp_path: Path) -> None:
    # A run closes its log in a `finally`: an error there hides the one that names the bytes.
    with on_a_full_disk(tmp_path) as log:
        with pytest.raises(InputError):
            log.append("ask")
        log.close()


# One writer.

HOLDER = """
import sys, time
from pathlib import Path
from apportion.search.lock import only_writer
with only_writer(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the run."""
    process = subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "held\n"
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_a_second_writer_is_refused_with_the_first_one_s_process_id(
    tmp_path: Path, holder: subprocess.Popen[str]
) -> None:
    with (
        pytest.raises(InputError, match=rf"in use by pid {holder.pid} since 20\d\d-") as refused,
        only_writer(tmp_path),
    ):
        pytest.fail("two writers hold one run")
    assert str(tmp_path) in str(refused.value)


def test_the_lock_is_free_when_its_holder_is_killed(tmp_path: Path, holder: subprocess.Popen[str]) -> None:
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    with only_writer(tmp_path):
        told = json.loads((tmp_path / "study.lock").read_text())
    assert told["pid"] == os.getpid()


def test_the_lock_is_free_after_an_error_inside(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), only_writer(tmp_path / "new"):
        raise RuntimeError
    with only_writer(tmp_path / "new"):
        assert (tmp_path / "new" / "study.lock").exists()


def test_an_unreadable_lock_file_still_refuses(tmp_path: Path) -> None:
    with only_writer(tmp_path):
        (tmp_path / "study.lock").write_text("not json")
        with pytest.raises(InputError, match="in use by another process"), only_writer(tmp_path):
            pytest.fail("two writers hold one run")
