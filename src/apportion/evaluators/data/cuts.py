"""What each training step takes from the padded images of all domains, planned several steps ahead.

Planned one by one, between two steps of a network, they take more than twice as long: nothing of what plans them is
then left in the processor's caches. Every draw is counted, so a step is the same wherever a plan begins.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from apportion.evaluators.data.augmentation import Augmentation
from apportion.evaluators.data.crops import Places, Stock, draws
from apportion.evaluators.data.streams import augment_seed, indices

_AHEAD = 16
Planned = tuple[Places, Places, npt.NDArray[np.bool_]]
"""By step: places of labels [steps, B]; of windows, one of each channel, and which are mirrored [steps, B * C]."""


@dataclass(frozen=True, eq=False)
class Cuts:
    """A batch of all domains. `labels`: their places [D * B]. `places`, `mirrored`: see `crops.cut`.

    A plane is a channel that is stored: one of a grey image, three of a coloured one.
    """

    labels: Tensor
    places: Tensor
    mirrored: Tensor


@dataclass(frozen=True)
class Shelf:
    """A domain's `count` training images in the memory of all: their pixels, and the place of the first one's label."""

    domain: str
    count: int
    first_label: int
    stock: Stock
    augmentation: Augmentation

    def planned(self, chosen: Places, seeds: Sequence[int]) -> Planned:
        """For the images `chosen` [steps, B], those of each step varied as its seed decides."""
        chances = [draws(seed, chosen.shape[1], self.augmentation.crop) for seed in seeds]
        down, right, mirrored = (
            torch.stack(parts).numpy() for parts in zip(*((c.down, c.right, c.mirrored) for c in chances), strict=True)
        )
        places = self.stock.places(chosen, down, right).reshape(len(chosen), -1)
        turned = np.repeat(mirrored & self.augmentation.flip, self.stock.channels, axis=1)
        return chosen + self.first_label, places, turned


def cuts(shelves: Sequence[Shelf], stream: int, batch: int, steps: range, device: torch.device) -> Iterator[Cuts]:
    """What each of `steps` takes, domain by domain; on `device`."""
    for first in range(steps.start, steps.stop, _AHEAD):
        ahead = range(first, min(first + _AHEAD, steps.stop))
        parts = []
        for shelf in shelves:
            chosen = [indices(stream, shelf.domain, shelf.count, step, batch) for step in ahead]
            seeds = [augment_seed(stream, shelf.domain, step) for step in ahead]
            parts.append(shelf.planned(np.stack(chosen), seeds))
        yield from joined(parts, device)


def joined(parts: Sequence[Planned], device: torch.device) -> list[Cuts]:
    """The same steps of several domains, put together."""
    labels, places, turned = (np.concatenate(of_all, axis=1) for of_all in zip(*parts, strict=True))
    mirrored = [torch.from_numpy(of_step.nonzero()[0]).to(device) for of_step in turned]
    here = (torch.from_numpy(labels).to(device), torch.from_numpy(places).to(device))
    return [Cuts(*of_step) for of_step in zip(*here, mirrored, strict=True)]
