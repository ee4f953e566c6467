"""Training on a tiny setting: the laws that make trials comparable. Two domains at 16 px, 8 steps an epoch."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from apportion.errors import InputError
from apportion.evaluators.data import DataOptions
from apportion.evaluators.measurement import Artifact, Measurement, Score
from apportion.evaluators.memo import Memo, Tensors
from apportion.evaluators.proposal import Proposal, Purpose
from apportion.evaluators.protocol import Outcome, Slot, TrialFailed
from apportion.evaluators.registry import open_task, shape_and_space
from apportion.evaluators.task import Bench, Task
from apportion.evaluators.train import Train
from apportion.evaluators.training.checkpoints import load_model
from apportion.evaluators.training.options import TrainOptions
from apportion.evaluators.training.stepper import seed_generator
from apportion.search.study import from_json, to_json
from apportion.spaces.allocation import Allocation
from apportion.spaces.budget import Budget
from apportion.spaces.network.mixed import MultiDomainNet
from apportion.spaces.options import BackboneOptions, SpaceOptions

DOMAINS = ("digits", "fashion")


def task(domains: tuple[str, ...] = DOMAINS) -> Task:
    return Task(
        BackboneOptions(name="resnet8", options={"width": 8, "stem_stride": 2}),
        SpaceOptions(granularity="per_site_and_domain"),
        DataOptions(domains=list(domains), image_size=16),
        options(),
        form="compose",  # one form for all: forms agree to rounding, which Adam's quotients then spread
    )


def options(**changed: Any) -> TrainOptions:
    return TrainOptions.model_validate({"epochs": 2, "batch": 250, **changed})


@pytest.fixture(scope="module")
def bench() -> Bench:
    return open_task(task())


def trainer(bench: Bench, memo: Memo | None = None, **changed: Any) -> Train:
    """The bench's evaluator with a memory of its own and other options."""
    assert isinstance(bench.evaluator, Train)
    return replace(bench.evaluator, options=options(**changed), memo=memo or Memo(None))


def half(bench: Bench) -> Allocation:
    """Unequal levels in every site."""
    generator = np.random.default_rng(0)
    return bench.space.decode(generator.random(bench.space.dimension), Budget("live", 0.5))


def proposal(allocation: Allocation, rung: int = 2, seed: int = 1, purpose: Purpose = "search") -> Proposal:
    return Proposal("made/up/1", "made up", allocation, None, rung, seed, purpose)


def trained(train: Train, allocation: Allocation, **how: Any) -> Measurement:
    return train(proposal(allocation, **how), Slot()).measurement


def losses(measurement: Measurement) -> list[float]:
    return [score.cross_entropy for scores in measurement.curve for score in scores.values()]


def test_a_measurement_holds_every_domain_on_all_its_images(bench: Bench) -> None:
    measurement = trained(trainer(bench), half(bench))
    assert list(measurement.splits) == ["val"]
    assert measurement.splits["val"] == measurement.curve[-1]
    for scores in measurement.curve:
        assert list(scores) == list(DOMAINS)
        assert all(isinstance(score, Score) and (score.n, score.classes) == (800, 10) for score in scores.values())
        assert all(0 <= score.accuracy <= 1 and score.cross_entropy > 0 for score in scores.values())
    assert measurement.seconds > 0
    assert measurement.peak_bytes > 0
    assert from_json(Measurement, json.loads(json.dumps(to_json(measurement)))) == measurement
    # It learned something in 16 steps: less than chance level's ln 10.
    assert max(losses(measurement)[-2:]) < np.log(10)


def test_rung_k_is_the_beginning_of_the_full_run_bit_for_bit(bench: Bench) -> None:
    train = trainer(bench, epochs=3, optimizer={"momentum": 0.9, "name": "sgd", "lr": 0.05})
    full = trained(train, half(bench), rung=3)
    assert len(full.curve) == 3
    for rung in (1, 2):
        assert trained(train, half(bench), rung=rung).curve == full.curve[:rung]


