"""The pocket that ships: whole, small, balanced, and what its README says it is."""

import hashlib
import json
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import apportion.evaluators.data
from apportion.errors import InputError
from apportion.evaluators.data import pocket
from apportion.evaluators.data.domain import DomainData, Images
from apportion.evaluators.data.pentathlon import DOMAINS

FOLDER = Path(apportion.evaluators.data.__file__).parent / "pocket"
FULL = Path(__file__).parents[3].parent / "shared" / "data" / "pentathlon"


def test_it_fits_into_twelve_megabytes() -> None:
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) <= 12_000_000


def test_the_readme_names_every_file_with_its_hash_and_every_domain_s_terms() -> None:
    text = (FOLDER / "README.md").read_text()
    lines = [line.split("  ") for line in text.split("```")[1].strip().splitlines()]
    listed = {name: digest for digest, name in lines}
    found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in FOLDER.iterdir()}
    del found["README.md"]
    assert listed == found
    for name in DOMAINS:
        section = text.split(f"**{name}**")[1].split("\n\n")[0]
        assert "Terms:" in section


def test_every_domain_has_its_sizes_shapes_and_classes(shipped: list[DomainData]) -> None:
    assert [d.name for d in shipped] == list(DOMAINS)
    assert [d.class_count for d in shipped] == [10, 10, 10, 60, 26]
    for domain in shipped:
        assert domain.sizes == {"train": 2000, "val": 800, "test": 1000}
        assert domain.train.images.shape[1:] == ((28, 28, 3) if domain.name == "photos" else (28, 28))


def test_classes_are_balanced(shipped: list[DomainData]) -> None:
    for domain in shipped:
        for split in ("train", "val", "test"):
            counts = np.bincount(domain.split(split).labels, minlength=domain.class_count)
            assert counts.max() - counts.min() <= 1


def test_any_prefix_mixes_the_classes(shipped: list[DomainData]) -> None:
    for domain in shipped:
        assert len(set(domain.train.labels[:100].tolist())) >= 0.7 * domain.class_count


def test_no_image_occurs_twice_in_a_domain(shipped: list[DomainData]) -> None:
    for domain in shipped:
        images = [image.tobytes() for s in ("train", "val", "test") for image in domain.split(s).images]
        assert len(set(images)) == len(images)


def tiny(colour: bool = False) -> DomainData:
    generator = np.random.default_rng(0)
    shape = (8, 8, 3) if colour else (8, 8)
    part = Images(generator.integers(0, 256, (6, *shape), dtype=np.uint8), np.arange(6, dtype=np.int64) % 2)
    return DomainData("tiny", ("a", "b"), part, part, part)


def write(domain: DomainData, folder: Path) -> None:
    for name, data in pocket.files(domain).items():
        (folder / name).write_bytes(data)


@pytest.mark.parametrize("colour", [False, True])
def test_what_is_written_is_read_back(tmp_path: Path, colour: bool) -> None:
    write(tiny(colour), tmp_path)
    again = pocket.read(tmp_path, "tiny")
    assert again.sha256 == tiny(colour).sha256 and again.classes == ("a", "b")


def test_a_missing_or_damaged_file_is_named(tmp_path: Path) -> None:
    for name in ("tiny.json", "tiny.val.png"):
        write(tiny(), tmp_path)
        (tmp_path / name).unlink()
        with pytest.raises(InputError, match=f"pocket, {name}: is missing"):
            pocket.read(tmp_path, "tiny")
        (tmp_path / name).write_bytes(b"damage")
        with pytest.raises(InputError, match=f"pocket, {name}: cannot be read"):
            pocket.read(tmp_path, "tiny")


def test_damaged_bytes_of_a_sheet_never_load_as_other_images(tmp_path: Path) -> None:
    write(tiny(), tmp_path)
    path = tmp_path / "tiny.train.png"
    whole = path.read_bytes()
    for position in range(len(whole)):
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 0x10]) + whole[position + 1 :])
        try:
            assert pocket.read(tmp_path, "tiny").sha256 == tiny().sha256
        except InputError as error:
            assert str(error).startswith("pocket, ")


def test_content_that_was_not_packed_is_refused(tmp_path: Path) -> None:
    write(tiny(), tmp_path)
    path = tmp_path / "tiny.json"
    index = json.loads(path.read_text())
    for key, value in [("sha256", "0" * 64), ("classes", ["a", "c"])]:
        path.write_text(json.dumps(index | {key: value}))
        with pytest.raises(InputError, match="pocket, domain tiny: content"):
            pocket.read(tmp_path, "tiny")
    path.write_text(json.dumps({key: value for key, value in index.items() if key != "labels"}))
    with pytest.raises(InputError, match="cannot be read"):
        pocket.read(tmp_path, "tiny")


@pytest.mark.slow
@pytest.mark.skipif(not FULL.is_dir(), reason="the full files are not beside this checkout")
def test_the_shipped_pixels_are_those_that_the_script_packs(packer: ModuleType, shipped: list[DomainData]) -> None:
    domain = shipped[0]
    full = packer.full_file.read(FULL / f"{domain.name}.npz", domain.name)
    assert packer.pack(full, domain.sizes, 28, 0).sha256 == domain.sha256
