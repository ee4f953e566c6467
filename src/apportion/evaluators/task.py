"""A task: what an evaluator is built from. It crosses to worker processes, which build their own from it."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from apportion.errors import InputError
from apportion.evaluators.data import DataOptions
from apportion.evaluators.domain_card import DomainCard
from apportion.evaluators.protocol import Evaluator
from apportion.registry import suggestion
from apportion.spaces.options import BackboneOptions, SpaceOptions
from apportion.spaces.shape import BackboneShape
from apportion.spaces.space import SharingSpace

if TYPE_CHECKING:
    from apportion.evaluators.memo import Memo
    from apportion.spaces.network.forms import Form


@dataclass(frozen=True)
class Task:
    """Backbone, space, data and evaluator as the config gives them; where to compute, where to keep artifacts.

    `evaluator` is the options model of a registered evaluator. `form` of the mixed batch, where it is settled already.
    """

    backbone: BackboneOptions
    space: SpaceOptions
    data: DataOptions
    evaluator: Any
    device: str = "cpu"
    threads: int = 1
    folder: Path | None = None
    form: "Form | None" = None


@dataclass(frozen=True)
class Bench:
    """A task made real: the shape of its backbone, the space, its domains and the evaluator."""

    shape: BackboneShape
    space: SharingSpace
    domains: tuple[DomainCard, ...]
    evaluator: Evaluator
    memo: "Memo | None" = None
    form: "Form | None" = None


def space_of(task: Task, shape: BackboneShape, owners: tuple[str, ...]) -> SharingSpace:
    """The sharing space; an InputError where `keep_shared` names no site."""
    names = [site.name for site in shape.sites]
    for name in task.space.keep_shared:
        if name not in names:
            raise InputError(
                "space.keep_shared", repr(name), f"backbone {shape.name} has no such site", suggestion(name, names)
            )
    options = task.space
    return SharingSpace(
        shape.sites, owners, options.granularity, options.operator, options.order.order(), options.keep_shared
    )
