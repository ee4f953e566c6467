"""Images of one's own from config to report: odd names, images that change in between, orders by norm, many domains."""

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from apportion.cli.config import Config, config_from
from apportion.cli.plan import planned
from apportion.cli.search import search
from apportion.errors import InputError
from apportion.search.study import LOG_NAME
from apportion.search.study_log import read_log
from apportion.spaces.backbones.lookup import backbone_entry
from tests.cli.programs import config
from tests.folders import write_domain

STUDY = """
backbone: {name: resnet8, options: {width: 4, stem_stride: 2}}
budgets:
  - {measure: live, share: 0.3}
data: {name: folder, root: %s, image_size: 8}
evaluator: {name: train, form: compose, epochs: 1, batch: 4}
search: {controllers: [bottom, top]}
retrain: {seeds: 1}
"""
ODD = {
    "two words": ("a b", "c: d"),
    "größe <b>": ("图像", "..almost", "-x"),
    "..dots": ("{{x}}", "y'\"z"),
}


def study(folder: Path, domains: Mapping[str, Sequence[str]], *overrides: str, count: int = 4) -> Config:
    for name, classes in domains.items():
        write_domain(folder / "own" / name, classes, count, side=(9, 8))
    return config_from(config(folder, STUDY % json.dumps(str(folder / "own"))), list(overrides))


def ran_to_the_end(asked: Config, amend: bool = False) -> list[dict[str, Any]]:
    """The records of the log."""
    search(asked, quiet=True, as_json=False, amend=amend, allow_plugins=False)
    return [{"kind": record.kind, **record.fields} for record in read_log(asked.run / LOG_NAME).records]


def test_odd_names_come_through_to_the_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = study(tmp_path, ODD)
    ran_to_the_end(asked)
    page = (asked.run / "report.html").read_text(encoding="utf-8")
    assert "größe &lt;b&gt;" in page and "größe <b>" not in page.split("<script", 1)[0]
    names = [path.relative_to(asked.run).as_posix() for path in asked.run.rglob("*")]
    assert names and all(name.isascii() and ".." not in name for name in names)
    (manifest, *_) = (asked.run / "models").rglob("manifest.json")
    assert json.loads(manifest.read_text())["classes"]["two words"] == ["a b", "c: d"]


def test_skipped_files_are_counted_on_the_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = study(tmp_path, {"animals": ("cat", "dog"), "signs": ("a", "b")}, "data.on_error=skip", count=6)
    (tmp_path / "own" / "signs" / "a" / "0.png").write_bytes(b"")
    ran_to_the_end(asked)
    page = (asked.run / "report.html").read_text(encoding="utf-8")
    assert "(2 classes, 1 file skipped)" in page


def test_a_study_does_not_go_on_with_other_images(tmp_path: Path) -> None:
    ran_to_the_end(study(tmp_path, {"animals": ("cat", "dog"), "signs": ("a", "b")}))
    before = (tmp_path / "runs" / "study" / LOG_NAME).read_bytes()
    changed = tmp_path / "own" / "signs" / "a" / "0.png"
    shutil.copy(tmp_path / "own" / "signs" / "b" / "0.png", changed)
    more = study(tmp_path, {}, "retrain.seeds=2")
    with pytest.raises(InputError, match="no such run, but only a run that was begun can be amended"):
        ran_to_the_end(study(tmp_path, {}, "name=studi"), amend=True)
    with pytest.raises(InputError) as refused:
        ran_to_the_end(more, amend=True)
    line = str(refused.value)
    assert f"run {tmp_path / 'runs' / 'study'}, domain signs: images of hash" in line
    assert "but the run began with" in line and "(4 training images; now 4); restore the images" in line
    assert (tmp_path / "runs" / "study" / LOG_NAME).read_bytes() == before
    write_domain(tmp_path / "own" / "signs", ("a", "b"), 4, side=(9, 8))
    assert ran_to_the_end(more, amend=True)[-1]["kind"] == "final"


