"""A domain as a study sees it, without its images."""

from dataclasses import dataclass


@dataclass(frozen=True)
class DomainCard:
    """Number of classes, images per split, and the hash of all images and labels."""

    name: str
    classes: int
    train: int
    val: int
    test: int
    sha256: str
