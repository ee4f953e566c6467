"""A space's costs taken apart: which variables price together, and what their positions cost.

Everything is asked of the operator, nothing is known of it: tables of costs per position, and random probes that tell
whether a group's cost has one of the two forms that can be solved at any size.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from math import prod

import numpy as np
import numpy.typing as npt

from apportion.spaces.budget import Measure
from apportion.spaces.orders import counted_seed
from apportion.spaces.space import SharingSpace

Ints = npt.NDArray[np.int64]

# A group with no more combinations than this is listed in full (17^3: three domains at a site of 16 filters).
LISTED_AT_MOST = 5000
_PROBES = 24


@dataclass(frozen=True)
class Chain:
    """Variables that move together. `costs` [steps + 1] above position 0, never falling."""

    variables: tuple[int, ...]
    costs: Ints


@dataclass(frozen=True)
class Layered:
    """The owners of one site (three or more) that take the same filters first. `costs` [steps + 1] of one owner alone.

    Positions whose two least are equal cost the sum of the owners' costs, less the cost of the least where `rebate`: a
    copy that nobody uses any more is not stored. Other positions mean the same network as such ones.
    """

    variables: tuple[int, ...]
    costs: Ints
    rebate: bool


@dataclass(frozen=True)
class Listed:
    """A small group as the list of its `positions` [options, variables] and their `costs` [options]."""

    variables: tuple[int, ...]
    positions: Ints
    costs: Ints


@dataclass(frozen=True)
class Tangled:
    """A large group of which only this is known: `costs` [variables][steps + 1] of each variable alone.

    Together they cost at least `least` times the sum. Of filters with orders per owner this is known: D owners save at
    most one copy of what all of them own, so (D - 1) / D, or 1 where nothing is saved when all own all they can.
    """

    variables: tuple[int, ...]
    costs: tuple[Ints, ...]
    least: float


Group = Chain | Layered | Listed | Tangled


class Prices:
    """The operator's prices of a few variables at a time, for many positions at once."""

    def __init__(self, space: SharingSpace, measure: Measure) -> None:
        self.space, self.column = space, 0 if measure == "owned" else 1
        self.steps = space.steps
        most = int(self.steps.max(initial=0))
        # A cell's level depends on its own variable alone, so all variables can be asked together. [steps + 1, i, d]
        self.levels = np.stack([space.levels_at(np.minimum(k, self.steps)) for k in range(most + 1)])

    def costs(self, variables: Sequence[int], rows: Ints) -> Ints:
        """Costs [rows] above all shared, at positions `rows` [rows, variables]."""
        space = self.space
        cells = [(at, i, d) for at, v in enumerate(variables) for i, d in space.variables[v].cells]
        sites = sorted({i for _, i, _ in cells})
        levels = np.zeros((len(rows) + 1, len(sites), len(space.owners)), dtype=np.int64)
        for at, i, d in cells:
            levels[1:, sites.index(i), d] = self.levels[rows[:, at], i, d]
        asked = [space.sites[i] for i in sites] * len(levels)
        flat = levels.reshape(-1, len(space.owners))
        prices = space.operator.costs(asked, space.owners, flat, space.order)[:, self.column]
        per_row = prices.reshape(len(levels), len(sites)).sum(axis=1)
        above: Ints = per_row[1:] - per_row[0]
        return above

    def each(self, variables: Sequence[int], others: Ints) -> tuple[Ints, ...]:
        """Costs [variables][steps + 1] of each variable above its position 0 while the others stand at `others`."""
        tables = []
        for at, v in enumerate(variables):
            rows = np.repeat(others[None], self.steps[v] + 1, axis=0)
            rows[:, at] = np.arange(len(rows))
            costs = self.costs(variables, rows)
            tables.append(costs - costs[0])
        return tuple(tables)

    def alike(self, variables: Sequence[int]) -> bool:
        """True where the variables move one owner each, in the same steps at the same sites."""
        first, *others = [self.space.variables[v] for v in variables]
        owners = [{d for _, d in variable.cells} for variable in (first, *others)]
        sites = [i for i, _ in first.cells]
        return (
            all(len(one) == 1 for one in owners)
            and all([i for i, _ in other.cells] == sites and other.steps == first.steps for other in others)
            and bool((self.levels[:, sites, :] == self.levels[:, sites, :1]).all())
        )


