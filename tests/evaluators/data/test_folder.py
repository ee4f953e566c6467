"""A folder of one's own images: what is read, and what is said about everything that can be wrong with it."""

import os
import shutil
import struct
import time
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.folders import picture, write_domain

from apportion.errors import InputError
from apportion.evaluators.data import FolderOptions, augmentations, load, scan
from apportion.evaluators.data.findings import Problem, census_of


def options(root: Path, **more: Any) -> FolderOptions:
    return FolderOptions(name="folder", root=root, **{"image_size": 16, **more})


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two domains: animals without splits, signs (grey, larger, three classes) with all three."""
    write_domain(tmp_path / "own" / "animals", count=10)
    write_domain(tmp_path / "own" / "signs", ("a", "b", "c"), 4, ("train", "val", "test"), (33, 40), colour=False)
    return tmp_path / "own"


def problems(root: Path, **more: Any) -> list[Problem]:
    return list(scan(options(root, **more)).problems)


def kinds(root: Path, **more: Any) -> set[tuple[str, str]]:
    return {(problem.level, problem.kind) for problem in problems(root, **more)}


def test_domains_of_different_size_colour_and_class_count_come_in_one_size(root: Path) -> None:
    animals, signs = load(options(root))
    assert (animals.name, animals.classes, animals.channels) == ("animals", ("cat", "dog"), 3)
    assert (signs.name, signs.classes, signs.channels) == ("signs", ("a", "b", "c"), 1)
    assert signs.sizes == {"train": 12, "val": 12, "test": 12} and animals.sizes == {"train": 12, "val": 4, "test": 4}
    assert animals.train.images.shape[1:] == (16, 16, 3) and signs.test.images.shape[1:] == (16, 16)
    for domain in (animals, signs):
        for split in ("train", "val", "test"):
            part = domain.split(split)
            brightness = part.images.reshape(len(part), -1).mean(axis=1)
            np.testing.assert_array_equal(part.labels, (brightness // 40).astype(np.int64))
    assert not problems(root)


def test_reading_twice_gives_the_same_data_and_another_seed_another_split(root: Path) -> None:
    first, again = load(options(root)), load(options(root))
    assert [domain.sha256 for domain in first] == [domain.sha256 for domain in again]
    other = load(options(root, split={"val": 0.3, "test": 0.2, "seed": 1}))
    assert other[0].sha256 != first[0].sha256 and other[1].sha256 == first[1].sha256
    assert other[0].sizes == {"train": 10, "val": 6, "test": 4}


def test_augmentation_is_a_shift_by_three_and_no_flip_unless_asked(root: Path) -> None:
    settled = augmentations(options(root, per_domain={"signs": {"flip": True, "crop": 0, "resize": "pad"}}))
    assert list(settled) == ["animals", "signs"]
    assert (settled["animals"].flip, settled["animals"].crop) == (False, 3)
    assert (settled["signs"].flip, settled["signs"].crop) == (True, 0)
    assert list(augmentations(options(root, domains=["signs"]))) == ["signs"]


@pytest.mark.parametrize(("present", "missing"), [("val", "test"), ("test", "val")])
def test_a_missing_split_is_taken_off_train_and_said(tmp_path: Path, present: str, missing: str) -> None:
    write_domain(tmp_path / "d", count=10, splits=("train", present))
    (domain,) = load(options(tmp_path))
    assert domain.sizes == {"train": 16, present: 20, missing: 4 // 2 + 2}
    (said,) = problems(tmp_path)
    assert said.level == "note" and f"no {missing} folder" in said.line and "15%" in said.line


def test_split_folders_may_be_called_otherwise(tmp_path: Path) -> None:
    write_domain(tmp_path / "d", count=3, splits=("Training", "validation", "TEST"))
    assert load(options(tmp_path))[0].sizes == {"train": 6, "val": 6, "test": 6}


# What can be wrong with one file, and what is then said.


def empty(path: Path) -> None:
    path.write_bytes(b"")


def text(path: Path) -> None:
    path.write_text("not an image at all\n" * 20)


def truncated(path: Path) -> None:
    picture(0, 7, (64, 64)).save(path)
    path.write_bytes(path.read_bytes()[:-900])


def truncated_jpeg(path: Path) -> None:
    picture(0, 7, (64, 64)).save(path, "JPEG")
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 4 // 5])


def one_pixel(path: Path) -> None:
    Image.new("L", (1, 1)).save(path)


def bomb(path: Path) -> None:
    """12,000 x 12,000 pixels in 17 KB."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    side = 12_000
    packed = zlib.compress(bytes(side // 8 + 1) * side, 9)
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", packed) + chunk(b"IEND", b""))


def floats(path: Path) -> None:
    Image.fromarray(np.full((9, 9), 0.5, np.float32)).save(path, "TIFF")


def broken_link(path: Path) -> None:
    path.unlink(missing_ok=True)
    path.symlink_to("nowhere.png")


def pipe(path: Path) -> None:
    path.unlink(missing_ok=True)
    os.mkfifo(path)


def postscript(path: Path) -> None:
    path.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n")


UNUSABLE: list[tuple[Callable[[Path], None], str, str]] = [
    (empty, "zero bytes", "zero bytes, but an image has content"),
    (text, "no image", "its content is no image"),
    (truncated, "damaged", "cannot be decoded (image file is truncated"),
    (truncated_jpeg, "damaged", "cannot be decoded ("),
    (one_pixel, "too small", "1 x 1 pixels, but both sides have at least 4"),
    (bomb, "too many pixels", "12000 x 12000 pixels, 144 million, but data.max_pixels allows 50 million"),
    (floats, "pixels without a range", "floating-point pixels"),
    (broken_link, "broken link", "a link that leads nowhere"),
    (pipe, "no file", "no regular file"),
    (postscript, "no image", "its content is no image"),
]


@pytest.mark.parametrize("place", [0, 4, 9], ids=["first", "middle", "last"])
@pytest.mark.parametrize(("spoil", "kind", "line"), UNUSABLE, ids=[spoil[0].__name__ for spoil in UNUSABLE])
def test_an_unusable_image_is_named_or_skipped_wherever_it_lies(
    root: Path, spoil: Callable[[Path], None], kind: str, line: str, place: int
) -> None:
    path = root / "animals" / "cat" / f"{place}.png"
    began = time.perf_counter()
    spoil(path)
    with pytest.raises(InputError) as error:
        load(options(root))
    assert str(error.value).startswith(f"{path}: ") and line in str(error.value) and error.value.remedy
    animals, _ = load(options(root, on_error="skip"))
    assert animals.skipped == {kind: 1} and sum(animals.sizes.values()) == 19
    (said,) = problems(root, on_error="skip")
    assert (said.level, said.domain, said.kind) == ("warning", "animals", kind)
    assert time.perf_counter() - began < 5


def test_all_that_is_wrong_is_found_at_once_and_the_first_of_it_is_refused(root: Path) -> None:
    empty(root / "animals" / "cat" / "3.png")
    text(root / "animals" / "dog" / "1.png")
    one_pixel(root / "signs" / "val" / "b" / "0.png")
    found = scan(options(root))
    assert [problem.kind for problem in found.at("error")] == ["zero bytes", "no image", "too small"]
    assert [domain.name for domain in found.domains] == ["animals", "signs"]
    with pytest.raises(InputError, match=r"3\.png: zero bytes.*\(and 2 more: see `apportion check`\)"):
        load(options(root))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_what_may_not_be_read_is_named(root: Path) -> None:
    (root / "animals" / "cat" / "3.png").chmod(0)
    (root / "signs" / "val" / "b").chmod(0)
    assert kinds(root) >= {("error", "unreadable"), ("error", "unreadable folder")}


def test_more_pixels_are_allowed_where_the_option_says_so(root: Path) -> None:
    bomb(root / "animals" / "cat" / "3.png")
    assert not problems(root, max_pixels=150_000_000)


def test_odd_but_usable_images_are_read_and_counted(root: Path) -> None:
    cat = root / "animals" / "cat"
    frames = [Image.new("RGB", (20, 20), colour) for colour in ("black", "white")]
    frames[0].save(cat / "3.gif", save_all=True, append_images=frames[1:])
    Image.new("CMYK", (20, 20), (9, 9, 9, 9)).save(cat / "4.jpg")
    Image.fromarray(np.arange(400, dtype=np.uint16).reshape(20, 20)).save(cat / "5.tif")
    said = {problem.kind: problem for problem in problems(root)}
    assert {kind: problem.level for kind, problem in said.items()} == dict.fromkeys(
        ["animated", "CMYK", "dark 16 bits"], "warning"
    )
    assert "1 animation, the first" in said["animated"].line and str(cat / "3.gif") in said["animated"].line
    assert sum(load(options(root))[0].sizes.values()) == 23


def test_a_large_jpeg_looks_the_same_as_its_small_copy(tmp_path: Path) -> None:
    ramp = np.repeat(np.linspace(0, 255, 1600).astype(np.uint8)[None, :], 1200, axis=0)
    for kind in ("a", "b"):
        for number in range(3):
            folder = tmp_path / "d" / kind
            folder.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.roll(ramp, 40 * number, axis=0)).save(folder / f"{number}.jpg", quality=95)
    (domain,) = load(options(tmp_path))
    expected = np.asarray(Image.fromarray(ramp).resize((16, 16), Image.Resampling.LANCZOS)).astype(int)
    assert abs(domain.train.images[0].astype(int) - expected).max() <= 3


# What can be wrong with the folders.


def only(root: Path, *kept: str) -> None:
    for folder in root.iterdir():
        if folder.name not in kept:
            shutil.rmtree(folder)


def test_a_root_that_cannot_be_one_is_refused_before_any_image_is_opened(root: Path) -> None:
    (root / "file").write_text("")
    (root / "empty").mkdir()
    for wrong, what in [
        ("nowhere", "is missing, but a folder is needed"),
        ("file", "is no folder, but a folder is needed"),
        ("empty", "has no folders in it, but it holds a folder for each domain"),
        ("signs", "holds test, train, val, but its folders are domains, and in these are the splits"),
    ]:
        with pytest.raises(InputError, match=what) as error:
            augmentations(options(root / wrong))
        assert error.value.place == "data.root"


@pytest.mark.parametrize("name", ["animal", "../own/animals", "animals/cat", ".", "..", ""])
def test_domains_are_folders_in_the_root_and_nothing_else(root: Path, name: str) -> None:
    with pytest.raises(InputError, match="folder has no domain of this name"):
        augmentations(options(root, domains=[name]))


def test_an_empty_domain_a_single_class_and_a_missing_train_folder_are_errors(root: Path) -> None:
    (root / "empty").mkdir()
    write_domain(root / "single", ("cat",))
    write_domain(root / "untrained", splits=("val", "test"))
    assert kinds(root) == {("error", "empty domain"), ("error", "one class"), ("error", "no train folder")}
    assert [domain.name for domain in scan(options(root)).domains] == ["animals", "signs"]
    with pytest.raises(InputError, match=r"single: one class \('cat'\), but a classifier needs at least two"):
        load(options(root, domains=["single"]))


@pytest.mark.parametrize("split", ["val", "test"])
def test_a_class_outside_train_is_an_error_and_one_outside_val_or_test_a_warning(root: Path, split: str) -> None:
    shutil.copytree(root / "signs" / "train" / "a", root / "signs" / split / "new")
    with pytest.raises(InputError, match=rf"class 'new': usable images in {split}, but none in train"):
        load(options(root))
    shutil.rmtree(root / "signs" / split / "new")
    shutil.rmtree(root / "signs" / split / "b")
    assert kinds(root) == {("warning", "class not scored")}
    assert load(options(root))[1].sizes[split] == 8


def test_an_empty_class_folder_is_a_warning_unless_its_images_are_elsewhere(root: Path) -> None:
    (root / "animals" / "bird").mkdir()
    assert kinds(root) == {("warning", "empty class")}
    assert load(options(root))[0].classes == ("cat", "dog")
    (root / "signs" / "train" / "new").mkdir()
    shutil.copytree(root / "signs" / "train" / "a", root / "signs" / "val" / "new")
    assert ("error", "class not in train") in kinds(root)


def test_a_class_whose_images_are_all_skipped_is_said_to_be_left_out(root: Path) -> None:
    for path in (root / "animals" / "cat").iterdir():
        path.write_bytes(b"")
    skipping = options(root, on_error="skip")
    with pytest.raises(InputError, match=r"one class of 2 has usable images \('dog'\), but a classifier needs"):
        load(skipping)
    write_domain(root / "animals", ("emu",))
    assert "no usable image in cat" in "".join(problem.line for problem in scan(skipping).problems)
    assert load(skipping)[0].classes == ("dog", "emu")


def test_a_split_without_usable_images_is_an_error(root: Path) -> None:
    for path in (root / "signs" / "val").rglob("*.png"):
        path.unlink()
    assert ("error", "empty split") in kinds(root)


def test_a_class_with_too_few_images_to_split_is_named(root: Path) -> None:
    write_domain(root / "animals", ("cat", "dog", "emu"), 2)
    for number in range(8):
        (root / "animals" / "emu" / f"{number}.png").unlink(missing_ok=True)
    picture(2, 0).save(root / "animals" / "emu" / "0.png")
    with pytest.raises(InputError, match="class 'emu': 1 usable image, but train and val and test need one each"):
        load(options(root))
    write_domain(root / "animals", ("emu",), 3)
    assert "emu" in load(options(root))[0].classes


def test_uneven_classes_are_a_warning_and_each_split_keeps_one_of_the_small(tmp_path: Path) -> None:
    write_domain(tmp_path / "d", ("common",), 1000, side=(5, 5))
    write_domain(tmp_path / "d", ("rare", "common"), 3, side=(6, 6))
    (said,) = [problem for problem in problems(tmp_path) if problem.kind == "uneven classes"]
    assert "700 training images of 'common' and 1 of 'rare'" in said.line
    (domain,) = load(options(tmp_path))
    assert all((domain.split(split).labels == 1).sum() == 1 for split in ("train", "val", "test"))


def test_equal_images_across_splits_and_classes_are_warnings_and_within_a_split_a_note(root: Path) -> None:
    train, val = root / "signs" / "train", root / "signs" / "val"
    shutil.copy(train / "a" / "0.png", val / "a" / "copy.png")
    with Image.open(train / "b" / "0.png") as image:
        image.save(train / "a" / "same pixels.bmp")
    shutil.copy(train / "c" / "0.png", train / "c" / "copy.png")
    said = {problem.kind: problem for problem in problems(root)}
    assert {kind: problem.level for kind, problem in said.items()} == {
        "in several splits": "warning",
        "in several classes": "warning",
        "twice in a split": "note",
    }
    assert "1 image, such as" in said["in several splits"].line and "copy.png (val)" in said["in several splits"].line
    assert "2 repeated images" in said["twice in a split"].line
    assert sum(load(options(root))[1].sizes.values()) == 39


def test_what_file_managers_leave_is_passed_over_and_other_files_are_counted(root: Path) -> None:
    cat = root / "animals" / "cat"
    for name in (".DS_Store", "._0.png", "Thumbs.db", "desktop.ini"):
        (cat / name).write_text("")
    (root / "__MACOSX").mkdir()
    (root / ".git").mkdir()
    assert not problems(root)
    for name in ("notes.txt", "labels.csv", "more.txt", "LICENSE"):
        (cat / name).write_text("")
    (said,) = problems(root)
    assert said.level == "note" and "4 files (2 with .txt, 1 with .csv, 1 with no suffix)" in said.line


def test_images_too_high_up_or_too_deep_are_said(root: Path) -> None:
    for name in ("lost.png", "astray.png"):
        picture(0, 1).save(root / "animals" / name)
    write_domain(root / "animals" / "cat", ("old", "new"))
    write_domain(root / "signs", ("stray",))
    assert kinds(root) == {("warning", name) for name in ("image outside a class", "nested folder", "stray folder")}
    (lost,) = [problem for problem in problems(root) if problem.kind == "image outside a class"]
    assert lost.line.startswith(f"{root / 'animals'}: 2 images in no class folder, the first astray.png, but")


def test_names_with_spaces_letters_of_all_kinds_and_dots_are_names(tmp_path: Path) -> None:
    names = ["two words", "größe", "图像", "..almost", "a.b", "-x", "[bold]"]
    for name in names:
        write_domain(tmp_path / "own" / f"d {name}", (f"c {name}", "other\nclass"), 3)
    domains = load(options(tmp_path / "own"))
    assert sorted(domain.name for domain in domains) == sorted(f"d {name}" for name in names)
    assert all(domain.classes[1] == "other\\nclass" for domain in domains)


def test_a_broken_name_is_refused_or_shown_with_escapes(root: Path) -> None:
    path = os.fsencode(root / "animals" / "cat") + b"/\xff\n.png"
    Path(os.fsdecode(path)).write_bytes(b"")
    (said,) = problems(root)
    assert said.place.endswith("cat/\\xff\\n.png") and said.kind == "zero bytes"
    (root / "two\nlines").mkdir()
    with pytest.raises(InputError, match="printable characters"):
        augmentations(options(root))
    assert list(augmentations(options(root, domains=["signs"]))) == ["signs"]


def test_one_class_spelt_in_two_ways_is_one_class(tmp_path: Path) -> None:
    write_domain(tmp_path / "d", ("caf\u00e9", "tea"), 3, ("train",))
    write_domain(tmp_path / "d", ("cafe\u0301", "tea"), 3, ("val", "test"))
    assert load(options(tmp_path))[0].classes == ("caf\u00e9", "tea")


def test_links_to_folders_and_files_are_followed(root: Path, tmp_path: Path) -> None:
    (root / "linked").symlink_to(root / "animals")
    animals, linked, _ = load(options(root))
    assert animals.sha256 == linked.sha256


def test_fifty_domains_and_one_are_read(tmp_path: Path) -> None:
    for number in range(50):
        write_domain(tmp_path / f"d{number:02}", count=3, side=(5, 5))
    assert len(load(options(tmp_path, image_size=8))) == 50
    assert len(load(options(tmp_path, domains=["d07"]))) == 1


def test_a_scan_counts_what_loading_gives(root: Path) -> None:
    text(root / "animals" / "dog" / "1.png")
    asked = options(root, on_error="skip")
    assert scan(asked).domains == tuple(census_of(domain) for domain in load(asked))


def test_a_scan_keeps_no_image(tmp_path: Path) -> None:
    write_domain(tmp_path / "d", count=60)
    one = 512 * 512 * 3
    tracemalloc.start()
    try:
        scan(options(tmp_path, image_size=512))
        scanned = tracemalloc.get_traced_memory()[1]
        tracemalloc.reset_peak()
        load(options(tmp_path, image_size=512))
        loaded = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # A few for each thread that decodes; loading keeps all 120.
    assert scanned < 40 * one < 120 * one <= loaded


def test_progress_counts_every_file_to_the_end(root: Path) -> None:
    seen: list[tuple[int, int]] = []
    scan(options(root), lambda done, total: seen.append((done, total)))
    assert seen[-1] == (56, 56) and seen == sorted(seen)
