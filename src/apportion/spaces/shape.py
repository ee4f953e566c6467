"""The shape of a backbone: everything that parameter accounting needs to know of it, without a tensor."""

from dataclasses import dataclass

from apportion.spaces.site import Site


@dataclass(frozen=True)
class Norm:
    """A BatchNorm layer: `features` channels, each with a scale, an offset and two running statistics."""

    name: str
    features: int


@dataclass(frozen=True)
class BackboneShape:
    """Sites by depth, norms in calling order, and the input width of the head that every domain replaces.

    `macs`: multiply-accumulates of all convolutions for one image, at the size the shape was taken with. Owning filters
    does not change them: every domain computes one backbone.
    """

    name: str
    sites: tuple[Site, ...]
    norms: tuple[Norm, ...]
    head: str
    head_features: int
    macs: int = 0

    @property
    def convolution_weights(self) -> int:
        return sum(site.parameters for site in self.sites)

    @property
    def convolution_biases(self) -> int:
        return sum(site.filters for site in self.sites if site.has_bias)

    @property
    def norm_affine(self) -> int:
        return sum(2 * norm.features for norm in self.norms)
