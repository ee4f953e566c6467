"""One image file as pixels, or the reason why it cannot be had. Any file may lie here: nothing in it is believed."""

import errno
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from apportion.evaluators.data.folder.layout import is_regular
from apportion.evaluators.data.options import FittedOptions
from apportion.evaluators.data.squares import NoRange, squared

# Readers that work on bytes alone. Left out above all: EPS, for which Pillow starts Ghostscript.
_WANTED = ("PNG", "JPEG", "GIF", "BMP", "DIB", "TIFF", "WEBP", "AVIF", "JPEG2000", "PPM")
Image.init()  # here: several threads at once would find Pillow's list of formats half made
FORMATS = tuple(name for name in _WANTED if name in Image.OPEN)
LEAST_SIDE = 4
DARK = 16  # of 255: 12 bits of data or fewer in a file of 16
REMEDY = "repair or remove it, or set data.on_error to skip"


class UnusableImage(Exception):
    """`kind`: a few words under which such files are counted."""

    def __init__(self, kind: str, value: str, law: str, remedy: str = REMEDY) -> None:
        super().__init__(kind, value, law, remedy)
        self.kind, self.value, self.law, self.remedy = kind, value, law, remedy


@dataclass(frozen=True)
class Picture:
    """`pixels`: uint8 [size, size, 3]. `notes`: what was done that a person may want to know, as counted words."""

    pixels: npt.NDArray[np.uint8]
    notes: tuple[str, ...] = field(default=())


def decoded(path: Path, size: int, fitted: FittedOptions, max_pixels: int) -> Picture:
    """The image in the file, made square. UnusableImage for everything that can be wrong with it.

    Of an animation the first frame is taken. A large JPEG is decoded at a fraction of its size, at least twice `size`.
    """
    _look_before(path)
    try:
        with Image.open(path, formats=FORMATS) as image:
            _check_sides(image.size, max_pixels)
            notes = _notes(image)
            image.draft(None, (2 * size, 2 * size))
            pixels = squared(image, size, fitted)
            if image.mode.startswith("I") and pixels.max() < DARK:
                notes.append("dark 16 bits")
            return Picture(pixels, tuple(notes))
    except UnusableImage:
        raise
    except UnidentifiedImageError:
        raise UnusableImage("no image", "its content is no image", "its suffix says that it is one") from None
    except Image.DecompressionBombError:
        raise _too_large("more than 178 million pixels", max_pixels) from None
    except NoRange as error:
        law = "black and white must be known: 8 bits, or 16 bits of grey"
        raise UnusableImage("pixels without a range", str(error), law) from None
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EPERM, errno.EIO):
            raise _unreadable(error) from None
        raise _damaged(error) from None
    except Exception as error:  # a decoder that is fed damage raises whatever it likes: SyntaxError, struct.error, ...
        raise _damaged(error) from None


def _look_before(path: Path) -> None:
    try:
        if not is_regular(path):
            raise UnusableImage("no file", "no regular file", "an image is a file")
        if path.stat().st_size == 0:
            raise UnusableImage("zero bytes", "zero bytes", "an image has content")
    except OSError as error:
        if path.is_symlink():
            raise UnusableImage("broken link", "a link that leads nowhere", "a link leads to a file") from None
        raise _unreadable(error) from None


def _unreadable(error: OSError) -> UnusableImage:
    remedy = "see its owner and mode, or set data.on_error to skip"
    return UnusableImage("unreadable", str(error.strerror), "it must be readable", remedy)


def _check_sides(sides: tuple[int, int], max_pixels: int) -> None:
    width, height = sides
    if width * height > max_pixels:
        raise _too_large(f"{width} x {height} pixels, {width * height / 1e6:.0f} million", max_pixels)
    if min(sides) < LEAST_SIDE:
        raise UnusableImage("too small", f"{width} x {height} pixels", f"both sides have at least {LEAST_SIDE}")


def _notes(image: Image.Image) -> list[str]:
    notes = []
    if getattr(image, "is_animated", False) and image.format != "MPO":  # a camera's JPEG with a preview behind it
        notes.append("animated")
    if image.mode == "CMYK":
        notes.append("CMYK")
    return notes


def _too_large(value: str, max_pixels: int) -> UnusableImage:
    law = f"data.max_pixels allows {max_pixels / 1e6:g} million"
    remedy = "make it smaller, raise data.max_pixels, or set data.on_error to skip"
    return UnusableImage("too many pixels", value, law, remedy)


def _damaged(error: Exception) -> UnusableImage:
    said = str(error) or type(error).__name__
    return UnusableImage("damaged", f"cannot be decoded ({said[:120]})", "an image must be whole")
