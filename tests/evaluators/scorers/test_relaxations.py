"""What holds for every relaxation: no gate is preferred, rounds, held-out images, kill -9, the synthetic world."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from apportion.errors import InputError
from apportion.evaluators.data.source import Batch
from apportion.evaluators.laboratory import Laboratory
from apportion.evaluators.measurement import Artifact
from apportion.evaluators.memo import Memo, Tensors
from apportion.evaluators.scorers.relaxations.gated import Gated
from apportion.evaluators.scorers.relaxations.options import GateOptions
from apportion.evaluators.scorers.relaxations.synthetic import gain
from apportion.evaluators.scorers.relaxations.taps import Taps
from apportion.evaluators.scorers.relaxations.training import HeldOut, train_gates
from apportion.evaluators.train import Train
from apportion.evaluators.training.keeper import Keeper
from apportion.evaluators.training.options import OptimizerOptions
from apportion.evaluators.training.stepper import Apart, Phase, Stepper, optimizer_for
from apportion.spaces.allocation import Allocation
from apportion.spaces.network.gated import gated_network
from tests.evaluators.scorers.builders import equal, laboratory, tensors, train
from tests.evaluators.scorers.worlds import RELAXATIONS, on_world, world


def gated(evaluator: Train, steps: int = 6) -> Gated:
    relaxation = Taps(0.5)
    net = gated_network(evaluator.template(0), evaluator.shape, evaluator.space, [4] * 3, relaxation)
    return Gated(net, relaxation, steps)


# Nobody is preferred.


@pytest.mark.parametrize("per", ["site", "filter"])
@pytest.mark.parametrize("scorer", ["taps", "ba2"])
def test_without_a_data_gradient_all_gates_stay_equal(scorer: str, per: str) -> None:
    nothing = world()
    nothing.gains[:] = 0
    found = on_world(nothing, scorer, per=per, epochs=10)
    # BA2 presses by the weights behind a gate: Adam's steps are the same whatever the pressure, but for its epsilon.
    spread = found["path.1.quantiles"].flatten(1)
    assert bool((spread - spread[:, :1]).abs().max() < (1e-7 if scorer == "taps" else 1e-3))
    for i in range(9):
        worth = found[f"worth.{i}"]
        assert bool((worth == worth[0, 0]).all()), "owners and filters of a site stay bit-equal"


def test_without_a_data_gradient_all_gates_of_a_network_stay_equal() -> None:
    # Weights that hardly move have no departure, so the data say nothing and the penalty alone moves the scores.
    evaluator = train(optimizer={"lr": 1e-30})
    one = gated(evaluator)
    train_gates(one, evaluator, Phase("gates", 1), 0, GateOptions(), Keeper(None, None, ""))
    values = torch.cat([scores.detach().flatten() for scores in one.scores])
    assert bool((values == values[0]).all())
    assert float(values[0]) < 0.15


def test_scores_wait_until_departures_mean_something() -> None:
    # Six steps an epoch: the first three, and no score, multiplier or optimiser's state has moved; the weights have.
    found = tensors(laboratory(train()), "ba2", epochs=1, wait=0.5, rate=0.5)
    mean, multiplier = found["path.1.mean"].flatten(1), found["path.1.multiplier"]
    torch.testing.assert_close(mean[:4], torch.full_like(mean[:4], 1e-3))
    assert bool((mean[4] != mean[3]).any())
    assert not multiplier[:4].any()
    assert float(multiplier[4]) == pytest.approx(0.5 * (1 - 0.2))
    without = tensors(laboratory(train()), "ba2", epochs=1, wait=0.0, rate=0.5)
    # In its first step there is no departure yet.
    assert bool((without["path.1.mean"][2] != mean[0, 0]).any())


# Parameters apart.


@pytest.mark.parametrize("name", ["adamw", "adam", "sgd"])
def test_parameters_apart_have_a_rate_of_their_own_and_no_weight_decay(name: str) -> None:
    options = OptimizerOptions.model_validate({"name": name, "lr": 0.1, "weight_decay": 0.5})
    one, other = torch.nn.Parameter(torch.ones(3)), torch.nn.Parameter(torch.ones(3))
    optimizer = optimizer_for(options, [one, other], Apart([other], 0.01))
    assert [(group["params"], group["lr"], group["weight_decay"]) for group in optimizer.param_groups] == [
        ([one], 0.1, 0.5),
        ([other], 0.01, 0.0),
    ]


def test_both_rates_follow_the_schedule() -> None:
    evaluator = train()
    one = gated(evaluator)
    stepper = Stepper(one.net, evaluator.source, evaluator.options, Phase("gates", 1), 0, Apart(one.scores, 0.5))
    stepper.set_rates(0)
    assert [group["lr"] for group in stepper.optimizer.param_groups] == [2e-3, 0.5]
    stepper.set_rates(3)  # the middle of six steps: half of a cosine
    assert [group["lr"] for group in stepper.optimizer.param_groups] == pytest.approx([1e-3, 0.25])


# Held-out images.


def test_a_part_of_every_domains_train_split_is_kept_apart_for_the_gates() -> None:
    evaluator = train()
    rows = HeldOut(evaluator.source, evaluator.space.owners, 0.25, 3)
    stepper = Stepper(gated(evaluator).net, evaluator.source, evaluator.options, Phase("gates", 1), 3)
    # Six steps of 16 are one pass over 96 images: a quarter of them.
    apart = [rows.of(stepper.stream, step, 16) for step in range(6)]
    assert [int(sum(step[d].sum() for step in apart)) for d in range(3)] == [24, 24, 24]
    again = [rows.of(stepper.stream, step, 16) for step in range(6, 12)]
    assert [int(sum(step[d].sum() for step in again)) for d in range(3)] == [24, 24, 24]
    other = HeldOut(evaluator.source, evaluator.space.owners, 0.25, 4)
    assert not torch.equal(other.of(stepper.stream, 0, 16)[0], apart[0][0])


def test_held_out_images_move_gates_alone_and_the_others_move_weights_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    # Labels are changed on one side; what is trained on the other must not notice in its first step.
    given = Stepper.batches

    def after_a_step(changed: str | None) -> dict[str, Tensor]:
        evaluator = train(epochs=1, optimizer={"name": "sgd", "lr": 0.1, "momentum": 0.0})
        one = gated(evaluator, 1)
        for layer in one.layers.values():
            torch.nn.init.normal_(layer.delta, std=0.1, generator=torch.Generator().manual_seed(0))
        rows = HeldOut(evaluator.source, evaluator.space.owners, 0.5, 0)

        def batches(self: Stepper, first: int, last: int) -> Iterator[Batch]:
            for step, (images, labels) in enumerate(given(self, first, 1), first):
                apart = rows.of(self.stream, step, 16)
                turned = [(truth + 1) % 4 for truth in labels]
                if changed is not None:
                    pick = [row if changed == "held out" else ~row for row in apart]
                    labels = [torch.where(p, t, truth) for p, t, truth in zip(pick, turned, labels, strict=True)]
                yield images, labels

        monkeypatch.setattr(Stepper, "batches", batches)
        options = GateOptions(lr=0.1, held_out=0.5)
        train_gates(one, evaluator, Phase("gates", 1), 0, options, Keeper(None, None, ""))
        return {name: tensor.detach().clone() for name, tensor in one.net.named_parameters()}

    untouched, held_out, rest = (after_a_step(changed) for changed in (None, "held out", "rest"))
    scores = {name for name in untouched if name.endswith("scores")}
    assert {name for name in untouched if not torch.equal(untouched[name], held_out[name])} <= scores
    assert any(not torch.equal(untouched[name], held_out[name]) for name in scores)
    assert all(torch.equal(untouched[name], rest[name]) for name in scores)
    assert any(not torch.equal(untouched[name], rest[name]) for name in untouched.keys() - scores)


def test_scores_that_are_no_numbers_fail_in_one_line() -> None:
    # In one step of all images: no loss comes after it.
    with pytest.raises(
        InputError,
        match=r"^scorer taps: diverged, but phase gates 1: a gate's score is not finite; lower the gates' lr",
    ):
        tensors(laboratory(train(batch=96, optimizer={"name": "sgd", "lr": 0.01})), "taps", lr=1e3, penalty=1e38)


# Rounds and resuming.


class CountingMemo(Memo):
    """Notes what is really computed."""

    def __init__(self, folder: Path | None) -> None:
        super().__init__(folder)
        self.computed: list[str] = []

    def __call__(self, key: str, compute: Callable[[], Tensors]) -> tuple[Artifact, Tensors]:
        def counted() -> Tensors:
            self.computed.append(key.split("/")[-1])
            return compute()

        return super().__call__(key, counted)


def test_a_round_starts_where_the_one_before_it_ended_and_is_kept(tmp_path: Path) -> None:
    lab = Laboratory(train(), tmp_path, CountingMemo(tmp_path / "artifacts"))
    found = tensors(lab, "ba2", rounds=3, rate=0.5)
    assert isinstance(lab.memo, CountingMemo)
    assert lab.memo.computed == ["seed-0", "round-1", "round-2"]
    for before, after in ((1, 2), (2, 3)):
        assert torch.equal(found[f"path.{before}.mean"][-1], found[f"path.{after}.mean"][0])
        assert not torch.equal(found[f"path.{after}.mean"][0], found[f"path.{after}.mean"][-1])
    # The schedule is anew, and so is the multiplier.
    assert [float(found[f"path.{number}.multiplier"][0]) for number in (1, 2, 3)] == [0, 0, 0]


def test_one_round_of_several_is_the_run_of_one(tmp_path: Path) -> None:
    one, two = (tensors(laboratory(train()), "taps", rounds=rounds) for rounds in (1, 2))
    assert all(torch.equal(one[name], two[name]) for name in one if name.startswith("path.1."))


# Every step is kept, and the second round goes slowly enough to be met alive.
PROGRAM = """
import sys, time
from pathlib import Path
import torch
torch.set_num_threads(1)
from apportion.evaluators.training import keeper
from tests.evaluators.scorers.builders import laboratory, tensors, train
keeper._EVERY_SECONDS = 0.0
keep = keeper.Keeper.keep
def slowly(self, *what):
    keep(self, *what)
    if "round-2" in self.name:
        print("kept", flush=True)
        time.sleep(0.2)
