"""Sixty ways to get a config wrong: exit 2, one line with file, line and key, no traceback, nothing written."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from apportion.cli.main import app

CONFIG = """\
name: mutated
runs: RUNS
device: cpu
workers: 1
threads: 1
backbone:
  name: resnet8
  options:
    width: 4
    stem_stride: 2
space:
  operator: filters
  granularity: per_site
  order:
    name: random
    seed: 3
  keep_shared: []
budgets:
  - measure: live
    share: 0.2
  - measure: owned
    multiple: 1.0
data:
  name: pentathlon
  domains: [digits, photos]
  image_size: 16
  per_domain:
    photos:
      flip: true
      crop: 2
evaluator:
  name: train
  regime: joint
  parametrisation: replace
  form: auto
  epochs: 2
  batch: 32
  precision: float32
  optimizer:
    name: sgd
    lr: 0.1
    weight_decay: 0.0005
    momentum: 0.9
  schedule:
    name: step
    milestones: [0.5, 0.75]
    gamma: 0.1
  warm_up:
    shared_epochs: 1
    head_epochs: 0
objective:
  metric: cross_entropy
  normalise: true
  aggregate: mean
search:
  controllers:
    - bottom
    - name: tpe
      trials: 4
      options:
        startup_trials: 2
  trials: 8
  rung: 1
  seed: 0
retrain:
  seeds: 2
  first_seed: 1
primary:
  scheme: tpe/live-0.2
  against: bottom/live-0.2
