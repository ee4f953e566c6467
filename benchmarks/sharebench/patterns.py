"""The patterns of ShareBench: every common one of a small grid, and on-budget ones with levels per domain.

Common: each of the four stages owns none, a third or all of its filters, for all domains alike: 81, the shared and the
independent network among them. Per domain, at each of five `live` budgets: `bottom` and `top`; `bottom` for one domain
first (the others get what is left); random ones with a slope over depth, a share for every domain and noise at every
site, so that they are not all alike.
"""

import itertools
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from apportion.search.controllers import Context, controllers
from apportion.search.controllers.fixed import NoOptions
from apportion.spaces.allocation import Allocation
from apportion.spaces.budget import Budget
from apportion.spaces.orders import counted_seed
from apportion.spaces.projection import fill
from apportion.spaces.space import SharingSpace

BUDGETS = (0.05, 0.1, 0.2, 0.3, 0.4)
STAGES = ("stem", "layer1", "layer2", "layer3")
FRACTIONS = {"n": 0.0, "t": 1 / 3, "a": 1.0}
RANDOM = 10


def all_patterns(space: SharingSpace) -> dict[str, Allocation]:
    """Names and allocations, each allocation once, in a fixed order. `space` is one of sites and domains."""
    found: dict[str, Allocation] = {}
    for name, allocation in itertools.chain(_common(space), _per_domain(space)):
        if allocation not in found.values():
            found[name] = allocation
    return found


def _common(space: SharingSpace) -> Iterator[tuple[str, Allocation]]:
    for letters in itertools.product(FRACTIONS, repeat=len(STAGES)):
        own = dict(zip(STAGES, letters, strict=True))
        levels = (int(FRACTIONS[own[site.name.split(".")[0]]] * site.max_level + 0.5) for site in space.sites)
        rows = tuple((level,) * len(space.owners) for level in levels)
        yield f"common_{''.join(letters)}", space.canonical(Allocation(rows, space.order))


def _per_domain(space: SharingSpace) -> Iterator[tuple[str, Allocation]]:
    common = replace(space, granularity="per_site")
    for share in BUDGETS:
        budget = Budget("live", share)
        for scheme in ("bottom", "top"):
            yield f"{budget.name}_{scheme}", _scheme(scheme, common, budget)
        for domain, owner in enumerate(space.owners):
            yield f"{budget.name}_bottom-{owner}", _bottom_first(space, budget, domain)
        for n in range(RANDOM):
            yield f"{budget.name}_random-{n}", _random(space, budget, n)


def _scheme(name: str, space: SharingSpace, budget: Budget) -> Allocation:
    from apportion.evaluators.objective import Objective

    asked = controllers.get(name).build(Context(space, (budget,), Objective(), 0, 0, 1), NoOptions()).ask()
    allocation: Allocation = asked.allocation  # type: ignore[union-attr]
    return allocation


def _bottom_first(space: SharingSpace, budget: Budget, domain: int) -> Allocation:
    """One domain owns from the input on; what it leaves of the budget goes to the others the same way."""

    def when(variable: int, step: int) -> float:
        ((site, owner),) = space.variables[variable].cells
        depth = space.sites[site].depth + step / (space.variables[variable].steps + 1)
        return depth if owner == domain else depth + 1 + max(each.depth for each in space.sites)

    return space.allocation_at(fill(space, np.zeros_like(space.steps), budget, when))


def _random(space: SharingSpace, budget: Budget, n: int) -> Allocation:
    """Even numbers draw fractions of filters, odd ones parts of the budget."""
    generator = np.random.Generator(np.random.Philox(counted_seed("sharebench", budget.name, n)))
    greatest = max(site.depth for site in space.sites)
    depth = np.array([space.sites[site].depth / greatest for ((site, _),) in (v.cells for v in space.variables)])
    owner = np.array([domain for ((_, domain),) in (v.cells for v in space.variables)])
    slope = generator.normal(0.0, 2.0)
    shares = generator.normal(0.0, 1.0, len(space.owners))
    wish = np.exp(slope * depth + shares[owner] + generator.normal(0.0, 0.7, space.dimension))
    return space.decode(wish / wish.max(), budget, "fractions" if n % 2 == 0 else "spend")
