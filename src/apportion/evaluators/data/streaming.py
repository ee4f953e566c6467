"""Images that stay in their files, decoded for every batch by worker processes."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from apportion.evaluators.data.augmentation import Augmentation
from apportion.evaluators.data.crops import Stock, cut, windows
from apportion.evaluators.data.cuts import Shelf, joined
from apportion.evaluators.data.domain import SPLITS
from apportion.evaluators.data.encoded import EncodedDomain, Rows
from apportion.evaluators.data.loading import Decoder, Loader, Request
from apportion.evaluators.data.normalisation import statistics_of
from apportion.evaluators.data.preparation import MixedPreparation, Preparation, preparation
from apportion.evaluators.data.source import Batch
from apportion.evaluators.data.streams import augment_seed, indices

# Images decoded at a time when a split is walked: small, so that all workers have some of it.
_PIECE = 64


class Streaming:
    """A `Source` that holds no images: the same bits as `DeviceCache`, at the speed of decoding.

    Workers decode uint8 pixels and decide nothing: rows are chosen here, crops and mirror images are made here on the
    device, so a batch is the same for any number of workers, and any step can be the first.
    """

    def __init__(
        self,
        domains: Sequence[EncodedDomain],
        augmentations: Mapping[str, Augmentation],
        image_size: int,
        device: torch.device | str,
        workers: int,
    ) -> None:
        """`augmentations`: one per domain, by name. `workers`: processes that decode, 0 = this one."""
        self.device, self.image_size = torch.device(device), image_size
        self._streamed = {
            domain.name: _Streamed(
                number,
                domain,
                preparation(statistics_of(domain.counts), augmentations[domain.name], self.device),
                {split: torch.tensor(domain.labels[split], device=self.device) for split in SPLITS},
            )
            for number, domain in enumerate(domains)
        }
        pictures, channels = [domain.pictures for domain in domains], [domain.channels for domain in domains]
        self._loader = Loader(Decoder(pictures, channels, image_size), workers)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._streamed)

    def size(self, domain: str, split: str = "train") -> int:
        return len(self._streamed[domain].domain.rows[split])

    def class_count(self, domain: str) -> int:
        return self._streamed[domain].domain.class_count

    def weight(self, domain: str) -> float:
        return self._streamed[domain].preparation.augmentation.weight

    def normalisation(self, domain: str) -> dict[str, list[float]]:
        return self._streamed[domain].preparation.told()

    def batches(self, domain: str, split: str, batch: int) -> Iterator[tuple[Tensor, Tensor]]:
        """See `Source`."""
        streamed, size = self._streamed[domain], self.size(domain, split)
        rows, labels = streamed.domain.rows[split], streamed.labels[split]
        pieces = [
            ((streamed.number, rows[start : min(start + _PIECE, stop)]),)
            for first in range(0, size, batch)
            for stop in (min(first + batch, size),)
            for start in range(first, stop, _PIECE)
        ]
        answers = self._loader(pieces)
        for first in range(0, size, batch):
            found = torch.cat([next(answers)[0] for _ in range(first, min(first + batch, size), _PIECE)])
            yield streamed.preparation.normalised(found.to(self.device)), labels[first : first + batch]

    def training(
        self, owners: Sequence[str], stream: int, batch: int, first_step: int, last_step: int
    ) -> Iterator[Batch]:
        """See `Source`."""
        drawn = _Drawn([self._streamed[owner] for owner in owners], stream, batch, range(first_step, last_step))
        mixed = MixedPreparation([streamed.preparation for streamed in drawn.owners], batch)
        for step, answers in zip(drawn.steps, self._loader(drawn), strict=True):
            images, labels = [], []
            for streamed, chosen, found in zip(drawn.owners, drawn.chosen(step), answers, strict=True):
                seed = augment_seed(stream, streamed.domain.name, step)
                images.append(self._varied(found.to(self.device), streamed.preparation.augmentation, seed))
                labels.append(streamed.labels["train"][torch.from_numpy(chosen).to(self.device)])
            yield mixed.normalised(torch.cat(images)), labels

    def _varied(self, found: Tensor, varied: Augmentation, seed: int) -> Tensor:
        """uint8 [B, C, S, S] -> [B * C, S, S], cropped and mirrored as `seed` decides."""
        padded = torch.nn.functional.pad(found, (varied.crop,) * 4)
        shelf = Shelf("", len(found), 0, Stock(padded.shape[1], padded.shape[3]), varied)
        (taken,) = joined([shelf.planned(np.arange(len(found))[None], [seed])], self.device)
        return cut(windows(padded.flatten(), padded.shape[3], self.image_size), taken.places, taken.mirrored)

    def close(self) -> None:
        """End the worker processes."""
        self._loader.close()


@dataclass(frozen=True, eq=False)
class _Streamed:
    """`number`: the domain's place among the loader's. `labels`: by split, on the device."""

    number: int
    domain: EncodedDomain
    preparation: Preparation
    labels: Mapping[str, Tensor]


@dataclass(frozen=True, eq=False)
class _Drawn(Iterable[Request]):
    """The images of `steps`, as requests."""

    owners: Sequence[_Streamed]
    stream: int
    batch: int
    steps: range

    def chosen(self, step: int) -> list[Rows]:
        """Of each owner's training images, [batch] each."""
        found = [(owner.domain.name, len(owner.domain.rows["train"])) for owner in self.owners]
        return [indices(self.stream, name, size, step, self.batch) for name, size in found]

    def __iter__(self) -> Iterator[Request]:
        for step in self.steps:
            yield tuple(
                (owner.number, np.asarray(owner.domain.rows["train"][chosen]))
                for owner, chosen in zip(self.owners, self.chosen(step), strict=True)
            )
