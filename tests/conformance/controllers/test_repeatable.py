"""The same seed and the same trials make the same asks: whatever the clock says, whoever else draws numbers."""

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from apportion.evaluators.measurement import Trial
from apportion.evaluators.proposal import Proposal
from apportion.search.controllers import ControllerEntry, Done
from apportion.spaces.budget import Budget
from tests.conformance.controllers.builders import (
    asked_in,
    failed,
    loss_of,
    measured,
    play,
    proposals,
    script,
    some_space,
)
from tests.conformance.controllers.entries import BOUND, HAND_MADE, SEARCHED, built, installed, named

ROOT = Path(__file__).parents[3]
BUDGET = Budget("live", 0.3)


@named(HAND_MADE)
def test_a_hand_made_scheme_asks_the_same_again(entry: ControllerEntry) -> None:
    one, again = (built(entry, some_space(), BUDGET, 3) for _ in range(2))
    assert one.ask() == again.ask()


@named(SEARCHED)
@pytest.mark.parametrize("flying", [1, 4])
def test_the_same_seed_asks_the_same(entry: ControllerEntry, flying: int) -> None:
    assert script(entry, 3, flying=flying) == script(entry, 3, flying=flying)


@named(SEARCHED)
def test_another_seed_asks_something_else(entry: ControllerEntry) -> None:
    assert [p.allocation for p in script(entry, 3)] != [p.allocation for p in script(entry, 4)]


@named(SEARCHED)
def test_building_draws_nothing_and_a_spare_controller_changes_nothing(entry: ControllerEntry) -> None:
    expected = script(entry, 3)
    spare = [built(entry, some_space(), BUDGET, seed) for seed in (1, 2, 3)]
    for controller in spare:
        controller.ask()
    assert script(entry, 3) == expected


@named(SEARCHED)
def test_two_searches_side_by_side_do_not_disturb_each_other(entry: ControllerEntry) -> None:
    # As in a campaign with several budgets: a generator that both share would show.
    space, budgets, seeds = some_space(), (BUDGET, BUDGET, Budget("live", 0.6)), (3, 4, 3)
    alone = [asked_in(play(built(entry, space, b, s), 6)) for b, s in zip(budgets, seeds, strict=True)]
    together = [built(entry, space, b, s) for b, s in zip(budgets, seeds, strict=True)]
    asked: list[list[Proposal]] = [[], [], []]
    for n in range(6):
        for controller, own in zip(together, asked, strict=True):
            own.append(proposals(controller.ask()))
        for controller, own in zip(together, asked, strict=True):
            controller.tell(failed(own[-1]) if n == 1 else measured(own[-1]))
    assert asked == alone


# Randomness of the whole process.


def global_states() -> tuple[Any, ...]:
    """The states of every global generator that is loaded."""
    legacy = np.random.get_state(legacy=False)
    torch = sys.modules.get("torch")
    return random.getstate(), repr(legacy), torch.get_rng_state().tolist() if torch else None


def seed_everything(seed: int) -> None:
    random.seed(seed)
    np.random.seed(seed)
    torch = sys.modules.get("torch")
    if torch:
        torch.manual_seed(seed)


@pytest.fixture
def kept_states() -> Iterator[None]:
    """Puts the global generators back where they were."""
    python, legacy = random.getstate(), np.random.get_state(legacy=False)
    yield
    random.setstate(python)
    np.random.set_state(legacy)


@named(SEARCHED)
@pytest.mark.usefixtures("kept_states")
def test_no_global_generator_is_moved_or_listened_to(entry: ControllerEntry) -> None:
    expected = script(entry, 3)  # whatever it loads is loaded now
    seed_everything(11)
    before = global_states()
    assert script(entry, 3) == expected
    assert global_states() == before
    # Others draw, and seed, between any two of its asks.
    controller, drawn = built(entry, some_space(), BUDGET, 3), []
    for n in range(len(expected)):
        seed_everything(n)
        drawn.append(proposals(controller.ask()))
        seed_everything(100 + n)
        controller.tell(failed(drawn[-1]) if n % 5 == 1 else measured(drawn[-1]))
    assert drawn == expected


# The clock.


@named(SEARCHED)
def test_asks_do_not_depend_on_the_clock(entry: ControllerEntry, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = script(entry, 3)
    ticks = iter(range(10**12, 10**18, 3_600 * 10**6))  # each look at a clock is an hour later
    for name in ("time", "monotonic", "perf_counter", "process_time"):
        monkeypatch.setattr(time, name, lambda: next(ticks) / 10**6)
        monkeypatch.setattr(time, f"{name}_ns", lambda: next(ticks) * 1000)
    drawn = script(entry, 3)
    monkeypatch.undo()
    assert drawn == expected


@named(SEARCHED)
def test_asks_do_not_depend_on_the_seconds_that_trials_took(entry: ControllerEntry) -> None:
    # Two equal runs differ in seconds, and their logs must still be equal.
    def slow(proposal: Proposal, number: int) -> Trial:
        return failed(proposal) if number % 5 == 1 else measured(proposal, loss_of(proposal), 1e4 / (number + 1))

    controller = built(entry, some_space(), BUDGET, 3)
    assert asked_in(play(controller, 8, outcome=slow)) == script(entry, 3)


# Another process, as a resume is.


def keys_of_all() -> dict[str, list[str]]:
    """What every adaptive controller asks, in a form that crosses processes."""
    return {entry.name: [p.allocation.key() for p in script(entry, 3)] for entry in SEARCHED if installed(entry)}


@pytest.fixture(scope="module")
def elsewhere() -> dict[str, list[str]]:
    """`keys_of_all` in a fresh interpreter that orders its sets by another hash."""
    code = (
        "import json\nfrom tests.conformance.controllers.test_repeatable import keys_of_all\n"
        "print('asked', json.dumps(keys_of_all()))"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "4711"}
    command = [sys.executable, "-c", code]
    ran = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment)
    assert ran.returncode == 0, ran.stderr
    line = next(line for line in ran.stdout.splitlines() if line.startswith("asked "))
    keys: dict[str, list[str]] = json.loads(line.removeprefix("asked "))
    return keys


@named(SEARCHED)
def test_another_process_asks_the_same(entry: ControllerEntry, elsewhere: dict[str, list[str]]) -> None:
    assert [p.allocation.key() for p in script(entry, 3)] == elsewhere[entry.name]


@named(BOUND)
def test_ids_are_fit_for_a_log_and_never_repeat(entry: ControllerEntry) -> None:
    # A campaign puts the scheme's name and a slash before them.
    controller, ids = built(entry, some_space(), BUDGET), []
    for _ in range(6):
        asked = controller.ask()
        if isinstance(asked, Done):
            break
        ids.append(proposals(asked).id)
        controller.tell(measured(proposals(asked)))
    assert len(set(ids)) == len(ids)
    assert all(name and "/" not in name and name.isprintable() for name in ids)
