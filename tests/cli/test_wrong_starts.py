"""The program started wrong: exit 2, one line with place, value, law and remedy, in time, and nothing left behind."""

import resource
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from tests.cli.programs import TINY, config, ran

FROM_YAML, WITH_BACKBONE = 1.0, 10.0

WRONG: list[tuple[str, str, list[str], list[str], float]] = [
    # what, text of the config, overrides, pieces of the line, seconds
    (
        "misspelt key",
        TINY.replace("batch:", "bacth:"),
        [],
        ["study.yaml:7: evaluator.bacth", "no such key", "'batch'?"],
        FROM_YAML,
    ),
    ("wrong type", TINY, ["evaluator.epochs=many"], ["evaluator.epochs: 'many'", "must be an integer"], FROM_YAML),
    ("number as text", TINY, ["evaluator.epochs='3'"], ["evaluator.epochs", "must be an integer"], FROM_YAML),
    ("duplicate key", TINY + "retrain: {seeds: 3}\n", [], ["study.yaml:10: retrain", "line 9"], FROM_YAML),
    ("unsafe tag", TINY + "device: !!python/object/apply:os.system [ls]\n", [], ["study.yaml:10", "tag"], FROM_YAML),
    ("empty budgets", TINY, ["budgets=[]"], ["budgets"], FROM_YAML),
    ("unknown backbone", TINY, ["backbone.name=resnet9"], ["backbone.name: 'resnet9'", "'resnet8'?"], FROM_YAML),
    ("unknown option", TINY, ["backbone.options={depth: 3}"], ["backbone.options.depth", "no such option"], FROM_YAML),
    ("unknown controller", TINY, ["search.controllers=[bottm]"], ["search.controllers.0.name", "'bottom'?"], FROM_YAML),
    (
        "unknown option of a controller",
        TINY,
        ["search.controllers=[{name: tpe, options: {startup: 3}}]"],
        ["search.controllers.0.options.startup", "'startup_trials'?"],
        FROM_YAML,
    ),
    ("a controller twice", TINY, ["search.controllers=[top, top]"], ["search", "'top' twice"], FROM_YAML),
    ("unknown domain", TINY, ["data.domains=[digit, photos]"], ["data.domains: 'digit'", "'digits'?"], FROM_YAML),
    ("share above 1", TINY, ["budgets.0.share=1.2"], ["budgets.0.share: 1.2", "range of live is 0 to 1"], FROM_YAML),
    (
        "multiple below 1",
        TINY,
        ["budgets=[{measure: live, multiple: 0.5}]"],
        ["budgets.0.multiple: 0.5", "range of live is 1 to 2"],
        FROM_YAML,
    ),
    ("two amounts", TINY, ["budgets.0.multiple=1.5"], ["budgets.0", "exactly one of"], FROM_YAML),
    ("NaN", TINY, ["evaluator.optimizer={lr: .nan}"], ["evaluator.optimizer.lr", "finite"], FROM_YAML),
    ("rung too high", TINY, ["search.rung=7"], ["search.rung: 7", "2 epochs"], FROM_YAML),
    ("name that leaves the folder", TINY, ["name=../x"], ["name"], FROM_YAML),
    (
        "weights of a domain not there",
        TINY,
        ["objective={aggregate: weights, weights: {cars: 1}}"],
        ["cars"],
        FROM_YAML,
    ),
    (
        "missing weights file",
        TINY,
        ["backbone.weights=no/such.safetensors"],
        ["backbone.weights", "no such"],
        FROM_YAML,
    ),
    ("unknown site", TINY, ["space.keep_shared=[layer9]"], ["space.keep_shared: 'layer9'", "layer"], WITH_BACKBONE),
    (
        "too few parameters",
        TINY,
        ["budgets=[{measure: live, parameters: 10}]"],
        ["10 parameters", "4,876 to 9,752 parameters"],
        WITH_BACKBONE,
    ),
    (
        "one domain",
        TINY,
        ["data.domains=[digits]"],
        ["every pattern of this", "two domains"],
        WITH_BACKBONE,
    ),
    ("no such device", TINY, ["device=cuda:7"], ["device: 'cuda:7'", "use cpu or auto"], WITH_BACKBONE),
    ("missing data folder", TINY, ["data.root=/no/where"], ["data.root", "/no/where"], WITH_BACKBONE),
    ("unknown parametrisation", TINY, ["evaluator.parametrisation=gate"], ["evaluator.parametrisation"], WITH_BACKBONE),
]


@pytest.mark.parametrize(("text", "overrides", "pieces", "seconds"), [w[1:] for w in WRONG], ids=[w[0] for w in WRONG])
def test_bad_input_is_refused(
    tmp_path: Path, text: str, overrides: list[str], pieces: list[str], seconds: float
) -> None:
    path = config(tmp_path, text)
    line = refused(path, overrides, seconds)
    for piece in pieces:
        assert piece in line
    assert list(tmp_path.iterdir()) == [path]


def refused(path: Path, overrides: list[str], seconds: float) -> str:
    """The line. Seconds are the processor's: other programs on the machine hardly change them."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    result = ran("search", path, *overrides)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert result.returncode == 2, result.stderr
    assert "Traceback" not in result.stderr
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime <= seconds
    (line,) = result.stderr.strip().splitlines()
    return line


def test_an_empty_file_and_a_missing_one_are_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.yaml").write_text("")
    assert "an empty file" in refused(tmp_path / "empty.yaml", [], FROM_YAML)
    assert "no such file" in refused(tmp_path / "other.yaml", [], FROM_YAML)


def test_mismatching_weights_are_refused_by_name(tmp_path: Path) -> None:
    weights = tmp_path / "weights.safetensors"
    save_file({"stem.weight": torch.zeros(4, 3, 5, 5), "stray": torch.zeros(1)}, weights)
    line = refused(config(tmp_path, TINY), [f"backbone.weights={weights}"], WITH_BACKBONE)
    assert "missing layer1.conv1.weight" in line
    assert "only the head 'head' may mismatch" in line


def test_commands_and_options_that_do_not_exist_end_with_2() -> None:
    for words in (["serch"], ["search"], ["search", "a.yaml", "--fast"], ["list", "controler"]):
        result = ran(*words)
        assert result.returncode == 2
        assert "Traceback" not in result.stderr
