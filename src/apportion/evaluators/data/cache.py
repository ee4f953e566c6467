"""All images of all domains, decoded once, as uint8 on the device that trains."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from apportion.evaluators.data.augmentation import Augmentation
from apportion.evaluators.data.crops import windows
from apportion.evaluators.data.domain import SPLITS, DomainData, Images
from apportion.evaluators.data.normalisation import statistics
from apportion.evaluators.data.preparation import Preparation, preparation
from apportion.evaluators.data.source import Batch
from apportion.evaluators.data.streams import augment_seed, indices

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
        return self._kept[domain].preparation.told()

    def batch(self, domain: str, indices: Indices, split: str = "val") -> tuple[Tensor, Tensor]:
        """The images `indices` of a split as they are: float32 [B, 3, H, W] normalised, and int64 labels [B]."""
        kept, chosen = self._kept[domain], self._here(indices)
        return kept.preparation.normalised(kept.images[split][chosen]), kept.labels[split][chosen]

    def batches(self, domain: str, split: str, batch: int) -> Iterator[tuple[Tensor, Tensor]]:
        """See `Source`: as `batch` gives them."""
        kept = self._kept[domain]
        for start in range(0, self.size(domain, split), batch):
            chosen = slice(start, start + batch)
            yield kept.preparation.normalised(kept.images[split][chosen]), kept.labels[split][chosen]

    def augmented(self, domain: str, indices: Indices, seed: int) -> tuple[Tensor, Tensor]:
        """Training images, cropped at random and mirrored as the domain's augmentation says. Shapes as `batch`.

        `seed`: counted, see `streams.augment_seed`; nothing else decides the draws.
        """
        kept, chosen = self._kept[domain], self._here(indices)
        return kept.preparation.augmented(kept.crops, chosen, seed), kept.labels["train"][chosen]

    def training(
        self, owners: Sequence[str], stream: int, batch: int, first_step: int, last_step: int
    ) -> Iterator[Batch]:
        """See `Source`."""
        for step in range(first_step, last_step):
            parts = [
                self.augmented(
                    owner,
                    indices(stream, owner, self.size(owner), step, batch),
                    augment_seed(stream, owner, step),
                )
                for owner in owners
            ]
            yield torch.cat([images for images, _ in parts]), [labels for _, labels in parts]

    def close(self) -> None:
        """Nothing runs between batches."""

    def _here(self, indices: Indices) -> Tensor:
        if isinstance(indices, Tensor):
            return indices.to(self.device)
        return torch.tensor(indices, dtype=torch.int64, device=self.device)


@dataclass(frozen=True, eq=False)
class _Kept:
    """One domain on the device.

    `crops`: the padded training images as a view of all their windows; `images["train"]` is its middle.
    """

    class_count: int
    preparation: Preparation
    images: dict[str, Tensor]
    labels: dict[str, Tensor]
    crops: Tensor


def _kept(domain: DomainData, augmentation: Augmentation, device: torch.device) -> _Kept:
    size, pad = domain.train.images.shape[1], augmentation.crop
    prepared = preparation(statistics(domain.train.images), augmentation, device)
    padded = prepared.padded(_channels_first(domain.train)).to(device)
    images = {
        "train": padded[:, :, pad : pad + size, pad : pad + size],
        "val": _channels_first(domain.val).to(device),
        "test": _channels_first(domain.test).to(device),
    }
    labels = {split: torch.tensor(domain.split(split).labels, device=device) for split in SPLITS}
    return _Kept(domain.class_count, prepared, images, labels, windows(padded, size))


def _channels_first(part: Images) -> Tensor:
    """[N, H, W(, 3)] -> a contiguous tensor [N, C, H, W] of its own."""
    images = torch.tensor(part.images)
    return images[:, None] if images.ndim == 3 else images.permute(0, 3, 1, 2).contiguous()
