"""Memo: an expensive step is done once, survives on disk, and is never believed when its bytes have changed."""

import hashlib
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from apportion.evaluators.memo import Memo, Tensors


class Counted:
    """A step that counts how often it was done; each time gives other tensors."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> Tensors:
        self.times += 1
        return {"weight": torch.full((2, 3), float(self.times)), "n": torch.tensor(self.times)}


def never() -> Tensors:
    raise AssertionError("computed again")


@pytest.mark.parametrize("on_disk", [True, False])
def test_a_step_is_done_once_per_key(tmp_path: Path, on_disk: bool) -> None:
    memo, step = Memo(tmp_path / "artifacts" if on_disk else None), Counted()
    first, second = memo("warm-up/seed-1", step), memo("warm-up/seed-1", step)
    assert step.times == 1
    assert first[0] == second[0]
    assert torch.equal(first[1]["weight"], second[1]["weight"])
    memo("warm-up/seed-2", step)
    assert step.times == 2


def test_another_process_finds_it_on_disk(tmp_path: Path) -> None:
    made, tensors = Memo(tmp_path)("key", Counted())
    found, again = Memo(tmp_path)("key", never)
    assert found == made
    assert set(again) == set(tensors)
    assert all(torch.equal(again[name], tensors[name]) for name in tensors)


def test_the_artifact_names_file_hash_and_seconds(tmp_path: Path) -> None:
    def slow() -> Tensors:
        time.sleep(0.02)
        return {"x": torch.ones(3)}

    artifact, _ = Memo(tmp_path / "artifacts")("warm-up/seed 1", slow)
    content = (tmp_path / artifact.path).read_bytes()
    assert artifact.key == "warm-up/seed 1"
    assert artifact.path.startswith("artifacts/")
    assert artifact.sha256 == hashlib.sha256(content).hexdigest()
    assert artifact.seconds >= 0.02


@pytest.mark.parametrize("on_disk", [True, False])
def test_a_card_is_known_without_the_tensors(tmp_path: Path, on_disk: bool) -> None:
    memo = Memo(tmp_path if on_disk else None)
    assert memo.card("key") is None
    artifact, _ = memo("key", Counted())
    assert memo.card("key") == artifact
    if on_disk:
        assert Memo(tmp_path).card("key") == artifact


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(bytes(content))


@pytest.mark.parametrize(
    "damage", [flip, lambda path: path.write_bytes(b""), Path.unlink], ids=["flipped bit", "empty", "gone"]
)
def test_a_damaged_file_is_computed_again(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    artifact, _ = Memo(tmp_path)("key", Counted())
    damage(tmp_path.parent / artifact.path)
    again = Counted()
    _, tensors = Memo(tmp_path)("key", again)
    assert again.times == 1
    assert torch.equal(tensors["n"], torch.tensor(1))
    # And what was computed again is sound.
    assert Memo(tmp_path)("key", never)[0].sha256


@pytest.mark.parametrize(
    "damage",
    [
        Path.unlink,
        lambda path: path.write_text('{"sha2'),
        lambda path: path.write_text("{}"),
    ],
    ids=["gone", "torn", "empty"],
)
def test_a_damaged_card_is_computed_again(tmp_path: Path, damage: Callable[[Path], object]) -> None:
    artifact, _ = Memo(tmp_path)("key", Counted())
    damage((tmp_path.parent / artifact.path).with_suffix(".json"))
    again = Counted()
    Memo(tmp_path)("key", again)
    assert again.times == 1


def test_keys_that_look_alike_as_file_names_are_kept_apart(tmp_path: Path) -> None:
    step = Counted()
    Memo(tmp_path)("warm-up/seed-1", step)
    artifact, _ = Memo(tmp_path)("warm-up-seed-1", step)
    assert step.times == 2
    assert artifact.key == "warm-up-seed-1"


def test_a_step_that_fails_leaves_nothing_behind_and_is_tried_again(tmp_path: Path) -> None:
    memo = Memo(tmp_path)

    def failing() -> Tensors:
        raise RuntimeError("diverged")

    with pytest.raises(RuntimeError, match="diverged"):
        memo("key", failing)
    assert memo.card("key") is None
    memo("key", Counted())
    assert memo.card("key") is not None


WAITING = """
import sys
from pathlib import Path
from apportion.evaluators.memo import Memo
folder = Path(sys.argv[1])
def compute():
    (folder / "computed twice").touch()
    raise SystemExit("computed twice")
