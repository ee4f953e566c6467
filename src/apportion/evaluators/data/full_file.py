"""A full file: one domain as `.npz`. Everything in it is checked before it is believed; nothing in it is unpickled."""

import zipfile
import zlib
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from apportion.errors import InputError
from apportion.evaluators.data.domain import SPLITS, DomainData, Images

KEYS = ("classes", *(f"{split}_{what}" for split in SPLITS for what in ("images", "labels")))
# RuntimeError: an encrypted member, or (its child NotImplementedError) an unknown compression.
UNREADABLE = (OSError, EOFError, ValueError, KeyError, RuntimeError, MemoryError, zipfile.BadZipFile, zlib.error)
Arrays = dict[str, npt.NDArray[np.generic]]


def read(path: Path, name: str) -> DomainData:
    """The domain in the file at `path`, under `name`. InputError for whatever is missing, damaged or misshapen."""
    arrays = _arrays(path)
    classes = _classes(path, arrays["classes"])
    splits = {split: _split(path, split, arrays, len(classes)) for split in SPLITS}
    shapes = {split: part.images.shape[1:] for split, part in splits.items()}
    if len(set(shapes.values())) > 1:
        value = ", ".join(f"{split} {_text(shape)}" for split, shape in shapes.items())
        raise InputError(str(path), value, "all splits have images of one shape", "write the file again")
    return DomainData(name, classes, splits["train"], splits["val"], splits["test"])


def _arrays(path: Path) -> Arrays:
    remedy = "copy the file again"
    if not path.is_file():
        raise InputError(str(path), "no such file", "each domain has a file", "correct data.root or data.domains")
    try:
        with path.open("rb") as file:  # opened here: np.load leaves its own file open where the archive is damaged
            if not zipfile.is_zipfile(file):
                raise InputError(str(path), "no zip archive", "an .npz file is one", remedy)
            file.seek(0)
            arrays = _members(path, file, remedy)
    except UNREADABLE as error:
        value = f"cannot be read ({error})"
        raise InputError(str(path), value, "an .npz file of plain arrays is needed", remedy) from error
    for key, array in arrays.items():
        if not isinstance(array, np.ndarray):  # a member that is no .npy comes back as bytes
            raise InputError(f"{path}, {key}", "not an array", "each member is an .npy array", remedy)
    return arrays


def _members(path: Path, file: BinaryIO, remedy: str) -> Arrays:
    with np.load(file, allow_pickle=False) as archive:
        for key in KEYS:
            if key not in archive.files:
                held = ", ".join(archive.files) or "nothing"
                raise InputError(f"{path}, {key}", f"missing (the file holds {held})", "each domain has it", remedy)
        return {key: archive[key] for key in KEYS}


def _classes(path: Path, classes: npt.NDArray[np.generic]) -> tuple[str, ...]:
    place = f"{path}, classes"
    if classes.dtype.kind != "U" or classes.ndim != 1 or classes.size == 0:
        _refuse(place, classes, "it is a list of names: unicode, shape N")
    names = tuple(str(name) for name in classes)
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError(place, f"{twice[0]!r} twice", "every class has a name of its own", "rename one of them")
    return names


def _split(path: Path, split: str, arrays: Arrays, classes: int) -> Images:
    images, labels = arrays[f"{split}_images"], arrays[f"{split}_labels"]
    place = f"{path}, {split}_images"
    if images.dtype != np.uint8 or images.ndim not in (3, 4) or images.shape[3:] not in ((), (3,)) or 0 in images.shape:
        _refuse(place, images, "images are uint8, N x H x W or N x H x W x 3, at least one")
    if images.shape[1] != images.shape[2]:
        _refuse(place, images, "images are squares")
    place = f"{path}, {split}_labels"
    if labels.dtype.kind not in "iu" or labels.ndim != 1:
        _refuse(place, labels, "labels are integers, one per image")
    if len(labels) != len(images):
        value, law = f"{len(labels)} labels for {len(images)} images", "every image has one label"
        raise InputError(place, value, law, "write the file again")
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high >= classes:
        value, law = f"label {low if low < 0 else high}", f"the file's {classes} classes are 0..{classes - 1}"
        raise InputError(place, value, law, "number labels from 0, or add the class's name")
    return Images(images.astype(np.uint8), labels.astype(np.int64))


def _refuse(place: str, array: npt.NDArray[np.generic], law: str) -> None:
    raise InputError(place, f"{array.dtype} of shape {_text(array.shape)}", law, "write the file again")


def _text(shape: tuple[int, ...]) -> str:
    return " x ".join(str(side) for side in shape) or "()"
