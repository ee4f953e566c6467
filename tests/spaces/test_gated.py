"""Gated layers against plain networks with composed weights: outputs, and what reaches deltas, scores, shared rows."""

import copy
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from apportion.evaluators.scorers.relaxations.taps import Taps
from apportion.spaces.backbones.introspection import shape_of
from apportion.spaces.network.forms import FORMS, Form
from apportion.spaces.network.gated import GatedLayer, Per, gated_layers, gated_network
from apportion.spaces.network.mixed import MultiDomainNet
from apportion.spaces.space import SharingSpace
from tests.spaces.agreement import close, grad, loss_of, made_ready, put
from tests.spaces.test_network import Little
from tests.spaces.test_probe import Everyday

OWNERS, CLASSES, B, SIZE = ("a", "b", "c"), (5, 3, 7), 4, 16
NETWORKS: dict[str, Callable[[], nn.Module]] = {"convolutions": Little, "linear layers": Everyday}
PERS: tuple[Per, ...] = ("site", "filter")
GATE = Taps(0.0)


def gated(network: str, form: Form = "compose", per: Per = "filter", seed: int = 0) -> MultiDomainNet:
    """Departures and scores at random: about half of the gates are open."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        template = made_ready(NETWORKS[network]())
    shape = shape_of(network, template, "head", SIZE)
    net = gated_network(template, shape, SharingSpace(shape.sites, OWNERS), CLASSES, GATE, per, 3, form)
    generator = torch.Generator().manual_seed(seed)
    for layer in gated_layers(net).values():
        nn.init.normal_(layer.delta, std=0.3, generator=generator)
        nn.init.uniform_(layer.scores, 0.0, 0.2, generator)
        if layer.bias is not None:
            nn.init.normal_(layer.bias, generator=generator)
    return net


def batch() -> tuple[Tensor, list[Tensor]]:
    generator = torch.Generator().manual_seed(1)
    images = torch.randn(len(OWNERS) * B, 3, SIZE, SIZE, generator=generator, dtype=torch.float64)
    return images, [torch.randint(count, (B,), generator=generator) for count in CLASSES]


def plain_networks(net: MultiDomainNet) -> list[nn.Module]:
    """A network for each domain, its weights put together here from shared rows, deltas and 004's indicator."""
    networks = []
    for d, owner in enumerate(OWNERS):
        plain = net.materialise(owner)
        for i, layer in gated_layers(net).items():
            is_open = (layer.scores[d] >= 0.1).double().view(-1, *[1] * (layer.shared.dim() - 1))
            site = plain.get_submodule(net.shape.sites[i].name)
            site.weight = nn.Parameter(layer.shared.detach() + is_open * layer.delta[d].detach())
            if layer.bias is not None:
                site.bias = nn.Parameter(layer.bias[d].detach().clone())
        put(plain, net.shape.head, copy.deepcopy(net.heads.heads[d]))
        networks.append(plain.train())
    return networks


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("per", PERS)
@pytest.mark.parametrize("network", NETWORKS)
def test_outputs_and_gradients_are_those_of_plain_networks_with_composed_weights(
    network: str, per: Per, form: Form
) -> None:
    net = gated(network, form, per).train()
    plain = plain_networks(net)
    images, labels = batch()
    mixed = net(images)
    alone = [one(part) for one, part in zip(plain, images.chunk(len(OWNERS)), strict=True)]
    assert all(close(mine, theirs) for mine, theirs in zip(mixed, alone, strict=True))
    loss_of(mixed, labels).backward()
    loss_of(alone, labels).backward()
    for i, layer in gated_layers(net).items():
        sites = [one.get_submodule(net.shape.sites[i].name) for one in plain]
        of_weight = torch.stack([grad(site.get_parameter("weight")) for site in sites])
        is_open = (layer.scores >= 0.1).double().view(*layer.scores.shape, *[1] * (layer.shared.dim() - 1))
        # A shared row sees every domain; a delta its own domain, and nothing behind a closed gate.
        assert close(grad(layer.shared), of_weight.sum(0))
        assert close(grad(layer.delta), is_open * of_weight)
        # 004, straight-through: as if w = w_shared + s * delta, so a closed gate's score moves as well.
        inner = (layer.delta.detach() * of_weight).flatten(2).sum(2)
        assert close(grad(layer.scores), inner if per == "filter" else inner.sum(1, keepdim=True))
        if layer.bias is not None:
            biases = torch.stack([grad(site.get_parameter("bias")) for site in sites])
            # In front of a norm a bias has no gradient but what rounding leaves of it.
            assert torch.allclose(grad(layer.bias), biases, rtol=1e-10, atol=1e-15)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("network", NETWORKS)
