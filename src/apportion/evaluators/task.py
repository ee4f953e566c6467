"""A task: what an evaluator is built from. It crosses to worker processes, which build their own from it."""

from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from apportion.errors import InputError
from apportion.evaluators.data import DataOptions
from apportion.evaluators.domain_card import DomainCard
from apportion.evaluators.protocol import Evaluator
from apportion.evaluators.synthetic import Synthetic, SyntheticOptions, synthetic_shape
from apportion.evaluators.training.options import TrainOptions
from apportion.registry import suggestion
from apportion.spaces.backbones import backbones
from apportion.spaces.options import BackboneOptions, SpaceOptions
from apportion.spaces.shape import BackboneShape
from apportion.spaces.space import SharingSpace

if TYPE_CHECKING:
    from apportion.evaluators.memo import Memo


@dataclass(frozen=True)
class Task:
    """Backbone, space, data and evaluator as the config gives them; where to compute, where to keep artifacts."""

    backbone: BackboneOptions
    space: SpaceOptions
    data: DataOptions
    evaluator: TrainOptions | SyntheticOptions
    device: str = "cpu"
    threads: int = 1
    folder: Path | None = None


@dataclass(frozen=True)
class Bench:
    """A task made real: the shape of its backbone, the space, its domains and the evaluator."""

    shape: BackboneShape
    space: SharingSpace
    domains: tuple[DomainCard, ...]
    evaluator: Evaluator
    memo: "Memo | None" = None


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


def open_task(task: Task) -> Bench:
    """Build everything. Loads torch and the images for `train`; milliseconds for `synthetic`."""
    if isinstance(task.evaluator, SyntheticOptions):
        return _open_synthetic(task, task.evaluator)
    return _open_train(task, task.evaluator)


def shape_and_space(task: Task) -> tuple[BackboneShape, SharingSpace]:
    """The space alone, before any image is read: what `plan` and the budget checks need."""
    from apportion.evaluators.data import augmentations

    if isinstance(task.evaluator, SyntheticOptions):
        shape, owners = synthetic_shape(task.evaluator), task.evaluator.domains
    else:
        shape, owners = _template(task)[1], tuple(augmentations(task.data))
    return shape, space_of(task, shape, owners)


def _open_synthetic(task: Task, options: SyntheticOptions) -> Bench:
    shape, space = shape_and_space(task)
    cards = tuple(DomainCard(name, 10, 0, 1000, 1000, f"synthetic world {options.world}") for name in options.domains)
    return Bench(shape, space, cards, Synthetic(space, options))


def _template(task: Task) -> tuple[Any, BackboneShape]:
    """A function seed -> plain network, and the shape. Weights are checked here, before anything is paid."""
    from apportion.evaluators.train import seeded_template
    from apportion.spaces.backbones.introspection import shape_of
    from apportion.spaces.backbones.weights import load_weights

    entry, options = backbones.get(task.backbone.name, "backbone.name"), task.backbone

    @cache
    def pristine(seed: int) -> Any:
        network = seeded_template(lambda: entry.build(2, options.options), seed)
        if options.weights is not None:
            load_weights(network, entry.name, entry.head, options.weights)
        return network

    return pristine, shape_of(entry.name, pristine(0), entry.head, task.data.image_size)


def _open_train(task: Task, options: TrainOptions) -> Bench:
    import torch

    from apportion.evaluators.data import augmentations, load
    from apportion.evaluators.data.cache import DeviceCache
    from apportion.evaluators.memo import Memo
    from apportion.evaluators.train import Train

    torch.set_num_threads(task.threads)
    template, shape = _template(task)
    domains = load(task.data)
    chosen = augmentations(task.data)
    space = space_of(task, shape, tuple(domain.name for domain in domains))
    if options.parametrisation not in space.operator.parametrisations:
        raise InputError(
            "evaluator.parametrisation",
            repr(options.parametrisation),
            f"operator {space.operator.name} has {', '.join(space.operator.parametrisations)}",
            suggestion(options.parametrisation, space.operator.parametrisations),
        )
    cache = DeviceCache(domains, chosen, task.device)
    cards = tuple(
        DomainCard(d.name, d.class_count, *(d.sizes[split] for split in ("train", "val", "test")), d.sha256)
        for d in domains
    )
    memo = Memo(task.folder / "artifacts" if task.folder is not None else None)
    about = {
        "backbone": task.backbone.model_dump(mode="json"),
        "image_size": task.data.image_size,
        "classes": {domain.name: list(domain.classes) for domain in domains},
        "space": asdict(space),
    }
    return Bench(shape, space, cards, Train(template, shape, space, cache, options, memo, about), memo)
