"""Many rows looked at by threads, a few at a time: Pillow decodes outside Python's lock."""

import os
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

_CHUNK = 32
_Seen = TypeVar("_Seen")


def in_order(read: Callable[[int], _Seen], rows: Sequence[int]) -> Iterator[tuple[int, _Seen]]:
    """Rows and what `read` makes of them, in order.

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
