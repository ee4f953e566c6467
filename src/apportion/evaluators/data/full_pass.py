"""One pass over all pictures of a domain, none of which is kept: hash, histogram, and the pictures that are faulty."""

import os
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from apportion.evaluators.data.domain import SPLITS, Identity
from apportion.evaluators.data.encoded import Rows
from apportion.evaluators.data.normalisation import Counts, counts_of

_CHUNK = 32
Pixels = npt.NDArray[np.uint8]
Read = Callable[[int], Pixels | Exception]
"""A row's picture [S, S, 3], or what is wrong with it."""
_Seen = TypeVar("_Seen")


@dataclass(frozen=True, eq=False)
class Passed:
    """`counts`: of the training pixels. `faults`: by row; where there are any, hash and histogram mean nothing."""

    sha256: bytes
    counts: Counts
    faults: Mapping[int, Exception] = field(default_factory=dict)


def full_pass(
    read: Read, classes: Sequence[str], rows: Mapping[str, Rows], labels: Mapping[str, Rows], size: int
) -> Passed:
    """Read `rows[split]` of every split, in order. The hash is `DomainData.sha256` of the same images."""
    # Whether a domain is grey is known after its last picture: until the first coloured one, both are reckoned.
    colour, grey = Identity(classes), Identity(classes)
    counts = np.zeros((3, 256), np.int64)
    all_grey, faults = True, {}
    for split in SPLITS:
        colour.opens(split, (len(rows[split]), size, size, 3))
        grey.opens(split, (len(rows[split]), size, size))
        for row, found in in_order(read, rows[split].tolist()):
            if isinstance(found, Exception):
                faults[row] = found
                continue
            colour.holds(found)
            if all_grey:
                all_grey = bool((found[..., :1] == found).all())
                grey.holds(found[..., 0])
            if split == "train":
                counts += counts_of(found[None])
        colour.labelled(labels[split])
        grey.labelled(labels[split])
    return Passed(grey.digest() if all_grey else colour.digest(), counts[:1] if all_grey else counts, faults)


def in_order(read: Callable[[int], _Seen], rows: Sequence[int]) -> Iterator[tuple[int, _Seen]]:
    """Rows and what `read` makes of them, in order, by threads: Pillow decodes outside Python's lock.

    Only a few chunks for each thread are under way or waiting, whatever the number of rows.
    """

    def chunk(start: int) -> list[tuple[int, _Seen]]:
        return [(row, read(row)) for row in rows[start : start + _CHUNK]]

    threads = min(16, (os.cpu_count() or 1) + 1)
    # Pillow warns of odd metadata and of large images; both are judged file by file.
    with warnings.catch_warnings(), ThreadPoolExecutor(threads) as pool:
        warnings.simplefilter("ignore")
        starts = iter(range(0, len(rows), _CHUNK))
        waiting: deque[Future[list[tuple[int, _Seen]]]] = deque(
            pool.submit(chunk, start) for start in islice(starts, 2 * threads)
        )
        try:
            while waiting:
                yield from waiting.popleft().result()
                waiting.extend(pool.submit(chunk, start) for start in islice(starts, 1))
        finally:
            pool.shutdown(cancel_futures=True)
