"""Domains: where their images come from, how they are kept on a device, and in which order they are drawn.

A dataset is a named set of domains that share one image size. This package's front door loads neither numpy nor torch,
so that a configuration can be checked without them; `load` does, when the images are wanted.

Adding a dataset = one file with a reader, a model of options with its `name`, a place in `AnyDataOptions` and one
`Dataset` line in `datasets`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BeforeValidator, Field

from apportion.errors import InputError
from apportion.evaluators.data.augmentation import PENTATHLON, Augmentation, resolved
from apportion.evaluators.data.findings import Progress, Scan, census_of, unloadable
from apportion.evaluators.data.folder import layout
from apportion.evaluators.data.options import (
    AugmentOptions,
    DataOptions,
    FolderOptions,
    PentathlonOptions,
    TorchvisionOptions,
)
from apportion.evaluators.data.torchvision_names import DOMAINS as TORCHVISION
from apportion.evaluators.data.torchvision_names import long_form
from apportion.registry import Registry, suggestion

if TYPE_CHECKING:
    from apportion.evaluators.data.domain import DomainData
    from apportion.evaluators.data.encoded import Unread

__all__ = [
    "AnyDataOptions",
    "AugmentOptions",
    "Augmentation",
    "DataOptions",
    "Dataset",
    "FolderOptions",
    "PentathlonOptions",
    "Progress",
    "Scan",
    "TorchvisionOptions",
    "augmentations",
    "datasets",
    "load",
    "scan",
]


def _named(given: Any) -> Any:
    return long_form({"name": "pentathlon", **given}) if isinstance(given, dict) else given


AnyDataOptions = Annotated[
    Annotated[PentathlonOptions | FolderOptions | TorchvisionOptions, Field(discriminator="name")],
    BeforeValidator(_named),
]
"""What a config holds under `data:`."""


@dataclass(frozen=True)
class Dataset:
    """A registered dataset; `options` below are those of its own model.

    `domains(options)`: every domain there is, with its default augmentation. Opens no image, loads no numpy.
    `load(options, names)`: the domains `names`, in that order.
    `scan(options, names, progress)`: all that is wrong is found and said instead of the first; no image is kept.
    `encoded(options, names)`: the same with all pictures left in their files; None where there are no such files.
    """

    name: str
    summary: str
    domains: Callable[[Any], Mapping[str, Augmentation]]
    load: Callable[[Any, Sequence[str]], list[DomainData]]
    scan: Callable[[Any, Sequence[str], Progress], Scan]
    encoded: Callable[[Any, Sequence[str]], Sequence[Unread]] | None = None


def _pentathlon(options: DataOptions, names: Sequence[str]) -> list[DomainData]:
    from apportion.evaluators.data import pentathlon  # here, not above: numpy and Pillow are slow to import

    return pentathlon.load(options.root, names, options.image_size)


def _folder(options: FolderOptions, names: Sequence[str]) -> list[DomainData]:
    from apportion.evaluators.data.folder import read

    return read.load(options, names)


def _folder_scan(options: FolderOptions, names: Sequence[str], progress: Progress) -> Scan:
    from apportion.evaluators.data.folder import read

    return read.scan(options, names, progress)


def _folder_encoded(options: FolderOptions, names: Sequence[str]) -> Sequence[Unread]:
    from apportion.evaluators.data.folder import encoded

    return encoded.encoded(options, names)


def _torchvision(options: TorchvisionOptions, names: Sequence[str]) -> list[DomainData]:
    from apportion.evaluators.data import torchvision_sets

    return torchvision_sets.load(options, names)


def _torchvision_encoded(options: TorchvisionOptions, names: Sequence[str]) -> Sequence[Unread]:
    from apportion.evaluators.data import torchvision_encoded

    return torchvision_encoded.encoded(options, names)


def _torchvision_scan(options: TorchvisionOptions, names: Sequence[str], progress: Progress) -> Scan:
    from apportion.evaluators.data import torchvision_encoded

    return torchvision_encoded.scan(options, names, progress)


def _pentathlon_scan(options: DataOptions, names: Sequence[str], progress: Progress) -> Scan:
    """Each domain is loaded and left again; an InputError is its problem."""
    domains, problems = [], []
    for done, name in enumerate(names):
        try:
            domains += [census_of(domain) for domain in _pentathlon(options, [name])]
        except InputError as error:
            problems.append(unloadable(name, error))
        progress(done + 1, len(names))
    return Scan(tuple(domains), tuple(problems))


datasets: Registry[Dataset] = Registry(
    "dataset",
    [
        Dataset(
            "pentathlon",
            "digits, fashion, photos, sketches and glyphs: a pocket of 2,000 training images each, or the full files",
            lambda options: PENTATHLON,
            _pentathlon,
            _pentathlon_scan,
        ),
        Dataset(
            "folder",
            "your own images: root/DOMAIN/CLASS/* or root/DOMAIN/train|val|test/CLASS/* (see apportion init)",
            layout.domains,
            _folder,
            _folder_scan,
            _folder_encoded,
        ),
        Dataset(
            "torchvision",
            "torchvision's datasets by name (torchvision:CIFAR100, or several); downloaded only with download: true",
            lambda options: TORCHVISION,
            _torchvision,
            _torchvision_scan,
            _torchvision_encoded,
        ),
    ],
)


def load(options: DataOptions) -> list[DomainData]:
    """The domains that `options` asks for, images at `options.image_size`. InputError where they cannot be had."""
    # The names first: cheap, and a misspelt domain is named before any file is opened.
    return datasets.get(options.name, "data.name").load(options, list(augmentations(options)))


def scan(options: DataOptions, progress: Progress = lambda done, total: None) -> Scan:
    """The same, but nothing is refused: everything that can be said about the images, and what can be used of them."""
    return datasets.get(options.name, "data.name").scan(options, list(augmentations(options)), progress)


def augmentations(options: DataOptions) -> dict[str, Augmentation]:
    """The augmentation of every domain chosen, in order: the options' values over the dataset's defaults.

    Opens no image. InputError for a dataset or a domain that does not exist. A `per_domain` entry of a domain that
    `domains` leaves out is allowed, so that one recipe can be run on fewer domains.
    """
    defaults = datasets.get(options.name, "data.name").domains(options)
    chosen = list(defaults) if options.domains is None else options.domains
    for place, names in (("data.domains", chosen), ("data.per_domain", list(options.per_domain))):
        for name in names:
            if name not in defaults:
                law = f"{options.name} has no domain of this name"
                raise InputError(place, repr(name), law, suggestion(name, defaults))
    return {name: resolved(defaults[name], options.per_domain.get(name)) for name in chosen}
