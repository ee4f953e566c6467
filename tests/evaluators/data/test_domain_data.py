"""A domain is a value with an identity."""

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from apportion.evaluators.data.domain import DomainData, Images


def part(count: int = 4, shape: tuple[int, ...] = (8, 8)) -> Images:
    return Images(np.zeros((count, *shape), np.uint8), np.arange(count, dtype=np.int64) % 2)


DOMAIN = DomainData("dots", ("a", "b"), part(4), part(2), part(3))


def test_it_says_its_sizes() -> None:
    assert DOMAIN.sizes == {"train": 4, "val": 2, "test": 3}
    assert (DOMAIN.class_count, DOMAIN.channels, len(DOMAIN.train)) == (2, 1, 4)
    assert DomainData("dots", ("a",), *[part(2, (8, 8, 3))] * 3).channels == 3


def test_the_hash_follows_pixels_labels_classes_and_splits_but_not_the_name() -> None:
    dotted = np.zeros((4, 8, 8), np.uint8)
    dotted[0, 0, 0] = 1
    others = [
        replace(DOMAIN, train=Images(dotted, DOMAIN.train.labels.copy())),
        replace(DOMAIN, train=Images(np.zeros((4, 8, 8), np.uint8), np.zeros(4, np.int64))),
        replace(DOMAIN, classes=("a", "c")),
        replace(DOMAIN, val=DOMAIN.test, test=DOMAIN.val),
    ]
    assert len({DOMAIN.sha256, *(other.sha256 for other in others)}) == 5
    assert replace(DOMAIN, name="other").sha256 == DOMAIN.sha256 and len(DOMAIN.sha256) == 64


def test_arrays_are_read_only() -> None:
    with pytest.raises(ValueError, match="read-only"):
        DOMAIN.train.images[0] = 1
    with pytest.raises(ValueError, match="read-only"):
        DOMAIN.train.labels[0] = 1


def test_misshapen_arrays_and_unknown_splits_are_refused() -> None:
    labels = np.zeros(2, np.int64)
    wrong: list[tuple[npt.NDArray[Any], str]] = [
        (np.zeros((2, 8, 8), np.float32), "uint8"),
        (np.zeros((3, 8, 8), np.uint8), "labels"),
        (np.zeros((2, 8), np.uint8), "N, H, W"),
        (np.zeros((2, 8, 8, 4), np.uint8), "3 channels"),
    ]
    for images, what in wrong:
        with pytest.raises(ValueError, match=what):
            Images(images, labels)
    with pytest.raises(ValueError, match="different image shapes"):
        DomainData("dots", ("a", "b"), part(), part(shape=(9, 9)), part())
    with pytest.raises(ValueError, match="'training' is none of train, val, test"):
        DOMAIN.split("training")
