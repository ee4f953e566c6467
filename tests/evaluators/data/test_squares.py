"""Every mode, orientation and shape of picture becomes the same square of RGB."""

from typing import Any

import numpy as np
import pytest
from PIL import Image

from apportion.evaluators.data.options import FittedOptions
from apportion.evaluators.data.squares import NoRange, narrowed, squared

PLAIN = FittedOptions()
GREY = 120


def flat(mode: str, colour: Any, **more: Any) -> Image.Image:
    image = Image.new(mode, (9, 6), colour)
    image.info.update(more)
    return image


@pytest.mark.parametrize(
    ("image", "colour"),
    [
        (flat("L", GREY), [GREY] * 3),
        (flat("1", 1), [255] * 3),
        (flat("RGB", (10, 20, 30)), [10, 20, 30]),
        (flat("RGBA", (10, 20, 30, 255)), [10, 20, 30]),
        (flat("RGBA", (10, 20, 30, 0)), [255] * 3),
        (flat("LA", (GREY, 0)), [255] * 3),
        (flat("LA", (GREY, 255)), [GREY] * 3),
        (flat("P", 7, transparency=7), [255] * 3),
        (flat("RGB", (10, 20, 30), transparency=(10, 20, 30)), [255] * 3),
        (flat("CMYK", (0, 0, 0, 0)), [255] * 3),
        (flat("CMYK", (0, 255, 255, 0)), [255, 0, 0]),
        (flat("I;16", 65535), [255] * 3),
        (flat("I;16", 257 * GREY), [GREY] * 3),
        (flat("I", 257 * GREY), [GREY] * 3),
        (flat("HSV", (0, 0, 255)), [255] * 3),
    ],
)
def test_every_mode_keeps_its_colour(image: Image.Image, colour: list[int]) -> None:
    pixels = squared(image, 8, PLAIN)
    assert pixels.shape == (8, 8, 3) and pixels.dtype == np.uint8
    np.testing.assert_array_equal(pixels, np.broadcast_to(np.array(colour), (8, 8, 3)))


def test_a_palette_is_looked_up() -> None:
    image = Image.new("P", (6, 6), 1)
    image.putpalette([0, 0, 0, 10, 20, 30])
    np.testing.assert_array_equal(squared(image, 8, PLAIN)[0, 0], [10, 20, 30])


@pytest.mark.parametrize(("background", "value"), [("white", 255), ("black", 0), ("grey", 128)])
def test_the_background_shows_through_and_fills_up(background: Any, value: int) -> None:
    fitted = FittedOptions(background=background, resize="pad")
    assert (squared(flat("RGBA", (1, 2, 3, 0)), 8, fitted) == value).all()
    wide = squared(Image.new("RGB", (40, 20), (7, 7, 7)), 8, fitted)
    assert (wide[:2] == value).all() and (wide[2:6] == 7).all() and (wide[6:] == value).all()


@pytest.mark.parametrize("image", [flat("F", 0.5), flat("I", 70000), flat("I", -1)])
def test_pixels_without_a_known_range_are_refused(image: Image.Image) -> None:
    with pytest.raises(NoRange):
        squared(image, 8, PLAIN)


def halves(width: int, height: int) -> Image.Image:
    """Left half black, right half white."""
    pixels = np.zeros((height, width), np.uint8)
    pixels[:, width // 2 :] = 255
    return Image.fromarray(pixels)


def test_squash_keeps_everything_and_crop_the_middle() -> None:
    wide = np.zeros((16, 64), np.uint8)
    wide[:, 24:40] = 255  # white is the middle square
    image = Image.fromarray(wide)
    assert (squared(image, 16, FittedOptions(resize="crop"))[:, 2:-2] > 240).all()
    squashed = squared(image, 16, PLAIN)
    assert squashed[:, :3].max() < 20 and squashed[:, -3:].max() < 20 and squashed[8, 8, 0] > 240


def test_a_camera_s_rotation_is_undone() -> None:
    exif = Image.Exif()
    exif[0x0112] = 3  # turned by half
    image = halves(20, 20)
    image.getexif().update(exif)
    pixels = squared(image, 20, PLAIN)
    assert pixels[10, 2, 0] == 255 and pixels[10, -2, 0] == 0


@pytest.mark.parametrize("resize", ["squash", "crop", "pad"])
def test_the_thinnest_picture_still_becomes_a_square(resize: Any) -> None:
    assert squared(Image.new("L", (5000, 4)), 28, FittedOptions(resize=resize)).shape == (28, 28, 3)


def test_only_wholly_grey_stacks_lose_their_colours() -> None:
    images = np.repeat(np.arange(4 * 8 * 8, dtype=np.uint8).reshape(4, 8, 8, 1), 3, axis=3)
    np.testing.assert_array_equal(narrowed(images), images[..., 0])
    images[3, 7, 7, 1] ^= 1
    assert narrowed(images) is images
