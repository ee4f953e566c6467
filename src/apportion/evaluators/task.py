"""A task: what an evaluator is built from. It crosses to worker processes, which build their own from it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from apportion.errors import InputError
from apportion.evaluators.data import DataOptions
from apportion.evaluators.data.placement import Placement, Way
from apportion.evaluators.domain_card import DomainCard
from apportion.evaluators.protocol import Evaluator
from apportion.registry import suggestion
from apportion.spaces import order_tables
from apportion.spaces.options import BackboneOptions, OrderOptions, SpaceOptions
from apportion.spaces.orders import Order
from apportion.spaces.shape import BackboneShape
from apportion.spaces.site import Site
from apportion.spaces.space import SharingSpace

if TYPE_CHECKING:
    from apportion.evaluators.laboratory import Laboratory
    from apportion.evaluators.memo import Memo
    from apportion.spaces.network.forms import Form


Norms = Callable[[], dict[str, list[float]]]


@dataclass(frozen=True)
class Task:
    """Backbone, space, data and evaluator as the config gives them; where to compute, where to keep artifacts.

    `evaluator` is the options model of a registered evaluator. `form` of the mixed batch and the way of the `images`,
    where they are settled already.
    """

    backbone: BackboneOptions
    space: SpaceOptions
    data: DataOptions
    evaluator: Any
    device: str = "cpu"
    threads: int = 1
    folder: Path | None = None
    form: "Form | None" = None
    images: Way | None = None
    allow_plugins: bool = False


@dataclass(frozen=True)
class Bench:
    """A task made real: the shape of its backbone, the space, its domains and the evaluator.

    `images`: where they are kept, None where none are read. `lab`: None where there is nothing to compute with.
    """

    shape: BackboneShape
    space: SharingSpace
    domains: tuple[DomainCard, ...]
    evaluator: Evaluator
    memo: "Memo | None" = None
    form: "Form | None" = None
    images: Placement | None = None
    lab: "Laboratory | None" = None


def space_of(task: Task, shape: BackboneShape, owners: tuple[str, ...], norms: Norms | None = None) -> SharingSpace:
    """The sharing space; an InputError where `keep_shared` or a listed order name no site.

    `norms()` gives the L2 norm of every filter of each site's starting weights, where there are any.
    """
    names = [site.name for site in shape.sites]
    for name in task.space.keep_shared:
        if name not in names:
            raise InputError(
                "space.keep_shared", repr(name), f"backbone {shape.name} has no such site", suggestion(name, names)
            )
    options = task.space
    order = _order(options.order, shape.sites, owners, norms)
    sites = _in_stages(shape, options.stages) if options.stages else shape.sites
    return SharingSpace(
        sites, owners, options.granularity, options.operator, order, options.keep_shared, options.fractions
    )


def _in_stages(shape: BackboneShape, stages: tuple[str, ...]) -> tuple[Site, ...]:
    """The sites with the stage whose name each begins with; an InputError where one begins with none or with two."""
    sites = []
    for site in shape.sites:
        own = [k for k, stage in enumerate(stages) if site.name == stage or site.name.startswith(f"{stage}.")]
        if len(own) != 1:
            what = f"site {site.name} is in {' and '.join(stages[k] for k in own) or 'none'} of {', '.join(stages)}"
            raise InputError("space.stages", what, "every site is in one stage", "name each part of the backbone once")
        sites.append(replace(site, stage=own[0]))
    empty = [stage for k, stage in enumerate(stages) if all(site.stage != k for site in sites)]
    if empty:
        raise InputError("space.stages", repr(empty[0]), f"backbone {shape.name} has no site of that name", "remove it")
    return tuple(sites)


def _order(options: OrderOptions, sites: Sequence[Site], owners: Sequence[str], norms: Norms | None) -> Order:
    if options.file is not None:
        name = order_tables.learn(order_tables.read(options.file, sites, owners))
        return Order(options.name, per_owner=order_tables.by_owner(name), table=name)
    if options.name == "norm":
        if norms is None:
            raise InputError(
                "space.order.name", "'norm'", "it ranks the filters of given weights", "give backbone.weights"
            )
        # Stable: equal norms keep the backbone's own order.
        ranked = {site: np.argsort(-np.array(norm), kind="stable").tolist() for site, norm in norms().items()}
        return Order(options.name, table=order_tables.learn(ranked))
    return Order(options.name, options.seed, options.per_owner)
