"""Weights of domains' losses: what they scale, what they leave alone, and that none at all is what it ever was."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from apportion.evaluators.data.augmentation import Augmentation
from apportion.evaluators.data.cache import DeviceCache
from apportion.evaluators.measurement import Measurement
from apportion.evaluators.proposal import Proposal
from apportion.evaluators.protocol import Slot
from apportion.evaluators.scorers.relaxations.gated import Gated
from apportion.evaluators.scorers.relaxations.taps import Taps
from apportion.evaluators.scorers.relaxations.training import HeldOut, _backward_apart
from apportion.evaluators.train import Train
from apportion.evaluators.training.stepper import Phase, Stepper
from apportion.spaces.allocation import Allocation
from apportion.spaces.network.gated import gated_network
from tests.evaluators.scorers.builders import OWNERS, equal, laboratory, made_up, patterns, tensors, train

Gradients = dict[str, Tensor]
SGD = {"name": "sgd", "lr": 0.05, "momentum": 0.0, "weight_decay": 0.0}


def weighted(weights: dict[str, float], **options: Any) -> Train:
    """Three domains, those in `weights` weighted."""
    domains = [made_up(name, kind) for name, kind in OWNERS.items()]
    varied = {name: Augmentation(crop=1, weight=weights.get(name, 1.0)) for name in OWNERS}
    return replace(train(**options), source=DeviceCache(domains, varied, "cpu"))


def stepper(evaluator: Train, allocation: Allocation) -> Stepper:
    return Stepper(evaluator._net(allocation, 0).train(), evaluator.source, evaluator.options, Phase("main", 1), 0)


def gradients(evaluator: Train, allocation: Allocation) -> tuple[Gradients, Tensor]:
    """Of the first step, and the losses that it tells."""
    one = stepper(evaluator, allocation)
    losses = one.backward(0, next(one.batches(0, 1)))
    return of(one.net), losses


def of(net: nn.Module) -> Gradients:
    return {name: p.grad.clone() for name, p in net.named_parameters() if p.grad is not None}


def trained(evaluator: Train, allocation: Allocation) -> Measurement:
    return evaluator(Proposal("x", "x", allocation, None, 2, 1, "search"), Slot()).measurement


def losses(measurement: Measurement, owner: str) -> list[float]:
    return [scores[owner].cross_entropy for scores in measurement.curve]


@pytest.mark.parametrize("form", ["compose", "interleaved"])
def test_a_weight_scales_its_domain_s_gradients_exactly_and_leaves_the_others_be(form: Any) -> None:
    # A power of two, so that nothing is rounded; where nothing is shared every gradient is one domain's.
    space = train().space
    plain, losses_of_plain = gradients(train(form=form), space.independent())
    heavy, losses_of_heavy = gradients(weighted({"east": 4.0}, form=form), space.independent())
    assert torch.equal(losses_of_plain, losses_of_heavy)
    east = list(OWNERS).index("east")
    for name in plain:
        before, after = by_owner(name, plain[name]), by_owner(name, heavy[name])
        for number, gradient in before.items():
            assert torch.equal(after[number], 4 * gradient if number == east else gradient), (name, number)
    assert all(bool(plain[name].any()) for name in plain if name.endswith("owned"))


def by_owner(name: str, gradient: Tensor) -> dict[int, Tensor]:
    """Of a network that shares nothing: owned filters and norms hold the domains' rows in turn, heads are apart."""
    if ".heads." in name:
        return {int(name.split(".heads.")[1].split(".")[0]): gradient}
    return dict(enumerate(gradient.chunk(3))) if gradient.numel() else {}


