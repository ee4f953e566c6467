"""Labels beside points that lie close together: moved apart, as little as possible."""

import math
from collections.abc import Sequence


def spread(positions: Sequence[float], gap: float, low: float = -math.inf, high: float = math.inf) -> list[float]:
    """Positions at least `gap` apart, in the same order, with the least sum of squared moves.

    Least squares under an order is isotonic regression of position - rank * gap: pool neighbours that violate it.
    Then they are pushed between `low` and `high`, which takes precedence where there is not room for all.
    """
    order = sorted(range(len(positions)), key=lambda i: positions[i])
    blocks: list[tuple[float, int]] = []
    for rank, i in enumerate(order):
        mean, size = positions[i] - rank * gap, 1
        while blocks and blocks[-1][0] > mean:
            before, count = blocks.pop()
            mean, size = (before * count + mean * size) / (count + size), size + count
        blocks.append((mean, size))
    moved = [mean for mean, size in blocks for _ in range(size)]
    result = [0.0] * len(positions)
    for rank, i in enumerate(order):
        lifted = max(moved[rank] + rank * gap, low + rank * gap)
        result[i] = max(low, min(lifted, high - (len(order) - 1 - rank) * gap))
    return result
