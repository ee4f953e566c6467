"""`apportion check`: everything that is wrong with the images, in one go, with the exit code that belongs to it."""

import json
from pathlib import Path

import pytest

from apportion.cli.check import check
from apportion.errors import InputError
from tests.cli.programs import SYNTHETIC, TINY, config, ran
from tests.folders import write_domain

FOLDER = """
budgets:
  - {measure: live, share: 0.3}
data: {name: folder, root: %s, image_size: 16}
evaluator: {name: train, form: compose, epochs: 1, batch: 4}
search: {controllers: [shared, bottom]}
retrain: {seeds: 1}
"""


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """A config of two sound domains in `own`."""
    write_domain(tmp_path / "own" / "animals", count=6)
    write_domain(tmp_path / "own" / "signs", ("a", "b", "c"), 3, ("train", "val", "test"), colour=False)
    return config(tmp_path, FOLDER % (tmp_path / "own"))


def broken(study: Path, count: int = 1) -> list[Path]:
    paths = [study.parent / "own" / "animals" / "cat" / f"{number}.png" for number in range(count)]
    for path in paths:
        path.write_text("no image")
    return paths


def test_clean_folders_end_with_0_and_a_table(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    check(study, [], as_json=False)
    out, err = capsys.readouterr()
    rows = [line.split() for line in out.splitlines()]
    assert ["animals", "colour", "2", "8", "2", "2", "4", "-"] in rows
    assert ["signs", "grey", "3", "9", "9", "9", "3", "-"] in rows
    assert ["signs", "a", "3", "3", "3"] in rows and ["dog", "4", "1", "1"] in rows
    assert out.endswith("2 domains, 39 usable images; 0 errors, 0 warnings\n") and not err


def test_every_error_is_listed_with_its_file_and_the_end_is_2(study: Path) -> None:
    paths = broken(study, 3)
    result = ran("check", study)
    assert result.returncode == 2
    for path in paths:
        assert f"error: {path}: its content is no image, but its suffix says that it is one" in result.stdout
    assert result.stderr == (
        f"apportion: {study}: 3 errors in its data, but every image must be usable; they are listed above\n"
    )


def test_skipped_images_are_warnings_counted_by_reason_and_the_end_is_0(study: Path) -> None:
    broken(study, 2)
    result = ran("check", study, "data.on_error=skip")
    assert result.returncode == 0, result.stderr
    assert "2 no image" in result.stdout and "0 errors, 2 warnings" in result.stdout
    assert result.stdout.count("it is skipped") == 2


def test_json_holds_all_of_it(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (path,) = broken(study)
    with pytest.raises(InputError, match="1 error in its data"):
        check(study, [], as_json=True)
    told = json.loads(capsys.readouterr().out)
    assert (told["errors"], told["warnings"]) == (1, 0)
    (problem,) = told["problems"]
    assert (problem["level"], problem["place"], problem["kind"]) == ("error", str(path), "no image")
    assert told["domains"]["animals"]["classes"]["dog"] == {"train": 4, "val": 1, "test": 1}
    assert told["domains"]["animals"]["skipped"] == {"no image": 1}


def test_an_imbalance_and_duplicates_are_warnings(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = study.parent / "own"
    write_domain(root / "uneven", ("many",), 400, side=(5, 5))
    write_domain(root / "uneven", ("few",), 3, side=(6, 5))
    (root / "signs" / "val" / "a" / "copy.png").write_bytes((root / "signs" / "train" / "a" / "0.png").read_bytes())
    check(study, [], as_json=False)
    out = capsys.readouterr().out
    assert "warning: " in out and "280 training images of 'many' and 1 of 'few'" in out
    assert "equal pixels in several splits: 1 image" in out and "0 errors, 2 warnings" in out


def test_the_shipped_images_and_a_study_without_images_are_checked_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    check(config(tmp_path, TINY), [], as_json=False)
    assert "2 domains, 7,600 usable images; 0 errors, 0 warnings" in capsys.readouterr().out
    check(config(tmp_path, SYNTHETIC), [], as_json=False)
    assert "reads no images" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("change", "pieces"),
    [
        ("data.domain=[animals]", ["data.domain: ", "there is no such key here", "did you mean 'domains'?"]),
        ("data.name=foldr", ["data.name: 'foldr'", "did you mean 'folder'?"]),
        ("data.on_error=ignore", ["data.on_error: 'ignore'", "one of error, skip"]),
        ("data.split={val: 0.6, test: 0.5}", ["data.split", "leave nothing to train on"]),
        ("data.split.vall=0.1", ["data.split.vall", "'val'?"]),
        ("data.per_domain={animals: {resze: pad}}", ["data.per_domain.animals.resze", "'resize'?"]),
        ("data.per_domain={animal: {flip: true}}", ["data.per_domain: 'animal'", "did you mean 'animals'?"]),
        ("data.domains=[animal]", ["data.domains: 'animal'", "did you mean 'animals'?"]),
        ("data.max_pixels=1e9", ["data.max_pixels", "an integer"]),
        ("data.image_size=4", ["data.image_size: 4", "at least 8"]),
        ("data={name: folder}", ["data.root: missing", "it is required"]),
        ("data.root=/no/where", ["data.root: /no/where is missing", "correct the path"]),
        ("data={name: torchvision, root: x}", ["data.domains: missing", "it is required"]),
        ("data={name: torchvision, root: x, domains: [CIFAR1]}", ["data.domains: 'CIFAR1'", "'CIFAR10'?"]),
    ],
)
def test_wrong_options_are_refused_with_their_place(study: Path, change: str, pieces: list[str]) -> None:
    with pytest.raises(InputError) as error:
        check(study, [change], as_json=False)
    for piece in pieces:
        assert piece in str(error.value)
