"""Reading full folders: values, sizes, and one line for everything that can be wrong with a file."""

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from apportion.errors import InputError
from apportion.evaluators.data import pentathlon

Rewrite = Callable[..., Path]


def test_a_full_folder_is_read_as_it_is(full: Path) -> None:
    (photos,) = pentathlon.load(full, ["photos"], 16)
    with np.load(full / "photos.npz") as archive:
        for split in ("train", "val", "test"):
            np.testing.assert_array_equal(photos.split(split).images, archive[f"{split}_images"])
            np.testing.assert_array_equal(photos.split(split).labels, archive[f"{split}_labels"])
    assert photos.classes == ("class 0", "class 1", "class 2", "class 3") and photos.train.labels.dtype == np.int64


def test_all_domains_come_in_one_size_and_in_the_order_asked_for(full: Path) -> None:
    assert [d.name for d in pentathlon.load(full)] == list(pentathlon.DOMAINS)
    domains = pentathlon.load(full, ["photos", "digits"], 10)
    assert [(d.name, d.train.images.shape[1:]) for d in domains] == [("photos", (10, 10, 3)), ("digits", (10, 10))]


@pytest.mark.parametrize(
    ("names", "what"),
    [
        (["digit"], "data.domains: 'digit', but pentathlon has no such domain; did you mean 'digits'?"),
        (["zzz"], "known: digits, fashion, glyphs, photos, sketches"),
        (["digits", "digits"], "'digits' twice"),
        ([], "at least one domain"),
    ],
)
def test_wrong_names_are_refused(names: list[str], what: str) -> None:
    with pytest.raises(InputError) as error:
        pentathlon.load(None, names)
    assert what in str(error.value)


def test_a_missing_folder_or_file_is_named(full: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"data\.root: .*nowhere is missing, but .*photos\.npz is needed"):
        pentathlon.load(tmp_path / "nowhere", ["photos"])
    with pytest.raises(InputError, match=r"digits\.npz is no folder"):
        pentathlon.load(full / "digits.npz", ["photos"])
    (full / "photos.npz").unlink()
    assert pentathlon.load(full, ["digits"])
    with pytest.raises(InputError, match=r"photos\.npz: no such file"):
        pentathlon.load(full)


IMAGES, LABELS = np.zeros((20, 12, 12), np.uint8), np.zeros(20, np.int16)


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"val_labels": None}, r"val_labels: missing \(the file holds classes, train_images"),
        ({"classes": None}, "classes: missing"),
        ({"classes": np.arange(4)}, "classes: int64 of shape 4, but it is a list of names"),
        ({"classes": np.array([["a", "b"]])}, "classes: <U1 of shape 1 x 2"),
        ({"classes": np.array(["a", "b", "a", "d"])}, "'a' twice"),
        ({"classes": np.array(["a", "b", "c"])}, r"train_labels: label 3, but the file's 3 classes are 0\.\.2"),
        ({"val_labels": LABELS - 1}, "val_labels: label -1, but"),
        ({"val_labels": LABELS.astype(np.float32)}, "val_labels: float32 of shape 20, but labels are integers"),
        ({"val_labels": LABELS[:, None]}, "val_labels: int16 of shape 20 x 1"),
        ({"val_labels": LABELS[:19]}, "19 labels for 20 images"),
        ({"val_images": IMAGES.astype(np.float32)}, "val_images: float32 of shape 20 x 12 x 12, but images are uint8"),
        ({"val_images": IMAGES[0]}, "val_images: uint8 of shape 12 x 12, but"),
        ({"val_images": np.zeros((20, 12, 12, 4), np.uint8)}, "uint8 of shape 20 x 12 x 12 x 4"),
        ({"val_images": IMAGES[:0], "val_labels": LABELS[:0]}, "shape 0 x 12 x 12, but .* at least one"),
        ({"val_images": IMAGES[:, :6]}, "20 x 6 x 12, but images are squares"),
        ({"val_images": np.zeros((20, 9, 9), np.uint8)}, "train 12 x 12, val 9 x 9, test 12 x 12, but all splits"),
        ({"val_images": np.zeros((20, 12, 12, 3), np.uint8)}, "val 12 x 12 x 3"),
        ({"classes": np.array(["a", 1, "c", "d"], dtype=object)}, "cannot be read .*allow_pickle=False"),
    ],
)
def test_what_a_file_must_hold_is_said_in_one_line(rewrite: Rewrite, changes: dict[str, Any], what: str) -> None:
    with pytest.raises(InputError, match=what) as error:
        pentathlon.load(rewrite(**changes), ["digits"])
    assert "digits.npz" in error.value.place and "\n" not in str(error.value) and error.value.remedy


def test_a_file_that_is_no_archive_is_refused(full: Path) -> None:
    path = full / "digits.npz"
    for content in (b"", b"not a zip", path.read_bytes()[:5000]):
        path.write_bytes(content)
        with pytest.raises(InputError, match="no zip archive"):
            pentathlon.load(full, ["digits"])


def test_damage_inside_an_archive_is_refused(full: Path) -> None:
    path = full / "digits.npz"
    whole = path.read_bytes()
    for position in range(0, len(whole), len(whole) // 200):
        damaged = bytearray(whole)
        damaged[position] ^= 0xFF
        path.write_bytes(damaged)
        try:
            (domain,) = pentathlon.load(full, ["digits"], 12)
        except InputError as error:
            assert "digits.npz" in str(error)
        else:  # a byte that holds no content, such as a time stamp
            path.write_bytes(whole)
            assert domain.sha256 == pentathlon.load(full, ["digits"], 12)[0].sha256


def test_a_member_that_is_no_array_is_refused(full: Path) -> None:
    with zipfile.ZipFile(full / "digits.npz", "w") as archive:
        for key in ("classes", *(f"{s}_{w}" for s in ("train", "val", "test") for w in ("images", "labels"))):
            archive.writestr(f"{key}.npy", b"text")
    with pytest.raises(InputError, match="classes: not an array"):
        pentathlon.load(full, ["digits"])
