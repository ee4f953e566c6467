"""`apportion init`: from a folder to a config that is taken as it is."""

import os
from pathlib import Path

import pytest

from apportion.cli.config import Config, config_from
from apportion.cli.init import init
from apportion.cli.init_recipe import LIMIT_SECONDS, recipe_for
from apportion.errors import InputError
from apportion.evaluators.data import FolderOptions
from apportion.evaluators.data.folder.survey import Seen
from tests.cli.programs import ran
from tests.folders import write_domain


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_domain(tmp_path / "own images" / "animals", count=5)
    write_domain(tmp_path / "own images" / "größe: [x] #1", ("ä b", "c: d", "e\nf"), 4, ("train", "test"), (90, 33))
    return tmp_path / "own images"


def written(root: Path, out: Path) -> Config:
    init(root, out, force=True)
    return config_from(out, [])


def test_the_config_is_taken_as_it_is_and_holds_what_was_found(root: Path, tmp_path: Path) -> None:
    config = written(root, tmp_path / "study.yaml")
    assert isinstance(config.data, FolderOptions)
    assert config.data.root == root and config.owners() == ("animals", "größe: [x] #1")
    assert {name: fitted.resize for name, fitted in config.data.per_domain.items()} == {
        "animals": "squash",
        "größe: [x] #1": "pad",
    }
    text = (tmp_path / "study.yaml").read_text(encoding="utf-8")
    assert "# 2 classes, 10 images (not split yet): cat 5, dog 5" in text
    assert "# 3 classes, 24 images (train, test): c: d 8, e\\nf 8, ä b 8" in text
    assert all(len(line) <= 120 for line in text.splitlines())
    assert Config.model_validate_json(config.model_dump_json()) == config


def test_it_prints_the_next_two_commands_and_they_work(root: Path, tmp_path: Path) -> None:
    result = ran("init", root, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert [line.strip() for line in result.stdout.splitlines()[-2:]] == [
        "apportion check own-images.yaml",
        "apportion search own-images.yaml",
    ]
    assert ran("check", "own-images.yaml", cwd=tmp_path).returncode == 0
    assert ran("plan", "own-images.yaml", "evaluator.form=compose", cwd=tmp_path).returncode == 0


def test_a_config_that_is_there_is_kept_unless_forced(root: Path, tmp_path: Path) -> None:
    out = tmp_path / "study.yaml"
    out.write_text("mine")
    with pytest.raises(InputError, match=r"is there already, but a config is not overwritten; use --force"):
        init(root, out, force=False)
    assert out.read_text() == "mine"
    written(root, out)


def test_domains_that_cannot_be_used_are_left_out_and_said(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_domain(root / "single", ("cat",))
    (root / "empty").mkdir()
    write_domain(root / "unsplit", splits=("val",))
    config = written(root, tmp_path / "study.yaml")
    assert config.owners() == ("animals", "größe: [x] #1")
    text = (tmp_path / "study.yaml").read_text(encoding="utf-8")
    assert "# single is left out: one class only" in text
    assert "# empty is left out: no images in class folders" in text
    assert "# unsplit is left out: only val, but" in text
    assert "left out: one class only" in " ".join(capsys.readouterr().out.split())


def test_files_that_cannot_be_opened_are_no_hindrance(root: Path, tmp_path: Path) -> None:
    cat = root / "animals" / "cat"
    os.mkfifo(cat / "-pipe.png")
    (cat / "-link.png").symlink_to("nowhere")
    (cat / "-text.png").write_text("text")
    assert written(root, tmp_path / "study.yaml").data.image_size == 28


def test_fewer_than_two_domains_are_refused_and_nothing_is_written(tmp_path: Path) -> None:
    write_domain(tmp_path / "own" / "animals")
    write_domain(tmp_path / "own" / "single", ("cat",))
    for folder, what in [
        ("own", r"1 usable domain \(single: one class only\), but sharing needs two"),
        ("no", "missing"),
    ]:
        with pytest.raises(InputError, match=what):
            init(tmp_path / folder, tmp_path / "study.yaml", force=False)
    assert not (tmp_path / "study.yaml").exists()


def test_the_folder_of_one_domain_is_told_from_that_of_all(tmp_path: Path) -> None:
    write_domain(tmp_path / "animals", count=3)
    write_domain(tmp_path / ".art", count=3)
    for folder, pieces in [
        ("nowhere", ["DIR: ", "nowhere is missing", "correct the path"]),
        ("animals", ["0 usable domains (cat: its images lie in no class folder; dog: ", "give the folder above it"]),
        ("animals/cat", ["DIR: ", "has no folders in it", "a folder for each domain"]),
        ("", ["1 usable domain (.art: hidden by its dot), but sharing needs two", "apportion init --help"]),
    ]:
        with pytest.raises(InputError) as refused:
            init(tmp_path / folder, tmp_path / "study.yaml", force=False)
        assert all(piece in str(refused.value) for piece in pieces)


def seen(side: int, train: int) -> Seen:
    return Seen("d", (), {"a": train, "b": train}, train, side, False, "")


def test_sizes_follow_the_images_within_limits() -> None:
    sizes = {side: recipe_for([seen(side, 8)] * 2) for side in (4, 32, 50, 64, 100, 4000)}
    assert [recipe.image_size for recipe in sizes.values()] == [28, 32, 48, 64, 100, 224]
    assert {side: recipe.backbone for side, recipe in sizes.items()} == {
        **dict.fromkeys((4, 32, 50, 64), "resnet8"),
        **dict.fromkeys((100, 4000), "mobilenet_v2"),
    }


def test_much_work_is_cut_down_by_trials_then_by_size() -> None:
    small, large, huge = (recipe_for([seen(300, train)] * 3) for train in (6, 300, 100_000))
    assert small.image_size == 224 and small.seconds <= LIMIT_SECONDS
    assert large.natural == 224 and large.image_size < 224 and large.seconds <= LIMIT_SECONDS
    assert huge.image_size == 32 and huge.trials < small.trials + large.trials and huge.seconds > LIMIT_SECONDS


def test_fifty_domains_share_a_batch() -> None:
    assert recipe_for([seen(32, 500)] * 50).batch == 4
    assert recipe_for([seen(32, 500)] * 2).batch == 32
    assert recipe_for([seen(32, 40)] * 2).batch == 5
