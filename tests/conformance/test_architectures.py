"""Networks without a registry line: D of them in one batch equal D of them trained apart, to 1e-10, in both forms."""

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec

import pytest
import torch
from torch import Tensor, nn

from apportion.spaces.allocation import Allocation
from apportion.spaces.backbones.lookup import backbone_entry
from apportion.spaces.backbones.probe import examined
from apportion.spaces.ledger import ledger_of
from apportion.spaces.network.forms import FORMS, Form
from apportion.spaces.network.mixed import MultiDomainNet
from apportion.spaces.site import Site
from apportion.spaces.space import SharingSpace
from tests.spaces.agreement import Case, close, disagreements, made_ready

OWNERS, CLASSES, B = ("a", "b", "c"), (5, 3, 7), 2

TORCHVISION = (
    "mobilenet_v2",
    "resnet18",
    "resnet34",
    "resnet50",
    "mnasnet1_0",
    "squeezenet1_0",
    "densenet121",
    "resnext50_32x4d",
    "shufflenet_v2_x1_0",
    "regnet_y_400mf",
    "efficientnet_b0",
    "vgg11_bn",
    "mobilenet_v3_small",
)
TIMM = ("timm:resnet10t", "timm:efficientnet_lite0", "timm:vit_tiny_patch16_224")
# Five halvings of 33 pixels leave 2 x 2: with a domain's two images 8 numbers a channel at the last norm. Two would be
# +1 and -1 whatever comes in, and gradients nothing but rounding. DenseNet rounds down.
SIZES = {"densenet121": 64, "timm:vit_tiny_patch16_224": 32}


def levels(site: Site) -> tuple[int, ...]:
    """By turns a quarter of the filters for each owner, and unequal levels."""
    if site.depth % 2:
        return (site.filters // 4,) * 3
    return site.filters // 4, site.filters, site.filters // 2


@dataclass(frozen=True)
class Agreement:
    case: Case
    net: MultiDomainNet
    papers: list[nn.Module]
    outputs: list[Tensor]


@pytest.fixture(scope="module", params=[*TORCHVISION, *TIMM])
def agreement(request: pytest.FixtureRequest) -> Iterator[Agreement]:
    name: str = request.param
    if name in TIMM and find_spec("timm") is None:
        pytest.skip("needs the extra timm")
    size = SIZES.get(name, 33)
    entry = backbone_entry(name)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        template = entry.build(2, {"img_size": size} if "vit" in name else {})
        if name == "vgg11_bn":
            narrow(template)
        template = made_ready(template)
    shape = examined(entry, template, size)
    generator = torch.Generator().manual_seed(1)
    images = torch.randn(len(OWNERS) * B, 3, size, size, generator=generator, dtype=torch.float64)
    labels = [torch.randint(count, (B,), generator=generator) for count in CLASSES]
    space = SharingSpace(shape.sites, OWNERS, "per_site_and_domain")
    allocation = Allocation(tuple(levels(site) for site in shape.sites))
    case = Case(template, shape, space, allocation, CLASSES, images, labels)
    net = case.mixed("compose")
    yield Agreement(case, net, *case.papers(net))


def narrow(vgg: nn.Module) -> None:
    """VGG's hidden linear layers have 120 million weights; their widths change nothing here."""
    classifier = vgg.get_submodule("classifier")
    widths = (512 * 7 * 7, 24, 20, 2)
    for at, inputs, outputs in zip((0, 3, 6), widths, widths[1:], strict=False):
        setattr(classifier, str(at), nn.Linear(inputs, outputs))


@pytest.mark.parametrize("form", FORMS)
def test_outputs_statistics_and_gradients_agree_with_the_papers_form(agreement: Agreement, form: Form) -> None:
    assert disagreements(agreement.case, form, agreement.papers, agreement.outputs) == []


def test_its_ledger_counts_its_tensors_and_a_domain_runs_alone(agreement: Agreement) -> None:
    case, net = agreement.case, agreement.net
    ledger = ledger_of(case.shape, case.space, case.allocation, dict(zip(OWNERS, CLASSES, strict=True)))
    assert ledger.parameters == sum(parameter.numel() for parameter in net.parameters())
    assert ledger.stored_bytes == 4 * sum(tensor.numel() for tensor in net.state_dict().values())
    assert ledger.total("heads") == sum(parameter.numel() for parameter in net.heads.parameters())
    net.eval()
    with torch.no_grad():
        for owner, mixed, mine in zip(OWNERS, net(case.images), case.images.chunk(len(OWNERS)), strict=True):
            assert close(net.materialise(owner)(mine), mixed)


def test_all_of_it_is_a_site_a_norm_or_the_head_but_for_a_transformer_s_embeddings(agreement: Agreement) -> None:
    shape, template = agreement.case.shape, agreement.case.template
    embeddings = {"cls_token", "pos_embed", "patch_embed.proj.weight", "patch_embed.proj.bias"}
    assert set(agreement.case.never_owned()) == (embeddings if "vit" in shape.name else set())
    assert shape.never_owned == sum(template.get_parameter(name).numel() for name in agreement.case.never_owned())
    assert [site.depth for site in shape.sites] == list(range(len(shape.sites)))