def test_a_schedule_runs_over_all_epochs_whatever_the_rung(bench: Bench) -> None:
    # The milestone is the middle of two epochs: the first is as if there were none, the second is not.
    step = {"name": "step", "milestones": (0.5,), "gamma": 0.01}
    falling, constant = (trained(trainer(bench, schedule=one), half(bench)) for one in (step, {"name": "constant"}))
    assert falling.curve[0] == constant.curve[0]
    assert falling.curve[1] != constant.curve[1]


def test_the_same_seed_is_bit_equal_and_another_is_not(bench: Bench) -> None:
    first, again, other = (trained(trainer(bench), half(bench), rung=1, seed=seed) for seed in (1, 1, 2))
    assert first.curve == again.curve
    assert first.curve != other.curve


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_independent_is_a_separate_training_of_every_domain(bench: Bench, optimizer: str) -> None:
    # The loss is a sum, and streams, crops and heads are drawn by seed and domain.
    how: dict[str, Any] = {"optimizer": {"name": optimizer, "lr": 0.01}}
    together = trained(trainer(bench, **how), bench.space.independent())
    for domain in DOMAINS:
        single = open_task(task((domain,)))
        alone = trained(trainer(single, **how), single.space.shared())
        for mixed, plain in zip(together.curve, alone.curve, strict=True):
            assert mixed[domain].cross_entropy == pytest.approx(plain[domain].cross_entropy, rel=1e-4)
            assert mixed[domain].accuracy == pytest.approx(plain[domain].accuracy, abs=0.006)


def test_with_one_domain_every_pattern_is_the_plain_network(bench: Bench) -> None:
    single = open_task(task(("digits",)))
    curves = [
        trained(trainer(single), allocation, rung=1).curve
        for allocation in (single.space.shared(), single.space.independent())
    ]
    assert curves[0] == curves[1]


def test_patterns_matter(bench: Bench) -> None:
    shared, independent = (
        trained(trainer(bench), allocation, rung=1) for allocation in (bench.space.shared(), bench.space.independent())
    )
    assert shared.curve != independent.curve


@pytest.mark.parametrize("how", ["replace", "delta"])
def test_both_parametrisations_train(bench: Bench, how: str) -> None:
    assert max(losses(trained(trainer(bench, parametrisation=how), half(bench)))[-2:]) < np.log(10)


@pytest.mark.parametrize("purpose", ["search", "retrain", "anchor", "table"])
def test_the_test_split_is_scored_for_settled_patterns_only(bench: Bench, purpose: Purpose) -> None:
    splits = trained(trainer(bench), bench.space.shared(), rung=1, purpose=purpose).splits
    if purpose == "search":
        assert set(splits) == {"val"}
    else:
        assert set(splits) == {"val", "test"}
        assert {score.n for score in splits["test"].values()} == {1000}


def test_a_row_of_a_table_has_a_test_curve_and_nothing_else_changes(bench: Bench) -> None:
    row, retrained = (trained(trainer(bench), half(bench), rung=2, purpose=purpose) for purpose in ("table", "retrain"))
    assert (row.curve, row.splits) == (retrained.curve, retrained.splits)
    assert (len(row.test_curve), retrained.test_curve) == (2, ())
    assert row.test_curve[-1] == row.splits["test"] != row.test_curve[0]


def test_the_purpose_changes_nothing_else(bench: Bench) -> None:
    curves = [trained(trainer(bench), half(bench), rung=1, purpose=purpose).curve for purpose in ("search", "retrain")]
    assert curves[0] == curves[1]


# Divergence.


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_a_loss_that_is_not_finite_is_reported_with_domain_step_and_value(bench: Bench, optimizer: str) -> None:
    train = trainer(bench, optimizer={"name": optimizer, "lr": 1e30})
    with pytest.raises(TrialFailed) as failed:
        trained(train, half(bench))
    assert failed.value.reason == "diverged"
    assert re.search(r"(digits|fashion), step 1 of phase main: loss (nan|inf|-inf)", failed.value.message)


