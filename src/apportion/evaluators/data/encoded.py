"""A domain whose pictures stay in their files: everything about it is known, its pixels are decoded when wanted."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt

from apportion.evaluators.data.domain import SPLITS
from apportion.evaluators.data.findings import Progress
from apportion.evaluators.data.normalisation import Counts
from apportion.evaluators.memo import Memo

Rows = npt.NDArray[np.int64]


class Pictures(Protocol):
    """A domain's pictures by row. It is pickled to every process that decodes."""

    def __getitem__(self, row: int) -> npt.NDArray[np.uint8]:
        """The picture as [S, S, 3]. InputError, naming the file, where it cannot be had."""
        ...


@dataclass(frozen=True, eq=False)
class EncodedDomain:
    """As `DomainData`, but `rows[split]` says which of `pictures` are the split's; `labels[split]` their classes.

    `channels`: 1 where every picture is grey, else 3. `counts`: histogram of the training pixels, int64
    [channels, 256]. `sha256`: that of the `DomainData` with the same images.
    """

    name: str
    classes: tuple[str, ...]
    pictures: Pictures
    rows: Mapping[str, Rows]
    labels: Mapping[str, npt.NDArray[np.int64]]
    channels: int
    counts: Counts
    sha256: str
    skipped: Mapping[str, int] = field(default_factory=dict)

    @property
    def class_count(self) -> int:
        return len(self.classes)

    @property
    def sizes(self) -> dict[str, int]:
        """Images per split."""
        return {split: len(self.rows[split]) for split in SPLITS}


class Unread(Protocol):
    """A domain before any of its pictures was opened."""

    @property
    def pictures_at_most(self) -> int:
        """Pictures in all splits, those included that will turn out to be unusable."""
        ...

    def read(self, memo: Memo, progress: Progress = lambda done, total: None) -> EncodedDomain:
        """Decode every picture, for hash, statistics and faults. InputError for the first fault.

        `memo` keeps what was found, under names, sizes and times of the files: a second reading opens none of them.
        """
        ...
