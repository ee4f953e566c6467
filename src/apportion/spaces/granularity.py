"""Granularities: which levels move together. Each cell (site, owner) belongs to one search variable or is pinned."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from apportion.spaces.site import Site

Granularity = Literal["per_stage", "per_site", "per_site_and_domain"]
GRANULARITIES: tuple[Granularity, ...] = get_args(Granularity)


@dataclass(frozen=True)
class Variable:
    """One search variable: `steps` positions above 0, moving the levels of its cells (site index, owner index).

    At position k a cell of a site with F levels stands at round(k * F / steps), so every step moves the widest site
    by one level and no cell skips one; on a coarse grid, at round(fractions[k] * F).
    """

    name: str
    steps: int
    cells: tuple[tuple[int, int], ...]
    fractions: tuple[float, ...] = ()

    def level(self, position: int, max_level: int) -> int:
        """The level of a cell with `max_level` levels at `position`, 0..steps; halves go up."""
        if self.fractions:
            return int(self.fractions[position] * max_level + 0.5)
        return (2 * position * max_level + self.steps) // (2 * self.steps)


def variables_of(
    sites: Sequence[Site],
    owners: Sequence[str],
    granularity: Granularity,
    pinned: frozenset[str],
    fractions: tuple[float, ...] = (),
) -> tuple[Variable, ...]:
    """The variables of a space, by depth and then by owner. Sites named in `pinned` stay shared and have none.

    `fractions` of the filters, ascending from 0, are the positions that a variable may take; none given: every one.
    """

    def variable(name: str, widest: int, cells: tuple[tuple[int, int], ...]) -> Variable:
        return Variable(name, len(fractions) - 1 if fractions else widest, cells, fractions)

    everyone = range(len(owners))
    free = [i for i, site in enumerate(sites) if site.name not in pinned]
    if granularity == "per_site_and_domain":
        return tuple(
            variable(f"{sites[i].name}/{owners[d]}", sites[i].max_level, ((i, d),)) for i in free for d in everyone
        )
    if granularity == "per_site":
        return tuple(variable(sites[i].name, sites[i].max_level, tuple((i, d) for d in everyone)) for i in free)
    stages = sorted({sites[i].stage for i in free})
    members = {stage: [i for i in free if sites[i].stage == stage] for stage in stages}
    return tuple(
        variable(
            f"stage{stage}",
            max(sites[i].max_level for i in members[stage]),
            tuple((i, d) for i in members[stage] for d in everyone),
        )
        for stage in stages
    )
