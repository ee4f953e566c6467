"""Whole patterns scored one after another; a computation that was killed goes on with the first that is not done."""

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

import torch
from torch import Tensor

from apportion.evaluators.laboratory import Laboratory
from apportion.evaluators.measurement import Score, Scores
from apportion.evaluators.objective import Objective
from apportion.evaluators.protocol import Stopped
from apportion.files import write_durably
from apportion.spaces.allocation import Allocation


def scored(
    lab: Laboratory, key: str, allocations: Sequence[Allocation], scores_of: Callable[[Allocation], Scores | None]
) -> dict[str, Tensor]:
    """`losses` [patterns]: the default objective on val; `cross_entropy`, `accuracy` [patterns, domains] beside it.

    `scores_of` gives None for a pattern that diverged: its loss is infinite. Raises Stopped between two patterns.
    """
    path = lab.checkpoint(f"{key}/scores")
    names = [f"{key} {allocation.key()}" for allocation in allocations]
    done, seconds = _read(path, names)
    lab.memo.charge(seconds)
    for allocation in allocations[len(done) :]:
        if lab.stop is not None and lab.stop.is_set():
            raise Stopped
        done.append(scores_of(allocation))
        if path is not None:
            kept = [None if scores is None else {o: asdict(score) for o, score in scores.items()} for scores in done]
            told = {"names": names, "scores": kept, "seconds": lab.memo.spent()}
            write_durably(path, json.dumps(told).encode())
    return _tensors(done)


def _read(path: Path | None, names: list[str]) -> tuple[list[Scores | None], float]:
    """What earlier sittings scored of these very patterns, and the seconds that it took."""
    if path is None or not path.exists():
        return [], 0.0
    kept = json.loads(path.read_text())
    if kept["names"] != names:
        return [], 0.0
    scores = [None if one is None else {o: Score(**score) for o, score in one.items()} for one in kept["scores"]]
    return scores, float(kept["seconds"])


def _tensors(found: list[Scores | None]) -> dict[str, Tensor]:
    owners = len(next((scores for scores in found if scores is not None), {}))
    losses, cross_entropy, accuracy = [], [], []
    for scores in found:
        loss = math.inf if scores is None else Objective()(scores)
        losses.append(loss if math.isfinite(loss) else math.inf)
        values = [] if scores is None else list(scores.values())
        cross_entropy.append([score.cross_entropy for score in values] or [math.nan] * owners)
        accuracy.append([score.accuracy for score in values] or [math.nan] * owners)
    return {
        name: torch.tensor(rows, dtype=torch.float64)
        for name, rows in (("losses", losses), ("cross_entropy", cross_entropy), ("accuracy", accuracy))
    }
