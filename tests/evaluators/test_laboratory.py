"""The laboratory: what a scorer took is charged whole, its checkpoints go when it is done, what breaks is said."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from apportion.errors import InputError
from apportion.evaluators.laboratory import CHECKPOINTS, Laboratory
from apportion.evaluators.protocol import Stopped
from apportion.evaluators.scorers import scorers
from tests.evaluators.scorers.builders import After, equal, laboratory, tensors, train

SCORERS: dict[str, dict[str, Any]] = {
    "fisher": {"batches": 6},
    "gradient_variance": {"batches": 6},
    "task_vector": {},
    "taps": {},
    "ba2": {},
    "hard_concrete": {},
    "need": {},
    "rung1": {},
    "delta_supernet": {},
}
START: dict[str, Any] = {"start": {"joint": 1}}


def options(scorer: str) -> dict[str, Any]:
    """From a short joint start wherever a start can be chosen."""
    return {**SCORERS[scorer], **(START if "start" in scorers.get(scorer).options.model_fields else {})}


def checkpoints(folder: Path) -> list[Path]:
    return sorted((folder / CHECKPOINTS).glob("*"))


def stop_after(looks: int, folder: Path, scorer: str, **more: Any) -> None:
    """Stop a computation in the middle, its checkpoint in `folder`."""
    lab = laboratory(train(), folder)
    lab.stop = After(looks)
    with pytest.raises(Stopped):
        tensors(lab, scorer, **{**options(scorer), **more})


def test_every_scorer_that_trains_is_here() -> None:
    assert set(SCORERS) == {entry.name for entry in scorers} - {"depth"}


# Past the six steps of the start; gates are trained for six a round.
ROUNDS: dict[str, Any] = {"rounds": 2}
CUTS = [*((scorer, 8, {}) for scorer in SCORERS), ("taps", 8, ROUNDS), ("taps", 14, ROUNDS)]


@pytest.mark.parametrize(("scorer", "looks", "more"), CUTS)
def test_a_finished_computation_leaves_no_checkpoint(
    scorer: str, looks: int, more: dict[str, Any], tmp_path: Path
) -> None:
    given = {**options(scorer), **more}
    stop_after(looks, tmp_path, scorer, **more)
    assert checkpoints(tmp_path), "it was stopped too early to tell"
    done = tensors(laboratory(train(), tmp_path), scorer, **given)
    assert checkpoints(tmp_path) == []
    assert equal(done, tensors(laboratory(train()), scorer, **given))


@pytest.mark.parametrize("scorer", ["fisher", "taps", "need"])
def test_one_that_outlived_its_computation_goes_when_the_artifact_is_asked_for_again(
    scorer: str, tmp_path: Path
) -> None:
    # As after a crash between the two.
    stop_after(8, tmp_path, scorer)
    kept = {path: path.read_bytes() for path in checkpoints(tmp_path)}
    tensors(laboratory(train(), tmp_path), scorer, **options(scorer))
    for path, content in kept.items():
        path.write_bytes(content)
    tensors(laboratory(train(), tmp_path), scorer, **options(scorer))
    assert checkpoints(tmp_path) == []


def aged(path: Path, seconds: float) -> None:
    """Say that the computation had taken `seconds` when this checkpoint was written."""
    content = path.read_bytes()
    if not content.startswith(b"{"):
        line, _, kept = content.partition(b"\n")[2].partition(b"\n")
        content = json.dumps({**json.loads(line), "seconds": seconds}).encode() + b"\n" + kept
        path.write_bytes(hashlib.sha256(content).hexdigest().encode() + b"\n" + content)
    else:
        path.write_text(json.dumps({**json.loads(content), "seconds": seconds}))


@pytest.mark.parametrize("scorer", SCORERS)
def test_seconds_of_earlier_sittings_are_charged_once_in_all(scorer: str, tmp_path: Path) -> None:
    stop_after(8, tmp_path, scorer)
    old = checkpoints(tmp_path)
    for path in old:
        aged(path, 1000.0)
    lab = laboratory(train(), tmp_path)
    tensors(lab, scorer, **options(scorer))
    cards = [json.loads(path.read_text()) for path in (tmp_path / "artifacts").glob("*.json")]
    charged = sum(card["seconds"] for card in cards)
    assert 1000 * len(old) <= charged < 1000 * len(old) + 300


def test_over_many_sittings_scored_patterns_keep_the_seconds_of_all(tmp_path: Path) -> None:
    stop_after(8, tmp_path, "rung1")  # in the first pattern, behind the start
    for path in checkpoints(tmp_path):
        aged(path, 1000.0)
    stop_after(8, tmp_path, "rung1")  # in the second: the first one's scores are kept
    (kept,) = (path for path in checkpoints(tmp_path) if path.read_bytes().startswith(b"{"))
    assert 1000 <= json.loads(kept.read_text())["seconds"] < 1100


def test_a_shared_start_is_its_own_artifact_and_not_charged_twice(tmp_path: Path) -> None:
    lab = laboratory(train(), tmp_path)
    for scorer in ("fisher", "taps", "need"):
        tensors(lab, scorer, **options(scorer))
    needs = {card.key.partition("/")[0]: card.needs for card in cards_of(lab, tmp_path)}
    assert needs["fisher"] == needs["taps"] == ("start/joint-1/seed-0",)
    (need,) = (card for card in cards_of(lab, tmp_path) if card.key.count("/") == 2 and card.key.startswith("need/"))
    assert need.needs == (f"{need.key}/shared", f"{need.key}/independent")
    runs = [lab.card(key) for key in need.needs]
    assert all(run is not None and run.seconds > need.seconds for run in runs)


def cards_of(lab: Laboratory, folder: Path) -> list[Any]:
    keys = [json.loads(path.read_text())["key"] for path in (folder / "artifacts").glob("*.json")]
    return [lab.card(key) for key in sorted(keys)]


BROKEN: dict[str, Callable[[], Laboratory]] = {
    "task_vector": lambda: laboratory(train(optimizer={"name": "sgd", "lr": 1e30})),
    "taps": lambda: laboratory(train(optimizer={"name": "sgd", "lr": 1e30})),
    "need": lambda: laboratory(train(optimizer={"name": "sgd", "lr": 1e30})),
}


@pytest.mark.parametrize("scorer", BROKEN)
def test_a_training_that_diverges_is_an_error_that_names_the_scorer(scorer: str) -> None:
    with pytest.raises(InputError, match=rf"^scorer {scorer}: diverged, but .*"):
        tensors(BROKEN[scorer](), scorer)
