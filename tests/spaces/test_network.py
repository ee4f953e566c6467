"""The mixed network against the papers' form, against separate networks, and against itself materialised."""

import copy
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from apportion.spaces.allocation import Allocation
from apportion.spaces.backbones.introspection import shape_of
from apportion.spaces.budget import Budget
from apportion.spaces.network import filters
from apportion.spaces.network.filters import FilterConv2d
from apportion.spaces.network.forms import FORMS, Form
from apportion.spaces.network.heads import DomainHeads
from apportion.spaces.network.mixed import MultiDomainNet
from apportion.spaces.orders import Order
from apportion.spaces.site import Site
from apportion.spaces.space import SharingSpace
from tests.spaces.agreement import close, grad, loss_of
from tests.spaces.two_conv_form import papers_form

OWNERS, CLASSES, B = ("a", "b", "c"), (5, 3, 7), 4


class Little(nn.Module):
    """Strided, depthwise, grouped, dilated and biased convolutions, and a residual sum."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, 2, 1, bias=False)
        self.norm = nn.BatchNorm2d(8)
        self.depthwise = nn.Conv2d(8, 8, 3, 1, 1, groups=8, bias=False)
        self.depthwise_norm = nn.BatchNorm2d(8)
        self.grouped = nn.Conv2d(8, 8, 3, 1, 2, dilation=2, groups=2, bias=True)
        # Without a norm behind it: a norm takes a bias's gradient away.
        self.biased = nn.Conv2d(8, 8, 3, 2, 1, bias=True)
        self.point = nn.Conv2d(8, 12, 1, bias=False)
        self.point_norm = nn.BatchNorm2d(12)
        self.head = nn.Linear(12, 2)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.norm(self.stem(x)))
        x = F.relu(self.depthwise_norm(self.depthwise(x))) + x
        x = F.relu(self.grouped(x), inplace=True) + x
        x = F.relu(self.biased(x))
        x = F.relu(self.point_norm(self.point(x)))
        logits: Tensor = self.head(x.mean((2, 3)))
        return logits


LEVELS: dict[str, Callable[[Site], tuple[int, ...]]] = {
    "none": lambda site: (0, 0, 0),
    "equal": lambda site: (site.filters // 2,) * 3,
    "unequal": lambda site: (site.filters, site.filters // 4, site.filters // 2),
    "one has none": lambda site: (site.filters // 2, 0, 0),
    "all": lambda site: (site.filters,) * 3,
}
ORDERS = {"index": Order(), "random": Order("random", 5), "random per owner": Order("random", 5, True)}


def little(seed: int = 0) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net: nn.Module = Little().double()
        return net


def built(
    levels: str, order: str, how: str = "replace", form: Form = "compose"
) -> tuple[nn.Module, SharingSpace, MultiDomainNet]:
    template = little()
    shape = shape_of("little", template, "head", 16)
    space = SharingSpace(shape.sites, OWNERS, "per_site_and_domain", order=ORDERS[order])
    allocation = Allocation(tuple(LEVELS[levels](site) for site in shape.sites), ORDERS[order])
    return template, space, MultiDomainNet(template, shape, space, allocation, CLASSES, seed=3, how=how, form=form)


def batch(seed: int = 1) -> tuple[Tensor, list[Tensor]]:
    generator = torch.Generator().manual_seed(seed)
    images = torch.randn(len(OWNERS) * B, 3, 16, 16, generator=generator, dtype=torch.float64)
    labels = [torch.randint(count, (B,), generator=generator) for count in CLASSES]
    return images, labels


def owned_filters(net: MultiDomainNet, space: SharingSpace) -> dict[str, list[Tensor]]:
    order = net.allocation.order
    return {
        site.name: [
            torch.from_numpy(order.permutation(site.name, owner, site.filters)[:n].copy())
            for owner, n in zip(OWNERS, row, strict=True)
        ]
        for site, row in zip(space.sites, net.allocation.levels, strict=True)
    }


@pytest.fixture(params=["one convolution", "two convolutions"])
def convolutions(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Interleaved, small sites run as one grouped convolution, thin ones per domain: take both ways everywhere."""
    if request.param == "two convolutions":
        monkeypatch.setattr(filters, "_SMALL", 0)
        monkeypatch.setattr(filters, "_THIN", 0)


