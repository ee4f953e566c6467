"""A folder's domain with its images left in their files."""

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import PIL
import torch

from apportion.errors import InputError
from apportion.evaluators.data.domain import SPLITS
from apportion.evaluators.data.encoded import EncodedDomain, Rows
from apportion.evaluators.data.findings import Problem, Progress, Ticks, refuse_first, shown
from apportion.evaluators.data.fingerprint import fingerprint
from apportion.evaluators.data.folder import classes
from apportion.evaluators.data.folder.decode import UnusableImage, decoded
from apportion.evaluators.data.folder.layout import Listing, listed
from apportion.evaluators.data.full_pass import Passed, full_pass
from apportion.evaluators.data.options import FittedOptions, FolderOptions
from apportion.evaluators.memo import Memo, Tensors


def encoded(options: FolderOptions, names: Sequence[str]) -> "list[UnreadFolder]":
    """The domains `names` by their files' names alone."""
    return [UnreadFolder(listed(options.root, name), options) for name in names]


class FolderPictures:
    """The images of a listing, in its order."""

    def __init__(self, listing: Listing, options: FolderOptions) -> None:
        # Strings: a million of them cross to a process in a second, entries with their paths take far longer.
        self._folder, self._size, self._max_pixels = listing.folder, options.image_size, options.max_pixels
        self._names = tuple(str(entry.path.relative_to(listing.folder)) for entry in listing.entries)
        self._fitted = options.per_domain.get(listing.domain, FittedOptions())

    def __getitem__(self, row: int) -> npt.NDArray[np.uint8]:
        found = self.tried(row)
        if isinstance(found, UnusableImage):
            remedy = "it was changed after the images were scanned: restore it"
            raise InputError(shown(self._folder / self._names[row]), found.value, found.law, remedy)
        return found

    def tried(self, row: int) -> npt.NDArray[np.uint8] | UnusableImage:
        """The image, or what is wrong with it."""
        try:
            return decoded(self._folder / self._names[row], self._size, self._fitted, self._max_pixels).pixels
        except UnusableImage as fault:
            return fault


class UnreadFolder:
    """See `Unread`."""

    def __init__(self, listing: Listing, options: FolderOptions) -> None:
        self.listing, self.options = listing, options
        self.pictures = FolderPictures(listing, options)

    @property
    def pictures_at_most(self) -> int:
        return len(self.listing.entries)

    def read(self, memo: Memo, progress: Progress = lambda done, total: None) -> EncodedDomain:
        """See `Unread`."""
        refuse_first(self.listing.problems)
        name = self.listing.domain
        _, found = memo(f"images/{name}/{self._fingerprint()}", lambda: self._found(progress))
        unusable = found["unusable"].tolist()
        settled, rows, labels = self._settled(frozenset(unusable))
        kinds = bytes(found["kinds"].tolist()).decode().split("\n")
        return EncodedDomain(
            name,
            settled.names,
            self.pictures,
            rows,
            labels,
            len(found["counts"]),
            found["counts"].numpy(),
            bytes(found["sha256"].tolist()).hex(),
            dict(Counter(kinds)) if unusable else {},
        )

    def _fingerprint(self) -> str:
        """Of the files and of all that decides what is made of them."""
        options = self.options
        about = (options.image_size, options.split, options.on_error, options.max_pixels, PIL.__version__)
        entries = self.listing.entries
        placed = [(entry.split, entry.label) for entry in entries]
        fitted = options.per_domain.get(self.listing.domain, FittedOptions())
        return fingerprint((entry.path for entry in entries), about, fitted.resize, fitted.background, placed)

    def _settled(self, without: frozenset[int]) -> tuple[classes.Settled, dict[str, Rows], dict[str, Rows]]:
        """Classes, and each split's rows and labels, when the rows `without` are left out."""
        kept = np.array([i for i in range(len(self.listing.entries)) if i not in without], np.int64)
        entries = [self.listing.entries[i] for i in kept]
        settled = classes.settled(self.listing, entries, self.options.split)
        number = {name: label for label, name in enumerate(settled.names)}
        # Where the domain does not hold together there is nothing to count: all is train, of class 0.
        label_of = np.array([number.get(entry.label, 0) for entry in entries], np.int64)
        split_of = np.array(settled.splits if settled.names else ["train"] * len(entries), np.str_)
        return (
            settled,
            {split: kept[split_of == split] for split in SPLITS},
            {split: label_of[split_of == split] for split in SPLITS},
        )

    def _found(self, progress: Progress) -> Tensors:
        """What the images hold. The hash follows the final order, so faults that are skipped cost a second pass."""
        faults: dict[int, UnusableImage] = {}
        looked = Ticks(progress, len(self.listing.entries))
        while True:
            settled, rows, labels = self._settled(frozenset(faults))
            looked.total = looked.done + sum(map(len, rows.values()))
            passed = full_pass(self.pictures.tried, settled.names, rows, labels, self.options.image_size, looked)
            new = {row: fault for row, fault in passed.faults.items() if isinstance(fault, UnusableImage)}
            if self.options.on_error == "error":
                refuse_first(self._problems(new))
            if not new:
                refuse_first(settled.problems)
                return _told(passed, faults)
            faults |= new

    def _problems(self, faults: Mapping[int, UnusableImage]) -> list[Problem]:
        found = []
        for row, fault in sorted(faults.items()):
            place = shown(self.listing.entries[row].path)
            found.append(Problem("error", self.listing.domain, fault.kind, place, fault.value, fault.law, fault.remedy))
        return found


def _told(passed: Passed, faults: Mapping[int, UnusableImage]) -> Tensors:
    kinds = "\n".join(fault.kind for _, fault in sorted(faults.items()))
    return {
        "sha256": torch.tensor(list(passed.sha256), dtype=torch.uint8),
        "counts": torch.from_numpy(passed.counts),
        "unusable": torch.tensor(sorted(faults), dtype=torch.int64),
        "kinds": torch.tensor(list(kinds.encode()), dtype=torch.uint8),
    }
