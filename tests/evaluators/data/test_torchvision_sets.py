"""torchvision's datasets as domains, from files of the kinds it keeps; nothing is fetched."""

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pydantic import TypeAdapter
from tests.folders import picture

from apportion.errors import InputError
from apportion.evaluators.data import AnyDataOptions, DataOptions, TorchvisionOptions, augmentations, load, scan
from apportion.evaluators.data.findings import census_of
from apportion.evaluators.data.torchvision_names import SOURCES
from apportion.spaces.torchvision_here import torchvision_module


def options(root: Path, *domains: str, **more: Any) -> TorchvisionOptions:
    return TorchvisionOptions(name="torchvision", root=root, domains=list(domains), **{"image_size": 16, **more})


def write_mnist(root: Path) -> None:
    """Forty training and ten test digits; every pixel of one is its label times 20."""
    folder = root / "MNIST" / "raw"
    folder.mkdir(parents=True)
    for prefix, count in (("train", 40), ("t10k", 10)):
        labels = (np.arange(count) % 10).astype(np.uint8)
        images = np.repeat(labels * 20, 28 * 28)
        (folder / f"{prefix}-labels-idx1-ubyte").write_bytes(struct.pack(">II", 2049, count) + labels.tobytes())
        header = struct.pack(">IIII", 2051, count, 28, 28)
        (folder / f"{prefix}-images-idx3-ubyte").write_bytes(header + images.tobytes())


def write_signs(root: Path) -> None:
    """GTSRB's folders: pictures of several sizes in two classes, test labels in a table."""
    base = root / "gtsrb" / "GTSRB"
    for label in range(2):
        folder = base / "Training" / f"{label:05}"
        folder.mkdir(parents=True)
        for number in range(5):
            picture(label, number, (20 + number, 30)).save(folder / f"{number}.ppm")
    test = base / "Final_Test" / "Images"
    test.mkdir(parents=True)
    for number in range(4):
        picture(number % 2, 50 + number, (40, 25)).save(test / f"{number}.ppm")
    rows = ["Filename;ClassId", *(f"{number}.ppm;{number % 2}" for number in range(4))]
    (base.parent / "GT-final_test.csv").write_text("\n".join(rows))


def write_land(root: Path, count: int = 10) -> None:
    """EuroSAT's folder, which has no splits."""
    for label, name in enumerate(("Forest", "River")):
        folder = root / "eurosat" / "2750" / name
        folder.mkdir(parents=True)
        for number in range(count):
            picture(label, number, (16, 16)).save(folder / f"{name}_{number}.jpg")


