"""Random crops and mirror images of a whole batch at once, by copying windows of the padded images."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

Places = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Draws:
    """What chance decides for a batch: the crop's upper left corner in the padded image, and who is mirrored. [B] each.

    `down`, `right`: int64 in 0..2 * padding. `mirrored`: bool. On the CPU.
    """

    down: Tensor
    right: Tensor
    mirrored: Tensor


def draws(seed: int, batch: int, padding: int) -> Draws:
    """The draws that `seed` stands for, always made on the CPU: every device then trains on the same images.

    All three are drawn whatever is used of them, so that switching flips off leaves the crops as they were.
    """
    generator = torch.Generator().manual_seed(seed)
    down, right = torch.randint(0, 2 * padding + 1, (2, batch), generator=generator)
    mirrored = torch.randint(0, 2, (batch,), generator=generator) == 1
    return Draws(down, right, mirrored)


@dataclass(frozen=True)
class Stock:
    """Padded images [N, `channels`, `side`, `side`] that begin at pixel `first` of some memory.

    `margin`: zeros on each side beyond the padding that crops may reach into.
    """

    channels: int
    side: int
    first: int = 0
    margin: int = 0

    def places(self, chosen: Places, down: Places, right: Places) -> Places:
        """Where the windows of the images `chosen` begin, one of each channel: [...] each -> [..., channels]."""
        plane = self.side**2
        corner = self.first + self.margin * (self.side + 1)
        begin = chosen * (self.channels * plane) + down * self.side + right + corner
        found: Places = begin[..., None] + np.arange(self.channels) * plane
        return found


def windows(pixels: Tensor, side: int, size: int) -> Tensor:
    """Every window of padded images of one `side` as a view, by the place of its first pixel: [places, size, size].

    `pixels` is flat and contiguous. No bytes are copied.
    """
    return pixels.as_strided((len(pixels) - (size - 1) * (side + 1), size, size), (1, side, 1))


def cut(views: Tensor, places: Tensor, mirrored: Tensor) -> Tensor:
    """The windows that begin at `places` [planes], those numbered in `mirrored` turned round. [planes, size, size].

    Whole windows are copied: indexing pixel by pixel takes three times as long.
    """
    found: Tensor = views.index_select(0, places)
    if len(mirrored):
        found.index_copy_(0, mirrored, found.index_select(0, mirrored).flip(2))
    return found
