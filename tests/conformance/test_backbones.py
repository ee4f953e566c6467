"""Every registered backbone builds, says what its sites are, is counted right, and can be trained when shared."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from apportion.errors import InputError
from apportion.spaces.allocation import Allocation
from apportion.spaces.backbones import BackboneEntry, backbones
from apportion.spaces.backbones.introspection import shape_of
from apportion.spaces.ledger import ledger_of
from apportion.spaces.network.heads import DomainHeads
from apportion.spaces.network.mixed import MultiDomainNet
from apportion.spaces.network.norm import DomainBatchNorm2d
from apportion.spaces.orders import Order
from apportion.spaces.shape import BackboneShape
from apportion.spaces.space import SharingSpace

OWNERS, CLASSES, SIZE = ("a", "b"), (5, 3), 32
PATTERNS = ("shared", "independent", "mid", "random")


@dataclass(frozen=True)
class Built:
    entry: BackboneEntry
    network: nn.Module
    shape: BackboneShape

    def space(self, order: Order | None = None) -> SharingSpace:
        return SharingSpace(self.shape.sites, OWNERS, "per_site_and_domain", order=order or Order())

    def allocation(self, pattern: str, space: SharingSpace) -> Allocation:
        if pattern == "shared":
            return space.shared()
        if pattern == "independent":
            return space.independent()
        if pattern == "mid":
            return Allocation(tuple((site.filters // 2,) * 2 for site in space.sites), space.order)
        generator = np.random.default_rng(0)
        levels = tuple(tuple(generator.integers(0, site.filters + 1, 2).tolist()) for site in space.sites)
        return Allocation(levels, space.order)

    def mixed(self, pattern: str, how: str = "replace", order: Order | None = None) -> MultiDomainNet:
        space = self.space(order)
        return MultiDomainNet(self.network, self.shape, space, self.allocation(pattern, space), CLASSES, how=how)


@pytest.fixture(scope="module", params=list(backbones), ids=lambda entry: entry.name)
def built(request: pytest.FixtureRequest) -> Built:
    entry: BackboneEntry = request.param
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = entry.build(4)
    return Built(entry, network, shape_of(entry.name, network, entry.head, SIZE))


def test_it_says_what_it_is(built: Built) -> None:
    assert built.entry.summary
    assert built.shape.name == built.entry.name
    assert built.entry.image_size >= 8


def test_its_sites_are_all_convolutions_by_depth_under_their_own_names(built: Built) -> None:
    sites = built.shape.sites
    modules = {name: module for name, module in built.network.named_modules() if isinstance(module, nn.Conv2d)}
    assert sorted(site.name for site in sites) == sorted(modules)
    assert [site.depth for site in sites] == list(range(len(sites)))
    for site in sites:
        assert site.shape == tuple(modules[site.name].weight.shape)
        assert site.max_level == site.filters == modules[site.name].out_channels
        assert site.groups == modules[site.name].groups
        assert site.has_bias == (modules[site.name].bias is not None)
        assert site.kind == ("conv" if site.groups == 1 else "depthwise")
    assert built.shape.head_features == built.network.get_submodule(built.entry.head).in_features


def test_its_sites_come_in_the_order_of_the_forward_pass(built: Built) -> None:
    called: list[str] = []
    handles = [
        module.register_forward_hook(lambda module, inputs, output, name=name: called.append(name))
        for name, module in built.network.named_modules()
        if isinstance(module, nn.Conv2d)
    ]
    try:
        built.network(torch.zeros(2, 3, SIZE, SIZE))
    finally:
        for handle in handles:
            handle.remove()
    assert called == [site.name for site in built.shape.sites]


def test_its_stages_are_the_drops_in_resolution(built: Built) -> None:
    sides: dict[str, int] = {}
    handles = [
        module.register_forward_hook(
            lambda module, inputs, output, name=name: sides.__setitem__(name, output.shape[-1])
        )
        for name, module in built.network.named_modules()
        if isinstance(module, nn.Conv2d)
    ]
    try:
        built.network(torch.zeros(2, 3, SIZE, SIZE))
    finally:
        for handle in handles:
            handle.remove()
    by_stage: dict[int, set[int]] = {}
    for site in built.shape.sites:
        by_stage.setdefault(site.stage, set()).add(sides[site.name])
    assert all(len(same) == 1 for same in by_stage.values())
    in_order = [by_stage[stage].copy().pop() for stage in sorted(by_stage)]
    assert in_order == sorted(in_order, reverse=True)
    assert len(set(in_order)) == len(in_order)


def test_its_shape_counts_every_tensor_of_the_plain_network(built: Built) -> None:
    convolutions = [m for m in built.network.modules() if isinstance(m, nn.Conv2d)]
    norms = [m for m in built.network.modules() if isinstance(m, nn.BatchNorm2d)]
    shape = built.shape
    assert shape.convolution_weights == sum(m.weight.numel() for m in convolutions)
    assert shape.convolution_biases == sum(m.bias.numel() for m in convolutions if m.bias is not None)
    assert shape.norm_affine == sum(m.weight.numel() + m.bias.numel() for m in norms)
    whole = shape.convolution_weights + shape.convolution_biases + shape.norm_affine + 4 * (shape.head_features + 1)
    assert whole == sum(p.numel() for p in built.network.parameters())


@pytest.mark.parametrize("how", ["replace", "delta"])
@pytest.mark.parametrize("order", [Order(), Order("random", 1, True)], ids=["index", "random per owner"])
@pytest.mark.parametrize("pattern", PATTERNS)
def test_the_ledger_counts_the_tensors_of_the_mixed_network(built: Built, pattern: str, order: Order, how: str) -> None:
    space = built.space(order)
    net = built.mixed(pattern, how, order)
    ledger = ledger_of(built.shape, space, built.allocation(pattern, space), dict(zip(OWNERS, CLASSES, strict=True)))
    weights = sum(
        net.network.get_submodule(site.name).get_parameter(name).numel()
        for site in space.sites
        for name in ("shared", "owned")
    )
    norms = [m for m in net.modules() if isinstance(m, DomainBatchNorm2d)]
    heads = [m for m in net.modules() if isinstance(m, DomainHeads)]
    assert ledger.live == space.cost(built.allocation(pattern, space)).live == weights
    assert ledger.total("norm affine") == sum(p.numel() for norm in norms for p in norm.parameters())
    assert ledger.total("running statistics") == sum(b.numel() for norm in norms for b in norm.buffers())
    assert ledger.total("heads") == sum(p.numel() for head in heads for p in head.parameters())
    assert ledger.parameters == sum(p.numel() for p in net.parameters())
    assert ledger.stored_bytes == 4 * sum(t.numel() for t in net.state_dict().values())


@pytest.mark.parametrize("how", ["replace", "delta"])
@pytest.mark.parametrize("pattern", ["shared", "independent", "mid"])
def test_gradients_reach_every_parameter(built: Built, pattern: str, how: str) -> None:
    net = built.mixed(pattern, how).train()
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(len(OWNERS) * 4, 3, SIZE, SIZE, generator=generator)
    outputs = net(images)
    assert [tuple(output.shape) for output in outputs] == [(4, count) for count in CLASSES]
    labels = torch.arange(4)
    torch.stack([F.cross_entropy(o, labels % o.shape[1]) for o in outputs]).sum().backward()
    for name, parameter in net.named_parameters():
        if parameter.numel():
            assert parameter.grad is not None, name
            assert torch.isfinite(parameter.grad).all(), name
            assert parameter.grad.abs().max() > 0, name
            if name.endswith("owned") and pattern == "mid":
                # Every owner's part of the stack of owned filters.
                assert all(float(part.abs().max()) > 0 for part in parameter.grad.chunk(len(OWNERS))), name


@pytest.mark.parametrize("size", [SIZE, 33])
def test_it_takes_images_of_other_sizes(built: Built, size: int) -> None:
    plain = built.mixed("mid").materialise("b").eval()
    with torch.no_grad():
        assert plain(torch.zeros(2, 3, size, size)).shape == (2, 3)


def test_unknown_options_and_wrong_types_are_refused(built: Built) -> None:
    with pytest.raises(InputError, match=f"backbone.options.widht: 3, but backbone {built.entry.name} has no such"):
        built.entry.check_options({"widht": 3}, "backbone.options")
    built.entry.check_options(built.entry.options, "backbone.options")
    for name in built.entry.options:
        for value in ("wide", 0, -1, 1.5, True):
            with pytest.raises(InputError, match=rf"backbone\.options\.{name}"):
                built.entry.check_options({name: value}, "backbone.options")


def test_its_options_change_it() -> None:
    entry = backbones.get("resnet8")
    with pytest.raises(InputError, match="did you mean 'width'"):
        entry.check_options({"widht": 3}, "options")
    narrow = shape_of("resnet8", entry.build(2, {"width": 4, "stem_stride": 2}), entry.head, SIZE)
    assert narrow.sites[0].filters == 4
    assert narrow.head_features == 16
    assert len(narrow.sites) == 9