def test_several_datasets_come_in_one_size_with_val_taken_off_train(tmp_path: Path) -> None:
    write_mnist(tmp_path)
    write_signs(tmp_path)
    signs, digits = load(options(tmp_path, "GTSRB", "MNIST"))
    assert (signs.name, signs.sizes, signs.channels) == ("GTSRB", {"train": 8, "val": 2, "test": 4}, 3)
    assert (digits.name, digits.sizes, digits.channels) == ("MNIST", {"train": 30, "val": 10, "test": 10}, 1)
    assert digits.classes[:2] == ("0 - zero", "1 - one") and signs.classes == ("0", "1")
    assert digits.train.images.shape[1:] == (16, 16)
    for split in ("train", "val", "test"):
        part = digits.split(split)
        np.testing.assert_array_equal(part.images[:, 8, 8], part.labels * 20)
        part = signs.split(split)
        np.testing.assert_array_equal(part.labels, part.images.reshape(len(part), -1).mean(axis=1) // 40)


def test_a_dataset_without_splits_gets_both(tmp_path: Path) -> None:
    write_land(tmp_path)
    (land,) = load(options(tmp_path, "EuroSAT", split={"val": 0.2, "test": 0.3}))
    assert land.sizes == {"train": 10, "val": 4, "test": 6} and land.classes == ("Forest", "River")
    assert land.sha256 == load(options(tmp_path, "EuroSAT", split={"val": 0.2, "test": 0.3}))[0].sha256


def test_missing_files_are_named_with_the_option_that_fetches_them(tmp_path: Path) -> None:
    with pytest.raises(InputError) as error:
        load(options(tmp_path / "none", "CIFAR10"))
    line = str(error.value)
    assert line.startswith("torchvision CIFAR10, train: cannot be read (Dataset not found")
    assert line.endswith(f"its files are needed in {tmp_path / 'none'}; set data.download=true to fetch it")
    assert not (tmp_path / "none").exists()


def test_a_scan_says_what_is_missing_of_each_domain(tmp_path: Path) -> None:
    write_mnist(tmp_path)
    seen: list[tuple[int, int]] = []
    found = scan(options(tmp_path, "SVHN", "MNIST"), lambda done, total: seen.append((done, total)))
    assert [domain.name for domain in found.domains] == ["MNIST"]
    assert seen[-1] == (50, 50) and seen == sorted(seen)
    assert [(problem.level, problem.domain) for problem in found.problems] == [("error", "SVHN")]


def test_a_scan_counts_what_loading_gives(tmp_path: Path) -> None:
    write_mnist(tmp_path)
    write_signs(tmp_path)
    asked = options(tmp_path, "GTSRB", "MNIST")
    assert scan(asked).domains == tuple(census_of(domain) for domain in load(asked))


def test_a_scan_names_the_first_damaged_picture(tmp_path: Path) -> None:
    write_land(tmp_path)
    (tmp_path / "eurosat" / "2750" / "River" / "River_1.jpg").write_bytes(b"no image")
    (problem,) = scan(options(tmp_path, "EuroSAT")).problems
    with pytest.raises(InputError) as error:
        load(options(tmp_path, "EuroSAT"))
    assert problem.line == str(error.value) and "item 11: cannot be read" in problem.line


def test_a_damaged_picture_and_too_small_a_class_are_named(tmp_path: Path) -> None:
    write_land(tmp_path, 2)
    with pytest.raises(InputError, match=r"EuroSAT: 2 images of class 0, but train and each split"):
        load(options(tmp_path, "EuroSAT"))
    (tmp_path / "eurosat" / "2750" / "River" / "River_1.jpg").write_bytes(b"no image")
    with pytest.raises(InputError, match=r"EuroSAT, train, item 3: cannot be read"):
        load(options(tmp_path, "EuroSAT"))


def test_names_are_checked_without_torchvision_and_flips_are_off_for_signs() -> None:
    settled = augmentations(options(Path("nowhere"), "CIFAR100", "SVHN", "GTSRB"))
    assert [augmentation.flip for augmentation in settled.values()] == [True, False, False]
    with pytest.raises(InputError, match="'CIFAR101', but torchvision has no domain of this name; did you mean"):
        augmentations(options(Path("nowhere"), "CIFAR101"))


def parsed(**given: Any) -> DataOptions:
    adapter: TypeAdapter[DataOptions] = TypeAdapter(AnyDataOptions)
    return adapter.validate_json(json.dumps(given))


def test_one_dataset_s_name_is_short_for_torchvision_and_that_domain(tmp_path: Path) -> None:
    write_mnist(tmp_path)
    given: dict[str, Any] = {"root": str(tmp_path), "image_size": 16, "per_domain": {"MNIST": {"flip": True}}}
    short = parsed(name="torchvision:MNIST", **given)
    assert short == parsed(name="torchvision", domains=["MNIST"], **given)
    assert short == parsed(name="torchvision:MNIST", domains=None, **given)
    assert [(domain.name, len(domain.train)) for domain in load(short)] == [("MNIST", 30)]


@pytest.mark.parametrize("name", SOURCES)
def test_every_dataset_has_a_short_form(name: str) -> None:
    assert parsed(name=f"torchvision:{name}", root="own").domains == [name]


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ({"name": "torchvision:CIFAR101"}, "name: 'torchvision:CIFAR101', .* did you mean 'torchvision:CIFAR10"),
        ({"name": "torchvision:cifar100"}, "did you mean 'torchvision:CIFAR100'?"),
        ({"name": "torchvision:"}, "name: 'torchvision:', but .*; known: CIFAR10, CIFAR100, "),
        ({"name": "torchvision:quite other"}, "known: CIFAR10, CIFAR100, "),
        ({"name": "SVHN"}, "name: 'SVHN', but .*; did you mean 'torchvision:SVHN'?"),
        ({"name": "torchvision:SVHN", "domains": ["MNIST"]}, r"domains: \['MNIST'\], but torchvision:SVHN is the one"),
    ],
)
def test_a_wrong_short_form_is_refused_with_what_was_meant(given: dict[str, Any], line: str) -> None:
    with pytest.raises(InputError, match=line):
        parsed(root="own", **given)


def test_every_name_is_a_class_that_takes_the_arguments_it_is_asked_with() -> None:
    import inspect

    torchvision_module()
    from torchvision import datasets

    for name, source in SOURCES.items():
        parameters = inspect.signature(getattr(datasets, name)).parameters
        if any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters.values()):
            continue
        for asked in source.splits.values():
            assert set(asked) <= set(parameters), name
        assert "train" in source.splits


def test_a_dataset_that_torchvision_lacks_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torchvision_module()
    from torchvision import datasets

    monkeypatch.delattr(datasets, "MNIST")
    with pytest.raises(InputError, match=r"'MNIST', but torchvision .* has no such dataset"):
        load(options(tmp_path, "MNIST"))


def test_items_that_are_no_picture_and_class_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torchvision_module()
    from torchvision import datasets

    class Odd(list[Any]):
        def __init__(self, root: str, train: bool) -> None:
            super().__init__([(Image.new("L", (9, 9)), {"box": 1})] * 3)

    monkeypatch.setattr(datasets, "MNIST", Odd)
    with pytest.raises(InputError, match=r"MNIST, train, item 0: a \(Image, dict\), but items are \(picture, class\)"):
        load(options(tmp_path, "MNIST"))
