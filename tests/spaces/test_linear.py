"""Linear sites, LayerNorm and convolution heads, against one network per domain."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from apportion.spaces.allocation import Allocation
from apportion.spaces.backbones.introspection import shape_of
from apportion.spaces.network.filters import FilterConv2d
from apportion.spaces.network.forms import FORMS, Form, entered, split
from apportion.spaces.network.heads import DomainHeads
from apportion.spaces.network.linear import FilterLinear
from apportion.spaces.network.mixed import MultiDomainNet
from apportion.spaces.network.norm import DomainLayerNorm
from apportion.spaces.orders import Order
from apportion.spaces.site import Site
from apportion.spaces.space import SharingSpace
from tests.spaces.agreement import Case, close, disagreements, made_ready
from tests.spaces.test_probe import Everyday

OWNERS, CLASSES, B, SIZE = ("a", "b", "c"), (5, 3, 7), 4, 16
LEVELS: dict[str, Callable[[Site], tuple[int, ...]]] = {
    "none": lambda site: (0, 0, 0),
    "quarter": lambda site: (site.filters // 4,) * 3,
    "unequal": lambda site: (site.filters, site.filters // 4, site.filters // 2),
    "all": lambda site: (site.filters,) * 3,
}
ORDERS = {"index": Order(), "random": Order("random", 5), "random per owner": Order("random", 5, True)}


def case(levels: str, order: str, network: nn.Module | None = None) -> Case:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        template = made_ready(Everyday() if network is None else network)
        images = torch.randn(len(OWNERS) * B, 3, SIZE, SIZE, dtype=torch.float64)
        labels = [torch.randint(count, (B,)) for count in CLASSES]
    shape = shape_of("everyday", template, "", SIZE)
    space = SharingSpace(shape.sites, OWNERS, "per_site_and_domain", order=ORDERS[order])
    allocation = Allocation(tuple(LEVELS[levels](site) for site in shape.sites), ORDERS[order])
    return Case(template, shape, space, allocation, CLASSES, images, labels)


def test_linear_layers_are_sites_whose_filters_are_their_outputs() -> None:
    shape = case("none", "index").shape
    assert [(site.name, site.kind, site.shape) for site in shape.sites] == [
        ("stem", "conv", (8, 3, 3, 3)),
        ("squeeze", "linear", (2, 8)),
        ("excite", "linear", (8, 2)),
        ("mlp", "linear", (8, 8)),
    ]
    assert [(norm.name, norm.features, norm.statistics) for norm in shape.norms] == [
        ("norm", 8, True),
        ("tokens_norm", 8, False),
    ]
    assert [site.stage for site in shape.sites] == [0, 1, 1, 1]
    assert (shape.norm_affine, shape.running_statistics, shape.never_owned) == (32, 16, 0)
    # The stem, a linear layer once per image (squeeze, excite) and once per token (8 x 8 of them).
    assert shape.macs == 8 * 27 * 64 + 16 + 16 + 64 * 64


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("levels", LEVELS)
def test_everyday_layers_agree_with_the_papers_form(levels: str, order: str, form: Form) -> None:
    one = case(levels, order)
    assert disagreements(one, form, *one.papers()) == []


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("how", ["replace", "delta"])
def test_a_network_started_from_the_shared_one_computes_what_it_computed(how: str, form: Form) -> None:
    one = case("unequal", "random per owner")
    shared = MultiDomainNet(one.template, one.shape, one.space, one.space.shared(), CLASSES, 4, how, form)
    with torch.no_grad():
        for parameter in shared.parameters():
            parameter.add_(0.1)
    net = MultiDomainNet(one.template, one.shape, one.space, one.allocation, CLASSES, 3, how, form)
    net.start_from(shared)
    for network in (net, shared):
        network.eval()
    for mine, theirs in zip(net(one.images), shared(one.images), strict=True):
        assert close(mine, theirs)
    for owner, mixed, images in zip(OWNERS, net(one.images), one.images.chunk(3), strict=True):
        plain = net.materialise(owner)
        assert not any(isinstance(m, FilterConv2d | DomainHeads | DomainLayerNorm) for m in plain.modules())
        assert close(plain(images), mixed)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("between", [(), (4,), (4, 5)])
def test_rows_may_be_of_any_dimension(between: tuple[int, ...], form: Form) -> None:
    linear = nn.Linear(6, 8).double()
    site = Site("it", "linear", (8, 6), 1, True, 0, 0, 8)
    layer = FilterLinear(linear, site, OWNERS, (2, 4, 2), Order("random", 1, True), "replace", form)
    with torch.no_grad():
        layer.owned.add_(1)
        assert layer.bias is not None
        layer.bias.mul_(torch.arange(3)[:, None])
    norm = DomainLayerNorm(nn.LayerNorm(8).double(), 3, form)
    nn.init.normal_(norm.weight)
    x = torch.randn(6, *between, 6, dtype=torch.float64)
    y = norm(layer(entered(x, 3, form)))
    for d, (part, images) in enumerate(zip(split(y, 3, form), x.chunk(3), strict=True)):
        alone = nn.functional.linear(images, layer.weight_of(d), layer.bias_of(d))
        assert close(part, nn.functional.layer_norm(alone, (8,), norm.weight[d], norm.bias[d]))


@pytest.mark.parametrize("form", FORMS)
def test_autocast_keeps_linear_layers_in_bfloat16(form: Form) -> None:
    site = Site("it", "linear", (8, 6), 1, True, 0, 0, 8)
    layer = FilterLinear(nn.Linear(6, 8), site, OWNERS, (2, 4, 2), Order(), "replace", form)
    with torch.autocast("cpu", torch.bfloat16):
        y: Tensor = layer(torch.randn(6, 4, 6))
    assert y.dtype == torch.bfloat16
    y.float().sum().backward()
    assert all(p.grad is not None and p.grad.dtype == torch.float32 for p in layer.parameters())


class ConvolutionHead(nn.Module):
    """As SqueezeNet ends: a 1x1 convolution, a ReLU, a mean."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.head = nn.Conv2d(3, 6, 3), nn.Conv2d(6, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.head(torch.relu(self.conv(x)))).mean((2, 3))


@pytest.mark.parametrize("form", FORMS)
def test_a_head_may_be_a_convolution(form: Form) -> None:
    one = case("unequal", "index", ConvolutionHead())
    assert (one.shape.head, one.shape.head_features, len(one.shape.sites)) == ("head", 6, 1)
    assert disagreements(one, form, *one.papers()) == []
    heads = one.mixed(form).heads
    assert [tuple(head.get_parameter("weight").shape) for head in heads.heads] == [(c, 6, 1, 1) for c in CLASSES]
    heads.draw(1, OWNERS)
    assert all(float(p.detach().abs().max()) <= 6**-0.5 for p in heads.parameters())
