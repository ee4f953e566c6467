"""Hard concrete gates (Louizos et al. 2018): the draw, the expected L0 norm and the sure gate, by their equations."""

import math
from pathlib import Path

import pytest
import torch

from apportion.evaluators.scorers.relaxations.gated import Gated
from apportion.evaluators.scorers.relaxations.hard_concrete import HardConcrete
from apportion.spaces.network.gated import gated_network
from tests.evaluators.scorers.builders import equal, in_sittings, laboratory, tensors, train

GATES = HardConcrete(1.0)
NOT_USED = torch.zeros(())
# The middles of 100,000 equal parts of (0, 1): uniform noise without chance.
NOISE = (torch.arange(100_000, dtype=torch.float64) + 0.5) / 100_000


def test_a_drawn_gate_is_the_stretched_and_clipped_concrete_variable() -> None:
    u, log_alpha = 0.3, 0.7
    soft = 1 / (1 + math.exp(-(math.log(u) - math.log(1 - u) + log_alpha) / (2 / 3)))
    wanted = min(1.0, max(0.0, soft * 1.2 - 0.1))
    assert float(GATES.open(torch.tensor([log_alpha]), torch.tensor([u]))) == pytest.approx(wanted, rel=1e-6)


@pytest.mark.parametrize("log_alpha", [-3.0, -0.5, 0.0, 1.0, 3.0])
def test_the_chance_of_an_open_gate_is_how_often_it_is_drawn_open(log_alpha: float) -> None:
    scores = torch.full_like(NOISE, log_alpha)
    drawn = GATES.open(scores, NOISE)
    assert float((drawn > 0).double().mean()) == pytest.approx(float(GATES.chance(scores[:1])), abs=2e-5)
    # Both ends are reached, and with a chance above nothing.
    assert 0 < float((drawn == 0).double().mean()) < 1
    assert 0 < float((drawn == 1).double().mean()) < 1


def test_a_sure_gate_leaves_noise_and_temperature_out() -> None:
    scores = torch.tensor([-5.0, -1.0, 0.0, 1.0, 5.0], dtype=torch.float64)
    wanted = [min(1.0, max(0.0, 1.2 / (1 + math.exp(-s)) - 0.1)) for s in scores.tolist()]
    assert GATES.open(scores).tolist() == pytest.approx(wanted)
    assert (wanted[0], wanted[2], wanted[4]) == (0.0, 0.5, 1.0)


def test_the_penalty_is_lambda_times_the_weights_expected_to_be_owned_summed_over_domains() -> None:
    first, second = torch.tensor([[0.0, 1.0], [2.0, -1.0]]), torch.tensor([[0.5], [-0.5]])
    shares = torch.tensor([0.4, 0.6])
    per_weight = 0.4 / 2 * GATES.chance(first).sum() + 0.6 * GATES.chance(second).sum()
    penalty = HardConcrete(3.0).penalty([first, second], shares, NOT_USED)
    assert penalty.item() == pytest.approx(3 * per_weight.item(), rel=1e-6)


def test_noise_is_counted_by_seed_phase_and_step() -> None:
    evaluator = train()
    net = gated_network(evaluator.template(0), evaluator.shape, evaluator.space, [4] * 3, GATES)
    gated = Gated(net, GATES, 6)
    drawn = []
    for parts in ((1, "gates", 0), (1, "gates", 1), (2, "gates", 0), (1, "gates", 0)):
        gated.draw(*parts)
        noise = [layer.noise for layer in gated.layers.values()]
        drawn.append(torch.cat([one.flatten() for one in noise if one is not None]))
    assert torch.equal(drawn[0], drawn[3])
    assert not torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])
    assert drawn[0].numel() == sum(site.filters for site in evaluator.space.sites) * 3
    assert 0 < float(drawn[0].min()) < float(drawn[0].max()) < 1


def test_a_run_keeps_log_odds_and_which_sure_gates_let_anything_through() -> None:
    found = tensors(laboratory(train()), "hard_concrete", penalty=100.0, lr=3.0)
    for i in range(9):
        worth = found[f"worth.{i}"]
        assert torch.equal(found[f"open.{i}"], GATES.open(worth) > 0)
        assert float(worth.max()) < 2.0
    closed = torch.cat([~found[f"open.{i}"].flatten() for i in range(9)])
    assert int(closed.sum()) > 0


def test_a_study_that_is_stopped_again_and_again_draws_what_it_would_have_drawn(tmp_path: Path) -> None:
    evaluator = train()
    undisturbed = tensors(laboratory(evaluator), "hard_concrete")
    disturbed, sittings = in_sittings(evaluator, tmp_path, "hard_concrete", 2)
    assert sittings > 1
    assert equal(disturbed, undisturbed)