def test_a_divergence_in_the_last_step_is_reported_too(bench: Bench) -> None:
    # One step in all: its loss is finite, and the network behind it is not. The log cannot hold a NaN.
    train = trainer(bench, epochs=1, batch=2000, optimizer={"name": "sgd", "lr": 1e30})
    with pytest.raises(TrialFailed, match=r"(digits|fashion).*nan"):
        trained(train, half(bench), rung=1)


def test_a_warm_up_that_diverges_is_a_failed_trial(bench: Bench) -> None:
    train = trainer(bench, optimizer={"name": "sgd", "lr": 1e30}, warm_up={"shared_epochs": 1})
    with pytest.raises(TrialFailed, match=r"step 1 of phase shared: loss nan"):
        trained(train, half(bench))


# Warm-up.


class CountingMemo(Memo):
    """Counts what is really computed."""

    def __init__(self, folder: Path | None = None) -> None:
        super().__init__(folder)
        self.computed: list[str] = []

    def __call__(self, key: str, compute: Callable[[], Tensors]) -> tuple[Artifact, Tensors]:
        def counted() -> Tensors:
            self.computed.append(key)
            return compute()

        return super().__call__(key, counted)


def test_the_warm_up_is_computed_once_a_seed_and_named_by_every_trial(bench: Bench, tmp_path: Path) -> None:
    memo = CountingMemo(tmp_path)
    train = trainer(bench, memo, epochs=1, warm_up={"shared_epochs": 1})
    outcomes: list[Outcome] = [
        train(proposal(allocation, 1, seed), Slot())
        for seed in (1, 2)
        for allocation in (half(bench), bench.space.shared(), bench.space.independent())
    ]
    assert memo.computed == ["warm-up/seed-1", "warm-up/seed-2"]
    assert [outcome.artifacts for outcome in outcomes] == [("warm-up/seed-1",)] * 3 + [("warm-up/seed-2",)] * 3
    card = memo.card("warm-up/seed-1")
    assert card is not None
    assert card.seconds > 0
    # Its seconds are charged to the artifact, not to the trials that start from it.
    assert outcomes[0].measurement.seconds < card.seconds + outcomes[1].measurement.seconds


def test_a_trial_that_finds_its_warm_up_on_disk_is_bit_equal(bench: Bench, tmp_path: Path) -> None:
    curves = []
    for _ in range(2):
        memo = CountingMemo(tmp_path)
        train = trainer(bench, memo, epochs=1, warm_up={"shared_epochs": 1})
        curves.append(trained(train, half(bench), rung=1).curve)
    assert memo.computed == []
    assert curves[0] == curves[1]


def test_without_a_warm_up_nothing_is_kept(bench: Bench) -> None:
    memo = CountingMemo()
    assert trainer(bench, memo)(proposal(half(bench), 1), Slot()).artifacts == ()
    assert memo.computed == []


def start(bench: Bench, seed: int = 1) -> dict[str, Tensor]:
    """The all-shared network before any step."""
    train = trainer(bench)
    classes = [10] * len(DOMAINS)
    return MultiDomainNet(
        train.template(seed), train.shape, train.space, bench.space.shared(), classes, seed
    ).state_dict()


def warmed_up(bench: Bench, **epochs: int) -> Tensors:
    memo = Memo(None)
    trained(trainer(bench, memo, epochs=1, warm_up=epochs), bench.space.shared(), rung=1)

    def never() -> Tensors:
        raise AssertionError("the trial computed no warm-up")

    return memo("warm-up/seed-1", never)[1]


def kind_of(name: str) -> str:
    if ".head." in name:
        return "head"
    return "statistics" if name.endswith(("running_mean", "running_var")) else "trunk"


