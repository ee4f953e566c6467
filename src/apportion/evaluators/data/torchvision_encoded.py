"""A torchvision dataset as a domain whose pictures are left where the dataset keeps them."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import PIL
import torch

from apportion.errors import InputError
from apportion.evaluators.data.domain import SPLITS
from apportion.evaluators.data.encoded import EncodedDomain
from apportion.evaluators.data.findings import Census, Progress, Scan, Ticks, unloadable
from apportion.evaluators.data.fingerprint import files_below, fingerprint
from apportion.evaluators.data.full_pass import full_pass
from apportion.evaluators.data.in_order import in_order
from apportion.evaluators.data.options import FittedOptions, TorchvisionOptions
from apportion.evaluators.data.squares import squared
from apportion.evaluators.data.torchvision_names import SOURCES
from apportion.evaluators.data.torchvision_sets import item, opened, settled
from apportion.evaluators.memo import Memo, Tensors


def encoded(options: TorchvisionOptions, names: Sequence[str]) -> "list[UnreadTorchvision]":
    """The domains `names`, their datasets opened, no picture decoded. InputError where files are missing."""
    return [UnreadTorchvision(name, options) for name in names]


def scan(options: TorchvisionOptions, names: Sequence[str], progress: Progress) -> Scan:
    """Look at every picture, and keep none. A dataset comes whole or not at all: its first fault is its problem."""
    unread: list[UnreadTorchvision] = []
    problems, domains = [], []
    for name in names:
        try:
            unread.append(UnreadTorchvision(name, options))
        except InputError as error:
            problems.append(unloadable(name, error))
    looked = Ticks(progress, sum(domain.pictures_at_most for domain in unread))
    for domain in unread:
        try:
            domains.append(domain.census(looked))
        except InputError as error:
            problems.append(unloadable(domain.name, error))
    return Scan(tuple(domains), tuple(problems))


class TorchvisionPictures:
    """All splits' items one after the other. A process that is handed this opens the datasets itself."""

    def __init__(self, name: str, options: TorchvisionOptions) -> None:
        self.name, self.options = name, options
        self.parts: dict[str, Any] = {}
        self._open()

    def _open(self) -> None:
        self.parts = {split: opened(self.options, self.name, split) for split in SOURCES[self.name].splits}

    def __getstate__(self) -> dict[str, Any]:
        return {"name": self.name, "options": self.options.model_copy(update={"download": False}), "parts": {}}

    def __len__(self) -> int:
        return sum(len(items) for items in self.parts.values())

    def __getitem__(self, row: int) -> npt.NDArray[np.uint8]:
        fitted = self.options.per_domain.get(self.name, FittedOptions())
        return squared(self._item(row)[0], self.options.image_size, fitted)

    def label(self, row: int) -> int | InputError:
        try:
            return self._item(row)[1]
        except InputError as fault:
            return fault

    def tried(self, row: int) -> npt.NDArray[np.uint8] | InputError:
        """The picture, or what is wrong with it."""
        try:
            return self[row]
        except InputError as fault:
            return fault

    def looked_at(self, row: int) -> tuple[int, bool] | InputError:
        """The label, and whether the picture is grey."""
        fitted = self.options.per_domain.get(self.name, FittedOptions())
        try:
            picture, label = self._item(row)
        except InputError as fault:
            return fault
        pixels = squared(picture, self.options.image_size, fitted)
        return label, bool((pixels[..., :1] == pixels).all())

    def _item(self, row: int) -> tuple[Any, int]:
        if not self.parts:
            self._open()
        for split, items in self.parts.items():
            if row < len(items):
                return item(f"{self.name}, {split}", items, row)
            row -= len(items)
        raise IndexError(row)


class UnreadTorchvision:
    """See `Unread`. Labels come with the items alone, so they cost a pass of their own before hash and statistics."""

    def __init__(self, name: str, options: TorchvisionOptions) -> None:
        self.name, self.options = name, options
        self.pictures = TorchvisionPictures(name, options)

    @property
    def pictures_at_most(self) -> int:
        return len(self.pictures)

    def census(self, looked: Callable[[], None]) -> Census:
        """What it holds, all its pictures looked at. InputError for the first fault."""
        labels, all_grey = np.empty(len(self.pictures), np.int64), True
        for row, found in in_order(self.pictures.looked_at, range(len(labels))):
            if isinstance(found, InputError):
                raise found
            labels[row], all_grey = found[0], all_grey and found[1]
            looked()
        names, split = self._settled(labels)
        counts = {part: tuple(np.bincount(labels[split == part], minlength=len(names)).tolist()) for part in SPLITS}
        return Census(self.name, names, 1 if all_grey else 3, self.options.image_size, counts, {})

    def read(self, memo: Memo, progress: Progress = lambda done, total: None) -> EncodedDomain:
        """See `Unread`."""
        _, told = memo(f"images/{self.name}/{self._fingerprint()}", lambda: self._found(progress))
        labels = told["labels"].numpy()
        names, found = self._settled(labels)
        rows = {split: np.flatnonzero(found == split).astype(np.int64) for split in SPLITS}
        return EncodedDomain(
            self.name,
            names,
            self.pictures,
            rows,
            {split: labels[rows[split]] for split in SPLITS},
            len(told["counts"]),
            told["counts"].numpy(),
            bytes(told["sha256"].tolist()).hex(),
        )

    def _fingerprint(self) -> str:
        """Of everything below the root: only the dataset knows which files are its own."""
        import torchvision  # opened before, so that it can be imported

        options = self.options
        fitted = options.per_domain.get(self.name, FittedOptions())
        about = (options.image_size, options.split, fitted.resize, fitted.background)
        files = files_below(options.root.expanduser())
        return fingerprint(files, about, PIL.__version__, torchvision.__version__)

    def _settled(self, labels: npt.NDArray[np.int64]) -> tuple[tuple[str, ...], npt.NDArray[np.str_]]:
        """Class names, and the split of every row."""
        parts = self.pictures.parts
        found = np.array([split for split, items in parts.items() for _ in range(len(items))], np.str_)
        classes = next((tuple(map(str, items.classes)) for items in parts.values() if hasattr(items, "classes")), ())
        return settled(self.name, labels, found, classes, self.options), found

    def _found(self, progress: Progress) -> Tensors:
        looked = Ticks(progress, 2 * len(self.pictures))
        labels = np.empty(len(self.pictures), np.int64)
        for row, label in in_order(self.pictures.label, range(len(labels))):
            if isinstance(label, InputError):
                raise label
            labels[row] = label
            looked()
        names, found = self._settled(labels)
        rows = {split: np.flatnonzero(found == split).astype(np.int64) for split in SPLITS}
        of_rows = {split: labels[rows[split]] for split in SPLITS}
        passed = full_pass(self.pictures.tried, names, rows, of_rows, self.options.image_size, looked)
        for fault in passed.faults.values():
            raise fault
        return {
            "labels": torch.from_numpy(labels),
            "sha256": torch.tensor(list(passed.sha256), dtype=torch.uint8),
            "counts": torch.from_numpy(passed.counts),
        }
