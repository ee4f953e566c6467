"""Whether searching is worth it: `plan` names the nearest measured case, its numbers and what they say."""

import json

import pytest
from typer.testing import CliRunner

from apportion.cli import contention
from apportion.cli.contention import Case, Start, cases, hint, nearest
from apportion.cli.main import app


def case(weights: int, start: Start, gain: tuple[float, float, float]) -> Case:
    return Case(f"a network of {weights}", 1_000, weights, start, 4, (0.02, 0.015, 0.025), gain)


MADE = (
    case(1_000, "warm", (0.004, 0.002, 0.006)),
    case(10_000, "warm", (0.001, -0.001, 0.003)),
    case(3_000, "scratch", (0.002, 0.001, 0.003)),
)


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contention, "cases", lambda: MADE)


@pytest.mark.usefixtures("made")
def test_the_nearest_case_is_that_of_the_nearest_ratio_and_of_the_same_kind_of_start() -> None:
    assert nearest(3_000, 1_000, "warm") is MADE[0], "a third is nearer to 1 than to 10: 3 to 3.3 as ratios"
    assert nearest(3_300, 1_000, "warm") is MADE[1]
    assert nearest(10_000, 1_000, "scratch") is MADE[2]
    assert nearest(30_000, 30_000, "warm") is MADE[0], "only weights an image count"


@pytest.mark.usefixtures("made")
def test_the_sentence_has_the_numbers_and_says_no_more_than_they_do() -> None:
    paid, not_paid = hint(1_000, 1_000, "warm"), hint(10_000, 1_000, "warm")
    assert paid is not None and not_paid is not None
    assert "+0.0040 [+0.0020, +0.0060] of it over 4 seeds, so it may pay" in paid
    assert "not clearly more than nothing" in not_paid
    assert "far cry" not in paid
    far = hint(100_000, 1_000, "warm")
    assert far is not None and far.endswith("a far cry from here")


def test_without_cases_nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contention, "cases", tuple)
    assert hint(1, 1, "warm") is None


def test_the_shipped_cases_are_sound() -> None:
    assert {one.start for one in cases()} >= {"scratch", "warm"}
    for one in cases():
        assert one.weights > 0 and one.images > 0 and one.seeds >= 2
        for mean, low, high in (one.room, one.gain):
            assert low <= mean <= high


def test_plan_says_it() -> None:
    ran = CliRunner().invoke(app, ["plan", "configs/quickstart.yaml", "--json"])
    assert ran.exit_code == 0, ran.output
    assert "the nearest case measured" in json.loads(ran.stdout)["worth_searching"]
