"""The mixed network: one backbone for all domains, whose batch holds B images of each of them, domain by domain.

Only Conv2d, BatchNorm2d and the head are swapped; activations, pooling and additions need no change because rows of a
batch do not mix. The form fixes the order of the rows at the entry; layers know it, the backbone does not.
"""

import copy
from collections.abc import Sequence
from importlib import import_module

import torch
from torch import Tensor, nn

from apportion.spaces.allocation import Allocation
from apportion.spaces.network.forms import Form, entered, split
from apportion.spaces.network.heads import DomainHeads
from apportion.spaces.network.layer import MixedConv
from apportion.spaces.network.norm import DomainBatchNorm2d
from apportion.spaces.shape import BackboneShape
from apportion.spaces.space import SharingSpace


class MultiDomainNet(nn.Module):
    """All owners of `space` in one network, started from the plain network `template`; its head is replaced.

    `seed` draws the heads. `how` is the operator's parametrisation. `form` decides the speed, not the numbers, and the
    state dict is the same for all. The allocation is used in canonical form.
    """

    def __init__(
        self,
        template: nn.Module,
        shape: BackboneShape,
        space: SharingSpace,
        allocation: Allocation,
        classes: Sequence[int],
        seed: int = 0,
        how: str = "replace",
        form: Form = "compose",
    ) -> None:
        super().__init__()
        if how not in space.operator.parametrisations:
            raise ValueError(f"operator {space.operator.name} has no parametrisation {how!r}")
        space.check(allocation)
        self.owners, self.classes = space.owners, tuple(classes)
        self.shape, self.form = shape, form
        self.allocation = space.canonical(allocation)
        self.network = copy.deepcopy(template)
        self._plain = [copy.deepcopy(template).to("meta")]
        self._swap(space, how)
        heads = DomainHeads(shape.head_features, classes, form).to(next(template.parameters()))
        heads.draw(seed, self.owners)
        _put(self.network, shape.head, heads)

    def _swap(self, space: SharingSpace, how: str) -> None:
        module, name = space.operator.layer.split(":")
        layer = getattr(import_module(module), name)
        for site, levels in zip(self.shape.sites, self.allocation.levels, strict=True):
            conv = self.network.get_submodule(site.name)
            _put(self.network, site.name, layer(conv, site, self.owners, levels, self.allocation.order, how, self.form))
        for norm in self.shape.norms:
            template = self.network.get_submodule(norm.name)
            assert isinstance(template, nn.BatchNorm2d)
            _put(self.network, norm.name, DomainBatchNorm2d(template, len(self.owners), self.form))

    def forward(self, images: Tensor) -> list[Tensor]:
        """[D * B, 3, H, W], domain by domain -> one [B, classes] per domain."""
        domains = len(self.owners)
        logits: Tensor = self.network(entered(images, domains, self.form))
        parts = split(logits, domains, self.form)
        return [part[:, :count] for part, count in zip(parts, self.classes, strict=True)]

    def convolution(self, site: str) -> MixedConv:
        return self.network.get_submodule(site)  # type: ignore[return-value]

    @property
    def heads(self) -> DomainHeads:
        heads = self.network.get_submodule(self.shape.head)
        assert isinstance(heads, DomainHeads)
        return heads

    @torch.no_grad()
    def start_from(self, shared: "MultiDomainNet") -> None:
        """Take over a trained all-shared network: its filters for everyone, each domain's biases, norms and head."""
        for site in self.shape.sites:
            source = shared.convolution(site.name)
            biases = [source.bias_of(d) for d in range(len(self.owners))]
            stacked = torch.stack([bias for bias in biases if bias is not None]) if site.has_bias else None
            self.convolution(site.name).start(source.weight_of(0), stacked)
        for name in [*(norm.name for norm in self.shape.norms), self.shape.head]:
            self.network.get_submodule(name).load_state_dict(shared.network.get_submodule(name).state_dict())

    @torch.no_grad()
    def materialise(self, owner: str) -> nn.Module:
        """A plain backbone that computes what this network computes for `owner`: no overhead, nothing of the others."""
        d = self.owners.index(owner)
        device = next(self.parameters()).device
        plain = copy.deepcopy(self._plain[0]).to_empty(device=device)
        for site in self.shape.sites:
            source, target = self.convolution(site.name), plain.get_submodule(site.name)
            assert isinstance(target, nn.Conv2d)
            target.weight = nn.Parameter(source.weight_of(d).clone())
            bias = source.bias_of(d)
            target.bias = None if bias is None else nn.Parameter(bias.clone())
        for norm in self.shape.norms:
            mixed, target = self.network.get_submodule(norm.name), plain.get_submodule(norm.name)
            assert isinstance(mixed, DomainBatchNorm2d) and isinstance(target, nn.BatchNorm2d)
            target.weight, target.bias = nn.Parameter(mixed.weight[d].clone()), nn.Parameter(mixed.bias[d].clone())
            target.running_mean, target.running_var = mixed.running_mean[d].clone(), mixed.running_var[d].clone()
        _put(plain, self.shape.head, copy.deepcopy(self.heads.heads[d]))
        plain.train(self.training)
        return plain


def _put(network: nn.Module, name: str, module: nn.Module) -> None:
    """Replace the submodule `name` (dotted) of `network`."""
    parent, _, leaf = name.rpartition(".")
    setattr(network.get_submodule(parent), leaf, module)
