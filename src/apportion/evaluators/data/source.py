"""Where training and scoring get their batches: images kept on the device, or streamed from their files."""

from collections.abc import Iterator, Sequence
from typing import Protocol

import torch
from torch import Tensor

Batch = tuple[Tensor, list[Tensor]]
"""Images [D * B, 3, H, W], domain by domain, and the labels [B] of each domain."""


class Source(Protocol):
    """The domains' images as normalised float32 batches on one device.

    Every source of the same images gives the same bits. All draws are counted (see `streams`), none is carried.
    """

    device: torch.device
    image_size: int

    @property
    def names(self) -> tuple[str, ...]:
        """The domains, in order."""
        ...

    def size(self, domain: str, split: str = "train") -> int:
        """Images of the domain's split."""
        ...

    def class_count(self, domain: str) -> int: ...

    def weight(self, domain: str) -> float:
        """Of the domain's loss in the sum that training minimises, > 0."""
        ...

    def normalisation(self, domain: str) -> dict[str, list[float]]:
        """What is subtracted from a channel's pixels (0..255), and what the difference is then multiplied with."""
        ...

    def batches(self, domain: str, split: str, batch: int) -> Iterator[tuple[Tensor, Tensor]]:
        """The whole split in order, `batch` images at a time (the last may be shorter), as they are.

        Float32 [B, 3, H, W] and int64 labels [B].
        """
        ...

    def training(
        self, owners: Sequence[str], stream: int, batch: int, first_step: int, last_step: int
    ) -> Iterator[Batch]:
        """The augmented batches of steps `first_step` .. `last_step - 1`, `batch` images of each owner.

        `stream` seeds the order and the augmentation. A step's batch depends on nothing but these and its number.
        """
        ...

    def close(self) -> None:
        """End what was started to give batches, such as worker processes; the next batch starts it again."""
        ...
