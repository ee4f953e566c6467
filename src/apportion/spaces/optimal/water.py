"""Water-filling: every step that is worth more than a price per parameter is taken, at the price that meets the limit.

For a price p let L(p) = max over all positions of worth - p * (cost - limit). Whatever keeps to the limit is worth at
most L(p), for every p >= 0 (Lagrangian relaxation; Everett 1963). The positions that attain L are found row by row, and
their cost falls as p rises: two prices with next to nothing between them bracket the limit. Cost of one price: a binary
search in all rows at once.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from apportion.spaces.optimal.layers import Layers
from apportion.spaces.optimal.prices import Ints
from apportion.spaces.optimal.rows import Curves, Floats, Rows

# Prices this near to one another (relative): what lies between is left to the greedy fill, the bound is as good.
_NEAR = 1e-9
# Worth less than this per parameter is left to the greedy fill, so that prices stay normal numbers.
_NOTHING = 1e-290
_SECANTS, _ROUNDS = 3, 100
_SAMPLES, _ASIDE = 2048, 1.1
_FEW_STEPS = 4096


@dataclass(frozen=True)
class Level:
    """What is taken at a price: `wanted` [rows] by every row alone, `at` [rows] with the `floor`s of layered groups."""

    price: float
    wanted: Ints
    at: Ints
    floor: Ints
    cost: float
    worth: float

    def bound(self, limit: float) -> float:
        """L(price), with worths as the curves' majorants have them."""
        return self.worth - self.price * (self.cost - limit)


class Pool:
    """Rows with their curves, to be filled to any level."""

    def __init__(self, rows: Rows, layers: Layers, curves: Curves) -> None:
        self.rows, self.layers, self.curves = rows, layers, curves

    def level(self, price: float, low: Ints, high: Ints) -> Level:
        """The level at `price`, where each row alone is known to want `low` to `high` [rows] steps."""
        wanted = self._wanted(price, low, high)
        at, floor = self.layers.settled(price, wanted, self.curves)
        points = self.rows.start + at
        cost = float(self.rows.cost[points].sum()) - self.layers.saved(floor)
        return Level(price, wanted, at, floor, cost, float(self.curves.hull[points].sum()))

    def _wanted(self, price: float, low: Ints, high: Ints) -> Ints:
        """Steps [rows] whose slope is `price` or more: a binary search in all rows at once."""
        start, slope = self.rows.start, self.curves.slope
        while (low < high).any():
            middle = (low + high + 1) // 2
            steep = slope[start + middle] >= price
            low, high = np.where(steep, middle, low), np.where(steep, high, middle - 1)
        return low

    def filled(self, limit: float) -> tuple[Level, Level]:
        """The levels on either side of `limit`: the one within it, the one above (or the same, if nothing is)."""
        within, above = self._ends()
        if above.cost <= limit:
            above = replace(above, price=0.0)  # whatever is worth anything is taken
            return above, above
        guess = self._guess(limit)
        for price in (guess, guess * _ASIDE, guess / _ASIDE):
            within, above = self._narrowed(within, above, price, limit)
        for turn in range(_ROUNDS):
            if within.cost == limit or above.price > within.price * (1 - _NEAR):
                break
            between = self._secant(within, above, limit) if turn < _SECANTS else self._median(within, above)
            if between is None:
                break
            within, above = self._narrowed(within, above, between, limit)
        return within, above

    def _narrowed(self, within: Level, above: Level, price: float, limit: float) -> tuple[Level, Level]:
        """The two levels with the one at `price` in the place of that on its side, if it lies between them."""
        if not above.price < price < within.price:
            return within, above
        level = self.level(price, within.wanted, above.wanted)
        return (level, above) if level.cost <= limit else (within, level)

    def _guess(self, limit: float) -> float:
        """About the price at which single rows reach the limit, from some of their steps."""
        stride = max(1, len(self.curves.slope) // _SAMPLES)
        slope, cost = self.curves.slope[1::stride], self.rows.step[1::stride] * stride
        steep = np.argsort(-slope)
        spent = np.cumsum(cost[steep])
        return float(slope[steep[min(int(np.searchsorted(spent, limit)), len(steep) - 1)]])

    def lowest(self, fits: Callable[[Level], bool]) -> Level:
        """The level at the lowest price that `fits`, which no lower price does again; bisection on its logarithm."""
        fitting, above = self._ends()
        if fits(above):
            return above
        while above.price < fitting.price * (1 - _NEAR) and (above.wanted > fitting.wanted).any():
            # Not the root of the product: that of two prices near 1e-162 is 0.
            between = math.sqrt(above.price) * math.sqrt(fitting.price)
            if not above.price < between < fitting.price:
                break
            level = self.level(between, fitting.wanted, above.wanted)
            fitting, above = (level, above) if fits(level) else (fitting, level)
        return fitting

    def _ends(self) -> tuple[Level, Level]:
        """The levels where nothing is taken but what is free, and where whatever is worth anything is."""
        slopes = self.curves.slope[np.isfinite(self.curves.slope) & (self.curves.slope > _NOTHING)]
        none, all_ = np.zeros_like(self.rows.length), self.rows.length
        # A floor costs one copy less than it is steps: it may be worth up to 1.5 times the greatest slope.
        least, greatest = (float(slopes.min()), float(slopes.max())) if len(slopes) else (1.0, 1.0)
        return self.level(3 * greatest, none, all_), self.level(least / 2, none, all_)

    def _secant(self, within: Level, above: Level, limit: float) -> float:
        """Costs are near a power of the price, so a line through their logarithms points at the limit."""
        low, high = math.log(above.price), math.log(within.price)
        dearest, cheapest = math.log1p(within.cost), math.log1p(above.cost)
        part = (math.log1p(limit) - dearest) / (cheapest - dearest)
        return math.exp(high - min(max(part, 0.05), 0.95) * (high - low))

    def _median(self, within: Level, above: Level) -> float | None:
        """The middle one of the slopes between two levels, or None where no step lies between them."""
        open_ = np.flatnonzero(above.wanted > within.wanted)
        first, number = within.wanted[open_] + 1, (above.wanted - within.wanted)[open_]
        slopes = np.empty(0)
        if int(number.sum()) > _FEW_STEPS:
            slopes = self._strictly(within, above, self.rows.start[open_] + first + number // 2)
        if not len(slopes):
            offset = np.arange(number.sum()) - np.repeat(np.cumsum(number) - number, number)
            slopes = self._strictly(within, above, np.repeat(self.rows.start[open_] + first, number) + offset)
        if len(slopes):
            return float(np.partition(slopes, len(slopes) // 2)[len(slopes) // 2])
        # Only floors of layered groups can be left.
        return math.sqrt(above.price * within.price) if len(self.layers.members) else None

    def _strictly(self, within: Level, above: Level, points: Ints) -> Floats:
        slopes = self.curves.slope[points]
        return slopes[(slopes > above.price) & (slopes < within.price)]
