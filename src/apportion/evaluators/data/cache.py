"""All images of all domains, decoded once, as uint8 on the device that trains."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from apportion.evaluators.data.augmentation import Augmentation
from apportion.evaluators.data.crops import cropped, draws, windows
from apportion.evaluators.data.domain import SPLITS, DomainData, Images
from apportion.evaluators.data.normalisation import statistics

Indices = npt.NDArray[np.int64] | Tensor


class DeviceCache:
    """The domains' images on one device, handed out as normalised float batches.

    Kept as stored (one channel where grey, three where RGB); grey becomes three equal channels only in a batch.
    Training images are kept with their padding of zeros around them, (1 + 2 crop / size)^2 of their bytes, so that a
    crop is one indexing. Normalisation is measured on the train split.
    """

    def __init__(
        self, domains: Sequence[DomainData], augmentations: Mapping[str, Augmentation], device: torch.device | str
    ) -> None:
        """Copy `domains` to `device`. `augmentations`: one per domain, by name. ValueError where image sizes differ."""
        sides = {side for domain in domains for side in domain.train.images.shape[1:3]}
        if len(sides) != 1:
            raise ValueError(f"domains of one square image size are needed, not sides of {sorted(sides)} pixels")
        self.device = torch.device(device)
        self.image_size = int(sides.pop())
        self._kept = {d.name: _kept(d, augmentations[d.name], self.device) for d in domains}

    @property
    def names(self) -> tuple[str, ...]:
        """The domains, in order."""
        return tuple(self._kept)

    @property
    def bytes(self) -> int:
        """Bytes of images and labels on the device, padding included."""
        parts = [part for kept in self._kept.values() for part in (kept.images, kept.labels)]
        return sum(tensor.untyped_storage().nbytes() for part in parts for tensor in part.values())

    def size(self, domain: str, split: str = "train") -> int:
        """Images of the domain's split."""
        return len(self._kept[domain].labels[split])

    def class_count(self, domain: str) -> int:
        return self._kept[domain].class_count

    def normalisation(self, domain: str) -> dict[str, list[float]]:
        """What is subtracted from a channel's pixels (0..255), and what the difference is then multiplied with."""
        kept = self._kept[domain]
        return {"mean": kept.mean.flatten().tolist(), "scale": kept.scale.flatten().tolist()}

    def batch(self, domain: str, indices: Indices, split: str = "val") -> tuple[Tensor, Tensor]:
        """The images `indices` of a split as they are: float32 [B, 3, H, W] normalised, and int64 labels [B]."""
        kept, chosen = self._kept[domain], self._here(indices)
        return kept.normalised(kept.images[split][chosen]), kept.labels[split][chosen]

    def batches(self, domain: str, split: str, batch: int) -> Iterator[tuple[Tensor, Tensor]]:
        """The whole split in order, `batch` images at a time (the last may be shorter), as `batch` gives them."""
        kept = self._kept[domain]
        for start in range(0, self.size(domain, split), batch):
            chosen = slice(start, start + batch)
            yield kept.normalised(kept.images[split][chosen]), kept.labels[split][chosen]

    def augmented(self, domain: str, indices: Indices, seed: int) -> tuple[Tensor, Tensor]:
        """Training images, cropped at random and mirrored as the domain's augmentation says. Shapes as `batch`.

        `seed`: counted, see `streams.augment_seed`; nothing else decides the draws.
        """
        kept, chosen = self._kept[domain], self._here(indices)
        chance = draws(seed, len(chosen), kept.augmentation.crop).to(self.device)
        images = cropped(kept.crops, chosen, chance, kept.augmentation.flip)
        return kept.normalised(images), kept.labels["train"][chosen]

    def _here(self, indices: Indices) -> Tensor:
        if isinstance(indices, Tensor):
            return indices.to(self.device)
        return torch.tensor(indices, dtype=torch.int64, device=self.device)


@dataclass(frozen=True, eq=False)
class _Kept:
    """One domain on the device. `mean`, `scale`: float32 [C, 1, 1], for pixels of 0..255.

    `crops`: the padded training images as a view of all their windows; `images["train"]` is its middle.
    """

    class_count: int
    augmentation: Augmentation
    images: dict[str, Tensor]
    labels: dict[str, Tensor]
    crops: Tensor
    mean: Tensor
    scale: Tensor

    def normalised(self, images: Tensor) -> Tensor:
        """uint8 [B, C, H, W] -> float32 [B, 3, H, W].

        Subtracted and scaled in two kernels: one fused multiply-add would round differently from device to device.
        """
        floats = images.to(torch.float32).sub_(self.mean).mul_(self.scale)
        return floats.expand(-1, 3, -1, -1).contiguous()


def _kept(domain: DomainData, augmentation: Augmentation, device: torch.device) -> _Kept:
    size, pad = domain.train.images.shape[1], augmentation.crop
    padded = torch.nn.functional.pad(_channels_first(domain.train), (pad, pad, pad, pad)).to(device)
    images = {
        "train": padded[:, :, pad : pad + size, pad : pad + size],
        "val": _channels_first(domain.val).to(device),
        "test": _channels_first(domain.test).to(device),
    }
    labels = {split: torch.tensor(domain.split(split).labels, device=device) for split in SPLITS}
    mean, std = statistics(domain.train.images)
    if augmentation.mean is not None:
        mean = np.full_like(mean, augmentation.mean)
    if augmentation.std is not None:
        std = np.full_like(std, augmentation.std)
    centre, scale = (
        torch.tensor(v, dtype=torch.float32, device=device)[:, None, None] for v in (mean * 255, 1 / (std * 255))
    )
    return _Kept(domain.class_count, augmentation, images, labels, windows(padded, size), centre, scale)


def _channels_first(part: Images) -> Tensor:
    """[N, H, W(, 3)] -> a contiguous tensor [N, C, H, W] of its own."""
    images = torch.tensor(part.images)
    return images[:, None] if images.ndim == 3 else images.permute(0, 3, 1, 2).contiguous()
