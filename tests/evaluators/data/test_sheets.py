"""Sheets: what goes in comes out."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apportion.evaluators.data.resize import resized
from apportion.evaluators.data.sheets import from_png, to_png


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 12), st.integers(1, 6), st.integers(1, 5), st.booleans(), st.integers(0, 2**32))
def test_a_sheet_keeps_every_pixel(count: int, size: int, columns: int, colour: bool, seed: int) -> None:
    shape = (count, size, size, 3) if colour else (count, size, size)
    images = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    np.testing.assert_array_equal(from_png(to_png(images, columns), count, size, columns), images)


def test_a_sheet_for_another_number_of_images_is_refused() -> None:
    with pytest.raises(ValueError, match="does not hold 41"):
        from_png(to_png(np.zeros((40, 8, 8), np.uint8)), 41, 8)


def test_resizing_keeps_flat_images_flat_and_the_same_size_untouched() -> None:
    grey, colour = np.full((2, 32, 32), 99, np.uint8), np.full((2, 32, 32, 3), [1, 99, 255], np.uint8)
    assert resized(grey, 32) is grey
    np.testing.assert_array_equal(resized(grey, 28), np.full((2, 28, 28), 99))
    np.testing.assert_array_equal(resized(colour, 40), np.full((2, 40, 40, 3), [1, 99, 255]))


def test_downsizing_is_antialiased() -> None:
    stripes = np.zeros((1, 32, 32), np.uint8)
    stripes[:, :, ::2] = 255
    inner = resized(stripes, 8)[0, :, 2:-2]
    assert abs(inner.astype(int) - 128).max() <= 8  # sampling single pixels would give 0 or 255
