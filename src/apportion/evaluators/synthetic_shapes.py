"""Backbones of the synthetic world: sites with sizes as real networks have them, and no weights."""

from typing import Literal

from apportion.spaces.shape import BackboneShape, Norm
from apportion.spaces.site import Kind, Site

Shape = Literal["widening", "mobilenet_v2"]


def synthetic_shape(shape: Shape, number: int) -> BackboneShape:
    """The backbone of that shape; `number` of sites is the widening one's to choose."""
    sites = _mobilenet_v2_sites() if shape == "mobilenet_v2" else _widening_sites(number)
    norms = tuple(Norm(f"{site.name}.norm", site.filters) for site in sites)
    return BackboneShape("synthetic", tuple(sites), norms, "head", sites[-1].filters)


def _widening_sites(number: int) -> list[Site]:
    """A network that widens with depth, as real ones do: three stages, 3x3 convolutions."""
    sites: list[Site] = []
    channels = 3
    for depth in range(number):
        stage = 3 * depth // number
        filters = 8 * 2**stage
        sites.append(
            Site(f"stage{stage}.conv{depth}", "conv", (filters, channels, 3, 3), 1, False, depth, stage, filters)
        )
        channels = filters
    return sites


def _mobilenet_v2_sites() -> list[Site]:
    """The 50 convolutions of MobileNetV2's blocks (Sandler et al. 2018, table 2), without stem and last layer."""
    blocks = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
    sites: list[Site] = []
    channels, stage = 32, 0

    def add(name: str, shape: tuple[int, int, int, int], groups: int = 1) -> None:
        kind: Kind = "depthwise" if groups > 1 else "conv"
        sites.append(Site(name, kind, shape, groups, False, len(sites), stage, shape[0]))

    number = 0
    for expansion, outputs, repeats, stride in blocks:
        for repeat in range(repeats):
            wide, number = channels * expansion, number + 1
            if expansion > 1:
                add(f"block{number}.expand", (wide, channels, 1, 1))
            stage += stride > 1 and repeat == 0
            add(f"block{number}.depthwise", (wide, 1, 3, 3), wide)
            add(f"block{number}.project", (outputs, wide, 1, 1))
            channels = outputs
    return sites
