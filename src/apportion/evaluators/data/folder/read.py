"""Folders as domains: `scan` reads everything and says everything, `load` refuses at the first error."""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from apportion.evaluators.data.domain import SPLITS, DomainData, Images
from apportion.evaluators.data.findings import (
    Census,
    Level,
    Problem,
    Progress,
    Scan,
    Ticks,
    counted,
    refuse_first,
    shown,
)
from apportion.evaluators.data.folder import classes
from apportion.evaluators.data.folder.duplicates import duplicates
from apportion.evaluators.data.folder.files import Read, read_all
from apportion.evaluators.data.folder.layout import Listing, listed
from apportion.evaluators.data.options import FittedOptions, FolderOptions

NOTES = {
    "animated": ("animation", "an image is one picture", "the first frame is taken"),
    "CMYK": ("CMYK image", "networks see RGB", "it is converted without a colour profile"),
    "dark 16 bits": (
        "16-bit image darker than a sixteenth of the range",
        "65535 is white",
        "scale them to 16 bits if the camera has fewer",
    ),
}


def load(options: FolderOptions, names: Sequence[str]) -> list[DomainData]:
    """The domains `names` below `options.root`, in that order. InputError for the first thing that is wrong."""
    domains, problems = [], []
    for name in names:
        reading = _Reading(listed(options.root, name), options)
        pixels = np.empty((len(reading.listing.entries), *[options.image_size] * 2, 3), np.uint8)
        for _ in reading.run(pixels):
            pass
        problems += reading.problems
        if reading.settled.names:
            domains.append(reading.domain(pixels))
    refuse_first(problems)
    return domains


def scan(options: FolderOptions, names: Sequence[str], progress: Progress = lambda done, total: None) -> Scan:
    """Read every image of the domains `names`, and keep none; a domain that does not hold together is left out."""
    readings = [_Reading(listed(options.root, name), options) for name in names]
    looked = Ticks(progress, sum(len(reading.listing.entries) for reading in readings))
    for reading in readings:
        for _ in reading.run():
            looked()
    problems = [problem for reading in readings for problem in reading.problems]
    return Scan(tuple(reading.census() for reading in readings if reading.settled.names), tuple(problems))


class _Reading:
    """One domain on its way from files to counts or arrays."""

    def __init__(self, listing: Listing, options: FolderOptions) -> None:
        self.listing, self.options = listing, options
        self.problems = list(listing.problems)
        self.settled = classes.Settled((), (), ())
        self.skipped: Counter[str] = Counter()
        self.usable: list[int] = []
        self.grey = True

    def run(self, pixels: npt.NDArray[np.uint8] | None = None) -> Iterator[Read]:
        """Read all files, into `pixels` if given; yields what came of each."""
        entries, size = self.listing.entries, self.options.image_size
        fitted = self.options.per_domain.get(self.listing.domain, FittedOptions())
        reads: list[Read] = []
        for found in read_all(entries, size, fitted, self.options.max_pixels, pixels):
            reads.append(found)
            yield found
        self._say_failures(reads)
        self._say_notes(reads)
        self.usable = [i for i, found in enumerate(reads) if found.failure is None]
        self.grey = all(found.grey for found in reads)
        self._settle([reads[i].digest for i in self.usable])

    def _settle(self, digests: list[bytes]) -> None:
        entries = [self.listing.entries[i] for i in self.usable]
        self.settled = classes.settled(self.listing, entries, self.options.split)
        self.problems += self.settled.problems
        if self.settled.names:
            self.problems += duplicates(self.listing.domain, entries, self.settled.splits, digests)

    def labels(self) -> npt.NDArray[np.int64]:
        """Of the usable images."""
        number = {name: label for label, name in enumerate(self.settled.names)}
        return np.array([number[self.listing.entries[i].label] for i in self.usable], np.int64)

    def census(self) -> Census:
        names, labels, splits = self.settled.names, self.labels(), np.array(self.settled.splits)
        counts = {split: tuple(np.bincount(labels[splits == split], minlength=len(names)).tolist()) for split in SPLITS}
        channels = 1 if self.grey else 3
        return Census(self.listing.domain, names, channels, self.options.image_size, counts, dict(self.skipped))

    def domain(self, pixels: npt.NDArray[np.uint8]) -> DomainData:
        """Of a domain that holds together; `pixels` as `run` filled them."""
        rows, labels, splits = np.array(self.usable), self.labels(), np.array(self.settled.splits)
        images = pixels[..., 0] if self.grey else pixels
        train, val, test = (
            Images(np.ascontiguousarray(images[rows[splits == split]]), labels[splits == split]) for split in SPLITS
        )
        return DomainData(self.listing.domain, self.settled.names, train, val, test, skipped=dict(self.skipped))

    def _say_failures(self, reads: Sequence[Read]) -> None:
        skip = self.options.on_error == "skip"
        level: Level = "warning" if skip else "error"
        for entry, read in zip(self.listing.entries, reads, strict=True):
            failure = read.failure
            if failure is None:
                continue
            self.skipped[failure.kind] += 1
            remedy = "it is skipped" if skip else failure.remedy
            found = (failure.kind, shown(entry.path), failure.value, failure.law, remedy)
            self.problems.append(Problem(level, self.listing.domain, *found))

    def _say_notes(self, reads: Sequence[Read]) -> None:
        first: dict[str, Path] = {}
        counts: Counter[str] = Counter()
        for entry, read in zip(self.listing.entries, reads, strict=True):
            for note in read.notes:
                first.setdefault(note, entry.path)
                counts[note] += 1
        for note, count in counts.items():
            what, law, remedy = NOTES[note]
            value, place = f"{counted(count, what)}, the first {shown(first[note])}", shown(self.listing.folder)
            self.problems.append(Problem("warning", self.listing.domain, note, place, value, law, remedy))
