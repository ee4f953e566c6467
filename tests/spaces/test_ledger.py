"""The ledger against the papers' numbers (FACTS, section 1) and against itself."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from apportion.spaces.backbones import backbones
from apportion.spaces.backbones.introspection import shape_of
from apportion.spaces.budget import Budget
from apportion.spaces.granularity import Granularity
from apportion.spaces.ledger import CONVENTIONS, ledger_of
from apportion.spaces.macs import convolution_macs
from apportion.spaces.shape import BackboneShape, Norm
from apportion.spaces.space import SharingSpace
from tests.spaces import brute_force
from tests.strategies import allocations_of, spaces

FIVE = ("aircraft", "birds", "cars", "dogs", "indoor")
TEN = tuple(f"domain{i}" for i in range(10))


@pytest.fixture(scope="module")
def shapes() -> dict[str, BackboneShape]:
    with torch.random.fork_rng(devices=[]):
        return {entry.name: shape_of(entry.name, entry.build(2), entry.head, entry.image_size) for entry in backbones}


# FACTS, section 1: conv, conv bias, BN affine, 1000-class head of MobileNetV2.
CONV, BIAS, NORM, HEAD = 2_189_760, 0, 34_112, 1_281_000


def fgc(share: float) -> float:
    """T = conv * (1 + (D - 1) * p) + D * (biases + BN affine + head), D = 5 (000, table 1)."""
    return CONV * (1 + 4 * share) + 5 * (BIAS + NORM + HEAD)


def test_mobilenet_v2_has_the_papers_counts(shapes: dict[str, BackboneShape]) -> None:
    shape = shapes["mobilenet_v2"]
    assert shape.convolution_weights == CONV
    assert shape.convolution_biases == BIAS
    assert shape.norm_affine == NORM
    assert (shape.head_features + 1) * 1000 == HEAD
    assert len(shape.sites) == 52


def test_the_fgc_ends_are_exact(shapes: dict[str, BackboneShape]) -> None:
    shape = shapes["mobilenet_v2"]
    space = SharingSpace(shape.sites, FIVE)
    classes = dict.fromkeys(FIVE, 1000)
    independent = ledger_of(shape, space, space.independent(), classes)
    assert independent.fgc == independent.parameters == fgc(1) == 17_524_360  # 17.5244 M; printed 17.52
    assert ledger_of(shape, space, space.shared(), classes).fgc == fgc(0) == 8_765_320


# Levels of owners that differ leave shared copies behind and lie above the formula, as the printed rows do.
@pytest.mark.parametrize("granularity", ["per_stage", "per_site"])
@pytest.mark.parametrize("share", [0.05, 0.2, 0.4])
def test_on_budget_the_ledger_is_the_papers_formula_less_what_no_filter_fits_into(
    shapes: dict[str, BackboneShape], share: float, granularity: Granularity
) -> None:
    shape = shapes["mobilenet_v2"]
    space = SharingSpace(shape.sites, FIVE, granularity)
    allocation = space.decode([0.5] * space.dimension, Budget("owned", share), "fractions")
    counted = ledger_of(shape, space, allocation, dict.fromkeys(FIVE, 1000)).fgc
    dearest = 4 * sum(site.parameters_per_filter for site in shape.sites)
    assert fgc(share) - dearest < counted <= fgc(share)


@pytest.mark.parametrize("printed", [10.67e6, 10.61e6, 10.63e6])
def test_the_printed_rows_lie_between_the_ledgers_at_20_and_22_percent(
    shapes: dict[str, BackboneShape], printed: float
) -> None:
    # FACTS: printed 0.02 to 1.9 % above the formula by a rule that cannot be recovered.
    assert fgc(0.2) == pytest.approx(10.517e6, rel=1e-4)
    shape = shapes["mobilenet_v2"]
    space = SharingSpace(shape.sites, FIVE, "per_site_and_domain")
    ledgers = [
        ledger_of(
            shape,
            space,
            space.decode([0.5] * space.dimension, Budget("owned", share)),
            dict.fromkeys(FIVE, 1000),
        ).fgc
        for share in (0.2, 0.22)
    ]
    assert ledgers[0] <= printed <= ledgers[1]


def test_resnet26_is_the_decathlon_network(shapes: dict[str, BackboneShape]) -> None:
    shape = shapes["resnet26"]
    assert len(shape.sites) == 25
    assert shape.convolution_weights == 5_806_944
    assert shape.norm_affine == 7_744
    assert shape.convolution_biases == 0


@pytest.mark.parametrize(("size", "macs"), [(64, 852_885_504), (72, 1_079_433_216)])
def test_resnet26_multiplies_as_often_as_computed_from_the_papers(size: int, macs: int) -> None:
    assert convolution_macs(backbones.get("resnet26").build(2), size) == macs


def test_counting_macs_leaves_the_network_alone() -> None:
    network = backbones.get("resnet8").build(2).double()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    assert convolution_macs(network, 32) > 0
    assert network.training
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())


def test_resnet18_has_torchvision_s_count(shapes: dict[str, BackboneShape]) -> None:
    assert shapes["resnet18"].convolution_weights == 11_166_912
    assert shapes["resnet18"].convolution_biases == 0


def test_the_decathlon_convention_is_relative_to_the_backbone_and_leaves_heads_out(
    shapes: dict[str, BackboneShape],
) -> None:
    shape = shapes["resnet26"]
    space = SharingSpace(shape.sites, TEN)
    backbone = 5_806_944 + 7_744
    for classes in (2, 1623):
        heads = dict.fromkeys(TEN, classes)
        assert ledger_of(shape, space, space.independent(), heads).decathlon == pytest.approx(10.0)
        shared = ledger_of(shape, space, space.shared(), heads)
        assert shared.decathlon == pytest.approx((5_806_944 + 10 * 7_744) / backbone)
        assert shared.convention("decathlon") == shared.decathlon
        assert shared.convention("fgc") == shared.fgc == 5_806_944 + 10 * (7_744 + 257 * classes)
    assert set(CONVENTIONS) == {"fgc", "decathlon"}


@settings(max_examples=60)
@given(st.data())
def test_a_ledger_adds_up_to_the_copies_that_domains_use(data: st.DataObject) -> None:
    space = data.draw(spaces())
    allocation = data.draw(allocations_of(space))
    norms = tuple(Norm(f"{site.name}.norm", site.filters) for site in space.sites)
    shape = BackboneShape("made up", space.sites, norms, "head", 6)
    classes = {owner: 2 + d for d, owner in enumerate(space.owners)}
    ledger = ledger_of(shape, space, allocation, classes)
    live = brute_force.cost(space, allocation).live
    affine = 2 * sum(site.filters for site in space.sites)
    heads = 7 * sum(classes.values())
    assert ledger.live == live
    assert ledger.parameters == live + len(space.owners) * affine + heads
    assert ledger.stored_bytes == 4 * (ledger.parameters + len(space.owners) * affine)
    assert sum(item.count for item in ledger.items if item.trained) == ledger.parameters
    assert all(item.count > 0 for item in ledger.items)
    for owner in space.owners:
        assert [item.count for item in ledger.items if (item.what, item.owner) == ("heads", owner)] == [
            7 * classes[owner]
        ]
