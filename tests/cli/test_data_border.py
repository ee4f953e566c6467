"""What a config says wrongly of weights and of torchvision's datasets: exit 2, one line with file, line and key."""

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from apportion.cli.config import config_from
from apportion.cli.main import app

CONFIG = """\
backbone: {name: resnet8, options: {width: 4, stem_stride: 2}}
budgets: [{measure: live, share: 0.2}]
evaluator: {name: train, epochs: 1, batch: 8}
search: {controllers: [bottom]}
data:
  root: own
"""
LINES = len(CONFIG.splitlines())


def refused(folder: Path, data: str, *overrides: str) -> str:
    """What `apportion plan` says after the file's name."""
    path = folder / "study.yaml"
    path.write_text(CONFIG + data)
    result = CliRunner().invoke(app, ["plan", str(path), *overrides])
    assert result.exit_code == 2, result.output
    assert "Traceback" not in result.output
    assert list(folder.iterdir()) == [path]
    (line,) = result.stderr.strip().splitlines()
    return line.removeprefix(f"apportion: {path}:")


@pytest.mark.parametrize("weight", ["0", "0.0", "-1", ".nan", ".inf", "-.inf", '"2"', "true", "null", "[1, 2]"])
@pytest.mark.parametrize("dataset", ["name: pentathlon", "name: folder", "name: torchvision\n  domains: [a]"])
def test_a_weight_is_a_finite_number_above_zero(tmp_path: Path, dataset: str, weight: str) -> None:
    data = f"  {dataset}\n  per_domain:\n    a:\n      weight: {weight}\n"
    line = refused(tmp_path, data)
    number = LINES + len(data.splitlines())
    assert line.startswith(f"{number}: data.per_domain.a.weight: "), line
    assert ", but it must be" in line


def test_a_weight_of_a_domain_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    line = refused(tmp_path, '  name: "torchvision:SVHN"\n  per_domain: {SVNH: {weight: 2}}\n')
    assert re.match(rf"{LINES + 2}: data\.per_domain: 'SVNH', but .* did you mean 'SVHN'\?", line), line


SHORT = [
    ('  name: "torchvision:CIFAR101"\n', 1, "data.name: 'torchvision:CIFAR101', but ", "mean 'torchvision:CIFAR10"),
    ("  name: torchvison:CIFAR100\n", 1, "data.name: 'torchvison:CIFAR100', but ", "mean 'torchvision'?"),
    ("  name: CIFAR100\n", 1, "data.name: 'CIFAR100', but ", "mean 'torchvision:CIFAR100'?"),
    ('  name: "torchvision:SVHN"\n  domains: [SVHN, MNIST]\n', 2, "data.domains: ['SVHN', 'MNIST'], but ", "several"),
    ('  name: "torchvision:SVHN"\n  on_error: skip\n', 2, "data.on_error: ", "no such key"),
    ('  name: "torchvision:SVHN"\n  split: {val: 2}\n', 2, "data.split.val: 2, but ", "less than 1"),
    ('  name: "torchvision:SVHN"\n  per_domain: {SVHN: {flip: 1}}\n', 2, "data.per_domain.SVHN.flip: 1, but ", "true"),
    ('  name: "torchvision:SVHN"\n  image_size: 16\n  per_domain: {SVHN: {crop: 16}}\n', -1, "data: ", "crop is 16"),
]


@pytest.mark.parametrize(("data", "below", "key", "piece"), SHORT)
def test_mistakes_beside_a_short_name_are_placed_where_they_stand(
    tmp_path: Path, data: str, below: int, key: str, piece: str
) -> None:
    line = refused(tmp_path, data)
    assert line.startswith(f"{LINES + below if below > 0 else LINES - 1}: {key}") and piece in line, line


def test_a_short_name_without_a_root_says_what_is_missing(tmp_path: Path) -> None:
    path = tmp_path / "study.yaml"
    path.write_text(CONFIG.replace("  root: own\n", '  name: "torchvision:SVHN"\n'))
    result = CliRunner().invoke(app, ["plan", str(path)])
    assert result.exit_code == 2 and "data.root: missing" in result.stderr


def test_an_override_may_be_short_and_is_named_where_it_is_wrong(tmp_path: Path) -> None:
    line = refused(tmp_path, "", "data.name=torchvision:SVNH")
    assert line.startswith("apportion: override 'data.name=torchvision:SVNH': data.name: "), line
    config = config_from(tmp_path / "study.yaml", ["data.name=torchvision:SVHN", "data.per_domain={SVHN: {weight: 2}}"])
    assert config.owners() == ("SVHN",)
    recorded = config.recorded()["data"]
    assert (recorded["name"], recorded["domains"]) == ("torchvision", ["SVHN"])
    assert recorded["per_domain"]["SVHN"]["weight"] == 2
