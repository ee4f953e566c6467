"""A first study that fits a folder: image size, backbone, and as many trials as half an hour on these cores allows.

Seconds are an estimate from images and pixels, good to a factor of two; `apportion plan` measures.
"""

import math
import os
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from apportion.evaluators.data.folder.survey import Seen

LIMIT_SECONDS = 1800.0
LEAST, MOST = 28, 224
STEPS, MOST_EPOCHS = 500, 40  # steps of a full training, as far as epochs allow
# Above this side the small network sees too little of an image; below it the large one is wasted on it.
SMALL = 64
# Squared pixels that one core trains in a second, in a mixed network of three domains. Timed on a busy core of a
# server: resnet8 of width 16 with stride 2 at 28 pixels 3,900 images a second, mobilenet_v2 at 96 pixels 65.
PACE = {"resnet8": 3_000_000.0, "mobilenet_v2": 600_000.0}
BUDGETS = (0.05, 0.2, 0.4)
HAND_MADE = ("bottom", "top", "uniform", "equal_spend", "random_filters")


@dataclass(frozen=True)
class Recipe:
    """`natural`: the side the images would have at their own size. `seconds` of the whole study, by estimate."""

    image_size: int
    natural: int
    backbone: str
    batch: int
    epochs: int
    budgets: tuple[float, ...]
    trials: int
    seeds: int
    workers: int
    seconds: float

    @property
    def words(self) -> str:
        """How long it takes, in words."""
        minutes = max(1, round(self.seconds / 60))
        return f"about {minutes} min" if minutes < 100 else f"about {minutes / 60:.0f} h"


def recipe_for(domains: Sequence[Seen]) -> Recipe:
    """The largest size, then the most trials, that stay within the limit; the least there is where nothing does."""
    recipes = list(_recipes(domains))
    return next((recipe for recipe in recipes if recipe.seconds <= LIMIT_SECONDS), recipes[-1])


def _recipes(domains: Sequence[Seen]) -> Iterator[Recipe]:
    natural = _natural(domains)
    largest = max(domain.train for domain in domains)
    batch = min(32, max(4, 192 // len(domains)), max(4, largest // 8))
    epochs = min(MOST_EPOCHS, max(5, math.ceil(STEPS * batch / largest)))
    workers = min(4, _cores())
    for size in [natural, *(size for size in (128, 96, SMALL, 32) if size < natural)]:
        backbone = "resnet8" if size <= SMALL else "mobilenet_v2"
        for budgets, trials, seeds in ((BUDGETS, 16, 6), (BUDGETS, 12, 3), (BUDGETS[1:2], 12, 3), (BUDGETS[1:2], 8, 2)):
            searched = len(budgets) * (len(HAND_MADE) + trials)
            retrained = seeds * (2 + len(budgets) * (len(HAND_MADE) + 1))
            runs = searched + retrained + (1 + seeds)  # the last: warm-ups
            seconds = runs * epochs * len(domains) * largest * size**2 / PACE[backbone] / workers
            yield Recipe(size, natural, backbone, batch, epochs, budgets, trials, seeds, workers, seconds)


def _natural(domains: Sequence[Seen]) -> int:
    """The geometric mean of the domains' sides, a multiple of 4 within the limits."""
    side = statistics.geometric_mean(domain.side for domain in domains)
    return min(MOST, max(LEAST, round(side / 4) * 4))


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
