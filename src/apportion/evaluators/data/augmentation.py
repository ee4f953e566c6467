"""How a domain's training images are varied and weighed: the settled values, and those each dataset starts from."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace

from apportion.evaluators.data.options import AugmentOptions


@dataclass(frozen=True)
class Augmentation:
    """`crop`: padding in pixels on each side. `mean`, `std`: None = measured per channel, else in pixels of 0..1.

    `weight`: of the domain's loss in the sum that training minimises, > 0.
    """

    flip: bool = False
    crop: int = 3
    mean: float | None = None
    std: float | None = None
    weight: float = 1.0


# A mirrored digit, letter or doodle of a letter-like thing is another sign or none; a mirrored shoe or dog is itself.
PENTATHLON: Mapping[str, Augmentation] = {
    "digits": Augmentation(),
    "fashion": Augmentation(flip=True),
    "photos": Augmentation(flip=True),
    "sketches": Augmentation(),
    "glyphs": Augmentation(),
}


def resolved(default: Augmentation, options: AugmentOptions | None) -> Augmentation:
    """`default` with every value that `options` sets."""
    if options is None:
        return default
    chosen = {field.name: getattr(options, field.name) for field in fields(Augmentation)}
    return replace(default, **{name: value for name, value in chosen.items() if value is not None})