@pytest.mark.parametrize("pattern", [0, 1])
def test_where_domains_share_a_gradient_is_the_weighted_sum(pattern: int) -> None:
    # Linear in the weights: those of (4,1,1), (1,4,1) and (1,1,4) add up to six times those without weights.
    allocation = patterns(train().space)[pattern]
    plain, _ = gradients(train(), allocation)
    each = [gradients(weighted({name: 4.0}), allocation)[0] for name in OWNERS]
    for name in [name for name, gradient in plain.items() if gradient.numel()]:
        parts = torch.stack([one[name] for one in each])
        largest = float(parts.abs().max())
        torch.testing.assert_close(parts.sum(0), 6 * plain[name], rtol=0, atol=1e-5 * largest)
        assert any(not torch.allclose(one[name], 2 * plain[name], rtol=1e-3) for one in each)


def test_under_sgd_a_weight_is_a_learning_rate_of_what_a_domain_owns_alone() -> None:
    space = train().space
    weighed = trained(weighted({"east": 2.0}, optimizer=SGD), space.independent())
    plain, fast = (trained(train(optimizer={**SGD, "lr": lr}), space.independent()) for lr in (0.05, 0.1))
    assert losses(weighed, "east") == losses(fast, "east") != losses(plain, "east")
    for other in ("north", "south"):
        assert losses(weighed, other) == losses(plain, other) != losses(fast, other)


def test_weights_of_one_are_bit_equal_to_none_and_nothing_is_multiplied() -> None:
    evaluator = weighted(dict.fromkeys(OWNERS, 1.0))
    half = patterns(evaluator.space)[1]
    assert trained(evaluator, half).curve == trained(train(), half).curve
    assert trained(weighted({"east": 1.5}), half).curve != trained(train(), half).curve
    each = torch.zeros(3, requires_grad=True)
    for one, multiplied in ((evaluator, False), (weighted({"east": 2.0}), True)):
        total = stepper(one, half).total(each)
        assert total.grad_fn is not None
        ((before, _),) = total.grad_fn.next_functions
        assert (getattr(before, "variable", None) is not each) is multiplied


def test_the_warm_up_is_weighted_too() -> None:
    warm_up = {"shared_epochs": 1, "head_epochs": 1}
    plain, heavy = (one._warm_up(0, None) for one in (train(warm_up=warm_up), weighted({"east": 4.0}, warm_up=warm_up)))
    assert any(not torch.equal(plain[name], heavy[name]) for name in plain)


def apart(weights: dict[str, float]) -> tuple[Gradients, float]:
    """Of gates and weights that learn from different images; and the penalty on the gates."""
    evaluator = weighted(weights)
    relaxation = Taps(0.0)
    net = gated_network(evaluator.template(0), evaluator.shape, evaluator.space, [4] * 3, relaxation)
    one = Gated(net, relaxation, 6).train()
    for layer in one.layers.values():
        nn.init.normal_(layer.delta, std=0.1, generator=torch.Generator().manual_seed(0))
    made = Stepper(net, evaluator.source, evaluator.options, Phase("gates", 1), 0)
    rows = HeldOut(evaluator.source, evaluator.space.owners, 0.5, 0).of(made.stream, 0, evaluator.options.batch)
    scores = {id(score) for score in one.scores}
    others = [parameter for parameter in made.trained if id(parameter) not in scores]
    _backward_apart(made, 0, next(made.batches(0, 1)), rows, others, one)
    return of(net), float(one.penalty().detach())


def test_gates_that_learn_from_images_held_out_are_weighted_as_weights_are() -> None:
    (plain, penalty), (heavy, _) = apart({}), apart(dict.fromkeys(OWNERS, 2.0))
    assert penalty == 0
    gates = [name for name in plain if name.endswith("scores")]
    assert gates and any(bool(plain[name].any()) for name in gates)
    for name, gradient in plain.items():
        assert torch.equal(heavy[name], 2 * gradient), name


@pytest.mark.parametrize("scorer", ["fisher", "gradient_variance"])
def test_scorers_that_read_gradients_take_each_domain_s_own(scorer: str) -> None:
    given: dict[str, Any] = {"start": "template", "batches": 3}
    plain, heavy = (tensors(laboratory(one), scorer, **given) for one in (train(), weighted({"east": 4.0})))
    assert equal(plain, heavy)
