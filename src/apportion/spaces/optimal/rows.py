"""Costs and worths of all groups as rows of points in flat arrays, each row with its concave majorant.

A row is a curve along which the cost never falls: a chain; each owner of a layered group; each variable of a tangled
one; a listed group by the best option at each of its costs.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from apportion.spaces.optimal.prices import Chain, Group, Ints, Layered, Listed, Tangled

Floats = npt.NDArray[np.float64]

# Slopes that rise by no more than this are those of a straight line, with rounding errors.
_STRAIGHT = 1e-9


@dataclass(frozen=True)
class Curves:
    """Worths over the points of all rows, flat: as given, the greatest up to each point, and its concave majorant.

    `slope`: the majorant's rise per parameter on the way to each point; it never rises along a row, from infinity.
    """

    worth: Floats
    best: Floats
    hull: Floats
    slope: Floats


class Rows:
    """The layout, which depends on costs alone: row r has the points `start[r]` to `start[r] + length[r]`."""

    def __init__(self, groups: Sequence[Group], points: Ints) -> None:
        """`points` [variables]: positions of each variable, steps + 1."""
        self.groups, self._points = groups, points
        self._from = np.concatenate([[0], np.cumsum(points)])
        self.row_of: list[int] = []
        costs: list[Ints] = []
        self._by_cost: dict[int, tuple[Ints, Ints]] = {}
        for group in groups:
            self.row_of.append(len(costs))
            if isinstance(group, Listed):
                order = np.argsort(group.costs, kind="stable")
                row, first = np.unique(group.costs[order], return_index=True)
                self._by_cost[len(costs)] = order, first
                costs.append(row)
            elif isinstance(group, Tangled):
                costs += group.costs
            else:
                costs += [group.costs] * (1 if isinstance(group, Chain) else len(group.variables))
        self.length = np.array([len(row) - 1 for row in costs], dtype=np.int64)
        self.start = np.cumsum(self.length + 1) - self.length - 1
        self.cost = np.concatenate(costs).astype(np.float64)
        self._first = np.zeros(len(self.cost), dtype=bool)
        self._first[self.start] = True
        self.step = np.where(self._first, 0.0, np.diff(self.cost, prepend=0.0))
        # Steps that cost nothing are always taken: a point is worth what the last point of the same cost is.
        last = np.arange(len(self.cost))
        last[:-1][~self._first[1:] & (self.step[1:] == 0)] = len(last)
        self._settled = np.minimum.accumulate(last[::-1])[::-1]
        self.row = np.repeat(np.arange(len(costs)), self.length + 1)

    def with_costs(self, groups: Sequence[Group]) -> "Rows":
        """The same rows with the costs of other `groups` of the same variables."""
        return Rows(groups, self._points)

    def curves(self, flat: Floats) -> Curves:
        """`flat`: the worths of all positions of all variables, one variable after the other."""
        worth = best = self._worth(flat)[self._settled]
        rise = np.where(self._first, 0.0, np.diff(worth, prepend=0.0))
        falling = np.unique(self.row[rise < 0])
        if len(falling):
            best = worth.copy()
            for row in falling:
                best[self.points(row)] = np.maximum.accumulate(worth[self.points(row)])
            rise = np.where(self._first, 0.0, np.diff(best, prepend=0.0))
        slope = np.divide(rise, self.step, out=np.full(len(rise), np.inf), where=self.step > 0)
        hull = best
        bent = np.unique(self.row[1:][~self._first[1:] & (slope[1:] > slope[:-1] * (1 + _STRAIGHT))])
        if len(bent):
            hull = best.copy()
            for row in bent:
                points = self.points(row)
                hull[points], slope[points] = _majorant(self.cost[points], best[points])
        return Curves(worth, best, hull, slope)

    def points(self, row: int) -> slice:
        return slice(int(self.start[row]), int(self.start[row] + self.length[row]) + 1)

    def since_rise(self, best: Floats) -> Ints:
        """Steps [points] back from each point to the first one of its row with the same `best` worth."""
        points = np.arange(len(best))
        rises = self._first | (np.diff(best, prepend=-np.inf) > 0)
        since: Ints = points - np.maximum.accumulate(np.where(rises, points, 0))
        return since

    def _worth(self, flat: Floats) -> Floats:
        parts = []
        for group, row in zip(self.groups, self.row_of, strict=True):
            if isinstance(group, Layered | Tangled):
                parts += [self._of(v, flat) for v in group.variables]
            elif isinstance(group, Listed):
                order, first = self._by_cost[row]
                parts.append(np.maximum.reduceat(self._of_options(group, flat)[order], first))
            else:
                parts.append(sum((self._of(v, flat) for v in group.variables[1:]), self._of(group.variables[0], flat)))
        return np.concatenate(parts)

    def _of(self, variable: int, flat: Floats) -> Floats:
        return flat[self._from[variable] : self._from[variable + 1]]

    def _of_options(self, group: Listed, flat: Floats) -> Floats:
        """The worth of every option of a listed group."""
        worth: Floats = flat[self._from[list(group.variables)] + group.positions].sum(axis=1)
        return worth

    def positions(self, at: Ints, flat: Floats) -> Ints:
        """Positions [variables] where row r stands at its point `at[r]`."""
        positions = np.zeros(len(self._from) - 1, dtype=np.int64)
        for group, row in zip(self.groups, self.row_of, strict=True):
            if isinstance(group, Chain):
                positions[list(group.variables)] = at[row]
            elif isinstance(group, Listed):
                order, first = self._by_cost[row]
                options = order[first[at[row]] : np.append(first, len(order))[at[row] + 1]]
                option = options[int(self._of_options(group, flat)[options].argmax())]
                positions[list(group.variables)] = group.positions[option]
            else:
                positions[list(group.variables)] = at[row : row + len(group.variables)]
        return positions


def _majorant(cost: Floats, worth: Floats) -> tuple[Floats, Floats]:
    """The least concave curve on or above a rising one, and its slope on the way to each point (monotone chain)."""
    q, u = cost.tolist(), worth.tolist()
    corners = [0]
    for c in range(1, len(q)):
        while len(corners) > 1:
            a, b = corners[-2:]
            if (u[b] - u[a]) * (q[c] - q[b]) > (u[c] - u[b]) * (q[b] - q[a]):
                break
            corners.pop()
        corners.append(c)
    slope = np.full(len(q), np.inf)
    hull = worth.copy()
    for a, b in pairwise(corners):
        if q[b] > q[a]:
            slope[a + 1 : b + 1] = (u[b] - u[a]) / (q[b] - q[a])
            hull[a : b + 1] = u[a] + (cost[a : b + 1] - q[a]) * slope[b]
            hull[b] = u[b]
    return hull, slope
