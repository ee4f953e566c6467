"""The same definitions worked out filter by filter, without any closed form: what the fast code is tested against.

Two allocations mean the same network when every filter is used by the same groups of domains.
"""

from fractions import Fraction

from apportion.spaces.allocation import Allocation
from apportion.spaces.budget import Cost
from apportion.spaces.space import SharingSpace

Groups = frozenset[frozenset[str]]


def groups(space: SharingSpace, allocation: Allocation) -> tuple[tuple[Groups, ...], ...]:
    """For every site and filter the groups of domains that use one copy of it: a group of one owns its copy."""
    network = []
    for site, row in zip(space.sites, allocation.levels, strict=True):
        taken = {
            owner: set(allocation.order.permutation(site.name, owner, site.filters).tolist()[:level])
            for owner, level in zip(space.owners, row, strict=True)
        }
        filters = []
        for number in range(site.filters):
            copies = [frozenset({owner}) for owner in space.owners if number in taken[owner]]
            rest = frozenset(owner for owner in space.owners if number not in taken[owner])
            filters.append(frozenset([*copies, rest] if rest else copies))
        network.append(tuple(filters))
    return tuple(network)


def cost(space: SharingSpace, allocation: Allocation) -> Cost:
    """Live: every copy that somebody uses. Owned: every copy that exactly one domain uses (two domains or more)."""
    owned = live = 0
    for site, filters in zip(space.sites, groups(space, allocation), strict=True):
        for copies in filters:
            live += site.parameters_per_filter * len(copies)
            owned += site.parameters_per_filter * sum(len(users) == 1 for users in copies)
    return Cost(owned, live)


def levels_at(space: SharingSpace, positions: list[int]) -> tuple[tuple[int, ...], ...]:
    """Position k of a variable puts a cell of F levels at k * F / steps or fractions[k] * F, halves rounded up."""
    levels = [[0] * len(space.owners) for _ in space.sites]
    for variable, position in zip(space.variables, positions, strict=True):
        for i, d in variable.cells:
            part = Fraction(space.fractions[position]) if space.fractions else Fraction(position, variable.steps)
            exact = part * space.sites[i].max_level + Fraction(1, 2)
            levels[i][d] = exact.numerator // exact.denominator
    return tuple(map(tuple, levels))


def positions_of(space: SharingSpace, allocation: Allocation) -> list[int]:
    """The position of every variable at which its cells stand at the allocation's levels."""
    positions = []
    for v, variable in enumerate(space.variables):
        for position in range(variable.steps + 1):
            levels = levels_at(space, [position if w == v else 0 for w in range(space.dimension)])
            if all(levels[i][d] == allocation.levels[i][d] for i, d in variable.cells):
                positions.append(position)
                break
    assert len(positions) == space.dimension, "the space has no such point"
    return positions


def steps_that_fit(space: SharingSpace, allocation: Allocation, measure: str, limit: int) -> list[str]:
    """The variables that could still be raised by one step within `limit`, from an allocation in canonical form."""
    here = positions_of(space, allocation)
    fit = []
    for v, variable in enumerate(space.variables):
        # With the space's own order: an allocation at an end has lost its order in canonical form.
        raised = [
            Allocation(levels_at(space, [k + steps * (w == v) for w, k in enumerate(here)]), space.order)
            for steps in range(1, variable.steps - here[v] + 1)
        ]
        # On a coarse grid a narrow site may not move at once: the next step is the first that moves anything.
        moved = next((one for one in raised if one.levels != levels_at(space, here)), None)
        if moved is not None and getattr(cost(space, moved), measure) <= limit:
            fit.append(variable.name)
    return fit