def test_a_materialised_network_gives_the_same_outputs(network: str, form: Form) -> None:
    net = gated(network, form)
    images = batch()[0]
    net.train()
    net(images)
    net.eval()
    for owner, mixed, mine in zip(OWNERS, net(images), images.chunk(len(OWNERS)), strict=True):
        plain = net.materialise(owner)
        assert not any(isinstance(module, GatedLayer) for module in plain.modules())
        assert close(plain(mine), mixed)


@pytest.mark.parametrize("network", NETWORKS)
def test_a_network_started_from_the_shared_one_computes_what_it_computed(network: str) -> None:
    net = gated(network)
    template = made_ready(NETWORKS[network]())
    space = SharingSpace(net.shape.sites, OWNERS)
    shared = MultiDomainNet(template, net.shape, space, space.shared(), CLASSES, 4)
    with torch.no_grad():
        for parameter in shared.parameters():
            parameter.add_(0.1)
    net.start_from(shared)
    shared.eval()
    net.eval()
    for mine, theirs in zip(net(batch()[0]), shared(batch()[0]), strict=True):
        assert close(mine, theirs)


def test_sites_that_are_kept_shared_have_no_gates() -> None:
    template = made_ready(Little())
    shape = shape_of("little", template, "head", SIZE)
    space = SharingSpace(shape.sites, OWNERS, keep_shared=("stem", "point"))
    net = gated_network(template, shape, space, CLASSES, GATE)
    assert {shape.sites[i].name for i in gated_layers(net)} == {"depthwise", "grouped", "biased"}
    # A gate for every filter and owner: 3 sites of 8 filters.
    assert sum(layer.scores.numel() for layer in gated_layers(net).values()) == 3 * 8 * 3


def test_noise_is_for_training_alone() -> None:
    class Noise:
        start = 1.0

        def open(self, scores: Tensor, noise: Tensor | None) -> Tensor:
            return scores if noise is None else scores * noise

    layer = GatedLayer(nn.Conv2d(3, 4, 1), 2, Noise())
    nn.init.ones_(layer.delta)
    layer.noise = torch.zeros(2, 4)
    x = torch.ones(6, 3, 2, 2)
    noisy, sure = layer.train()(x), layer.eval()(x)
    assert torch.allclose(sure - noisy, torch.full_like(sure, 3.0))
    assert torch.allclose(layer.train().weight_of(0), layer.shared + 1)


def test_autocast_computes_in_bfloat16_and_keeps_float32_gradients() -> None:
    net = gated("convolutions").float()
    with torch.autocast("cpu", torch.bfloat16):
        outputs = net(batch()[0].float())
    assert {output.dtype for output in outputs} == {torch.bfloat16}
    loss_of([output.float() for output in outputs], batch()[1]).backward()
    assert all(p.grad is not None and p.grad.dtype == torch.float32 for p in net.parameters())


def test_a_padding_that_no_mixed_layer_has_is_refused() -> None:
    with pytest.raises(ValueError, match="padding mode 'reflect'"):
        GatedLayer(nn.Conv2d(3, 4, 3, padding=1, padding_mode="reflect"), 2, GATE)


def test_a_linear_layer_takes_rows_of_any_number_of_dimensions() -> None:
    linear = nn.Linear(5, 4)
    for form in FORMS:
        layer = GatedLayer(linear, 2, GATE, form=form)
        x = torch.ones(6, 3, 5)
        assert torch.allclose(layer(x), F.linear(x, linear.weight, linear.bias))