def groups_of(asked: Prices, listed_at_most: int = LISTED_AT_MOST) -> tuple[Group, ...]:
    """The groups of a space's variables with their costs."""
    return tuple(group for members in _members(asked.space) for group in _groups(asked, members, listed_at_most))


def _members(space: SharingSpace) -> list[tuple[int, ...]]:
    """Variables that share a site, directly or through others, stand together."""
    found: list[tuple[set[int], list[int]]] = []
    for v, variable in enumerate(space.variables):
        sites, members, apart = {i for i, _ in variable.cells}, [v], []
        for group in found:
            if group[0] & sites:
                sites, members = sites | group[0], group[1] + members
            else:
                apart.append(group)
        found = [*apart, (sites, members)]
    return sorted(tuple(sorted(members)) for _, members in found)


def _groups(asked: Prices, members: tuple[int, ...], listed_at_most: int) -> Sequence[Group]:
    steps = [int(asked.steps[v]) for v in members]
    if len(members) == 1:
        return [Chain(members, asked.costs(members, np.arange(steps[0] + 1)[:, None]))]
    form = _form(asked, members, steps[0]) if asked.space.order.common and asked.alike(members) else ()
    if form and isinstance(form[0], Chain):
        return form
    if prod(step + 1 for step in steps) <= listed_at_most:
        return [_listed(asked, members, steps)]
    if form:
        return form
    alone = asked.each(members, np.zeros(len(members), dtype=np.int64))
    whole = sum(int(costs[-1]) for costs in alone)
    everyone = int(asked.costs(members, np.array([steps]))[0])
    return [Tangled(members, alone, 1.0 if everyone >= whole else 1 - 1 / len(members))]


def _listed(asked: Prices, members: tuple[int, ...], steps: list[int]) -> Listed:
    """All combinations but those from which a step is free: budgets are used up, so it is always taken."""
    shape = tuple(step + 1 for step in steps)
    rows = np.array(list(product(*map(range, shape))), dtype=np.int64)
    costs = asked.costs(members, rows)
    grid = costs.reshape(shape)
    free = np.zeros(shape, dtype=bool)
    for axis in range(len(shape)):
        below = tuple(slice(0, -1) if other == axis else slice(None) for other in range(len(shape)))
        free[below] |= np.diff(grid, axis=axis) == 0
    kept = ~free.ravel()
    return Listed(members, rows[kept], costs[kept])


def _probes(steps: int, owners: int) -> Ints:
    """Positions [probes, owners]: some of the owners far up and the others less, then anything."""
    generator = np.random.Generator(np.random.Philox(counted_seed("probe")))
    some = np.tri(owners + 1, owners, -1, dtype=np.int64)
    contrasts = [np.where(some, high, low) for high in (steps, steps // 2 + 1) for low in (0, steps // 2)]
    return np.concatenate([*contrasts, generator.integers(0, steps + 1, (_PROBES, owners))]).clip(0, steps)


def _form(asked: Prices, members: tuple[int, ...], steps: int) -> Sequence[Group]:
    """The group as chains or layers, if all probes agree; else nothing."""
    alone = asked.each(members[:1], np.zeros(1, dtype=np.int64))[0]
    rows = _probes(steps, len(members))
    costs = asked.costs(members, rows)
    if (costs == alone[rows].sum(axis=1)).all():
        return [Chain((v,), alone) for v in members]
    # The copy that all but one left is the last one's own: the least position may rise to the second least for free.
    least = np.sort(rows, axis=1)[:, 1]
    raised = np.maximum(rows, least[:, None])
    if (costs != asked.costs(members, raised)).any():
        return []
    if len(members) == 2:
        together = np.arange(steps + 1)[:, None].repeat(2, axis=1)
        return [Chain(members, asked.costs(members, together))]
    for rebate in (True, False):
        if (costs == alone[raised].sum(axis=1) - (alone[least] if rebate else 0)).all():
            return [Layered(members, alone, rebate)]
    return []
