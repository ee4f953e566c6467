"""From uint8 images on a device to what a network sees: cropped, mirrored and normalised."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from apportion.evaluators.data.augmentation import Augmentation
from apportion.evaluators.data.normalisation import Statistics


@dataclass(frozen=True, eq=False)
class Preparation:
    """One domain's. `mean`, `scale`: float32 [C, 1, 1], for pixels of 0..255."""

    augmentation: Augmentation
    mean: Tensor
    scale: Tensor

    def normalised(self, images: Tensor) -> Tensor:
        """uint8 [B, C, H, W] -> float32 [B, 3, H, W].

        Subtracted and scaled in two kernels: one fused multiply-add would round differently from device to device.
        """
        floats = images.to(torch.float32).sub_(self.mean).mul_(self.scale)
        return floats.expand(-1, 3, -1, -1).contiguous()

    def told(self) -> dict[str, list[float]]:
        """What is subtracted from a channel's pixels (0..255), and what the difference is then multiplied with."""
        return {"mean": self.mean.flatten().tolist(), "scale": self.scale.flatten().tolist()}


def preparation(statistics: Statistics, augmentation: Augmentation, device: torch.device) -> Preparation:
    """`statistics` of the train split, unless the augmentation names others."""
    mean, std = statistics
    if augmentation.mean is not None:
        mean = np.full_like(mean, augmentation.mean)
    if augmentation.std is not None:
        std = np.full_like(std, augmentation.std)
    centre, scale = (
        torch.tensor(v, dtype=torch.float32, device=device)[:, None, None] for v in (mean * 255, 1 / (std * 255))
    )
    return Preparation(augmentation, centre, scale)


class MixedPreparation:
    """Normalises batches that hold `batch` images of each of several domains, all at once."""

    def __init__(self, domains: Sequence[Preparation], batch: int) -> None:
        self._mean, self._scale = (
            torch.cat([values.repeat(batch, 1, 1) for values in of_all])
            for of_all in zip(*((domain.mean, domain.scale) for domain in domains), strict=True)
        )
        planes, first = [], 0
        for channels in (len(domain.mean) for domain in domains):
            planes.append(first + (torch.arange(batch)[:, None] * channels + torch.arange(3) % channels).flatten())
            first += batch * channels
        # A grey plane is normalised once and then shown three times.
        self._planes = torch.cat(planes).to(self._mean.device) if first < 3 * batch * len(domains) else None

    def normalised(self, planes: Tensor) -> Tensor:
        """uint8 [planes, S, S] -> float32 [D * B, 3, S, S], bit for bit what each domain's own `normalised` gives."""
        floats = planes.to(torch.float32).sub_(self._mean).mul_(self._scale)
        if self._planes is not None:
            floats = floats.index_select(0, self._planes)
        return floats.view(-1, 3, *planes.shape[1:])
