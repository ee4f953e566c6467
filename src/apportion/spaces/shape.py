"""The shape of a backbone: everything that parameter accounting needs to know of it, without a tensor."""

from dataclasses import dataclass

from apportion.spaces.site import Site


@dataclass(frozen=True)
class Norm:
    """A norm: `features` channels, each with a scale and an offset; BatchNorm has two running `statistics` of each."""

    name: str
    features: int
    statistics: bool = True


@dataclass(frozen=True)
class BackboneShape:
    """Sites by depth, norms in calling order, and the weights per class of the head that every domain replaces.

    `macs`: multiply-accumulates of all convolutions and linear sites for one image, at the size the shape was taken
    with. Owning filters does not change them: every domain computes one backbone. `never_owned`: trained numbers
    outside sites, norms and head, which all domains share in every pattern (a transformer's class token, position and
    patch embeddings). `constants`: stored numbers that are neither trained nor a norm's.
    """

    name: str
    sites: tuple[Site, ...]
    norms: tuple[Norm, ...]
    head: str
    head_features: int
    macs: int = 0
    never_owned: int = 0
    constants: int = 0

    @property
    def convolution_weights(self) -> int:
        """Weights at all sites, those of linear ones included."""
        return sum(site.parameters for site in self.sites)

    @property
    def convolution_biases(self) -> int:
        return sum(site.filters for site in self.sites if site.has_bias)

    @property
    def norm_affine(self) -> int:
        return sum(2 * norm.features for norm in self.norms)

    @property
    def running_statistics(self) -> int:
        return sum(2 * norm.features for norm in self.norms if norm.statistics)
