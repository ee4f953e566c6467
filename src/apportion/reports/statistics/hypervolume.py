"""Hypervolume of a front: how much of the space below a reference point it dominates."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from apportion.reports.statistics.not_shown import NotShown


@dataclass(frozen=True)
class Hypervolume:
    """`value` in the product of the axes' units. `n` points lay below the reference, `outside` ones did not.

    `missing` points were not finite numbers.
    """

    value: float
    n: int
    outside: int
    missing: int


def hypervolume(points: Sequence[Sequence[float]], reference: Sequence[float]) -> Hypervolume | NotShown:
    """The volume between `points` [n, axes] (all axes minimised) and `reference` [axes].

    Use it only with one reference for all fronts that are compared, set before they were seen: the corner of the
    anchors, say (cost of independent, loss of shared). A point that is not below the reference on every axis adds
    nothing and is counted as outside. Scale the axes first where their units differ widely; the order of two fronts
    that cross depends on it. moocore ignores NaN without a word, so points are filtered and counted here.
    """
    corner = np.asarray(reference, dtype=np.float64)
    if not np.isfinite(corner).all() or corner.ndim != 1 or not corner.size:
        return NotShown("the reference point is not made of finite numbers", 0, len(points))
    sound = [point for point in points if all(math.isfinite(value) for value in point)]
    missing = len(points) - len(sound)
    if not sound:
        return NotShown("there is no point" if not missing else f"none of {missing} points is finite", 0, missing)
    inside = [point for point in sound if all(value < edge for value, edge in zip(point, corner, strict=True))]
    if not inside:
        return Hypervolume(0.0, 0, len(sound), missing)
    from moocore import hypervolume as dominated

    value = float(dominated(np.array(inside, dtype=np.float64), ref=corner))
    return Hypervolume(value, len(inside), len(sound) - len(inside), missing)
