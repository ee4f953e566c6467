"""Fifty random spaces with a budget each: every granularity, measure and order, every small end, coarse grids."""

from dataclasses import dataclass
from functools import cache

import numpy as np

from apportion.spaces.budget import Budget
from apportion.spaces.granularity import GRANULARITIES
from apportion.spaces.orders import counted_seed
from apportion.spaces.site import Site
from apportion.spaces.space import SharingSpace
from tests.strategies import COMMON_ORDERS, GRIDS, MEASURES, ORDERS_PER_OWNER, OWNERS, site

KINDS = ("one site", "one level", "one domain", "coarse grid", "wide", "any", "any", "any", "any", "any")
PLACES = ("least", "next to least", "inside", "inside", "inside", "next to greatest", "greatest")


@dataclass(frozen=True)
class Case:
    """A space, a budget that some of its points meet, and how both were drawn."""

    number: int
    kind: str
    place: str
    space: SharingSpace
    budget: Budget

    def __str__(self) -> str:
        return f"case {self.number}, {self.kind}, {self.budget} ({self.place}): {self.space}"


@cache
def fifty(draw: int = 0) -> tuple[Case, ...]:
    """The same fifty at every call; another `draw` gives others."""
    return tuple(_case(number, draw) for number in range(50))


def _case(number: int, draw: int) -> Case:
    generator = np.random.Generator(np.random.Philox(counted_seed("fifty spaces", draw, number)))
    kind = KINDS[number % len(KINDS)]
    space = _space(kind, generator, GRANULARITIES[number % 3])
    place = PLACES[number % len(PLACES)]
    return Case(number, kind, place, space, _budget(space, place, generator))


def _space(kind: str, generator: np.random.Generator, granularity: str) -> SharingSpace:
    sites = _sites(kind, generator)
    owners = OWNERS[: 1 if kind == "one domain" else generator.integers(2, len(OWNERS) + 1)]
    orders = COMMON_ORDERS + ORDERS_PER_OWNER
    grids = [grid for grid in GRIDS if grid]
    return SharingSpace(
        sites,
        owners,
        next(name for name in GRANULARITIES if name == granularity),
        order=orders[generator.integers(len(orders))],
        # At least one site stays free.
        keep_shared=tuple(one.name for one in sites[1:] if generator.random() < 0.15),
        fractions=grids[generator.integers(len(grids))] if kind == "coarse grid" else (),
    )


def _sites(kind: str, generator: np.random.Generator) -> tuple[Site, ...]:
    count = {"one site": 1, "wide": 8}.get(kind, int(generator.integers(1, 5)))
    widest = {"one level": 1, "wide": 24, "coarse grid": 12}.get(kind, 6)
    stages = np.cumsum(generator.integers(0, 2, count))
    return tuple(
        site(depth, int(generator.integers(1, widest + 1)), int(generator.integers(1, 10)), int(stage))
        for depth, stage in enumerate(stages)
    )


def _budget(space: SharingSpace, place: str, generator: np.random.Generator) -> Budget:
    measure = MEASURES[generator.integers(len(MEASURES))]
    least, greatest = space.reachable(Budget(measure, 0, "parameters"))
    if place == "inside":
        share = Budget(measure, round(float(generator.random()), 3))
        return (
            share if least <= space.limit(share) <= greatest else Budget(measure, (least + greatest) // 2, "parameters")
        )
    amount = {
        "least": least,
        "next to least": min(least + 1, greatest),
        "next to greatest": max(greatest - 1, least),
        "greatest": greatest,
    }[place]
    return Budget(measure, amount, "parameters")
