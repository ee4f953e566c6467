"""Which of torchvision's datasets can be domains, what they are called and how each is asked for its splits.

Loads no torch.

Left out: those whose items are no (picture, class) pairs, and Omniglot, whose parts have different classes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from apportion.errors import InputError
from apportion.evaluators.data.augmentation import Augmentation

Asked = Mapping[str, Any]


@dataclass(frozen=True)
class Source:
    """Keyword arguments of the class for each split it has. `flip`: a mirrored image is of the same class."""

    splits: Mapping[str, Asked]
    flip: bool = False


def _bool(flip: bool = False, **more: Any) -> Source:
    return Source({"train": {"train": True, **more}, "test": {"train": False, **more}}, flip)


def _split(train: str = "train", val: str = "", test: str = "test", flip: bool = True) -> Source:
    named = {"train": train, "val": val, "test": test}
    return Source({split: {"split": name} for split, name in named.items() if name}, flip)


SOURCES: Mapping[str, Source] = {
    "CIFAR10": _bool(flip=True),
    "CIFAR100": _bool(flip=True),
    "Caltech101": Source({"train": {}}, flip=True),
    "Caltech256": Source({"train": {}}, flip=True),
    "Country211": _split(val="valid"),
    "DTD": _split(val="val"),
    "EMNIST": _bool(split="balanced"),
    "EuroSAT": Source({"train": {}}, flip=True),
    "FER2013": _split(),
    "FGVCAircraft": _split(val="val"),
    "FashionMNIST": _bool(flip=True),
    "Flowers102": _split(val="val"),
    "Food101": _split(),
    "GTSRB": _split(flip=False),
    "ImageNet": _split(val="", test="val"),
    "Imagenette": _split(val="", test="val"),
    "KMNIST": _bool(),
    "MNIST": _bool(),
    "OxfordIIITPet": _split(train="trainval"),
    "PCAM": _split(val="val"),
    "QMNIST": _bool(),
    "RenderedSST2": _split(val="val", flip=False),
    "SEMEION": Source({"train": {}}),
    "STL10": _split(),
    "SUN397": Source({"train": {}}, flip=True),
    "SVHN": _split(flip=False),
    "StanfordCars": _split(),
    "USPS": _bool(),
}

DOMAINS: Mapping[str, Augmentation] = {name: Augmentation(flip=source.flip) for name, source in SOURCES.items()}

_PREFIX = "torchvision:"


def long_form(given: Mapping[str, Any]) -> Mapping[str, Any]:
    """`{name: "torchvision:CIFAR100", ...}` as `{name: torchvision, domains: [CIFAR100], ...}`; all else as it is.

    InputError for a dataset that does not exist, and for `domains` beside one.
    """
    name = given.get("name")
    if not isinstance(name, str) or (name not in SOURCES and not name.startswith(_PREFIX)):
        return given
    dataset = name.removeprefix(_PREFIX)
    if dataset not in SOURCES:
        folded = {one.lower(): one for one in SOURCES}
        near = get_close_matches(dataset.lower(), folded, n=1)
        remedy = f"did you mean '{_PREFIX}{folded[near[0]]}'?" if near else "known: " + ", ".join(SOURCES)
        raise InputError("name", repr(name), "torchvision has no domain of this name", remedy)
    if name in SOURCES:
        law = "a dataset's name says where it is from"
        raise InputError("name", repr(name), law, f"did you mean '{_PREFIX}{name}'?")
    if given.get("domains") is not None:
        law = f"{name} is the one domain already"
        raise InputError("domains", repr(given["domains"]), law, "remove it, or write name: torchvision for several")
    return {**given, "name": "torchvision", "domains": [dataset]}
