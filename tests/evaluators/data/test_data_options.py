"""What a configuration may say about data, and what it costs to read it."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError
from tests.folders import write_domain

from apportion.errors import InputError
from apportion.evaluators.data import (
    AnyDataOptions,
    Augmentation,
    AugmentOptions,
    DataOptions,
    FolderOptions,
    PentathlonOptions,
    augmentations,
    datasets,
    load,
)
from apportion.evaluators.data.pentathlon import DOMAINS


def test_defaults_pad_all_by_three_and_flip_photos_and_fashion_only() -> None:
    settled = augmentations(DataOptions())
    assert tuple(settled) == DOMAINS == ("digits", "fashion", "photos", "sketches", "glyphs")
    assert {name for name, augmentation in settled.items() if augmentation.flip} == {"photos", "fashion"}
    assert {augmentation.crop for augmentation in settled.values()} == {3}


def test_options_override_one_domain_s_defaults_and_keep_the_order() -> None:
    per_domain = {"photos": AugmentOptions(flip=False, crop=0), "digits": AugmentOptions(mean=0.5, std=0.5)}
    settled = augmentations(DataOptions(domains=["photos", "fashion"], per_domain=per_domain))
    assert list(settled.items()) == [("photos", Augmentation(False, 0)), ("fashion", Augmentation(True, 3))]


@pytest.mark.parametrize(
    ("values", "what"),
    [
        ({"domains": []}, "at least 1"),
        ({"domains": ["digits", "digits"]}, "'digits' twice"),
        ({"domains": [3]}, "string"),
        ({"image_size": 7}, "greater than or equal to 8"),
        ({"image_size": 513}, "less than or equal to 512"),
        ({"image_size": "28"}, "integer"),
        ({"domain": ["digits"]}, "Extra inputs"),
        ({"per_domain": {"digits": {"flips": True}}}, "Extra inputs"),
        ({"per_domain": {"digits": {"flip": 1}}}, "boolean"),
        ({"per_domain": {"digits": {"crop": -1}}}, "greater than or equal to 0"),
        ({"per_domain": {"digits": {"crop": 28}}}, "per_domain.digits.crop is 28"),
        ({"per_domain": {"digits": {"std": 0.0}}}, "greater than 0"),
        ({"per_domain": {"digits": {"std": float("inf")}}}, "finite"),
        ({"per_domain": {"digits": {"weight": 0}}}, "greater than 0"),
        ({"per_domain": {"digits": {"weight": float("nan")}}}, "greater than 0|finite"),
        ({"per_domain": {"digits": {"weight": float("inf")}}}, "finite"),
        ({"per_domain": {"digits": {"weight": None}}}, "number"),
    ],
)
def test_wrong_values_are_refused(values: dict[str, Any], what: str) -> None:
    with pytest.raises(ValidationError, match=what):
        DataOptions(**values)


def test_options_are_frozen_and_survive_json() -> None:
    options = DataOptions(root=Path("full"), domains=["photos"], per_domain={"photos": AugmentOptions(crop=2)})
    assert DataOptions.model_validate_json(options.model_dump_json()) == options
    with pytest.raises(ValidationError, match="frozen"):
        setattr(options, "image_size", 32)  # noqa: B010 (an assignment is what mypy refuses)


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ({"name": "pentatlon"}, "data.name: 'pentatlon', but no dataset has this name; did you mean 'pentathlon'?"),
        (
            {"domains": ["photo"]},
            "data.domains: 'photo', but pentathlon has no domain of this name; did you mean 'photos'?",
        ),
        (
            {"per_domain": {"glyph": {}}},
            "data.per_domain: 'glyph', but pentathlon has no domain of this name; did you mean 'glyphs'?",
        ),
    ],
)
def test_unknown_names_are_found_without_reading_a_file(values: dict[str, Any], line: str) -> None:
    for decide in (augmentations, load):
        with pytest.raises(InputError) as error:
            decide(DataOptions(root=Path("nowhere"), **values))
        assert str(error.value) == line


def test_load_gives_the_domains_asked_for() -> None:
    domains = load(DataOptions(domains=["glyphs", "digits"], image_size=8))
    assert [d.name for d in domains] == ["glyphs", "digits"]
    assert {d.train.images.shape for d in domains} == {(2000, 8, 8)}


def test_every_dataset_describes_itself() -> None:
    for dataset in datasets:
        assert dataset.summary


def parsed(text: str) -> DataOptions:
    adapter: TypeAdapter[DataOptions] = TypeAdapter(AnyDataOptions)
    return adapter.validate_json(text)


def test_the_name_chooses_the_model_and_without_one_it_is_the_pentathlon() -> None:
    assert parsed('{"domains": ["photos"]}') == PentathlonOptions(domains=["photos"])
    assert parsed('{"name": "folder", "root": "own"}') == FolderOptions(name="folder", root=Path("own"))
    with pytest.raises(ValidationError, match="'pentathlon', 'folder', 'torchvision'"):
        parsed('{"name": "foldr", "root": "own"}')
    for alien in ('{"split": {"val": 0.1}}', '{"name": "folder", "root": "x", "download": true}'):
        with pytest.raises(ValidationError, match="Extra inputs"):
            parsed(alien)


def test_the_pentathlon_is_recorded_with_the_same_keys_as_ever() -> None:
    # A run compares its config with the one in its log: a key more would lock old runs out.
    dumped = PentathlonOptions().model_dump(mode="json")
    assert dumped == {"name": "pentathlon", "root": None, "domains": None, "image_size": 28, "per_domain": {}}
    augment = AugmentOptions().model_dump(mode="json")
    assert augment == {"flip": None, "crop": None, "mean": None, "std": None}
    assert AugmentOptions(weight=1.0).model_dump(mode="json") == augment


@pytest.mark.parametrize("name", ["pentathlon", "folder", "torchvision"])
def test_a_weight_is_recorded_and_settled_and_is_one_unless_it_is_given(name: str) -> None:
    given = {"name": name, "per_domain": {"SVHN" if name == "torchvision" else "digits": {"weight": 2.5}}}
    given |= {} if name == "pentathlon" else {"root": "own"}
    given |= {"domains": ["SVHN", "MNIST"]} if name == "torchvision" else {}
    options = parsed(json.dumps(given))
    recorded = json.loads(options.model_dump_json())["per_domain"]
    assert [domain["weight"] for domain in recorded.values()] == [2.5]
    if name != "folder":  # whose domains are folders
        first, *others = augmentations(options).values()
        assert first.weight == 2.5 and {other.weight for other in others} == {1.0}


@pytest.mark.parametrize(
    "text",
    [
        '{"name": "folder", "root": "own", "per_domain": {"a": {"resize": "pad", "flip": true}}, "on_error": "skip"}',
        '{"name": "torchvision", "root": "own", "domains": ["SVHN"], "split": {"val": 0.2}, "download": true}',
        '{"name": "torchvision:SVHN", "root": "own", "per_domain": {"SVHN": {"weight": 2, "flip": true}}}',
    ],
)
def test_every_dataset_s_options_survive_json(text: str) -> None:
    assert parsed(parsed(text).model_dump_json()) == parsed(text)


def test_reading_options_imports_neither_numpy_nor_torch(tmp_path: Path) -> None:
    write_domain(tmp_path / "a", count=1)
    code = "import sys, apportion.evaluators.data as d; d.augmentations(d.DataOptions()); "
    code += f"d.augmentations(d.FolderOptions(name='folder', root={str(tmp_path)!r})); "
    code += "print([m for m in ('numpy', 'torch', 'PIL') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