@pytest.mark.usefixtures("convolutions")
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("levels", LEVELS)
def test_loss_and_every_gradient_agree_with_the_papers_form(levels: str, order: str, form: Form) -> None:
    template, space, net = built(levels, order, form=form)
    owned = owned_filters(net, space)
    papers = papers_form(template, owned, len(OWNERS))
    for d, paper in enumerate(papers):
        paper.add_module("head", copy.deepcopy(net.heads.heads[d]))
    images, labels = batch()
    mixed_loss = loss_of(net(images), labels)
    papers_loss = loss_of([p(x) for p, x in zip(papers, images.chunk(3), strict=True)], labels)
    assert abs(float(mixed_loss.detach()) - float(papers_loss.detach())) <= 1e-10 * float(papers_loss.detach())
    mixed_loss.backward()
    papers_loss.backward()
    for site in space.sites:
        conv = net.network.get_submodule(site.name)
        assert isinstance(conv, FilterConv2d)
        rows = [p.get_submodule(site.name) for p in papers]
        live = conv.get_buffer("_live")
        assert close(grad(conv.shared), grad(rows[0].shared)[live])
        assert close(grad(conv.owned), torch.cat([grad(row.owned) for row in rows]))
        if site.has_bias:
            assert close(grad(conv.bias), torch.stack([grad(row.bias) for row in rows]))
    for norm in ("norm", "depthwise_norm", "point_norm"):
        mixed = net.network.get_submodule(norm)
        for name in ("weight", "bias"):
            theirs = torch.stack([grad(p.get_submodule(norm).get_parameter(name)) for p in papers])
            assert close(grad(mixed.get_parameter(name)), theirs)
        for name in ("running_mean", "running_var"):
            assert close(mixed.get_buffer(name), torch.stack([p.get_submodule(norm).get_buffer(name) for p in papers]))
    for d, paper in enumerate(papers):
        for mine, theirs in zip(net.heads.heads[d].parameters(), paper.get_submodule("head").parameters(), strict=True):
            assert close(grad(mine), grad(theirs))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("levels", LEVELS)
def test_delta_starts_where_replace_starts_and_stores_as_much(levels: str, order: str, form: Form) -> None:
    _, _, replace = built(levels, order, form=form)
    _, space, delta = built(levels, order, "delta", form)
    images, labels = batch()
    assert close(torch.stack([loss_of(delta(images), labels)]), torch.stack([loss_of(replace(images), labels)]))
    assert sum(p.numel() for p in delta.parameters()) == sum(p.numel() for p in replace.parameters())
    # w = w_shared + delta (004, equation 1): the shared rows see the gradient of every domain, the deltas their own.
    loss_of(delta(images), labels).backward()
    loss_of(replace(images), labels).backward()
    for site in space.sites:
        mine, theirs = (net.network.get_submodule(site.name) for net in (delta, replace))
        assert isinstance(mine, FilterConv2d)
        assert isinstance(theirs, FilterConv2d)
        assert close(grad(mine.owned), grad(theirs.owned))
        taken = owned_filters(replace, space)[site.name]
        whole = torch.zeros(site.shape, dtype=torch.float64)
        whole[theirs.get_buffer("_live")] = grad(theirs.shared)
        for first, part in zip(taken, grad(theirs.owned).split([len(f) for f in taken]), strict=True):
            whole[first] += part
        assert close(grad(mine.shared), whole[theirs.get_buffer("_live")])


def test_independent_is_d_separate_trainings() -> None:
    template = little()
    shape = shape_of("little", template, "head", 16)
    space = SharingSpace(shape.sites, OWNERS)
    net = MultiDomainNet(template, shape, space, space.independent(), CLASSES, seed=3)
    alone = [net.materialise(owner) for owner in OWNERS]
    optimizers = [torch.optim.AdamW(m.parameters(), 1e-2) for m in [net, *alone]]
    for step in range(5):
        images, labels = batch(step)
        losses = [loss_of(net(images), labels)]
        losses += [F.cross_entropy(m(x), y) for m, x, y in zip(alone, images.chunk(3), labels, strict=True)]
        assert close(losses[0], torch.stack(losses[1:]).sum())
        for loss, optimizer in zip(losses, optimizers, strict=True):
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    for owner, plain in zip(OWNERS, alone, strict=True):
        for name, tensor in net.materialise(owner).state_dict().items():
            assert name.endswith("num_batches_tracked") or close(tensor, plain.state_dict()[name]), name


