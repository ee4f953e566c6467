"""The packing script on a tiny folder."""

from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from apportion.evaluators.data import full_file, pentathlon, pocket
from apportion.evaluators.data.resize import resized

COUNTS = ("--train", "22", "--val", "9", "--test", "8", "--size", "12")


def packed(packer: ModuleType, full: Path, out: Path, *more: str) -> dict[str, bytes]:
    assert packer.main(["--source", str(full), "--out", str(out), *COUNTS, *more]) == 0
    return {path.name: path.read_bytes() for path in out.iterdir()}


def test_two_runs_give_the_same_bytes_and_another_seed_other_ones(
    packer: ModuleType, full: Path, tmp_path: Path
) -> None:
    first = packed(packer, full, tmp_path / "a")
    assert len(first) == 1 + 5 * 4
    assert packed(packer, full, tmp_path / "b") == first
    assert packed(packer, full, tmp_path / "c", "--seed", "1")["digits.train.png"] != first["digits.train.png"]


def test_images_are_drawn_from_their_own_split_in_balance_and_once(
    packer: ModuleType, full: Path, tmp_path: Path
) -> None:
    packed(packer, full, tmp_path / "out")
    for name in pentathlon.DOMAINS:
        small, large = pocket.read(tmp_path / "out", name), full_file.read(full / f"{name}.npz", name)
        assert small.sizes == {"train": 22, "val": 9, "test": 8}
        for split in ("train", "val", "test"):
            source = large.split(split)
            known = {
                image.tobytes(): label for image, label in zip(resized(source.images, 12), source.labels, strict=True)
            }
            part = small.split(split)
            assert [known[image.tobytes()] for image in part.images] == part.labels.tolist()
            assert len({image.tobytes() for image in part.images}) == len(part)
            counts = np.bincount(part.labels, minlength=4)
            assert counts.max() - counts.min() <= 1


def test_an_image_of_the_test_split_is_kept_out_of_training(packer: ModuleType, full: Path) -> None:
    with np.load(full / "digits.npz") as archive:
        arrays = dict(archive)
    arrays["train_images"][:24], arrays["train_labels"][:24] = arrays["test_images"], arrays["test_labels"]
    np.savez(full / "digits.npz", **arrays)
    domain = packer.pack(full_file.read(full / "digits.npz", "digits"), {"train": 36, "val": 8, "test": 24}, 12, 0)
    test = {image.tobytes() for image in domain.test.images}
    assert not test & {image.tobytes() for image in domain.train.images}


def test_too_few_images_too_many_bytes_and_missing_files_end_with_one_line(
    packer: ModuleType, full: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    base = ["--source", str(full), "--out", str(tmp_path / "out"), *COUNTS]
    assert packer.main([*base, "--train", "61"]) == 2
    assert capsys.readouterr().err.startswith("digits, train: 60 images with equal classes, but 61 are asked for")
    monkeypatch.setattr(packer, "LIMIT_BYTES", 100)
    assert packer.main(base) == 2
    assert "but the pocket may have 100; pack fewer" in capsys.readouterr().err
    (full / "fashion.npz").unlink()
    assert packer.main(base) == 2
    assert "fashion.npz: no such file" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