def test_warming_up_heads_leaves_all_else_but_the_statistics_of_norms_untouched(bench: Bench) -> None:
    before, after = start(bench), warmed_up(bench, head_epochs=1)
    assert set(before) == set(after)
    changed = {kind_of(name) for name in before if not torch.equal(before[name], after[name])}
    assert "head" in changed
    assert "trunk" not in changed
    assert {kind_of(name) for name in before} == {"head", "statistics", "trunk"}


def test_warming_up_the_shared_network_trains_all_of_it(bench: Bench) -> None:
    before, after = start(bench), warmed_up(bench, shared_epochs=1)
    assert [name for name in before if before[name].numel() and torch.equal(before[name], after[name])] == []


def test_warming_up_heads_second_keeps_the_trunk_that_was_warmed_up_first(bench: Bench) -> None:
    shared, both = warmed_up(bench, shared_epochs=1), warmed_up(bench, shared_epochs=1, head_epochs=1)
    differ = {kind_of(name) for name in shared if not torch.equal(shared[name], both[name])}
    assert "head" in differ
    assert "trunk" not in differ


# What a trial leaves behind.


def test_a_trial_leaves_the_global_generator_alone(bench: Bench) -> None:
    torch.manual_seed(123)
    before = torch.get_rng_state()
    train = trainer(bench, epochs=1, warm_up={"shared_epochs": 1})
    trained(train, half(bench), rung=1)
    train.seconds_per_epoch(half(bench))
    assert torch.equal(torch.get_rng_state(), before)


def test_the_global_generator_leaves_a_trial_alone(bench: Bench) -> None:
    curves = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        np.random.seed(seed)
        curves.append(trained(trainer(bench), half(bench), rung=1).curve)
    assert curves[0] == curves[1]


@settings(max_examples=20)
@given(st.integers(0, 2**63 - 1))
def test_the_generator_of_a_step_is_seeded_as_torch_would(seed: int) -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        expected = torch.rand(5)
        torch.rand(3)
        seed_generator(torch.device("cpu"), seed)
        assert torch.equal(torch.rand(5), expected)


def test_trials_before_it_and_timings_leave_a_trial_alone(bench: Bench) -> None:
    train = trainer(bench)
    first = trained(train, half(bench), rung=1).curve
    trained(train, bench.space.independent(), rung=1, seed=3)
    assert train.seconds_per_epoch(half(bench)) > 0
    assert trained(train, half(bench), rung=1).curve == first


def test_weights_are_kept_only_where_the_slot_says_so(bench: Bench, tmp_path: Path) -> None:
    trainer(bench)(proposal(half(bench), 1), Slot(tmp_path / "model", keep_weights=False))
    assert not (tmp_path / "model").exists()


@pytest.fixture(scope="module")
def model(bench: Bench, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Measurement]:
    """A saved network and what it scored."""
    folder = tmp_path_factory.mktemp("runs") / "model"
    slot = Slot(folder, keep_weights=True)
    return folder, trainer(bench)(proposal(half(bench), 1, purpose="retrain"), slot).measurement


def test_saved_weights_and_manifest_rebuild_the_network_that_was_scored(
    bench: Bench, model: tuple[Path, Measurement]
) -> None:
    folder, measurement = model
    assert sorted(path.name for path in folder.iterdir()) == ["manifest.json", "model.safetensors"]
    weights, manifest = load_model(folder)
    assert manifest["trial"] == "made/up/1"
    assert manifest["seed"] == 1
    assert manifest["backbone"]["name"] == "resnet8"
    assert manifest["image_size"] == 16
    assert [len(manifest["classes"][domain]) for domain in DOMAINS] == [10, 10]
    train = trainer(bench)
    net = MultiDomainNet(train.template(9), train.shape, train.space, half(bench), [10, 10], 9)
    net.load_state_dict(weights)
    net.eval()
    for domain in DOMAINS:
        plain, right, n = net.materialise(domain), 0, 0
        for images, labels in train.source.batches(domain, "test", 500):
            right += int((plain(images).argmax(1) == labels).sum())
            n += len(labels)
        assert right / n == pytest.approx(measurement.splits["test"][domain].accuracy, abs=0.0015)


