"""torchvision's datasets as domains. A split that one does not have is split off its training images, by class."""

import inspect
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from apportion.errors import InputError
from apportion.evaluators.data.domain import SPLITS, DomainData, Images
from apportion.evaluators.data.options import FittedOptions, TorchvisionOptions
from apportion.evaluators.data.splitting import split_off
from apportion.evaluators.data.squares import narrowed, squared
from apportion.evaluators.data.torchvision_names import SOURCES
from apportion.spaces.torchvision_here import torchvision_module

Part = tuple[npt.NDArray[np.uint8], list[int]]


def load(options: TorchvisionOptions, names: Sequence[str]) -> list[DomainData]:
    """The domains `names`, in that order. InputError where files are missing, or items are no (picture, class)."""
    asked = {(name, split): opened(options, name, split) for name in names for split in SOURCES[name].splits}
    domains = []
    for name in names:
        fitted = options.per_domain.get(name, FittedOptions())
        parts: dict[str, Part] = {}
        classes: tuple[str, ...] = ()
        for split in SOURCES[name].splits:
            items = asked[name, split]
            parts[split] = _read(f"{name}, {split}", items, options.image_size, fitted)
            classes = classes or tuple(map(str, getattr(items, "classes", ())))
        domains.append(_domain(name, parts, classes, options))
    return domains


def opened(options: TorchvisionOptions, name: str, split: str) -> Any:
    """The dataset object of a split."""
    torchvision_module()
    from torchvision import datasets

    kind = getattr(datasets, name, None)
    if kind is None:
        import torchvision

        law = f"torchvision {torchvision.__version__} has no such dataset"
        raise InputError("data.domains", repr(name), law, "install another version, or leave it out")
    asked = dict(SOURCES[name].splits[split])
    if "download" in inspect.signature(kind).parameters:
        asked["download"] = options.download
    root, place = options.root.expanduser(), f"torchvision {name}, {split}"
    try:
        if options.download:
            root.mkdir(parents=True, exist_ok=True)
        return kind(root=str(root), **asked)
    except (RuntimeError, OSError, ValueError, ImportError) as error:
        said = str(error).partition("\n")[0][:160]
        if options.download:
            raise InputError(place, f"cannot be had ({said})", "the files are downloaded whole", "try again") from None
        law = f"its files are needed in {root}"
        raise InputError(place, f"cannot be read ({said})", law, "set data.download=true to fetch it") from None


def _read(place: str, items: Any, size: int, fitted: FittedOptions) -> Part:
    """All pictures as [N, size, size, 3], and their labels."""
    pixels, labels = np.empty((len(items), size, size, 3), np.uint8), []
    for index in range(len(items)):
        picture, label = item(place, items, index)
        pixels[index] = squared(picture, size, fitted)
        labels.append(label)
    return pixels, labels


def item(place: str, items: Any, index: int) -> tuple[Image.Image, int]:
    """A picture and its class. InputError for anything else."""
    try:
        picture, label = items[index]
    except Exception as error:  # the dataset's own reader, on any file
        value = f"cannot be read ({error})"
        raise InputError(f"{place}, item {index}", value, "every image must be whole", "fetch it again") from error
    if not isinstance(picture, Image.Image) or isinstance(label, bool) or not hasattr(label, "__index__"):
        value = f"a ({type(picture).__name__}, {type(label).__name__})"
        raise InputError(f"{place}, item {index}", value, "items are (picture, class)", "leave this dataset out")
    return picture, int(label)


def _domain(
    name: str,
    parts: dict[str, Part],
    classes: tuple[str, ...],
    options: TorchvisionOptions,
) -> DomainData:
    labels = np.array([label for split in parts for label in parts[split][1]], np.int64)
    found = np.array([split for split in parts for _ in parts[split][1]], np.str_)
    names = settled(name, labels, found, classes, options)
    images = narrowed(np.concatenate([parts[split][0] for split in parts]))
    train, val, test = (Images(images[found == split], labels[found == split]) for split in SPLITS)
    return DomainData(name, names, train, val, test)


def settled(
    name: str,
    labels: npt.NDArray[np.int64],
    found: npt.NDArray[np.str_],
    classes: tuple[str, ...],
    options: TorchvisionOptions,
) -> tuple[str, ...]:
    """The names of all classes; images of each are moved, in `found` [N], from train to splits the dataset lacks."""
    if labels.size == 0 or labels.min() < 0:
        value = f"label {labels.min()}" if labels.size else "no images"
        raise InputError(f"torchvision {name}", value, "labels count from 0", "leave this dataset out")
    names = classes if len(classes) > labels.max() else tuple(map(str, range(int(labels.max()) + 1)))
    missing = {split: getattr(options.split, split) for split in SPLITS if split not in SOURCES[name].splits}
    if missing:
        _split_off(name, found, labels, missing, options.split.seed)
    return names


def _split_off(
    name: str, found: npt.NDArray[np.str_], labels: npt.NDArray[np.int64], missing: dict[str, float], seed: int
) -> None:
    """Move images of each class from train to the missing splits, in `found`."""
    by_class: dict[int, list[int]] = defaultdict(list)
    for index in np.flatnonzero(found == "train"):
        by_class[int(labels[index])].append(int(index))
    for label, indices in by_class.items():
        try:
            moved = split_off([str(index) for index in indices], missing, seed, str(label))
        except ValueError:
            value, law = f"{len(indices)} images of class {label}", "train and each split taken from it need one"
            raise InputError(f"torchvision {name}", value, law, "leave this dataset out") from None
        for key, split in moved.items():
            found[int(key)] = split
