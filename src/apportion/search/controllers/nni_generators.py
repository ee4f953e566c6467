"""NNI's tuners draw from the process's global generators: here each search lends them states of its own instead.

What is installed while a tuner works: states for `random` and `numpy.random` that this search left there last time,
and a `numpy.random.RandomState` that, made without a seed, takes one from that state. Evolution and PBT make such
generators, which would be seeded by the operating system, and no resumed study would repeat its asks.
"""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

_numpy_random: Any = np.random
_RandomState: Any = np.random.RandomState


class _SeededState(_RandomState):  # type: ignore[misc]
    """A RandomState that asks the global generator, not the operating system, where no seed is given."""

    def __init__(self, seed: Any = None) -> None:
        super().__init__(np.random.randint(2**32, dtype=np.uint32) if seed is None else seed)


class OwnGenerators:
    """Global generators as one search left them. Counted: a replay that makes the same calls finds the same states.

    The swap is seen by every thread of the process, so whatever draws beside it must not: evaluators have generators of
    their own and run in this process only between two calls.
    """

    def __init__(self, seed: int) -> None:
        self._python: Any = random.Random(seed).getstate()
        self._numpy: Any = np.random.RandomState(np.random.MT19937(np.random.SeedSequence(seed))).get_state()

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Put these states in place of the caller's, and the caller's back afterwards, whatever happens."""
        python, legacy, made = random.getstate(), np.random.get_state(), _numpy_random.RandomState
        random.setstate(self._python)
        np.random.set_state(self._numpy)
        _numpy_random.RandomState = _SeededState
        try:
            yield
        finally:
            self._python, self._numpy = random.getstate(), np.random.get_state()
            _numpy_random.RandomState = made
            np.random.set_state(legacy)
            random.setstate(python)
