"""Folders as domains: `scan` reads everything and says everything, `load` refuses at the first error."""

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from apportion.evaluators.data.domain import SPLITS, DomainData, Images
from apportion.evaluators.data.findings import Level, Problem, Progress, Scan, counted, refuse_first, shown
from apportion.evaluators.data.folder import classes
from apportion.evaluators.data.folder.duplicates import duplicates
from apportion.evaluators.data.folder.files import Read, read_all
from apportion.evaluators.data.folder.layout import Entry, Listing, listed
from apportion.evaluators.data.options import FittedOptions, FolderOptions
from apportion.evaluators.data.squares import narrowed

_TICK_SECONDS = 0.1
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
    found = scan(options, names)
    refuse_first(found.problems)
    return list(found.domains)


def scan(options: FolderOptions, names: Sequence[str], progress: Progress = lambda done, total: None) -> Scan:
    """Read every image of the domains `names`; a domain that does not hold together is left out."""
    listings = [listed(options.root, name) for name in names]
    total, done, last = sum(len(listing.entries) for listing in listings), 0, 0.0
    domains, problems = [], []
    for listing in listings:
        reading = _Reading(listing, options)
        for count in reading.run():
            done += count
            if time.monotonic() - last > _TICK_SECONDS or done == total:
                last = time.monotonic()
                progress(done, total)
        problems += reading.problems
        if reading.domain is not None:
            domains.append(reading.domain)
    return Scan(tuple(domains), tuple(problems))


class _Reading:
    """One domain on its way from files to arrays."""

    def __init__(self, listing: Listing, options: FolderOptions) -> None:
        self.listing, self.options = listing, options
        self.problems = list(listing.problems)
        self.domain: DomainData | None = None
        self.skipped: Counter[str] = Counter()

    def run(self) -> Iterator[int]:
        """Read; yields the number of files done since the last time."""
        entries, size = self.listing.entries, self.options.image_size
        pixels = np.empty((len(entries), size, size, 3), np.uint8)
        fitted = self.options.per_domain.get(self.listing.domain, FittedOptions())
        reads: list[Read] = []
        for chunk in read_all(entries, pixels, fitted, self.options.max_pixels):
            reads += chunk
            yield len(chunk)
        self._say_failures(reads)
        self._say_notes(reads)
        usable = [i for i, read in enumerate(reads) if read.failure is None]
        self._settle([entries[i] for i in usable], [reads[i].digest for i in usable], pixels, usable)

    def _settle(
        self, entries: list[Entry], digests: list[bytes], pixels: npt.NDArray[np.uint8], rows: list[int]
    ) -> None:
        settled = classes.settled(self.listing, entries, self.options.split)
        self.problems += settled.problems
        if not settled.names:
            return
        self.problems += duplicates(self.listing.domain, entries, settled.splits, digests)
        number = {name: label for label, name in enumerate(settled.names)}
        labels = np.array([number[entry.label] for entry in entries], np.int64)
        images, splits = narrowed(pixels[rows] if len(rows) < len(pixels) else pixels), np.array(settled.splits)
        train, val, test = (Images(images[splits == split], labels[splits == split]) for split in SPLITS)
        self.domain = DomainData(self.listing.domain, settled.names, train, val, test, skipped=dict(self.skipped))

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
