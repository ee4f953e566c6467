"""A domain: three splits of labelled images under a name, as plain arrays in memory."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt

SPLITS = ("train", "val", "test")


class Identity:
    """A domain's hash in the making: class names, then each split's shape, pixels and labels.

    The pixels of a split may come in pieces, so that a domain has the same hash whether it is in memory or streamed.
    The domain's name is left out: the same images under another name are the same data.
    """

    def __init__(self, classes: Sequence[str]) -> None:
        self._sha = hashlib.sha256("\x1f".join(classes).encode())

    def opens(self, split: str, shape: tuple[int, ...]) -> None:
        """`shape`: of all the split's images, [N, H, W(, 3)]."""
        self._sha.update(f"\x1e{split} {shape}\x1e".encode())

    def holds(self, images: npt.NDArray[np.uint8]) -> None:
        """The split's next images, [n, H, W(, 3)]."""
        self._sha.update(np.ascontiguousarray(images).data)

    def labelled(self, labels: npt.NDArray[np.int64]) -> None:
        """The split's labels, [N], after its images."""
        self._sha.update(np.ascontiguousarray(labels, dtype="<i8").data)

    def digest(self) -> bytes:
        return self._sha.digest()


@dataclass(frozen=True, eq=False)
class Images:
    """Images with their classes.

    `images`: uint8, [N, H, W] where grey or [N, H, W, 3] in RGB. `labels`: int64 [N], 0..classes-1.
    Both are made read-only, since every reader of a domain shares them.
    """

    images: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int64]

    def __post_init__(self) -> None:
        if self.images.dtype != np.uint8 or self.labels.dtype != np.int64:
            raise ValueError(f"images uint8 and labels int64, not {self.images.dtype} and {self.labels.dtype}")
        if self.images.ndim not in (3, 4) or self.labels.shape != self.images.shape[:1]:
            raise ValueError(f"images [N, H, W(, 3)] and labels [N], not {self.images.shape} and {self.labels.shape}")
        if self.images.ndim == 4 and self.images.shape[3] != 3:
            raise ValueError(f"colour images have 3 channels, not {self.images.shape[3]}")
        self.images.setflags(write=False)
        self.labels.setflags(write=False)

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, eq=False)
class DomainData:
    """One domain. `classes`: names by label. All splits have the same H x W and channels.

    `skipped`: images that were left out because they cannot be used, counted by reason.
    """

    name: str
    classes: tuple[str, ...]
    train: Images
    val: Images
    test: Images
    skipped: Mapping[str, int] = field(default_factory=dict, kw_only=True)

    def __post_init__(self) -> None:
        shapes = {split: self.split(split).images.shape[1:] for split in SPLITS}
        if len(set(shapes.values())) != 1:
            raise ValueError(f"{self.name}: splits of different image shapes: {shapes}")

    def split(self, name: str) -> Images:
        if name not in SPLITS:
            raise ValueError(f"split {name!r} is none of {', '.join(SPLITS)}")
        images: Images = getattr(self, name)
        return images

    @property
    def class_count(self) -> int:
        return len(self.classes)

    @property
    def sizes(self) -> dict[str, int]:
        """Images per split."""
        return {split: len(self.split(split)) for split in SPLITS}

    @property
    def channels(self) -> int:
        """1 where grey, 3 where RGB."""
        return 1 if self.train.images.ndim == 3 else 3

    @cached_property
    def sha256(self) -> str:
        """Identity of the content, see `Identity`. 64 hex digits."""
        identity = Identity(self.classes)
        for split in SPLITS:
            part = self.split(split)
            identity.opens(split, part.images.shape)
            identity.holds(part.images)
            identity.labelled(part.labels)
        return identity.digest().hex()
