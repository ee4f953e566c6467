"""What of each row or layered group may still be chosen: the options that fall short of its best by less than a gap.

At a price p an option is best where worth - p * cost is greatest; every other one falls short of that. A layered
group's options are put together owner by owner, above each floor that may be worth it.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from apportion.spaces.optimal.layers import Layers
from apportion.spaces.optimal.prices import Ints
from apportion.spaces.optimal.rows import Floats, Rows

Bools = npt.NDArray[np.bool_]

_MOST = 200
"""Options kept of a choice, also while it is put together: those that fall short least."""


@dataclass(frozen=True)
class Choice:
    """Options of `rows`, the best one in front: `points` [options, rows], cost and shortfall [options].

    `top`: worth less price * cost of the best one. What is left out falls short by no less than `missed` (infinity:
    nothing is).
    """

    rows: Ints
    points: Ints
    cost: Floats
    short: Floats
    top: float
    missed: float


def row_choice(rows: Rows, row: int, best: Floats, price: float, gap: float) -> Choice:
    """The options of one row, those left out that cost more than others and are worth no more."""
    here = rows.points(row)
    value = best[here] - price * rows.cost[here]
    top = float(value.max())
    rises = np.diff(best[here], prepend=-np.inf) > 0
    points = np.flatnonzero(rises & (top - value < gap))
    points = points[np.argsort(-value[points], kind="stable")]
    kept, short = points[:_MOST], top - value[points]
    return Choice(np.array([row]), kept[:, None], rows.cost[here][kept], short[:_MOST], top, _next(short))


def _next(short: Floats) -> float:
    """Of rising shortfalls the first one that is not kept."""
    return float(short[_MOST]) if len(short) > _MOST else np.inf


def undominated(cost: Floats, short: Floats, price: float) -> Ints:
    """Which combinations are worth more than every one that costs no more, by rising cost."""
    order = np.lexsort((short, cost))
    worth = (price * cost - short)[order]
    before = np.concatenate([[-np.inf], np.maximum.accumulate(worth)[:-1]])
    return order[worth > before]


def group_choice(layers: Layers, g: int, best: Floats, price: float, gap: float, effort: int) -> Choice:
    """The options of layered group `g`; only the best one where about `effort` combinations would not be enough."""
    return _Group(layers, g, best, price).choice(gap, effort)


@dataclass(frozen=True)
class _Part:
    """Points [combinations, owners so far], their cost and shortfall, and how many stand on the floor (2: or more)."""

    points: Ints
    cost: Floats
    short: Floats
    on_floor: Ints

    def only(self, chosen: Ints | Bools) -> "_Part":
        return _Part(self.points[chosen], self.cost[chosen], self.short[chosen], self.on_floor[chosen])


class _Group:
    """A layered group at a price. Arrays are [owners, points]."""

    def __init__(self, layers: Layers, g: int, best: Floats, price: float) -> None:
        self.price, self.members = price, layers.members[g]
        points = layers.start[g][:, None] + np.arange(int(layers.length[g]) + 1)
        self.cost, self.best = layers.cost[points[0]], best[points]
        self.value = self.best - price * self.cost
        # The most that an owner is worth on a floor or above it, and what it loses by standing on it.
        self.above = np.maximum.accumulate(self.value[:, ::-1], axis=1)[:, ::-1]
        self.lost = self.above - self.value
        self.saved = self.cost if layers.rebate else np.zeros_like(self.cost)
        self.free = self.above.sum(axis=0) + price * self.saved
        settled = self.free - np.partition(self.lost, 1, axis=0)[:2].sum(axis=0)
        self.top, self.settled = float(settled.max()), settled

    def choice(self, gap: float, effort: int) -> Choice:
        floors = np.flatnonzero(self.top - self.settled < gap)
        best = int(self.settled.argmax())
        points = int((self.above[:, best : best + 1] - self.value[:, best:] < gap).sum())
        if len(floors) * points * _MOST > effort:
            return self._best(best)
        parts = [self._on(int(floor), gap) for floor in floors]
        points_, cost, short = (
            np.concatenate([getattr(part, name) for part, _ in parts]) for name in ("points", "cost", "short")
        )
        order = undominated(cost, short, self.price)
        order = order[np.argsort(short[order], kind="stable")]
        # What was left out on the way may fall short by anything.
        missed = _next(short[order]) if all(complete for _, complete in parts) else 0.0
        kept = order[:_MOST]
        return Choice(self.members, points_[kept], cost[kept], short[kept], self.top, missed)

    def _best(self, floor: int) -> Choice:
        """The best option alone: every owner at its best above the floor, on it the two that lose least."""
        points = floor + self.value[:, floor:].argmax(axis=1)
        points[np.argsort(self.lost[:, floor], kind="stable")[:2]] = floor
        cost = self.cost[points].sum() - self.saved[floor]
        return Choice(self.members, points[None], np.array([cost]), np.zeros(1), self.top, 0.0)

    def _on(self, floor: int, gap: float) -> tuple[_Part, bool]:
        """The options with that floor; False where some had to be left out on the way."""
        nobody = np.zeros(1, dtype=np.int64)
        cost, short = np.array([-self.saved[floor]]), np.array([self.top - self.free[floor]])
        part, complete = _Part(nobody[:, None][:, :0], cost, short, nobody), True
        for owner in range(len(self.members)):
            part = self._joined(part, owner, floor, gap)
            if len(part.cost) > _MOST:
                part, complete = part.only(np.argsort(part.short, kind="stable")[:_MOST]), False
        return part, complete

    def _joined(self, part: _Part, owner: int, floor: int, gap: float) -> _Part:
        """Every combination with every point of the owner that may be worth it, without the dominated ones."""
        short = self.above[owner, floor] - self.value[owner, floor:]
        rises = np.diff(self.best[owner, floor:], prepend=-np.inf) > 0
        rises[1:] &= short[1:] < gap - part.short.min(initial=np.inf)
        points = np.flatnonzero(rises)
        joined = _Part(
            np.column_stack([part.points.repeat(len(points), axis=0), np.tile(floor + points, len(part.cost))]),
            np.add.outer(part.cost, self.cost[floor + points]).ravel(),
            np.add.outer(part.short, short[points]).ravel(),
            np.minimum(2, np.add.outer(part.on_floor, points == 0).ravel()),
        )
        # Two must stand on the floor: those still to come lose at least this by it (infinity: there is nobody left).
        to_come = np.sort(np.append(self.lost[owner + 1 :, floor], [np.inf, np.inf]))
        needed = np.array([to_come[:2].sum(), to_come[0], 0.0])[joined.on_floor]
        joined = joined.only(joined.short + needed < gap)
        kept = []
        for number in range(3):
            alike = np.flatnonzero(joined.on_floor == number)
            kept.append(alike[undominated(joined.cost[alike], joined.short[alike], self.price)])
        return joined.only(np.concatenate(kept))