print("asking", flush=True)
artifact, tensors = Memo(folder)("key", compute)
print(artifact.sha256, float(tensors["weight"].sum()), flush=True)
"""


def test_of_two_processes_that_need_a_step_at_once_one_computes_and_the_other_waits(tmp_path: Path) -> None:
    started: list[subprocess.Popen[str]] = []

    def slow() -> Tensors:
        """Lasts until the other process has asked for the same, and a little longer."""
        process = subprocess.Popen([sys.executable, "-c", WAITING, str(tmp_path)], stdout=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "asking\n"
        time.sleep(0.2)
        assert process.poll() is None
        return {"weight": torch.full((2, 3), 7.0)}

    try:
        artifact, _ = Memo(tmp_path)("key", slow)
        said, _ = started[0].communicate(timeout=60)
    finally:
        for process in started:
            process.kill()
            process.wait()
    assert said.split() == [artifact.sha256, "42.0"]
    assert not (tmp_path / "computed twice").exists()


# Whose seconds they are.


class Clock:
    """A clock that a test moves."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr(time, "perf_counter", lambda: self.now)

    def step(self, seconds: float, *asked: Callable[[], object]) -> Tensors:
        """A step that asks for others and takes `seconds` itself."""
        for one in asked:
            one()
        self.now += seconds
        return {"x": torch.ones(1)}


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


@pytest.mark.parametrize("on_disk", [True, False])
def test_what_a_step_asks_for_is_charged_once_and_named(tmp_path: Path, clock: Clock, on_disk: bool) -> None:
    memo = Memo(tmp_path if on_disk else None)

    def asking(key: str, seconds: float, *asked: Callable[[], object]) -> Callable[[], object]:
        return lambda: memo(key, lambda: clock.step(seconds, *asked))

    start, began = asking("start", 8.0), clock.now
    middle = asking("middle", 4.0, start, start)
    asking("end", 2.0, middle, asking("aside", 1.0), middle)()
    cards = {key: memo.card(key) for key in ("start", "middle", "aside", "end")}
    known = [card for card in cards.values() if card is not None]
    assert [(card.key, card.seconds, card.needs) for card in known] == [
        ("start", 8.0, ()),
        ("middle", 4.0, ("start",)),
        ("aside", 1.0, ()),
        ("end", 2.0, ("middle", "aside")),
    ]
    assert sum(card.seconds for card in known) == clock.now - began
    if on_disk:
        assert {key: Memo(tmp_path).card(key) for key in cards} == cards


def test_what_was_there_already_is_named_all_the_same(tmp_path: Path, clock: Clock) -> None:
    Memo(tmp_path)("start", lambda: clock.step(8.0))
    memo = Memo(tmp_path)
    artifact, _ = memo("end", lambda: clock.step(2.0, lambda: memo("start", never)))
    assert (artifact.seconds, artifact.needs) == (2.0, ("start",))


def test_seconds_of_earlier_sittings_are_added_to_the_step_under_way(clock: Clock) -> None:
    memo = Memo(None)
    memo.charge(100.0)  # nothing is under way: nobody's
    inner = lambda: memo("inner", lambda: clock.step(1.0, lambda: memo.charge(30.0)))  # noqa: E731
    outer, _ = memo("outer", lambda: clock.step(2.0, lambda: memo.charge(5.0), inner, lambda: memo.charge(0.5)))
    found = memo.card("inner")
    assert found is not None
    assert (found.seconds, outer.seconds) == (31.0, 7.5)


def test_what_is_spent_so_far_is_what_would_be_charged(clock: Clock) -> None:
    memo, spent = Memo(None), []

    def look() -> None:
        spent.append(memo.spent())

    def inner() -> None:
        memo("inner", lambda: clock.step(5.0, lambda: memo.charge(100.0), look))

    memo("outer", lambda: clock.step(2.0, look, lambda: memo.charge(7.0), lambda: clock.step(1.0), inner, look))
    look()
    assert spent == [0.0, 100.0, 8.0, 0.0]


def test_a_step_that_was_stopped_within_another_leaves_both_as_if_not_begun(clock: Clock) -> None:
    memo, stops = Memo(None), [True, False]

    def stopping() -> Tensors:
        clock.now += 3.0
        if stops.pop(0):
            raise InterruptedError
        return {"x": torch.ones(1)}

    def outer() -> Tensors:
        memo.charge(10.0)
        return clock.step(2.0, lambda: memo("inner", stopping))

    with pytest.raises(InterruptedError):
        memo("outer", outer)
    assert memo.card("inner") is memo.card("outer") is None
    artifact, _ = memo("outer", outer)
    inner = memo.card("inner")
    assert inner is not None
    assert (inner.seconds, artifact.seconds, artifact.needs) == (3.0, 12.0, ("inner",))


def test_a_card_from_before_there_were_needs_has_none(tmp_path: Path) -> None:
    artifact, _ = Memo(tmp_path)("key", Counted())
    path = (tmp_path.parent / artifact.path).with_suffix(".json")
    told = json.loads(path.read_text())
    del told["needs"]
    path.write_text(json.dumps(told))
    assert Memo(tmp_path)("key", never)[0] == artifact
