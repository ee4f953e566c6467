"""What the water leaves over is spent step by step, the best per parameter first, until no step fits.

Steps that harm come last, the least harmful per parameter first: a budget has to be used up (DESIGN, "Projection").
"""

import heapq

import numpy as np

from apportion.spaces.optimal.layers import Layers
from apportion.spaces.optimal.prices import Ints
from apportion.spaces.optimal.rows import Floats, Rows


def spend_rest(rows: Rows, layers: Layers, worth: Floats, at: Ints, floor: Ints, rest: float) -> Ints:
    """`at` [rows] raised until no step costs `rest` or less, from `floor`s [groups]. `worth` [points] as given."""
    spent = _Rest(rows, layers, worth, at, floor, rest)
    spent.spend()
    return spent.at


class _Rest:
    """A queue of steps: of single rows by their number, and of whole floors, numbered from -1 downwards."""

    def __init__(self, rows: Rows, layers: Layers, worth: Floats, at: Ints, floor: Ints, rest: float) -> None:
        self.rows, self.layers, self.worth, self.rest = rows, layers, worth, rest
        self.at, self.floor = at.copy(), floor.copy()
        self.group = np.full(len(at), -1, dtype=np.int64)
        self.group[layers.members] = np.arange(len(layers.members))[:, None]
        self.queue: list[tuple[float, int, int]] = []

    def spend(self) -> None:
        # What does not fit now will not fit later, since the rest only falls.
        here = self.rows.start + self.at
        top = self.at == self.rows.length
        cost = self.rows.cost[here + ~top] - self.rows.cost[here]
        for row in np.flatnonzero(~top & (cost <= self.rest)).tolist():
            self._offer_row(row)
        for g in range(len(self.floor)):
            # At least two stand on a floor; most floors' steps are ruled out by that.
            if cost[self.layers.members[g]].min() * (2 - self.layers.rebate) <= self.rest:
                self._offer_floor(g)
        while self.queue:
            _, number, token = heapq.heappop(self.queue)
            if number >= 0:
                self._raise_row(number, token)
            else:
                self._raise_floor(-1 - number, token)

    def _step(self, row: int) -> tuple[float, float]:
        """Cost and gain of the next step of a row; infinite at its top."""
        point = int(self.rows.start[row] + self.at[row])
        if self.at[row] == self.rows.length[row]:
            return np.inf, 0.0
        cost = self.rows.cost[point + 1] - self.rows.cost[point]
        return float(cost), float(self.worth[point + 1] - self.worth[point])

    def _standing(self, g: int) -> list[int]:
        """The rows of a layered group that stand on its floor."""
        members = self.layers.members[g]
        standing: list[int] = members[self.at[members] == self.floor[g]].tolist()
        return standing

    def _held(self, row: int) -> bool:
        """True for one of the last two on a floor: the copy that either left would be the other's own."""
        g = int(self.group[row])
        return g >= 0 and self.at[row] == self.floor[g] and len(self._standing(g)) == 2

    def _offer(self, number: int, token: int, cost: float, gain: float) -> None:
        if cost <= self.rest:
            heapq.heappush(self.queue, (-gain / cost if cost else -np.inf, number, token))

    def _offer_row(self, row: int) -> None:
        if not self._held(row):
            self._offer(row, int(self.at[row]), *self._step(row))

    def _raise_row(self, row: int, token: int) -> None:
        cost, _ = self._step(row)
        if token != self.at[row] or cost > self.rest or self._held(row):
            return
        g = int(self.group[row])
        left_floor = g >= 0 and self.at[row] == self.floor[g]
        self.at[row] += 1
        self.rest -= cost
        self._offer_row(row)
        if left_floor:
            self._offer_floor(g)

    def _floor_step(self, g: int) -> tuple[int, float, float]:
        """A token that is out of date when the floor has changed, cost and gain of its next step."""
        standing = self._standing(g)
        cost, _ = self._step(standing[0])
        copies = len(standing) - self.layers.rebate
        token = int(self.floor[g]) * (len(self.layers.members[g]) + 1) + len(standing)
        return token, copies * cost, sum(self._step(row)[1] for row in standing)

    def _offer_floor(self, g: int) -> None:
        token, cost, gain = self._floor_step(g)
        self._offer(-1 - g, token, cost, gain)

    def _raise_floor(self, g: int, token: int) -> None:
        now, cost, _ = self._floor_step(g)
        if token != now or cost > self.rest:
            return
        self.at[self._standing(g)] += 1
        self.floor[g] += 1
        self.rest -= cost
        for row in self._standing(g):
            self._offer_row(row)
        self._offer_floor(g)
