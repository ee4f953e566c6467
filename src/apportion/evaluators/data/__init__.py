"""Domains: where their images come from, how they are kept on a device, and in which order they are drawn.

A dataset is a named set of domains that share one image size. This package's front door loads neither numpy nor torch,
so that a configuration can be checked without them; `load` does, when the images are wanted.

Adding a dataset = one file with a `load(root, domains, image_size)` + one `Dataset` line in `datasets`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from apportion.errors import InputError
from apportion.evaluators.data.augmentation import PENTATHLON, Augmentation, resolved
from apportion.evaluators.data.options import AugmentOptions, DataOptions
from apportion.registry import Registry, suggestion

if TYPE_CHECKING:
    from apportion.evaluators.data.domain import DomainData

__all__ = ["AugmentOptions", "Augmentation", "DataOptions", "Dataset", "augmentations", "datasets", "load"]


@dataclass(frozen=True)
class Dataset:
    """A registered dataset.

    `load(root, domains, image_size)`: the domains in the order asked for; `root` None means the images that are
    shipped. `defaults`: every domain the dataset has, with its augmentation.
    """

    name: str
    summary: str
    load: Callable[[Path | None, Sequence[str] | None, int], list[DomainData]]
    defaults: Mapping[str, Augmentation]


def _load_pentathlon(root: Path | None, domains: Sequence[str] | None, image_size: int) -> list[DomainData]:
    from apportion.evaluators.data import pentathlon  # here, not above: numpy and Pillow are slow to import

    return pentathlon.load(root, domains, image_size)


datasets: Registry[Dataset] = Registry(
    "dataset",
    [
        Dataset(
            "pentathlon",
            "digits, fashion, photos, sketches and glyphs: a pocket of 2,000 training images each, or the full files",
            _load_pentathlon,
            PENTATHLON,
        ),
    ],
)


def load(options: DataOptions) -> list[DomainData]:
    """The domains that `options` asks for, images at `options.image_size`. InputError where they cannot be had."""
    augmentations(options)  # cheap, and names a misspelt domain before any file is opened
    return datasets.get(options.name, "data.name").load(options.root, options.domains, options.image_size)


def augmentations(options: DataOptions) -> dict[str, Augmentation]:
    """The augmentation of every domain chosen, in order: the options' values over the dataset's defaults.

    Reads no file. InputError for a dataset or a domain that does not exist. A `per_domain` entry of a domain that
    `domains` leaves out is allowed, so that one recipe can be run on fewer domains.
    """
    defaults = datasets.get(options.name, "data.name").defaults
    chosen = list(defaults) if options.domains is None else options.domains
    for place, names in (("data.domains", chosen), ("data.per_domain", list(options.per_domain))):
        for name in names:
            if name not in defaults:
                law = f"{options.name} has no domain of this name"
                raise InputError(place, repr(name), law, suggestion(name, defaults))
    return {name: resolved(defaults[name], options.per_domain.get(name)) for name in chosen}
