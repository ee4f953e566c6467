"""The solver: costs taken apart once per space and budget, then any number of worths solved for."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from apportion.errors import InputError
from apportion.spaces.budget import Budget
from apportion.spaces.optimal.choices import group_choice, row_choice
from apportion.spaces.optimal.closing import closed
from apportion.spaces.optimal.greedy import spend_rest
from apportion.spaces.optimal.layers import Layers
from apportion.spaces.optimal.prices import LISTED_AT_MOST, Group, Ints, Listed, Prices, Tangled, groups_of
from apportion.spaces.optimal.rows import Curves, Floats, Rows
from apportion.spaces.optimal.water import Level, Pool
from apportion.spaces.projection import fill
from apportion.spaces.space import SharingSpace

Utilities = Sequence[npt.ArrayLike] | Floats
"""Worth of every position of every variable: [variables][steps + 1], ragged, or padded at the end of each row."""

# Worths no further apart than this, relative to the greatest, are equal: sums in another order differ by as much.
_EQUAL = 1e-11
# Combinations looked at while the options of layered groups are put together, about 1e-7 s each.
_GROUP_EFFORT = 3_000_000
# Tangled groups are priced again, up to this often, in spaces of no more positions than this: it took up to .7 % more
# worth out of nine sites with orders per owner, and a second each on fifty.
_REPRICINGS, _REPRICED_AT_MOST = 3, 5000
# In spaces of layered groups with more positions than this no more is tried as near to the bound as this (relative):
# to close the last millionths would cost ten times what water-filling does.
_LARGE, _NEAR = 20_000, 1e-5


@dataclass(frozen=True)
class Optimum:
    """`positions` [variables] that exhaust the budget, and the sum of their `worth`.

    No allocation within the budget is worth more than `bound`. `proven`: nor is any worth more than this one, but for
    rounding errors. Otherwise `bound - worth` is what is not known.
    """

    positions: Ints
    worth: float
    bound: float
    proven: bool


class Solver:
    """Allocations of greatest worth in `space` at `budget`.

    Proven optimal in practice, but for rounding errors: where variables price alone (`per_stage`, `per_site`, any two
    owners with one order); where owners share an order, in spaces of up to `_LARGE` positions; where each owner has its
    own, at sites of no more than `listed_at_most` combinations. What is proven and how far the bound is stands in the
    result. More than a millionth or so is open only where (a) worths are far from concave and over ten times `effort`
    combinations would be needed, or (b) owners with orders of their own meet at wider sites: there prices are those
    with the others where they are, no more than a good guess, and the bound is loose (1 to 20 %).

    50 sites in 10 domains with concave worths: 7 ms an optimum after 30 ms for the tables (3 s with orders per owner).
    """

    def __init__(
        self, space: SharingSpace, budget: Budget, *, effort: int = 100_000, listed_at_most: int = LISTED_AT_MOST
    ) -> None:
        self.space, self.budget, self.effort = space, budget, effort
        nothing = space.spent(np.zeros_like(space.steps), budget)
        self.limit = space.limit(budget) - nothing
        if self.limit < 0 or not space.dimension:
            space.check_budget(budget)
        self.prices = Prices(space, budget.measure)
        self.groups = groups_of(self.prices, listed_at_most)
        self.rows = Rows(self.groups, space.steps + 1)
        self.layers = Layers(self.rows)
        self.tangled = any(isinstance(group, Tangled) for group in self.groups)
        self._apart = not any(isinstance(group, Listed | Tangled) for group in self.groups)
        # Weights that a step of each variable takes on average: only to tell which of the last steps are worth more.
        weights = [sum(space.sites[i].parameters for i, _ in variable.cells) for variable in space.variables]
        self._weights_of_step = np.array(weights, dtype=np.float64) / space.steps
        self._from = np.concatenate([[0], np.cumsum(space.steps + 1)])

    def best(self, utilities: Utilities) -> Optimum:
        """The allocation that maximises the sum of `utilities`, then used up where steps are left that fit.

        Where no step harms, none that exhausts the budget is worth more. Steps that harm are taken only to use the
        budget up, the least harmful first; `proven` then says that nothing was lost by it.
        """
        flat = self._flat(utilities)
        curves = self.rows.curves(flat)
        pool = Pool(self.rows, self.layers, curves)
        at, bound, proven = self._tangled(pool, flat) if self.tangled else self._within(pool)
        known = float(curves.best[self.rows.start + at].sum())
        positions = self._used_up(at, curves, flat)
        worth = float(flat[self._from[:-1] + positions].sum())
        equal = _EQUAL * float(np.abs(flat).max(initial=0.0))
        bound = max(worth, known) if proven else max(worth, bound)
        return Optimum(positions, worth, bound, bound - worth <= equal * len(positions))

    # Within the limit.

    def _within(self, pool: Pool) -> tuple[Ints, float, bool]:
        """Points [rows] of the greatest worth found, a bound, and whether nothing better exists."""
        best, layers = pool.curves.best, self.layers
        within, above = pool.filled(self.limit)
        tight = min((within, above), key=lambda level: level.bound(self.limit))
        bound = tight.bound(self.limit)
        at = spend_rest(self.rows, layers, best, within.at, within.floor, self.limit - within.cost)
        worth = float(best[self.rows.start + at].sum())
        equal = _EQUAL * float(np.abs(best).max(initial=0.0))
        large = len(layers.members) > 0 and len(self.rows.cost) > _LARGE
        if bound - worth <= (_NEAR * abs(bound) if large else equal):
            return at, bound, bound - worth <= equal
        return self._closed(best, at, tight.price, bound, equal)

    def _closed(self, best: Floats, at: Ints, price: float, bound: float, equal: float) -> tuple[Ints, float, bool]:
        """The same, searched for among what at a `price` may still be worth changing in `at` [rows]."""
        rows, layers = self.rows, self.layers
        worth = float(best[rows.start + at].sum())
        gap = bound - worth
        share = _GROUP_EFFORT // max(1, len(layers.members))
        choices = [row_choice(rows, row, best, price, gap) for row in np.flatnonzero(~layers.layered).tolist()]
        choices += [group_choice(layers, g, best, price, gap, share) for g in range(len(layers.members))]
        # Worths that are not concave make the best of a layered group less than its curves' majorants promised.
        bound = min(bound, sum(choice.top for choice in choices) + price * self.limit)
        rest = self.limit - sum(float(choice.cost[0]) for choice in choices)
        near = bound - worth <= _NEAR * abs(bound)
        last = closed(choices, price, rest, bound - worth, equal, self.effort * (1 if near else 10))
        if last.options is not None:
            at = at.copy()
            for choice, option in zip(choices, last.options, strict=True):
                at[choice.rows] = choice.points[option]
        return at, bound, last.proven

    def _tangled(self, pool: Pool, flat: Floats) -> tuple[Ints, float, bool]:
        """Points [rows] found by the prices of each owner alone, then by its prices with the others where they are."""
        # Costs are at least this part of the sum of those alone, so nothing within the limit is dearer than `loose`.
        loose = self.limit / min(group.least for group in self.groups if isinstance(group, Tangled))
        bound = min(level.bound(loose) for level in pool.filled(loose))
        nothing = self.space.spent(np.zeros_like(self.space.steps), self.budget)

        def fits(level: Level) -> bool:
            return self.space.spent(self.rows.positions(level.at, flat), self.budget) - nothing <= self.limit

        def worth(at: Ints) -> float:
            return float(pool.curves.best[self.rows.start + at].sum())

        found = [pool.lowest(fits).at]
        for _ in range(_REPRICINGS if len(self.rows.cost) <= _REPRICED_AT_MOST else 0):
            rows = self.rows.with_costs(self._repriced(self.rows.positions(found[-1], flat)))
            found.append(Pool(rows, self.layers, rows.curves(flat)).lowest(fits).at)
        at = max(found, key=worth)
        return at, bound, bound <= worth(at)

    def _repriced(self, positions: Ints) -> tuple[Group, ...]:
        """The groups, of tangled ones the cost of each variable while the others stand at `positions` [variables]."""
        return tuple(
            replace(group, costs=self.prices.each(group.variables, positions[list(group.variables)]))
            if isinstance(group, Tangled)
            else group
            for group in self.groups
        )

    # The rest of the budget.

    def _used_up(self, at: Ints, curves: Curves, flat: Floats) -> Ints:
        """Positions [variables] from which no step fits any more, reached from the points `at` [rows]."""
        rows = self.rows
        if curves.best is not curves.worth:
            # Back over steps that are worth nothing or harm, to where the worth was reached first.
            at = at - rows.since_rise(curves.best)[rows.start + at]
        at, floor = self.layers.grounded(at)
        rest = self.limit - float(rows.cost[rows.start + at].sum()) + self.layers.saved(floor)
        if self._apart:
            positions = rows.positions(spend_rest(rows, self.layers, curves.worth, at, floor, rest), flat)
            within = self.space.spent(positions, self.budget) <= self.space.limit(self.budget)
            assert within, "the operator's prices are not what probes of them said"
            return positions

        def when(v: int, step: int) -> float:
            point = int(self._from[v]) + step
            return float(flat[point - 1] - flat[point]) / float(self._weights_of_step[v])

        return fill(self.space, rows.positions(at, flat), self.budget, when)

    def _flat(self, utilities: Utilities) -> Floats:
        """The worths of all positions, one variable after the other; refuses what is not one finite number for each."""
        steps = self.space.steps
        parts = [np.asarray(row, dtype=np.float64)[: step + 1] for row, step in zip(utilities, steps, strict=False)]
        given, rows = np.concatenate(parts), len(utilities)
        if rows != len(steps) or len(given) != self._from[-1] or not np.isfinite(given).all():
            law = f"one finite number for each of the {self._from[-1]:,} positions of {len(steps)} variables"
            raise InputError("utilities", f"{len(given):,} of {rows} variables", law)
        return given
