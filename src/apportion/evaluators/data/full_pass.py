"""One pass over all pictures of a domain, none of which is kept: hash, histogram, and the pictures that are faulty."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from apportion.evaluators.data.domain import SPLITS, Identity
from apportion.evaluators.data.encoded import Rows
from apportion.evaluators.data.in_order import in_order
from apportion.evaluators.data.normalisation import Counts, counts_of

Pixels = npt.NDArray[np.uint8]
Read = Callable[[int], Pixels | Exception]
"""A row's picture [S, S, 3], or what is wrong with it."""


@dataclass(frozen=True, eq=False)
class Passed:
    """`counts`: of the training pixels. `faults`: by row; where there are any, hash and histogram mean nothing."""

    sha256: bytes
    counts: Counts
    faults: Mapping[int, Exception] = field(default_factory=dict)


def full_pass(
    read: Read,
    classes: Sequence[str],
    rows: Mapping[str, Rows],
    labels: Mapping[str, Rows],
    size: int,
    looked: Callable[[], None] = lambda: None,
) -> Passed:
    """Read `rows[split]` of every split, in order. The hash is `DomainData.sha256` of the same images.

    `looked()` is called after every picture.
    """
    # Whether a domain is grey is known after its last picture: until the first coloured one, both are reckoned.
    colour, grey = Identity(classes), Identity(classes)
    counts = np.zeros((3, 256), np.int64)
    all_grey, faults = True, {}
    for split in SPLITS:
        colour.opens(split, (len(rows[split]), size, size, 3))
        grey.opens(split, (len(rows[split]), size, size))
        for row, found in in_order(read, rows[split].tolist()):
            looked()
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
