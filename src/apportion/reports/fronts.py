"""The Pareto front: points that no other point beats on both axes, each to be made small."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Front:
    """`members`: indices of the non-dominated points, by cost. `skipped`: points that were not finite numbers."""

    members: tuple[int, ...]
    skipped: int


def pareto_front(points: Sequence[tuple[float, float]]) -> Front:
    """The front of `points` (cost, loss), both minimised. Of equal points all are members.

    Points that are not finite are filtered and counted first: moocore ignores NaN without a word.
    """
    sound = [i for i, point in enumerate(points) if all(math.isfinite(value) for value in point)]
    if not sound:
        return Front((), len(points))
    from moocore import is_nondominated

    kept = is_nondominated(np.array([points[i] for i in sound], dtype=np.float64), keep_weakly=True)
    members = sorted((i for i, keep in zip(sound, kept, strict=True) if keep), key=lambda i: points[i])
    return Front(tuple(members), len(points) - len(sound))


def front_steps(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """The front's corners by cost, and its end at the dearest point: what is there is beaten by the last of them."""
    members = [points[i] for i in pareto_front(points).members]
    dearest = max((cost for cost, value in points if math.isfinite(cost) and math.isfinite(value)), default=0.0)
    return [*members, (dearest, members[-1][1])] if members and members[-1][0] < dearest else members
