"""A first look at a folder of domains: classes, counts and sizes, from names and a few file headers."""

import statistics
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from apportion.evaluators.data.folder.decode import FORMATS
from apportion.evaluators.data.folder.layout import OUTSIDE, Entry, Listing, domains, is_regular, listed
from apportion.evaluators.data.options import FolderOptions

_LOOKED_AT = 40
_OBLONG = 1.5


@dataclass(frozen=True)
class Seen:
    """A domain at first sight. `classes`: files by class. `train`: files to train on, as far as folders say.

    `side`: median shorter side in pixels, 0 where no image could be opened. `flaw`: why it cannot be used, or "".
    """

    name: str
    splits: tuple[str, ...]
    classes: Mapping[str, int]
    train: int
    side: int
    oblong: bool
    flaw: str

    @property
    def images(self) -> int:
        return sum(self.classes.values())


def survey(root: Path) -> list[Seen]:
    """Every domain in `root`. InputError where there is none."""
    options = FolderOptions(name="folder", root=root)
    return [_seen(listed(root, name)) for name in domains(options)]


def _seen(listing: Listing) -> Seen:
    classes = Counter(entry.label for entry in listing.entries)
    in_train = [entry for entry in listing.entries if entry.split in ("train", "")]
    sizes = _sizes(listing.entries)
    errors = [problem for problem in listing.problems if problem.level == "error"]
    flaw = ""
    if errors:
        flaw = f"{errors[0].value}, but {errors[0].law}"
    elif not classes and any(problem.kind == OUTSIDE for problem in listing.problems):
        flaw = "its images lie in no class folder"
    elif len(classes) < 2:
        flaw = "one class only" if classes else "no images in class folders"
    elif not sizes:
        flaw = "none of the images looked at can be opened"
    return Seen(
        listing.domain,
        listing.splits,
        dict(sorted(classes.items())),
        len(in_train),
        round(statistics.median(min(size) for size in sizes)) if sizes else 0,
        bool(sizes) and statistics.median(max(size) / min(size) for size in sizes) > _OBLONG,
        flaw,
    )


def _sizes(entries: Sequence[Entry]) -> list[tuple[int, int]]:
    """Width and height of some of the images, evenly spread over the files."""
    sizes = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for entry in entries[:: max(1, len(entries) // _LOOKED_AT)]:
            try:
                if is_regular(entry.path):  # a pipe would be waited for
                    with Image.open(entry.path, formats=FORMATS) as image:
                        sizes.append(image.size)
            except Exception:  # whatever is wrong with the file, apportion check will say it
                continue
    return sizes
