"""Hypothesis strategies that several suites share: small spaces of every kind, allocations, budgets, vectors."""

from collections.abc import Sequence

import numpy as np
from hypothesis import strategies as st

from apportion.spaces.allocation import Allocation
from apportion.spaces.budget import Budget, Measure
from apportion.spaces.granularity import GRANULARITIES
from apportion.spaces.orders import Order
from apportion.spaces.site import Site
from apportion.spaces.space import SharingSpace, Vector

OWNERS = ("a", "b", "c", "d")
COMMON_ORDERS = (Order(), Order("random", 3))
ORDERS_PER_OWNER = (Order("random", 3, True), Order("index", 0, True))
# No grid is drawn most often: it is the space that people use.
GRIDS: tuple[tuple[float, ...], ...] = ((), (), (), (0.0, 1 / 3, 1.0), (0.0, 0.25, 0.5, 1.0), (0.0, 0.6))
MEASURES: tuple[Measure, ...] = ("owned", "live")


def site(depth: int, filters: int, channels: int = 1, stage: int = 0) -> Site:
    """A 1x1 convolution: `channels` weights a filter."""
    return Site(f"conv{depth}", "conv", (filters, channels, 1, 1), 1, False, depth, stage, filters)


@st.composite
def site_lists(draw: st.DrawFn, most: int = 4) -> tuple[Site, ...]:
    """1 to `most` sites of 1 to 6 filters of 1 to 9 weights, in stages that do not fall with depth."""
    sites: list[Site] = []
    stage = 0
    for depth in range(draw(st.integers(1, most))):
        stage += draw(st.integers(0, 1)) if depth else 0
        sites.append(site(depth, draw(st.integers(1, 6)), draw(st.integers(1, 9)), stage))
    return tuple(sites)


@st.composite
def spaces(
    draw: st.DrawFn,
    orders: Sequence[Order] = COMMON_ORDERS + ORDERS_PER_OWNER,
    keep_shared: bool = True,
    least_owners: int = 2,
    grids: bool = False,
) -> SharingSpace:
    """Small spaces of all granularities and orders, with coarse grids of levels if asked; at least one site is free."""
    sites = draw(site_lists())
    owners = OWNERS[: draw(st.integers(least_owners, len(OWNERS)))]
    names = [one.name for one in sites]
    kept = draw(st.lists(st.sampled_from(names), unique=True, max_size=len(names) - 1)) if keep_shared else []
    return SharingSpace(
        sites,
        owners,
        draw(st.sampled_from(GRANULARITIES)),
        order=draw(st.sampled_from(list(orders))),
        keep_shared=tuple(kept),
        fractions=draw(st.sampled_from(GRIDS)) if grids else (),
    )


@st.composite
def allocations_of(draw: st.DrawFn, space: SharingSpace) -> Allocation:
    """Any legal levels of the space's sites and owners, reachable by its variables or not, not canonical."""
    levels = tuple(tuple(draw(st.integers(0, one.max_level)) for _ in space.owners) for one in space.sites)
    return Allocation(levels, space.order)


@st.composite
def budgets_of(draw: st.DrawFn, space: SharingSpace) -> Budget:
    """A budget that some point of the space meets: any parameter count from the least to the greatest cost."""
    measure = draw(st.sampled_from(MEASURES))
    least, greatest = space.reachable(Budget(measure, 0, "parameters"))
    return Budget(measure, draw(st.integers(least, greatest)), "parameters")


@st.composite
def vectors_of(draw: st.DrawFn, space: SharingSpace) -> Vector:
    """What an optimiser may hand in: numbers in [0, 1], zeros and ones among them."""
    entry = st.one_of(st.sampled_from([0.0, 1.0, 0.5]), st.floats(0, 1, allow_subnormal=False))
    return np.array([draw(entry) for _ in range(space.dimension)])


@st.composite
def cases(
    draw: st.DrawFn, orders: Sequence[Order] = COMMON_ORDERS + ORDERS_PER_OWNER
) -> tuple[SharingSpace, Budget, Vector]:
    """A space, a budget it can meet and a vector."""
    space = draw(spaces(orders))
    return space, draw(budgets_of(space)), draw(vectors_of(space))
