"""Which of torchvision's datasets can be domains, and how each is asked for its splits. Loads no torch.

Left out: those whose items are no (picture, class) pairs, and Omniglot, whose parts have different classes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

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