def test_the_manifest_names_the_allocation_and_the_parametrisation_that_the_weights_have(
    bench: Bench, model: tuple[Path, Measurement]
) -> None:
    # Without them nobody can tell from the folder which filters are whose, or what a delta departs from.
    text = re.sub(r"\s", "", (model[0] / "manifest.json").read_text())
    assert json.dumps(to_json(half(bench))["levels"]).replace(" ", "") in text
    assert '"replace"' in text


def test_a_flipped_bit_in_saved_weights_is_found(model: tuple[Path, Measurement], tmp_path: Path) -> None:
    for name in ("manifest.json", "model.safetensors"):
        (tmp_path / name).write_bytes((model[0] / name).read_bytes())
    content = bytearray((tmp_path / "model.safetensors").read_bytes())
    for place in (9, len(content) // 2, len(content) - 1):
        content[place] ^= 16
        (tmp_path / "model.safetensors").write_bytes(bytes(content))
        with pytest.raises(InputError, match=r"its manifest says [0-9a-f]{12}\.\.\.; the file was changed"):
            load_model(tmp_path)
        content[place] ^= 16
    (tmp_path / "model.safetensors").write_bytes(bytes(content))
    assert load_model(tmp_path)[0]


# Options.


def test_the_space_is_known_before_any_image_is_read(bench: Bench) -> None:
    assert shape_and_space(task()) == (bench.shape, bench.space)


def test_an_unknown_parametrisation_is_refused_with_a_suggestion() -> None:
    wrong = replace(task(), evaluator=options(parametrisation="dleta"))
    with pytest.raises(InputError, match=r"evaluator\.parametrisation: 'dleta'.*did you mean 'delta'"):
        open_task(wrong)


@pytest.mark.parametrize(
    "wrong",
    [
        {"epochs": 0},
        {"batch": 1},
        {"optimizer": {"lr": 0.0}},
        {"optimizer": {"lr": float("inf")}},
        {"optimizer": {"lr": float("nan")}},
        {"optimizer": {"momentum": 1.0}},
        {"schedule": {"gamma": 0.0}},
        {"schedule": {"milestones": (0.5, "late")}},
        {"warm_up": {"shared_epochs": -1}},
        {"regime": "jiont"},
        {"unknown": 1},
    ],
)
def test_impossible_options_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises((ValueError, InputError)):
        options(**wrong)


@pytest.mark.parametrize(
    ("schedule", "factors"),
    [
        ({"name": "constant"}, [1, 1, 1, 1, 1]),
        ({"name": "cosine"}, [1, 0.8535534, 0.5, 0.1464466, 0]),
        ({"name": "step"}, [1, 1, 0.1, 0.01, 0.01]),
        ({"name": "step", "milestones": (0.25,), "gamma": 0.5}, [1, 0.5, 0.5, 0.5, 0.5]),
    ],
)
def test_schedules_are_what_they_say(schedule: dict[str, Any], factors: list[float]) -> None:
    from apportion.evaluators.training.schedule import factor

    chosen = options(schedule=schedule).schedule
    assert [factor(chosen, passed) for passed in (0, 0.25, 0.5, 0.75, 1)] == pytest.approx(factors, abs=1e-7)


# Forms.


def test_the_forms_train_alike_and_one_of_them_is_chosen(bench: Bench) -> None:
    compose = trainer(bench, epochs=1, optimizer={"name": "sgd", "lr": 0.01})
    interleaved = replace(compose, form="interleaved")
    left, right = (trained(train, half(bench), rung=1).splits["val"] for train in (compose, interleaved))
    for domain in DOMAINS:
        assert left[domain].cross_entropy == pytest.approx(right[domain].cross_entropy, rel=1e-3)
    assert compose.faster_form() in ("compose", "interleaved")
