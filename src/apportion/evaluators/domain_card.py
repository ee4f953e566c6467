"""A domain as a study sees it, without its images."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class DomainCard:
    """Number of classes, images per split, hash of all images and labels. `skipped`: unusable files, by reason."""

    name: str
    classes: int
    train: int
    val: int
    test: int
    sha256: str
    skipped: dict[str, int] = field(default_factory=dict)
