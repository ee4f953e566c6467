"""Small folders of images: every class has its own brightness, so that a wrong label shows."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image


def picture(label: int, number: int, side: tuple[int, int] = (20, 16), colour: bool = True) -> Image.Image:
    """A noisy picture of class `label`; no two are equal."""
    generator = np.random.default_rng([label, number, *side])
    shape = (side[1], side[0], 3) if colour else (side[1], side[0])
    return Image.fromarray((generator.integers(0, 20, shape) + 40 * (label % 6)).astype(np.uint8))


def write_domain(
    folder: Path,
    classes: Sequence[str] = ("cat", "dog"),
    count: int = 8,
    splits: Sequence[str] = (),
    side: tuple[int, int] = (20, 16),
    colour: bool = True,
) -> Path:
    """`count` pictures of each class, in each of `splits` where there are any; `folder` itself."""
    for at, split in enumerate(splits or ("",)):
        for label, name in enumerate(classes):
            place = folder / split / name
            place.mkdir(parents=True, exist_ok=True)
            for number in range(count):
                picture(label, number + 1000 * at, side, colour).save(place / f"{number}.png")
    return folder