def test_filters_ranked_by_the_norm_of_given_weights_are_those_that_patterns_own(tmp_path: Path) -> None:
    drawn = backbone_entry("resnet8").build(2, {"width": 4, "stem_stride": 2}).state_dict()
    # Norms that grow with the filter's number: the order is the index order backwards.
    rising = {
        name: tensor
        * torch.arange(1, len(tensor) + 1).view(-1, 1, 1, 1)
        / tensor.flatten(1).norm(dim=1).view(-1, 1, 1, 1)
        if tensor.ndim == 4
        else tensor
        for name, tensor in drawn.items()
    }
    save_file(rising, tmp_path / "rising.safetensors")
    asked = study(
        tmp_path,
        {"animals": ("cat", "dog"), "signs": ("a", "b")},
        f"backbone.weights={tmp_path / 'rising.safetensors'}",
        "space.order={name: norm}",
    )
    header, *records = ran_to_the_end(asked)
    name = header["header"]["space"]["order"]["table"]
    table = json.loads((asked.run / "orders" / f"{name}.json").read_text())
    assert all(order == sorted(order, reverse=True) for order in table.values()) and len(table) >= 7
    orders = [record["proposal"]["allocation"]["order"] for record in records if record["kind"] == "ask"]
    assert orders and all((order["name"], order["table"]) == ("norm", name) for order in orders)
    # Another process may go on with it: the table is read from the run's folder.
    assert ran_to_the_end(asked)[-1]["kind"] == "final"


def test_fifty_domains_train_together(tmp_path: Path) -> None:
    asked = study(tmp_path, {f"d{number:02}": ("a", "b") for number in range(50)}, count=3)
    *_, final = ran_to_the_end(asked)
    assert (final["kind"], final["trials"]) == ("final", 4)


def test_a_class_of_one_in_a_thousand_is_trained_and_scored(tmp_path: Path) -> None:
    for split, count in (("train", 1000), ("val", 4), ("test", 4)):
        write_domain(tmp_path / "own" / "uneven", ("common",), count, (split,), side=(5, 5), colour=False)
        write_domain(tmp_path / "own" / "uneven", ("rare",), 1, (split,), side=(6, 5), colour=False)
    asked = study(tmp_path, {"animals": ("cat", "dog")}, "evaluator.batch=200")
    measured = [record["outcome"] for record in ran_to_the_end(asked) if record["kind"] == "tell"]
    assert len(measured) == 4
    assert all(outcome["splits"]["val"]["uneven"]["n"] == 5 for outcome in measured)


def test_a_plan_of_streamed_images_leaves_nothing_behind(tmp_path: Path) -> None:
    asked = study(
        tmp_path, {"animals": ("cat", "dog"), "signs": ("a", "b")}, "data.cache=stream", "data.loader_workers=0"
    )
    before = sorted(tmp_path.rglob("*"))
    told = planned(asked)
    assert told["images"]["way"] == "stream" and told["domains"]["signs"]["train"] == 4
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    ("overrides", "pieces"),
    [
        ((), ["3.jpg: its content is no image, but its suffix says", "set data.on_error to skip"]),
        (("data.domains=[signs, animal]",), ["data.domains: 'animal'", "did you mean 'animals'?"]),
        (("data.image_size=-8",), ["data.image_size: -8", "at least 8"]),
        (("backbone.weights=none.safetensors",), ["weights none.safetensors: no such file", "check the path"]),
        (("backbone={name: mine:build}",), ["backbone.name: 'mine:build'", "say so with --allow-plugins"]),
        (("evaluator.bacth=4",), ["evaluator.bacth", "did you mean 'batch'?"]),
    ],
)
def test_a_wrong_start_is_refused_before_anything_is_written(
    tmp_path: Path, overrides: tuple[str, ...], pieces: list[str]
) -> None:
    domains = {"animals": ("cat", "dog"), "signs": ("a", "b")}
    write_domain(tmp_path / "own" / "animals")
    (tmp_path / "own" / "animals" / "cat" / "3.jpg").write_text("no image")
    with pytest.raises(InputError) as refused:
        ran_to_the_end(study(tmp_path, domains, *overrides))
    assert all(piece in str(refused.value) for piece in pieces)
    assert not (tmp_path / "runs").exists()
