"""A picture of any mode, size and orientation as a square of uint8 RGB.

Order: the camera's rotation (EXIF) is applied, the pixels become 8-bit RGB, transparency shows the background, then the
picture is made square. All resizing is Lanczos with antialiasing.
"""

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from apportion.evaluators.data.options import FittedOptions

BACKGROUNDS = {"white": (255, 255, 255), "black": (0, 0, 0), "grey": (128, 128, 128)}
LANCZOS = Image.Resampling.LANCZOS


class NoRange(ValueError):
    """Pixels whose black and white are not known."""


def squared(picture: Image.Image, size: int, fitted: FittedOptions) -> npt.NDArray[np.uint8]:
    """[size, size, 3]. NoRange where the pixels are floats, or integers beyond 16 bits."""
    background = BACKGROUNDS[fitted.background]
    colour = in_colour(ImageOps.exif_transpose(picture), background)
    if fitted.resize == "squash":
        colour = colour.resize((size, size), LANCZOS)
    elif fitted.resize == "crop":
        colour = ImageOps.fit(colour, (size, size), LANCZOS)
    else:
        colour = _padded(colour, size, background)
    return np.asarray(colour)


def in_colour(picture: Image.Image, background: tuple[int, int, int]) -> Image.Image:
    """The picture in RGB, `background` where it is transparent."""
    if picture.mode.startswith("I"):
        picture = _eight_bits(picture)
    elif picture.mode == "F":
        raise NoRange("floating-point pixels")
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        below = Image.new("RGBA", picture.size, (*background, 255))
        picture = Image.alpha_composite(below, picture)
    return picture.convert("RGB")


def _eight_bits(picture: Image.Image) -> Image.Image:
    """16-bit grey (modes I;16*, and I where a reader widens it): 65535 is white, as the file formats say.

    Pillow's own conversion to L cuts everything above 255 off.
    """
    values = np.asarray(picture).astype(np.int64)
    if values.min() < 0 or values.max() > 65535:
        raise NoRange(f"pixels of {values.min()} to {values.max()}")
    return Image.fromarray(np.round(values / 257).astype(np.uint8))


def _padded(picture: Image.Image, size: int, background: tuple[int, int, int]) -> Image.Image:
    scale = size / max(picture.size)
    width, height = (max(1, round(side * scale)) for side in picture.size)
    whole = Image.new("RGB", (size, size), background)
    whole.paste(picture.resize((width, height), LANCZOS), ((size - width) // 2, (size - height) // 2))
    return whole


def narrowed(images: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """[N, H, W, 3] -> [N, H, W] where every pixel of every image is grey, so that only a third is kept in memory."""
    grey = all((image[..., :1] == image).all() for image in images)
    return np.ascontiguousarray(images[..., 0]) if grey else images
