"""Gates as BA2's switches (002), on what is owned: threshold, the budget's loss, the multiplier's rise and reset."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from apportion.evaluators.scorers.relaxations.ba2 import Ba2
from apportion.evaluators.scorers.relaxations.gates import owned_share
from tests.evaluators.scorers.builders import equal, in_sittings, laboratory, tensors, train
from tests.evaluators.scorers.worlds import on_world, world

SHARES = torch.tensor([0.25, 0.75])
GATES = Ba2(target=0.2, rate=0.5)


def two_sites() -> list[Tensor]:
    """Two domains, four filters with a quarter of the weights and two with the rest; five of twelve gates are open."""
    first = torch.tensor([[0.1, 0.2, -0.1, -1.0], [0.3, -0.1, -0.2, -0.3]], requires_grad=True)
    second = torch.tensor([[0.5, -0.5], [-0.1, 0.1]], requires_grad=True)
    return [first, second]


def test_a_gate_is_open_above_zero_and_its_gradient_passes_straight_through() -> None:
    scores = torch.tensor([[-1.0, -1e-30, 0.0, 1e-30, 1e-3, 2.0]], requires_grad=True)
    gates = GATES.open(scores)
    assert gates.tolist() == [[0, 0, 0, 1, 1, 1]]
    (gates * torch.arange(1.0, 7.0)).sum().backward()
    assert scores.grad is not None
    assert scores.grad.tolist() == [[1, 2, 3, 4, 5, 6]]


def test_what_is_owned_is_the_part_of_the_weights_behind_open_gates_on_average_over_domains() -> None:
    # First site: 3 of 8 gates of a quarter of the weights; second: 2 of 4 of three quarters.
    owned = owned_share([GATES.open(one) for one in two_sites()], SHARES)
    assert owned.item() == pytest.approx(0.25 * 3 / 8 + 0.75 * 2 / 4)


def test_the_budgets_loss_is_lambda_times_what_is_owned_above_the_target() -> None:
    # 002, equation 4: L_B = max(0, lambda * (theta - beta)).
    scores = two_sites()
    penalty = GATES.penalty(scores, SHARES, torch.tensor(2.0))
    assert penalty.item() == pytest.approx(2 * (0.46875 - 0.2))
    penalty.backward()
    # Every gate is pressed by the weights behind it, open or not: 2 * share / (gates of the site, all domains).
    for one, share in zip(scores, (0.25, 0.75), strict=True):
        assert one.grad is not None
        torch.testing.assert_close(one.grad, torch.full_like(one, 2 * share / one.numel()))


@pytest.mark.parametrize(("target", "multiplier"), [(0.5, 2.0), (0.46875, 2.0), (0.2, 0.0)])
def test_there_is_no_loss_within_the_budget_or_without_a_multiplier(target: float, multiplier: float) -> None:
    penalty = Ba2(target, 0.5).penalty(two_sites(), SHARES, torch.tensor(multiplier))
    assert penalty.item() == 0


def test_the_multiplier_rises_with_the_excess_and_is_reset_where_the_budget_is_met() -> None:
    at, seen = torch.zeros(()), []
    for owned in (1.0, 0.6, 0.21, 0.2, 0.1, 0.3, 0.3):
        at = GATES.pressed(at, torch.tensor(owned))
        seen.append(round(float(at), 6))
    assert seen == [0.4, 0.6, 0.605, 0.0, 0.0, 0.05, 0.1]


@pytest.mark.parametrize(("where", "target"), [("a world", 0.6), ("a network", 0.3)])
def test_every_step_of_a_run_follows_that_rule(where: str, target: float) -> None:
    if where == "a world":
        found = on_world(world(), "ba2", target=target, rate=0.5, epochs=3, wait=0.0, lr=5e-3)
    else:
        found = tensors(laboratory(train(epochs=16)), "ba2", target=target, rate=0.5, lr=0.02, wait=0.0)
    owned, multiplier = found["path.1.owned"], found["path.1.multiplier"]
    assert found["path.1.step"].tolist() == list(range(len(owned)))
    assert (owned[0].item(), multiplier[0].item()) == (1.0, 0.0)
    for before, after, part in zip(multiplier.tolist(), multiplier.tolist()[1:], owned.tolist(), strict=False):
        assert after == pytest.approx(0.0 if part <= target else before + 0.5 * (part - target), abs=1e-6)
    # It was pressed on, and the budget was met.
    assert multiplier.max().item() > 0
    assert owned.min().item() <= target


def test_a_study_that_is_stopped_again_and_again_keeps_its_multiplier(tmp_path: Path) -> None:
    evaluator = train()
    undisturbed = tensors(laboratory(evaluator), "ba2", epochs=2)
    disturbed, sittings = in_sittings(evaluator, tmp_path, "ba2", 2, epochs=2)
    assert sittings > 3
    assert undisturbed["path.1.multiplier"].max().item() > 0
    assert equal(disturbed, undisturbed)
