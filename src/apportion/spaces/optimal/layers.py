"""Layered groups at a price: the owners of a site want steps of their own, and share the price of a common floor.

The two least owners stand on the floor m together (`prices.Layered`). With a rebate the least one is free: another step
of the floor is worth taking while what the owners fall short of the price sums to no more than one price. Without, the
floor lies between what the two least want, and the lowest owner's partner on it is the one that loses least.
"""

import numpy as np
import numpy.typing as npt

from apportion.spaces.optimal.prices import Ints, Layered
from apportion.spaces.optimal.rows import Curves, Floats, Rows

Grid = npt.NDArray[np.int64]


class Layers:
    """The layered groups of `rows`, side by side: `members` [groups, owners] are their rows."""

    def __init__(self, rows: Rows) -> None:
        layered = [
            (group, row) for group, row in zip(rows.groups, rows.row_of, strict=True) if isinstance(group, Layered)
        ]
        owners = len(layered[0][0].variables) if layered else 0
        first = np.array([row for _, row in layered], dtype=np.int64)
        self.members: Grid = first[:, None] + np.arange(owners)
        self.layered = np.isin(np.arange(len(rows.start)), self.members)
        self.rebate = bool(layered) and layered[0][0].rebate
        self.start, self.length, self.cost = rows.start[self.members], rows.length[first], rows.cost

    def settled(self, price: float, wanted: Ints, curves: Curves) -> tuple[Ints, Ints]:
        """Points `at` [rows] and `floor` [groups], where every row alone wants `wanted` [rows] steps."""
        if not len(self.members):
            return wanted, np.zeros(0, dtype=np.int64)
        alone = wanted[self.members]
        at = wanted.copy()
        if self.rebate:
            floor = self._floor_with_rebate(price, alone, curves)
            at[self.members] = np.maximum(alone, floor[:, None])
        else:
            floor, pair = self._floor_of_pairs(price, alone, curves)
            at[self.members] = np.where(pair, floor[:, None], alone)
        return at, floor

    def grounded(self, at: Ints) -> tuple[Ints, Ints]:
        """Points [rows] with each group's least owner beside its second least, which is free, and the floors."""
        if not len(self.members):
            return at, np.zeros(0, dtype=np.int64)
        at, floor = at.copy(), np.partition(at[self.members], 1, axis=1)[:, 1]
        at[self.members] = np.maximum(at[self.members], floor[:, None])
        return at, floor

    def saved(self, floor: Ints) -> float:
        """Parameters that the groups' floors save."""
        return float(self.cost[self.start[:, 0] + floor].sum()) if self.rebate else 0.0

    def _floor_with_rebate(self, price: float, alone: Grid, curves: Curves) -> Ints:
        low, high = np.partition(alone, 1, axis=1)[:, 1], self.length
        while (low < high).any():
            middle = (low + high + 1) // 2
            short = np.maximum(0.0, price - curves.slope[self.start + middle[:, None]]).sum(axis=1)
            worth_it = short <= price
            low, high = np.where(worth_it, middle, low), np.where(worth_it, high, middle - 1)
        return low

    def _floor_of_pairs(self, price: float, alone: Grid, curves: Curves) -> tuple[Ints, npt.NDArray[np.bool_]]:
        """The floor [groups], and which owners stand on it [groups, owners]."""
        groups = np.arange(len(alone))
        lowest = alone.argmin(axis=1)
        first = self.start[groups, lowest][:, None]
        low = np.broadcast_to(alone[groups, lowest][:, None], alone.shape)
        high = np.broadcast_to(np.partition(alone, 1, axis=1)[:, 1:2], alone.shape)
        while (low < high).any():
            middle = (low + high + 1) // 2
            worth_it = curves.slope[first + middle] + curves.slope[self.start + middle] >= 2 * price
            low, high = np.where(worth_it, middle, low), np.where(worth_it, high, middle - 1)
        value = self._value(price, first + low, curves) + self._value(price, self.start + low, curves)
        loss = self._value(price, self.start + alone, curves) - value
        loss[groups, lowest] = np.inf
        partner = loss.argmin(axis=1)
        pair = np.zeros(alone.shape, dtype=bool)
        pair[groups, lowest] = pair[groups, partner] = True
        return low[groups, partner], pair

    def _value(self, price: float, points: Grid, curves: Curves) -> Floats:
        value: Floats = curves.hull[points] - price * self.cost[points]
        return value
