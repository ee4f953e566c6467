"""All files of a listing decoded, many at once: threads are enough, since Pillow decodes outside Python's lock."""

import hashlib
import os
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from apportion.evaluators.data.folder.decode import UnusableImage, decoded
from apportion.evaluators.data.folder.layout import Entry
from apportion.evaluators.data.options import FittedOptions

_CHUNK = 32


@dataclass(frozen=True)
class Read:
    """One file's outcome: `digest` of its pixels and `notes`, or `failure`."""

    digest: bytes = b""
    notes: tuple[str, ...] = ()
    failure: UnusableImage | None = None


def read_all(
    entries: Sequence[Entry], into: npt.NDArray[np.uint8], fitted: FittedOptions, max_pixels: int
) -> Iterator[list[Read]]:
    """Decode `entries[i]` into `into[i]` ([N, size, size, 3]); yields the outcomes in order, a chunk at a time."""
    size = into.shape[1]

    def read(start: int) -> list[Read]:
        return [_read(entries[i], into[i], size) for i in range(start, min(start + _CHUNK, len(entries)))]

    def _read(entry: Entry, row: npt.NDArray[np.uint8], size: int) -> Read:
        try:
            picture = decoded(entry.path, size, fitted, max_pixels)
        except UnusableImage as failure:
            return Read(failure=failure)
        row[:] = picture.pixels
        return Read(hashlib.blake2b(row.tobytes(), digest_size=16).digest(), picture.notes)

    # Pillow warns of odd metadata and of large images; both are judged here, file by file.
    with warnings.catch_warnings(), ThreadPoolExecutor(min(16, (os.cpu_count() or 1) + 1)) as pool:
        warnings.simplefilter("ignore")
        try:
            yield from pool.map(read, range(0, len(entries), _CHUNK))
        finally:
            pool.shutdown(cancel_futures=True)
