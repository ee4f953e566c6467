"""Gated layers: every domain's departure from the shared layer behind gates that are trained with the weights.

w_d = w_shared + gate_d * delta_d (004, equation 1), a gate for each domain and site as in the paper, or for each domain
and filter (ours). What a gate makes of its score is the relaxation's to say (`Gate`); which rows a pattern then owns is
decided afterwards, so all rows of all domains are kept here: D + 1 layers of weights.
"""

from collections.abc import Sequence
from typing import Literal, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from apportion.spaces.network.forms import Form, joined, one_below_another, side_by_side, split
from apportion.spaces.network.layer import working_dtype
from apportion.spaces.network.mixed import MultiDomainNet
from apportion.spaces.shape import BackboneShape
from apportion.spaces.space import SharingSpace

Per = Literal["site", "filter"]

# As in `filters`: a grouped convolution of an image's few channels is slower than one convolution per domain.
_THIN = 4


class Gate(Protocol):
    """From scores to gates, any shape. Differentiable by the scores, if only by a straight-through estimate."""

    @property
    def start(self) -> float:
        """The score that all gates start from."""
        ...

    def open(self, scores: Tensor, noise: Tensor | None) -> Tensor:
        """The gates, 0 (shared) to 1 (owned). `noise`, uniform in (0, 1), while training; without it they are sure."""
        ...


class GatedLayer(nn.Module):
    """A convolution or a linear layer. Parameters: shared [F, ...], delta [D, F, ...], scores [D, F] or [D, 1].

    bias [D, F], as in every mixed layer. A `MixedLayer` in all but its constructor. `noise` [as scores] is for the
    trainer to set before a step; layers in eval mode do not look at it.
    """

    noise: Tensor | None = None

    def __init__(
        self, plain: nn.Conv2d | nn.Linear, domains: int, gate: Gate, per: Per = "filter", form: Form = "compose"
    ) -> None:
        super().__init__()
        self.domains, self.gate, self.form = domains, gate, form
        self.convolution = _Convolution(plain) if isinstance(plain, nn.Conv2d) else None
        weight, bias = plain.weight.detach(), plain.bias
        self.shared = nn.Parameter(weight.clone())
        self.delta = nn.Parameter(weight.new_zeros(domains, *weight.shape))
        self.scores = nn.Parameter(weight.new_full((domains, len(weight) if per == "filter" else 1), gate.start))
        self.bias = None if bias is None else nn.Parameter(bias.detach().repeat(domains, 1))

    @torch.no_grad()
    def start(self, weight: Tensor, bias: Tensor | None) -> None:
        """Everyone at the shared layer's `weight`: deltas are 0 whatever the gates are."""
        self.shared.copy_(weight)
        self.delta.zero_()
        if self.bias is not None and bias is not None:
            self.bias.copy_(bias)

    def gates(self, noise: Tensor | None = None) -> Tensor:
        """[D, F] or [D, 1]."""
        return self.gate.open(self.scores, noise)

    def weight_of(self, domain: int) -> Tensor:
        """With sure gates."""
        gate = self.gates()[domain]
        return self.shared + gate.view(-1, *[1] * (self.shared.dim() - 1)) * self.delta[domain]

    def bias_of(self, domain: int) -> Tensor | None:
        return None if self.bias is None else self.bias[domain]

    def weights(self) -> Tensor:
        """What the domains compute with, [D, F, ...]."""
        gates = self.gates(self.noise if self.training else None)
        return torch.addcmul(self.shared, gates.view(*gates.shape, *[1] * (self.shared.dim() - 1)), self.delta)

    def forward(self, x: Tensor) -> Tensor:
        """Rows of a mixed batch -> rows."""
        weights = working_dtype(self.weights())
        bias = None if self.bias is None else working_dtype(self.bias)
        layer = self.convolution
        if self.form == "interleaved" and layer is not None and not layer.thin:
            y = layer(side_by_side(x, self.domains), weights.flatten(0, 1), _flat(bias), self.domains)
            return one_below_another(y, self.domains)
        compute = F.linear if layer is None else layer
        biases: Sequence[Tensor | None] = [None] * self.domains if bias is None else bias.unbind()
        parts = zip(split(x, self.domains, self.form), weights.unbind(), biases, strict=True)
        return joined([compute(part, weight, b) for part, weight, b in parts], self.form)

    def extra_repr(self) -> str:
        return f"filters={len(self.shared)}, gates={tuple(self.scores.shape)}, form={self.form}"


class _Convolution:
    """How a plain convolution slides."""

    def __init__(self, plain: nn.Conv2d) -> None:
        if plain.padding_mode != "zeros":
            raise ValueError(f"padding mode {plain.padding_mode!r} is not supported")
        self.stride, self.padding, self.dilation, self.groups = (
            plain.stride,
            plain.padding,
            plain.dilation,
            plain.groups,
        )
        self.thin = plain.groups == 1 and plain.in_channels <= _THIN

    def __call__(self, x: Tensor, weight: Tensor, bias: Tensor | None = None, domains: int = 1) -> Tensor:
        return F.conv2d(x, weight, bias, self.stride, self.padding, self.dilation, domains * self.groups)


def _flat(bias: Tensor | None) -> Tensor | None:
    return None if bias is None else bias.flatten()


def gated_network(
    template: nn.Module,
    shape: BackboneShape,
    space: SharingSpace,
    classes: Sequence[int],
    gate: Gate,
    per: Per = "filter",
    seed: int = 0,
    form: Form = "compose",
) -> MultiDomainNet:
    """The mixed network with a gated layer at every site that is not kept shared; arguments as `MultiDomainNet`'s."""
    net = MultiDomainNet(template, shape, space, space.shared(), classes, seed, form=form)
    for site in shape.sites:
        if site.name in space.keep_shared:
            continue
        plain = template.get_submodule(site.name)
        assert isinstance(plain, nn.Conv2d | nn.Linear)
        parent, _, leaf = site.name.rpartition(".")
        setattr(net.network.get_submodule(parent), leaf, GatedLayer(plain, len(space.owners), gate, per, form))
    return net


def gated_layers(net: MultiDomainNet) -> dict[int, GatedLayer]:
    """The gated layers by the index of their site, by depth."""
    layers = {i: net.network.get_submodule(site.name) for i, site in enumerate(net.shape.sites)}
    return {i: layer for i, layer in layers.items() if isinstance(layer, GatedLayer)}
