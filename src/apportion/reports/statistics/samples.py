"""Values of which some may be missing, and differences of values that belong together."""

import math
from collections.abc import Hashable, Iterable, Mapping
from typing import TypeVar

Key = TypeVar("Key", bound=Hashable)


def finite(values: Iterable[float | None]) -> tuple[list[float], int]:
    """The finite values in their order, and how many were None, NaN or infinite."""
    listed = list(values)
    sound = [float(value) for value in listed if value is not None and math.isfinite(value)]
    return sound, len(listed) - len(sound)


def differences(left: Mapping[Key, float | None], right: Mapping[Key, float | None]) -> dict[Key, float | None]:
    """left - right per key, keys of `left` first; None where one side has no finite number."""
    found: dict[Key, float | None] = {}
    for key in dict.fromkeys([*left, *right]):
        pair, missing = finite([left.get(key), right.get(key)])
        found[key] = None if missing else pair[0] - pair[1]
    return found
