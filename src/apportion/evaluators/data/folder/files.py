"""All files of a listing decoded, many at once: threads are enough, since Pillow decodes outside Python's lock."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from apportion.evaluators.data.folder.decode import UnusableImage, decoded
from apportion.evaluators.data.folder.layout import Entry
from apportion.evaluators.data.in_order import in_order
from apportion.evaluators.data.options import FittedOptions


@dataclass(frozen=True)
class Read:
    """One file's outcome: `digest` of its pixels, whether they are `grey`, and `notes`; or `failure`."""

    digest: bytes = b""
    grey: bool = True
    notes: tuple[str, ...] = ()
    failure: UnusableImage | None = None


def read_all(
    entries: Sequence[Entry], size: int, fitted: FittedOptions, max_pixels: int, into: npt.NDArray[np.uint8] | None
) -> Iterator[Read]:
    """Decode all `entries`, each into its place of `into` ([N, size, size, 3]) where that is given; in order."""

    def read(row: int) -> Read:
        try:
            picture = decoded(entries[row].path, size, fitted, max_pixels)
        except UnusableImage as failure:
            return Read(failure=failure)
        pixels = np.ascontiguousarray(picture.pixels)
        if into is not None:
            into[row] = pixels
        grey = bool((pixels[..., :1] == pixels).all())
        return Read(hashlib.blake2b(pixels.data, digest_size=16).digest(), grey, picture.notes)

    return (found for _, found in in_order(read, range(len(entries))))
