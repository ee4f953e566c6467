"""TAPS (004): the indicator, the straight-through gradient and the penalty, equation by equation; then a short run."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from apportion.evaluators.scorers.relaxations.taps import Taps
from apportion.spaces.network.gated import GatedLayer, Per
from tests.evaluators.scorers.builders import equal, in_sittings, laboratory, tensors, train

NOT_USED = torch.zeros(())


def scores(*values: float) -> Tensor:
    return torch.tensor([values], requires_grad=True)


def test_a_gate_is_open_from_tau_on() -> None:
    # 004, equation 2: 1 if s >= tau, 0 otherwise.
    tau = float(np.float32(0.1))
    below, above = (float(np.nextafter(np.float32(tau), np.float32(to))) for to in (0, 1))
    gates = Taps(0.25, tau=tau).open(scores(-1.0, 0.0, below, tau, above, 0.15, 7.0))
    assert gates.tolist() == [[0, 0, 0, 1, 1, 1, 1]]


def test_the_gradient_passes_straight_through_on_both_sides_of_tau() -> None:
    given = scores(-1.0, 0.05, 0.1, 0.15, 7.0)
    (Taps(0.25).open(given) * torch.tensor([1.0, 2.0, 3.0, 4.0, 5.0])).sum().backward()
    assert given.grad is not None
    assert given.grad.tolist() == [[1, 2, 3, 4, 5]]


@pytest.mark.parametrize("per", ["site", "filter"])
@pytest.mark.parametrize("score", [0.05, 0.15])
def test_a_scores_gradient_is_the_inner_product_of_delta_and_the_weights_gradient(per: Per, score: float) -> None:
    # 004: as if w = w_shared + s * delta.
    layer = GatedLayer(nn.Linear(3, 2, bias=False), 1, Taps(0.0, start=score), per)
    nn.init.normal_(layer.delta, generator=torch.Generator().manual_seed(0))
    x, towards = torch.tensor([[1.0, 2.0, -1.0]]), torch.tensor([[0.5, -2.0]])
    (layer(x) * towards).sum().backward()
    of_weight = towards.T @ x
    wanted = (layer.delta[0].detach() * of_weight).sum(1)
    assert layer.scores.grad is not None
    torch.testing.assert_close(layer.scores.grad[0], wanted if per == "filter" else wanted.sum(0, keepdim=True))


def test_the_penalty_is_lambda_over_the_number_of_gates_times_the_sum_of_absolute_scores_of_every_domain() -> None:
    # 004, equation 4. Two domains with three and two gates at two sites: L = 5.
    first = torch.tensor([[0.1, -0.2, 0.3], [1.0, 0.0, 0.0]], requires_grad=True)
    second = torch.tensor([[0.4, 0.5], [0.0, -1.0]], requires_grad=True)
    penalty = Taps(0.5).penalty([first, second], torch.ones(2), NOT_USED)
    assert penalty.item() == pytest.approx(0.5 / 5 * (0.1 + 0.2 + 0.3 + 0.4 + 0.5 + 1 + 1))
    penalty.backward()
    # It pulls towards 0 by the same amount on both sides of tau, and leaves a score of 0 alone.
    assert first.grad is not None
    torch.testing.assert_close(first.grad, 0.1 * torch.tensor([[1.0, -1.0, 1.0], [1.0, 0.0, 0.0]]))


def test_below_tau_with_no_departure_nothing_ever_moves() -> None:
    found = tensors(laboratory(train()), "taps", first=0.05, penalty=0.0)
    assert all((found[f"worth.{i}"] == 0.05).all() for i in range(9))
    # From above it does.
    found = tensors(laboratory(train()), "taps", penalty=0.0)
    assert all((found[f"worth.{i}"] != 0.15).all() for i in range(9))


def test_a_penalty_without_end_closes_every_gate_and_the_path_shows_it() -> None:
    found = tensors(laboratory(train()), "taps", penalty=1e4, lr=0.02, epochs=2)
    assert not any(found[f"open.{i}"].any() for i in range(9))
    share, owned = found["path.1.share_open"], found["path.1.owned"]
    assert bool((share[0] == 1).all())
    assert bool((share[-1] == 0).all())
    assert (float(owned[0]), float(owned[-1])) == (1.0, 0.0)


def test_an_artifact_holds_scores_open_gates_and_their_path() -> None:
    evaluator = train()
    lab = laboratory(evaluator)
    found, steps = tensors(lab, "taps"), 6  # one of two epochs, of 96 images in batches of 16
    for i, site in enumerate(evaluator.space.sites):
        assert found[f"worth.{i}"].shape == (3, site.filters)
        assert torch.equal(found[f"open.{i}"], found[f"worth.{i}"] >= 0.1)
    assert found["path.1.step"].tolist() == list(range(steps + 1))
    assert found["path.1.mean"].shape == found["path.1.share_open"].shape == (steps + 1, 9, 3)
    assert found["path.1.quantiles"].shape == (steps + 1, 9, 3, 3)
    assert not any(tensor.isnan().any() for name, tensor in found.items() if name.startswith("path"))
    # It starts from 004's .15 and ends at what is kept as worth.
    torch.testing.assert_close(found["path.1.quantiles"][0], torch.full((9, 3, 3), 0.15))
    last = torch.stack([found[f"worth.{i}"].mean(1) for i in range(9)])
    torch.testing.assert_close(found["path.1.mean"][-1], last)
    of_weights = torch.tensor([site.parameters for site in evaluator.space.sites]) / evaluator.space.backbone_parameters
    owned = sum(float(found[f"open.{i}"].float().mean() * share) for i, share in enumerate(of_weights))
    assert math.isclose(float(found["path.1.owned"][-1]), owned, rel_tol=1e-6, abs_tol=1e-9)


def test_whole_sites_have_one_score_each_for_every_owner() -> None:
    found = tensors(laboratory(train()), "taps", per="site")
    for i in range(9):
        worth = found[f"worth.{i}"]
        assert bool((worth == worth[:, :1]).all())
    assert len({float(found[f"worth.{i}"][d, 0]) for i in range(9) for d in range(3)}) > 9


def test_a_study_that_is_stopped_again_and_again_ends_bit_equal(tmp_path: Path) -> None:
    evaluator = train(warm_up={"shared_epochs": 1})
    undisturbed = tensors(laboratory(evaluator), "taps", epochs=3, rounds=2, held_out=0.5)
    disturbed, sittings = in_sittings(evaluator, tmp_path, "taps", 9, epochs=3, rounds=2, held_out=0.5)
    assert sittings > 3
    assert equal(disturbed, undisturbed)
