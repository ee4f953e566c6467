"""All images of all domains, decoded once, as uint8 on the device that trains."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from apportion.evaluators.data.augmentation import Augmentation
from apportion.evaluators.data.crops import Stock, cut, windows
from apportion.evaluators.data.cuts import Shelf, cuts, joined
from apportion.evaluators.data.domain import SPLITS, DomainData, Images
from apportion.evaluators.data.normalisation import statistics
from apportion.evaluators.data.preparation import MixedPreparation, Preparation, preparation
from apportion.evaluators.data.source import Batch

Indices = npt.NDArray[np.int64] | Tensor
SCORED = tuple(split for split in SPLITS if split != "train")


class DeviceCache:
    """The domains' images on one device, handed out as normalised float batches.

    Kept as stored (one channel where grey, three where RGB); grey becomes three equal channels only in a batch.
    Training images are kept with zeros around them, as many as the widest crop of all domains needs, (1 + 2 crop /
    size)^2 of their bytes, in one piece of memory: so the crops of a batch are one operation. Normalisation is measured
    on the train split.
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
        border = max(augmentations[domain.name].crop for domain in domains)
        self._side = self.image_size + 2 * border
        bytes_of = [len(domain.train) * domain.channels * self._side**2 for domain in domains]
        self._pixels = torch.zeros(sum(bytes_of), dtype=torch.uint8, device=self.device)
        self._labels = torch.tensor(np.concatenate([domain.train.labels for domain in domains]), device=self.device)
        self._kept: dict[str, _Kept] = {}
        first_label = first = 0
        for domain, pixels in zip(domains, self._pixels.split(bytes_of), strict=True):
            varied = augmentations[domain.name]
            stock = Stock(domain.channels, self._side, first, border - varied.crop)
            shelf = Shelf(domain.name, len(domain.train), first_label, stock, varied)
            labels = self._labels[first_label : first_label + shelf.count]
            self._kept[domain.name] = _kept(domain, shelf, pixels, labels)
            first, first_label = first + len(pixels), first_label + shelf.count

    @property
    def names(self) -> tuple[str, ...]:
        """The domains, in order."""
        return tuple(self._kept)

    @property
    def bytes(self) -> int:
        """Bytes of images and labels on the device, padding included."""
        scored = [
            part[split] for kept in self._kept.values() for part in (kept.images, kept.labels) for split in SCORED
        ]
        return sum(tensor.nbytes for tensor in (self._pixels, self._labels, *scored))

    def size(self, domain: str, split: str = "train") -> int:
        """Images of the domain's split."""
        return len(self._kept[domain].labels[split])

    def class_count(self, domain: str) -> int:
        return self._kept[domain].class_count

    def weight(self, domain: str) -> float:
        return self._kept[domain].shelf.augmentation.weight

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

    def augmented(self, domain: str, chosen: npt.NDArray[np.int64], seed: int) -> tuple[Tensor, Tensor]:
        """Training images, cropped at random and mirrored as the domain's augmentation says. Shapes as `batch`.

        `seed`: counted, see `streams.augment_seed`; nothing else decides the draws.
        """
        kept = self._kept[domain]
        (taken,) = joined([kept.shelf.planned(chosen[None], [seed])], self.device)
        views = windows(self._pixels, self._side, self.image_size)
        found = cut(views, taken.places, taken.mirrored).unflatten(0, (len(chosen), -1))
        return kept.preparation.normalised(found), self._labels[taken.labels]

    def training(
        self, owners: Sequence[str], stream: int, batch: int, first_step: int, last_step: int
    ) -> Iterator[Batch]:
        """See `Source`."""
        domains = [self._kept[owner] for owner in owners]
        mixed = MixedPreparation([kept.preparation for kept in domains], batch)
        views = windows(self._pixels, self._side, self.image_size)
        for taken in cuts([kept.shelf for kept in domains], stream, batch, range(first_step, last_step), self.device):
            images = mixed.normalised(cut(views, taken.places, taken.mirrored))
            yield images, list(self._labels.index_select(0, taken.labels).split(batch))

    def close(self) -> None:
        """Nothing runs between batches."""

    def _here(self, indices: Indices) -> Tensor:
        if isinstance(indices, Tensor):
            return indices.to(self.device)
        return torch.tensor(indices, dtype=torch.int64, device=self.device)


@dataclass(frozen=True, eq=False)
class _Kept:
    """One domain on the device. `images["train"]`: the middle of the padded ones."""

    class_count: int
    preparation: Preparation
    images: dict[str, Tensor]
    labels: dict[str, Tensor]
    shelf: Shelf


def _kept(domain: DomainData, shelf: Shelf, pixels: Tensor, labels: Tensor) -> _Kept:
    """`pixels`: the memory of the domain's padded training images, zeros as yet. `labels`: theirs."""
    size, side, device = domain.train.images.shape[1], shelf.stock.side, pixels.device
    border = (side - size) // 2
    train = pixels.view(-1, domain.channels, side, side)[:, :, border : border + size, border : border + size]
    train.copy_(_channels_first(domain.train))
    images = {"train": train} | {split: _channels_first(domain.split(split)).to(device) for split in SCORED}
    of_split = {"train": labels}
    of_split |= {split: torch.tensor(domain.split(split).labels, device=device) for split in SCORED}
    prepared = preparation(statistics(domain.train.images), shelf.augmentation, device)
    return _Kept(domain.class_count, prepared, images, of_split, shelf)


def _channels_first(part: Images) -> Tensor:
    """[N, H, W(, 3)] -> a contiguous tensor [N, C, H, W] of its own."""
    images = torch.tensor(part.images)
    return images[:, None] if images.ndim == 3 else images.permute(0, 3, 1, 2).contiguous()