"""

MUTATIONS = [
    # the line as it stands, the line instead, the key that must be named
    ("workers: 1", "workers: 0", "workers"),
    ("workers: 1", "workers: two", "workers"),
    ("workers: 1", "workers: 1.5", "workers"),
    ("workers: 1", "workers: true", "workers"),
    ("workers: 1", "workers:", "workers"),
    ("workers: 1", "worker: 1", "worker"),
    ("workers: 1", "workers: 1\nworkers: 2", "workers"),
    ("threads: 1", "threads: -3", "threads"),
    ("threads: 1", "threads: '1'", "threads"),
    ("device: cpu", "device: gpu", "device"),
    ("device: cpu", "device: 0", "device"),
    ("name: mutated", "name: a/b", "name"),
    ("name: mutated", "name: '..'", "name"),
    ("  name: resnet8", "  name: resnet_8", "backbone.name"),
    ("  name: resnet8", "  name: [resnet8]", "backbone.name"),
    ("  name: resnet8", "  nmae: resnet8", "backbone.nmae"),
    ("    width: 4", "    width: 0", "backbone.options.width"),
    ("    width: 4", "    width: wide", "backbone.options.width"),
    ("    width: 4", "    widht: 4", "backbone.options.widht"),
    ("  operator: filters", "  operator: filter", "space.operator"),
    ("  granularity: per_site", "  granularity: per_layer", "space.granularity"),
    ("  granularity: per_site", "  granularity: 3", "space.granularity"),
    ("    name: random", "    name: shuffled", "space.order.name"),
    ("    seed: 3", "    seed: 3.5", "space.order.seed"),
    ("  keep_shared: []", "  keep_shared: stem", "space.keep_shared"),
    ("  - measure: live", "  - measure: life", "budgets.0.measure"),
    ("    share: 0.2", "    share: 1.01", "budgets.0.share"),
    ("    share: 0.2", "    share: -0.1", "budgets.0.share"),
    ("    share: 0.2", "    share: .nan", "budgets.0.share"),
    ("    share: 0.2", "    share: 20%", "budgets.0.share"),
    ("    share: 0.2", "    share: 0.2\n    parameters: 5", "budgets.0"),
    ("    multiple: 1.0", "    multiple: 3.0", "budgets.1.multiple"),
    ("  - measure: owned\n    multiple: 1.0", "  - measure: live\n    share: 0.2", "budgets"),
    ("  name: pentathlon", "  name: pentatlon", "data"),
    ("  domains: [digits, photos]", "  domains: [digits, photo]", "data.domains"),
    ("  domains: [digits, photos]", "  domains: [digits, digits]", "data"),
    ("  domains: [digits, photos]", "  domains: []", "data.domains"),
    ("  image_size: 16", "  image_size: 4", "data.image_size"),
    ("  image_size: 16", "  image_size: 16px", "data.image_size"),
    ("      flip: true", "      flip: 1", "data.per_domain.photos.flip"),
    ("      crop: 2", "      crop: -2", "data.per_domain.photos.crop"),
    ("      crop: 2", "      crop: 20", "data"),
    ("  name: train", "  name: trian", "evaluator.name"),
    ("  regime: joint", "  regime: joined", "evaluator.regime"),
    ("  form: auto", "  form: composed", "evaluator.form"),
    ("  epochs: 2", "  epochs: 0", "evaluator.epochs"),
    ("  epochs: 2", "  epochs: !!python/int 2", "evaluator.epochs"),
    ("  batch: 32", "  batch: 1", "evaluator.batch"),
    ("  precision: float32", "  precision: half", "evaluator.precision"),
    ("    name: sgd", "    name: sdg", "evaluator.optimizer.name"),
    ("    lr: 0.1", "    lr: 0", "evaluator.optimizer.lr"),
    ("    lr: 0.1", "    lr: .inf", "evaluator.optimizer.lr"),
    ("    lr: 0.1", "    lr: {base: 0.1}", "evaluator.optimizer.lr"),
    ("    momentum: 0.9", "    momentum: 1.0", "evaluator.optimizer.momentum"),
    ("    milestones: [0.5, 0.75]", "    milestones: 0.5", "evaluator.schedule.milestones"),
    ("    gamma: 0.1", "    gamma: 2", "evaluator.schedule.gamma"),
    ("    shared_epochs: 1", "    shared_epochs: -1", "evaluator.warm_up.shared_epochs"),
    ("  metric: cross_entropy", "  metric: f1", "objective.metric"),
    ("  aggregate: mean", "  aggregate: weights", "objective"),
    ("  aggregate: mean", "  aggregate: weights\n  weights: {cars: 1.0}", "objective.weights"),
    ("    - bottom", "    - botom", "search.controllers.0.name"),
    ("    - bottom", "    - tpe", "search"),
    ("      trials: 4", "      trials: 0", "search.controllers.1.trials"),
    ("        startup_trials: 2", "        startups: 2", "search.controllers.1.options.startups"),
    ("        startup_trials: 2", "        startup_trials: few", "search.controllers.1.options.startup_trials"),
    ("  rung: 1", "  rung: 3", "search.rung"),
    ("  seeds: 2", "  seeds: [1, 2]", "retrain.seeds"),
    ("  first_seed: 1", "\tfirst_seed: 1", ""),
    ("  scheme: tpe/live-0.2", "  scheme: tpe/live-0.3", "primary.scheme"),
    ("  scheme: tpe/live-0.2", "  scheme: tpe", "primary.scheme"),
    ("  scheme: tpe/live-0.2", "  scheme: shared", "primary.scheme"),
    ("  scheme: tpe/live-0.2", "  scheme: 3", "primary.scheme"),
    ("  scheme: tpe/live-0.2", "  shceme: tpe/live-0.2", "primary.shceme"),
    ("  against: bottom/live-0.2", "  against: botom/live-0.2", "primary.against"),
    ("  against: bottom/live-0.2", "  against: tpe/live-0.2", "primary.against"),
    ("  against: bottom/live-0.2", "  against: [bottom/live-0.2]", "primary.against"),
    ("  against: bottom/live-0.2\n", "", "primary"),
    ("primary:\n  scheme: tpe/live-0.2\n  against: bottom/live-0.2", "primary: tpe/live-0.2", "primary"),
]


def test_there_are_sixty_of_them_and_each_changes_the_config() -> None:
    assert len(MUTATIONS) >= 60
    assert all(CONFIG.count(old) >= 1 for old, _, _ in MUTATIONS)


@pytest.mark.parametrize(("old", "new", "key"), MUTATIONS)
def test_a_mutated_config_is_refused(tmp_path: Path, old: str, new: str, key: str) -> None:
    path = tmp_path / "study.yaml"
    path.write_text(CONFIG.replace(old, new, 1).replace("RUNS", str(tmp_path / "runs")))
    result = CliRunner().invoke(app, ["plan", str(path)])
    assert result.exit_code == 2, result.output
    (line,) = result.stderr.strip().splitlines()
    place = line.removeprefix(f"apportion: {path}:")
    assert place != line
    number, _, rest = place.partition(":")
    assert 1 <= int(number) <= len(CONFIG.splitlines()) + 2
    assert rest.strip().startswith(key), line
    assert ", but " in rest, line
    assert "Traceback" not in result.output
    assert "pydantic" not in line
    assert list(tmp_path.iterdir()) == [path]


def test_the_config_itself_is_sound(tmp_path: Path) -> None:
    from apportion.cli.config import config_from

    path = tmp_path / "study.yaml"
    path.write_text(CONFIG)
    assert config_from(path, []).owners() == ("digits", "photos")
