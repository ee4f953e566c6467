"""The ledger against the papers' numbers (FACTS, section 1) and against itself."""

from dataclasses import dataclass

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from apportion.spaces.backbones import backbones
from apportion.spaces.backbones.introspection import shape_of
from apportion.spaces.backbones.lookup import backbone_entry
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


@dataclass(frozen=True)
class Counts:
    """FACTS, section 1 (paper 000, table 1): what one network has, and what is printed of five (millions)."""

    sites: int
    conv: int
    bias: int
    norm: int
    head: int
    independent: float
    a_fifth: float
    printed: tuple[float, float, float]

    def fgc(self, share: float) -> float:
        """T = conv * (1 + (D - 1) * p) + D * (biases + BN affine + head), D = 5."""
        return self.conv * (1 + 4 * share) + 5 * (self.bias + self.norm + self.head)


FGC = {
    "mobilenet_v2": Counts(52, 2_189_760, 0, 34_112, 1_281_000, 17.5244, 10.517, (10.67, 10.61, 10.63)),
    "resnet50": Counts(53, 23_454_912, 0, 53_120, 2_049_000, 127.7852, 52.729, (52.84, 52.74, 52.97)),
    "mnasnet1_0": Counts(52, 3_064_392, 0, 37_920, 1_281_000, 21.9166, 12.111, (12.31, 12.34, 12.24)),
    "squeezenet1_0": Counts(25, 732_448, 2_976, 0, 513_000, 6.2421, 3.898, (3.91, 3.90, 3.90)),
}
ARCHITECTURES = pytest.mark.parametrize("name", FGC)


def fgc_shape(name: str) -> BackboneShape:
    entry = backbone_entry(name)
    with torch.device("meta"):
        return shape_of(name, entry.build(1000), entry.head, 224)


@ARCHITECTURES
def test_the_fgc_networks_have_the_papers_counts(name: str) -> None:
    shape, counts = fgc_shape(name), FGC[name]
    assert len(shape.sites) == counts.sites
    assert shape.convolution_weights == counts.conv
    assert shape.convolution_biases == counts.bias
    assert shape.norm_affine == counts.norm
    assert (shape.head_features + 1) * 1000 == counts.head
    assert shape.never_owned == shape.constants == 0


@ARCHITECTURES
def test_the_fgc_ends_are_exact(name: str) -> None:
    shape, counts = fgc_shape(name), FGC[name]
    space, classes = SharingSpace(shape.sites, FIVE), dict.fromkeys(FIVE, 1000)
    independent = ledger_of(shape, space, space.independent(), classes)
    assert independent.fgc == independent.parameters == counts.fgc(1)
    assert independent.fgc == pytest.approx(counts.independent * 1e6, abs=50)
    assert ledger_of(shape, space, space.shared(), classes).fgc == counts.fgc(0)
    assert independent.total("heads") == 5 * counts.head
    assert independent.total("biases") == 5 * counts.bias


# Levels of owners that differ leave shared copies behind and lie above the formula, as the printed rows do.
@pytest.mark.parametrize("granularity", ["per_stage", "per_site"])
@pytest.mark.parametrize("share", [0.05, 0.2, 0.4])
@ARCHITECTURES
def test_on_budget_the_ledger_is_the_papers_formula_less_what_no_filter_fits_into(
    name: str, share: float, granularity: Granularity
) -> None:
    shape, counts = fgc_shape(name), FGC[name]
    space = SharingSpace(shape.sites, FIVE, granularity)
    allocation = space.decode([0.5] * space.dimension, Budget("owned", share), "fractions")
    counted = ledger_of(shape, space, allocation, dict.fromkeys(FIVE, 1000)).fgc
    dearest = 4 * sum(site.parameters_per_filter for site in shape.sites)
    assert counts.fgc(share) - dearest < counted <= counts.fgc(share)


@ARCHITECTURES
def test_the_printed_rows_lie_between_the_ledgers_at_20_and_22_percent(name: str) -> None:
    # FACTS: printed 0.02 to 1.9 % above the formula by a rule that cannot be recovered.
    shape, counts = fgc_shape(name), FGC[name]
    assert counts.fgc(0.2) == pytest.approx(counts.a_fifth * 1e6, abs=500)
    space, classes = SharingSpace(shape.sites, FIVE, "per_site_and_domain"), dict.fromkeys(FIVE, 1000)
    patterns = [space.decode([0.5] * space.dimension, Budget("owned", share)) for share in (0.2, 0.22)]
    fifth, more = (ledger_of(shape, space, pattern, classes).fgc for pattern in patterns)
    for printed in counts.printed:
        # To two decimals of a million.
        greatest = printed * 1e6 + 5000
        assert max(fifth, counts.fgc(0.2)) <= greatest
        assert printed * 1e6 <= min(more, counts.fgc(0.22))


# 004: sites of the networks that it searches; ViT-S stands in test_lookup.py.
@pytest.mark.parametrize(("name", "sites"), [("resnet50", 53), ("densenet121", 120)])
def test_taps_counts_the_same_sites(name: str, sites: int) -> None:
    assert len(fgc_shape(name).sites) == sites


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
