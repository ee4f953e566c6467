"""Which images a step trains on: index streams that are counted, not carried.

A domain's stream is the endless concatenation of its passes, each pass a permutation made from (seed, domain, pass).
Step s takes the positions s*batch .. s*batch + batch - 1. So any step can be computed without those before it: a run
resumed in the middle of an epoch draws what it would have drawn, a small domain cycles while a large one is walked
once, and no domain's stream depends on which others are present.
"""

from collections.abc import Iterable
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from apportion.spaces.orders import counted_seed

Indices = npt.NDArray[np.int64]


def indices(seed: int, domain: str, n: int, step: int, batch: int) -> Indices:
    """The images of step `step` (0, 1, ...) out of the domain's `n`: values 0..n-1, shape [batch].

    A batch that crosses the end of a pass may hold an image twice; it takes the rest from the next pass.
    """
    if n < 1 or batch < 1 or step < 0:
        raise ValueError(f"n {n} and batch {batch} must be at least 1, step {step} at least 0")
    position, end = step * batch, (step + 1) * batch
    parts = []
    while position < end:
        number, start = divmod(position, n)
        stop = min(n, start + end - position)
        parts.append(_permutation(seed, domain, n, number)[start:stop])
        position += stop - start
    return np.concatenate(parts)


def augment_seed(seed: int, domain: str, step: int) -> int:
    """The seed of the crops and flips of `domain` at step `step`."""
    return counted_seed("augment", seed, domain, step)


def steps_per_epoch(sizes: Iterable[int], batch: int) -> int:
    """Steps of one epoch: one pass over the largest domain, whole batches only, at least one.

    Rounded down, because nothing is dropped by it: the stream runs on over the epoch's end, so the rest of a pass opens
    the next epoch.
    """
    return max(1, max(sizes) // batch)


@lru_cache(maxsize=64)  # a pass or two of every domain; 64 passes of 16,510 images are 8 MB
def _permutation(seed: int, domain: str, n: int, number: int) -> Indices:
    generator = np.random.Generator(np.random.Philox(counted_seed("shuffle", seed, domain, number)))
    permutation = generator.permutation(n).astype(np.int64)
    permutation.setflags(write=False)
    return permutation
