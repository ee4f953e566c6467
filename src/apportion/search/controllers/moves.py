"""Moves between on-budget patterns: one variable gives steps up, another takes what they cost."""

from collections.abc import Collection

import numpy as np

from apportion.spaces.allocation import Allocation
from apportion.spaces.budget import Budget
from apportion.spaces.projection import Positions, fill, project
from apportion.spaces.space import SharingSpace

_TRIES = 8
"""Moves tried until they lead to something new, and then random patterns."""


def moved(
    space: SharingSpace, budget: Budget, positions: Positions, giver: int, taker: int, part: float
) -> Positions | None:
    """`positions` with `part` (0 to 1, at least a step) of the giver's steps spent on the taker, the budget used up.

    What the taker cannot hold goes to the others in proportion. None where the giver has nothing that frees a weight.
    """
    lowered = _lowered(space, budget, positions, giver, part)
    if lowered is None:
        return None
    if space.spent(lowered, budget) > space.limit(budget):
        return project(space, lowered, budget)  # it started above this budget
    held = np.maximum(positions, 0.5)

    def when(v: int, step: int) -> float:
        if v == taker:
            return -1.0
        return float(step / held[v]) if positions[v] == lowered[v] else float("inf")

    return fill(space, lowered, budget, when)


def _lowered(space: SharingSpace, budget: Budget, positions: Positions, giver: int, part: float) -> Positions | None:
    """The giver's steps taken away, and as many neighbours' as it needs for that to free anything.

    An owner that steps below all others frees nothing: the filter it leaves is kept for it alone.
    """
    lowered = positions.copy()
    lowered[giver] -= max(1, round(part * int(positions[giver])))
    if lowered[giver] < 0:
        return None
    before = space.spent(positions, budget)
    if space.spent(lowered, budget) < before:
        return lowered
    sites = {i for i, _ in space.variables[giver].cells}
    near = [v for v in range(space.dimension) if v != giver and sites & {i for i, _ in space.variables[v].cells}]
    for v in sorted(near, key=lambda v: int(positions[v])):
        lowered[v] = min(lowered[v], lowered[giver])
        if space.spent(lowered, budget) < before:
            return lowered
    return None


def random_move(
    space: SharingSpace, budget: Budget, positions: Positions, generator: np.random.Generator
) -> Positions | None:
    """A random part of what one random variable has moved to another; None where nothing can move.

    Parts are uniform: on a logarithmic scale they are mostly small, and evolution found .02 less of an optimum by them.
    """
    givers, takers = np.flatnonzero(positions > 0), np.flatnonzero(positions < space.steps)
    if not len(givers) or not len(takers):
        return None
    giver, taker = int(generator.choice(givers)), int(generator.choice(takers))
    return None if giver == taker else moved(space, budget, positions, giver, taker, float(generator.random()))


def random_split(space: SharingSpace, budget: Budget, generator: np.random.Generator) -> Positions:
    """Positions drawn uniformly over the ways of splitting the budget."""
    # Exponentials scaled to a common size are uniform on the simplex.
    target = generator.exponential(size=space.dimension)
    return space.positions_of(space.decode(target / target.max(), budget))


def fresh(
    space: SharingSpace,
    budget: Budget,
    parent: Positions | None,
    seen: Collection[Allocation],
    generator: np.random.Generator,
) -> Allocation:
    """A pattern one random move from `parent`, or a random one without it, that is not among the `seen`.

    Where that one was seen, one more move away, and so on; after a few, random ones. Where all of them were seen, as in
    a space of few patterns, the last one is asked again.
    """
    for _ in range(_TRIES):
        if parent is None:
            break
        positions = random_move(space, budget, parent, generator)
        if positions is not None:
            parent = positions
            if (allocation := space.allocation_at(positions)) not in seen:
                return allocation
    for _ in range(_TRIES):
        allocation = space.allocation_at(random_split(space, budget, generator))
        if allocation not in seen:
            break
    return allocation
