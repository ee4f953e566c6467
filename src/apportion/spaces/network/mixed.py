"""The mixed network: one backbone for all domains, whose batch holds B images of each of them, domain by domain.

Only sites (Conv2d, Linear), norms and the head are swapped; activations, pooling and additions need no change because
rows of a batch do not mix. The form fixes the order of the rows at the entry; layers know it, the backbone does not.
"""

import copy
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from importlib import import_module

import torch
from torch import Tensor, nn

from apportion.spaces.allocation import Allocation
from apportion.spaces.network.forms import Form, entered, split
from apportion.spaces.network.heads import DomainHeads
from apportion.spaces.network.layer import MixedLayer
from apportion.spaces.network.norm import DomainBatchNorm2d, DomainLayerNorm, domain_norm
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
        for module in self.network.modules():
            # Behind an interleaved norm an activation works on a view: in place, autograd copies the whole batch twice.
            if getattr(module, "inplace", False) is True:
                module.inplace = False  # type: ignore[assignment]
        self._plain = [_without_numbers(template)]
        self._swap(space, how)
        like = template.get_submodule(shape.head)
        assert isinstance(like, nn.Linear | nn.Conv2d)
        heads = DomainHeads(like, classes, form).to(next(template.parameters()))
        heads.draw(seed, self.owners)
        _put(self.network, shape.head, heads)

    def _swap(self, space: SharingSpace, how: str) -> None:
        operator, order = space.operator, self.allocation.order
        for site, levels in zip(self.shape.sites, self.allocation.levels, strict=True):
            layer = _named(operator.linear_layer if site.kind == "linear" else operator.layer)
            plain = self.network.get_submodule(site.name)
            _put(self.network, site.name, layer(plain, site, self.owners, levels, order, how, self.form))
        for norm in self.shape.norms:
            plain = self.network.get_submodule(norm.name)
            _put(self.network, norm.name, domain_norm(plain, len(self.owners), self.form))

    def forward(self, images: Tensor) -> list[Tensor]:
        """[D * B, 3, H, W], domain by domain -> one [B, classes] per domain."""
        domains = len(self.owners)
        logits: Tensor = self.network(entered(images, domains, self.form))
        parts = split(logits, domains, self.form)
        return [part[:, :count] for part, count in zip(parts, self.classes, strict=True)]

    def layer(self, site: str) -> MixedLayer:
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
            source = shared.layer(site.name)
            biases = [source.bias_of(d) for d in range(len(self.owners))]
            stacked = torch.stack([bias for bias in biases if bias is not None]) if site.has_bias else None
            self.layer(site.name).start(source.weight_of(0), stacked)
        for name in [*(norm.name for norm in self.shape.norms), self.shape.head]:
            self.network.get_submodule(name).load_state_dict(shared.network.get_submodule(name).state_dict())
        own = dict(_tensors(self.network))
        for name, tensor in _tensors(shared.network):
            if not self._is_swapped(name):
                own[name].copy_(tensor)

    @torch.no_grad()
    def materialise(self, owner: str) -> nn.Module:
        """A plain backbone that computes what this network computes for `owner`: no overhead, nothing of the others."""
        d = self.owners.index(owner)
        device = next(self.parameters()).device
        plain = copy.deepcopy(self._plain[0]).to_empty(device=device)
        for site in self.shape.sites:
            source, target = self.layer(site.name), plain.get_submodule(site.name)
            assert isinstance(target, nn.Conv2d | nn.Linear)
            target.weight = nn.Parameter(source.weight_of(d).clone())
            bias = source.bias_of(d)
            target.bias = None if bias is None else nn.Parameter(bias.clone())
        for norm in self.shape.norms:
            mixed = self.network.get_submodule(norm.name)
            assert isinstance(mixed, DomainBatchNorm2d | DomainLayerNorm)
            mixed.give(d, plain.get_submodule(norm.name))
        _put(plain, self.shape.head, copy.deepcopy(self.heads.heads[d]))
        mine = dict(_tensors(self.network))
        for name, tensor in _tensors(plain):
            if not self._is_swapped(name):
                tensor.copy_(mine[name])
        plain.train(self.training)
        return plain

    def _is_swapped(self, tensor: str) -> bool:
        """True where `tensor` belongs to a site, a norm or the head: all else is the backbone's own, shared by all."""
        return tensor.rpartition(".")[0] in self._swapped

    @cached_property
    def _swapped(self) -> frozenset[str]:
        names = [*(site.name for site in self.shape.sites), *(norm.name for norm in self.shape.norms), self.shape.head]
        within = [module for name in names for module, _ in self.network.get_submodule(name).named_modules(prefix=name)]
        return frozenset(within)


def _without_numbers(network: nn.Module) -> nn.Module:
    """A copy on the meta device; the numbers are not copied on the way."""
    memo: dict[int, object] = {
        id(p): nn.Parameter(p.detach().to("meta"), p.requires_grad) for p in network.parameters()
    }
    memo |= {id(buffer): buffer.to("meta") for buffer in network.buffers()}
    return copy.deepcopy(network, memo)


def _tensors(network: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """Parameters and buffers by name, those that no state dict keeps included."""
    yield from network.named_parameters()
    yield from network.named_buffers()


def _named(path: str) -> Callable[..., nn.Module]:
    module, name = path.split(":")
    layer: Callable[..., nn.Module] = getattr(import_module(module), name)
    return layer


def _put(network: nn.Module, name: str, module: nn.Module) -> None:
    """Replace the submodule `name` (dotted) of `network`."""
    parent, _, leaf = name.rpartition(".")
    setattr(network.get_submodule(parent), leaf, module)