def test_shared_with_one_domain_is_the_plain_backbone() -> None:
    template = little()
    shape = shape_of("little", template, "head", 16)
    space = SharingSpace(shape.sites, ("a",))
    net = MultiDomainNet(template, shape, space, space.shared(), (5,), seed=3)
    template.add_module("head", copy.deepcopy(net.heads.heads[0]))
    images = batch()[0]
    net.train()
    template.train()
    assert close(net(images)[0], template(images))
    assert sum(p.numel() for p in net.parameters()) == sum(p.numel() for p in template.parameters())


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("how", ["replace", "delta"])
@pytest.mark.parametrize("order", ORDERS)
def test_a_materialised_network_gives_the_same_outputs(order: str, how: str, form: Form) -> None:
    _, _, net = built("unequal", order, how, form)
    images = batch()[0]
    net.train()
    net(images)
    net.eval()
    for owner, mixed, mine in zip(OWNERS, net(images), images.chunk(3), strict=True):
        plain = net.materialise(owner)
        assert not any(isinstance(m, FilterConv2d | DomainHeads) for m in plain.modules())
        assert close(plain(mine), mixed)


@pytest.mark.parametrize("how", ["replace", "delta"])
@pytest.mark.parametrize("order", ORDERS)
def test_a_network_started_from_the_shared_one_computes_what_it_computed(order: str, how: str) -> None:
    _, space, net = built("unequal", order, how)
    shared = MultiDomainNet(little(9), net.shape, space, space.shared(), CLASSES, seed=4)
    images, labels = batch()
    optimizer = torch.optim.SGD(shared.parameters(), 0.1)
    loss_of(shared(images), labels).backward()
    optimizer.step()
    net.start_from(shared)
    shared.eval()
    net.eval()
    for mine, theirs in zip(net(images), shared(images), strict=True):
        assert close(mine, theirs)


def test_heads_are_drawn_by_seed_and_domain_alone() -> None:
    few, many = DomainHeads(nn.Linear(6, 1), [4, 3]), DomainHeads(nn.Linear(6, 1), [4, 9, 3])
    few.draw(7, ["a", "c"])
    many.draw(7, ["a", "b", "c"])
    for mine, theirs in ((few.heads[0], many.heads[0]), (few.heads[1], many.heads[2])):
        assert all(torch.equal(p, q) for p, q in zip(mine.parameters(), theirs.parameters(), strict=True))
    other = DomainHeads(nn.Linear(6, 1), [4, 3])
    other.draw(8, ["a", "c"])
    assert not torch.equal(next(few.parameters()), next(other.parameters()))


def test_autocast_computes_in_bfloat16_and_keeps_float32_gradients() -> None:
    template = little().float()
    shape = shape_of("little", template, "head", 16)
    space = SharingSpace(shape.sites, OWNERS)
    net = MultiDomainNet(template, shape, space, space.decode(np.ones(space.dimension), _half()), CLASSES)
    with torch.autocast("cpu", torch.bfloat16):
        outputs = net(batch()[0].float())
    assert {o.dtype for o in outputs} == {torch.bfloat16}
    loss_of([o.float() for o in outputs], batch()[1]).backward()
    assert all(p.grad is not None and p.grad.dtype == torch.float32 for p in net.parameters())


def _half() -> Budget:
    return Budget("live", 0.5)


def test_unknown_parametrisations_and_paddings_are_refused() -> None:
    template = little()
    shape = shape_of("little", template, "head", 16)
    space = SharingSpace(shape.sites, OWNERS)
    with pytest.raises(ValueError, match="no parametrisation 'gate'"):
        MultiDomainNet(template, shape, space, space.shared(), CLASSES, how="gate")
    template.get_submodule("stem").__dict__["padding_mode"] = "reflect"
    with pytest.raises(ValueError, match="padding mode 'reflect'"):
        MultiDomainNet(template, shape, space, space.shared(), CLASSES)
