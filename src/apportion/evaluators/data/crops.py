"""Random crops and mirror images of a whole batch at once, by indexing."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Draws:
    """What chance decides for a batch: the crop's upper left corner in the padded image, and who is mirrored. [B] each.

    `down`, `right`: int64 in 0..2 * padding. `mirrored`: bool.
    """

    down: Tensor
    right: Tensor
    mirrored: Tensor

    def to(self, device: torch.device) -> "Draws":
        return Draws(self.down.to(device), self.right.to(device), self.mirrored.to(device))


def draws(seed: int, batch: int, padding: int) -> Draws:
    """The draws that `seed` stands for, always made on the CPU: every device then trains on the same images.

    All three are drawn whatever is used of them, so that switching flips off leaves the crops as they were.
    """
    generator = torch.Generator().manual_seed(seed)
    down, right = torch.randint(0, 2 * padding + 1, (2, batch), generator=generator)
    mirrored = torch.randint(0, 2, (batch,), generator=generator) == 1
    return Draws(down, right, mirrored)


def windows(padded: Tensor, size: int) -> Tensor:
    """Every crop of every image as a view: [N, C, P, P] -> [N, C, P-size+1, P-size+1, size, size], no bytes copied."""
    return padded.unfold(2, size, 1).unfold(3, size, 1)


def cropped(crops: Tensor, indices: Tensor, draws: Draws, flip: bool) -> Tensor:
    """The images `indices` of `windows(...)`, cropped and (if `flip`) mirrored as `draws` say. [B, C, size, size]."""
    images = crops[indices, :, draws.down, draws.right]
    return torch.where(draws.mirrored[:, None, None, None], images.flip(3), images) if flip else images
