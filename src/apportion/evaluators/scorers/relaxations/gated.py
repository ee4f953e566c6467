"""A gated network under way: what is kept of it in a checkpoint, and what its scores come to."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from apportion.evaluators.memo import Tensors
from apportion.evaluators.scorers.relaxations.gates import Relaxation, owned_share
from apportion.evaluators.scorers.relaxations.path import Path
from apportion.spaces.network.gated import gated_layers
from apportion.spaces.network.mixed import MultiDomainNet
from apportion.spaces.orders import counted_seed

# Noise is uniform in the open interval: at its ends a gate's logit would be infinite.
EDGE = 1e-6


class Gated(nn.Module):
    """The network, the penalty's multiplier and the path of the scores over `steps` of training."""

    multiplier: Tensor
    shares: Tensor

    def __init__(self, net: MultiDomainNet, relaxation: Relaxation, steps: int) -> None:
        super().__init__()
        self.net, self.relaxation = net, relaxation
        sites = net.shape.sites
        self.layers = gated_layers(net)
        weights = torch.tensor([sites[i].parameters for i in self.layers], dtype=torch.float32)
        self.register_buffer("multiplier", torch.zeros(()))
        self.register_buffer("shares", weights / sum(site.parameters for site in sites), persistent=False)
        self.path = Path(tuple(self.layers), len(net.owners), steps)

    @property
    def scores(self) -> list[nn.Parameter]:
        """One tensor for each gated site, [D, gates]."""
        return [layer.scores for layer in self.layers.values()]

    def draw(self, *parts: object) -> None:
        """Set the noise of a step, which `parts` count. The same on every device."""
        if not self.relaxation.noisy:
            return
        generator = torch.Generator().manual_seed(counted_seed("gates", *parts) % 2**63)
        counts = [layer.scores.numel() for layer in self.layers.values()]
        drawn = torch.rand(sum(counts), generator=generator).clamp_(EDGE, 1 - EDGE).to(self.multiplier.device)
        for layer, noise in zip(self.layers.values(), drawn.split(counts), strict=True):
            layer.noise = noise.view_as(layer.scores)

    def penalty(self) -> Tensor:
        return self.relaxation.penalty(self.scores, self.shares, self.multiplier)

    @torch.no_grad()
    def look(self, step: int) -> None:
        """Note where gates stand after `step` steps, where the path has a point there."""
        if self.path.has(step):
            is_open = open_gates(self.relaxation, self.scores)
            self.path.note(step, self.scores, is_open, self.multiplier, owned_share(is_open, self.shares))

    def hold(self) -> None:
        """Leave the scores where they are in this step: an optimiser passes over what has no gradient."""
        for scores in self.scores:
            scores.grad = None

    @torch.no_grad()
    def press(self) -> None:
        """Set the multiplier for the next step."""
        owned = owned_share(open_gates(self.relaxation, self.scores), self.shares)
        self.multiplier.copy_(self.relaxation.pressed(self.multiplier, owned))


def open_gates(relaxation: Relaxation, scores: Sequence[Tensor]) -> list[Tensor]:
    """1 where a sure gate lets any of its departure through, else 0."""
    return [(relaxation.open(one, None) > 0).to(one.dtype) for one in scores]


def outcome(relaxation: Relaxation, scores: Mapping[int, Tensor], owners: int, filters: Sequence[int]) -> Tensors:
    """`worth.<site>`: the scores [owners, filters], a whole site's repeated; `open.<site>`: which gates are open.

    `scores` by site; a site that is kept shared has none, and is worth 0. `filters` of every site.
    """
    nothing = torch.zeros(owners, 1)
    tensors: Tensors = {}
    for i, count in enumerate(filters):
        one = scores[i].detach() if i in scores else nothing
        is_open = open_gates(relaxation, [one])[0] if i in scores else nothing
        tensors[f"worth.{i}"] = one.expand(owners, count).clone()
        tensors[f"open.{i}"] = (is_open > 0).expand(owners, count).clone()
    return tensors