keeper.Keeper.keep = slowly
tensors(laboratory(train(), Path(sys.argv[1])), "ba2", epochs=2, rounds=2)
"""


@pytest.mark.slow
def test_killed_in_its_second_round_it_goes_on_there_and_ends_bit_equal(tmp_path: Path) -> None:
    command = [sys.executable, "-c", PROGRAM, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[3]) as process:
        assert process.stdout is not None
        assert [process.stdout.readline() for _ in range(2)] == ["kept\n", "kept\n"]
        process.kill()
        assert process.wait() == -signal.SIGKILL
    kept = {path: path.stat().st_mtime_ns for path in (tmp_path / "artifacts").glob("*.safetensors")}
    assert len(kept) == 1, "the first round"
    lab = Laboratory(train(), tmp_path, CountingMemo(tmp_path / "artifacts"))
    resumed = tensors(lab, "ba2", epochs=2, rounds=2)
    assert equal(resumed, tensors(laboratory(train()), "ba2", epochs=2, rounds=2))
    assert all(path.stat().st_mtime_ns == was for path, was in kept.items())
    assert isinstance(lab.memo, CountingMemo)
    assert lab.memo.computed == ["seed-0"], "the first round was there, the second went on from its checkpoint"


# Where it runs.


@pytest.mark.parametrize("scorer", RELAXATIONS)
def test_the_same_seed_is_bit_equal_another_is_not_and_the_global_generator_is_left_alone(scorer: str) -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    first, again, other = (tensors(laboratory(train()), scorer, seed) for seed in (1, 1, 2))
    assert equal(first, again)
    assert not torch.equal(first["worth.0"], other["worth.0"])
    assert torch.equal(torch.get_rng_state(), before)


def test_both_forms_of_a_mixed_batch_give_the_same_scores_to_rounding() -> None:
    found = [
        tensors(laboratory(train(form=form, optimizer={"name": "sgd", "lr": 0.05})), "taps", penalty=0.0)
        for form in ("compose", "interleaved")
    ]
    for i in range(9):
        torch.testing.assert_close(found[0][f"worth.{i}"], found[1][f"worth.{i}"], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("scorer", RELAXATIONS)
def test_every_kind_of_site_can_be_gated(scorer: str) -> None:
    evaluator = train(backbone="tests.evaluators.scorers.networks:of_all_kinds")
    found = tensors(laboratory(evaluator), scorer)
    assert {site.kind for site in evaluator.space.sites} == {"conv", "depthwise", "grouped", "linear"}
    for i, site in enumerate(evaluator.space.sites):
        assert found[f"worth.{i}"].shape == (3, site.filters)
        assert bool(found[f"worth.{i}"].isfinite().all())


@pytest.mark.parametrize("scorer", RELAXATIONS)
def test_sites_that_are_kept_shared_are_worth_nothing(scorer: str) -> None:
    made = world(keep_shared=("stage0.conv1",))
    found = on_world(made, scorer)
    assert not found["worth.1"].any()
    assert not found["open.1"].any()
    assert found["path.1.site"].tolist() == [0, 2, 3, 4, 5, 6, 7, 8]


def test_an_evaluator_that_trains_nothing_is_told_in_one_line() -> None:
    class Table:
        pass

    lab = Laboratory(Table(), None)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="scorer taps: evaluator table, but it needs a network and images"):
        tensors(lab, "taps")


# The synthetic world.


@pytest.mark.parametrize("interactions", [0.0, 0.7])
def test_the_differentiable_gain_is_the_worlds_own(interactions: float) -> None:
    made = world(interactions=interactions)
    generator = np.random.default_rng(0)
    for _ in range(10):
        rows = [tuple(generator.integers(1, site.filters + 1, 3).tolist()) for site in made.space.sites]
        levels = made.space.canonical(Allocation(tuple(rows))).levels
        fractions = torch.tensor(
            [[n / s.filters for n in row] for row, s in zip(levels, made.space.sites, strict=True)]
        )
        assert gain(made, fractions).tolist() == pytest.approx(made.gain(Allocation(levels)), abs=1e-4)


@pytest.mark.parametrize("scorer", RELAXATIONS)
def test_a_relaxation_of_the_synthetic_world_takes_milliseconds_and_finds_where_owning_gains(scorer: str) -> None:
    made = world()
    seconds = []
    for seed in range(3):
        began = time.process_time()
        found = on_world(made, scorer, seed)
        seconds.append(time.process_time() - began)
    assert min(seconds) < 1.0
    worth = torch.stack([found[f"worth.{i}"].mean() for i in range(9)])
    # Not a claim, only that it does not run against the gains.
    assert float(np.corrcoef(worth.double().numpy(), made.gains)[0, 1]) > -0.2
