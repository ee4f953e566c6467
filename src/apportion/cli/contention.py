"""Is searching worth it here? What learned patterns gained in the measured case that is nearest to a study.

The cases are `benchmarks/contention.py`'s: networks of three widths, three amounts of data, three starts. What they
have in common with a study is no more than how many weights each training image has, and where training starts from.
"""

import json
import math
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal

Start = Literal["scratch", "warm", "long warm"]
Ends = tuple[float, float, float]
"""A mean with the ends of its 95 % interval."""


@dataclass(frozen=True)
class Case:
    """`room`: what `bottom` loses against independent networks; `gain`: of learned gates over `bottom`; in loss."""

    network: str
    images: int
    weights: int
    start: Start
    seeds: int
    room: Ends
    gain: Ends

    @property
    def weights_per_image(self) -> float:
        return self.weights / self.images

    @property
    def paid(self) -> bool:
        """The gain's interval lies above 0."""
        return self.gain[1] > 0


@cache
def cases() -> tuple[Case, ...]:
    """All that were measured."""
    content: list[dict[str, Any]] = json.loads((files("apportion.cli") / "contention.json").read_text())
    return tuple(
        Case(**{**one, "room": tuple(one["room"]), "gain": tuple(one["gain"])})  # JSON has no tuples
        for one in content
    )


def nearest(weights: int, images: int, start: Start) -> Case | None:
    """The case of that kind of start whose weights for each training image are the nearest, as a ratio."""
    alike = [case for case in cases() if (case.start == "scratch") == (start == "scratch")]
    return min(alike, key=lambda case: abs(math.log(case.weights_per_image / (weights / images))), default=None)


def hint(weights: int, images: int, start: Start) -> str | None:
    """One sentence for `plan`. `weights` of the backbone's sites, `images` to train on in all domains."""
    case = nearest(weights, images, start)
    if case is None:
        return None
    here, there = weights / images, case.weights_per_image
    told = (
        f"the nearest case measured ({case.network}, {case.images:,} images, {case.start} start: {there:.2g} weights an"
        f" image, here {here:.2g}) had {case.room[0]:+.4f} of loss between `bottom` and independent networks; learned"
        f" gates won {_text(case.gain)} of it over {case.seeds} seeds"
    )
    verdict = "so it may pay" if case.paid else "not clearly more than nothing"
    far = ", a far cry from here" if max(here / there, there / here) > 4 else ""
    return f"{told}, {verdict}{far}"


def _text(ends: Ends) -> str:
    return "{:+.4f} [{:+.4f}, {:+.4f}]".format(*ends)
