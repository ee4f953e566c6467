"""A mixed network against the papers' form: outputs, running statistics and every gradient."""

import copy
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from apportion.spaces.allocation import Allocation
from apportion.spaces.network.filters import FilterConv2d
from apportion.spaces.network.forms import Form
from apportion.spaces.network.mixed import MultiDomainNet
from apportion.spaces.shape import BackboneShape
from apportion.spaces.space import SharingSpace
from tests.spaces.two_conv_form import papers_form


def close(left: Tensor, right: Tensor) -> bool:
    """Within 1e-10 of the tensor's largest."""
    assert left.shape == right.shape
    return not left.numel() or bool((left - right).abs().max() <= 1e-10 * right.abs().max().clamp_min(1e-30))


def grad(parameter: object) -> Tensor:
    """The gradient; zeros for a parameter that nothing used (an owner without filters)."""
    assert isinstance(parameter, nn.Parameter)
    return torch.zeros_like(parameter) if parameter.grad is None else parameter.grad


def loss_of(outputs: list[Tensor], labels: list[Tensor]) -> Tensor:
    return torch.stack([F.cross_entropy(o, y) for o, y in zip(outputs, labels, strict=True)]).sum()


def made_ready(network: nn.Module) -> nn.Module:
    """In float64, dropout and stochastic depth off, affines of norms not 1 and 0 (the mean behind one would be 0)."""
    generator = torch.Generator().manual_seed(0)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d | nn.LayerNorm):
            nn.init.uniform_(module.weight, 0.5, 1.5, generator)
            nn.init.uniform_(module.bias, -0.5, 0.5, generator)
        if type(module).__name__.startswith(("Dropout", "StochasticDepth")):
            module.__dict__["p"] = 0.0
    return network.double()


@dataclass(frozen=True)
class Case:
    """A plain float64 network, its shape, a pattern, and one batch of B images a domain."""

    template: nn.Module
    shape: BackboneShape
    space: SharingSpace
    allocation: Allocation
    classes: tuple[int, ...]
    images: Tensor
    labels: list[Tensor]

    def mixed(self, form: Form) -> MultiDomainNet:
        return MultiDomainNet(
            self.template, self.shape, self.space, self.allocation, self.classes, seed=3, form=form
        ).train()

    def owned_filters(self, net: MultiDomainNet) -> dict[str, list[Tensor]]:
        order, owners = net.allocation.order, self.space.owners
        return {
            site.name: [
                torch.from_numpy(order.permutation(site.name, owner, site.filters)[:n].copy())
                for owner, n in zip(owners, row, strict=True)
            ]
            for site, row in zip(self.space.sites, net.allocation.levels, strict=True)
        }

    def never_owned(self) -> list[str]:
        """Parameters outside sites, norms and head."""
        shape = self.shape
        apart = {*(site.name for site in shape.sites), *(norm.name for norm in shape.norms), shape.head}
        return [name for name, _ in self.template.named_parameters() if name.rpartition(".")[0] not in apart]

    def papers(self, net: MultiDomainNet | None = None) -> tuple[list[nn.Module], list[Tensor]]:
        """A network per domain with the heads of `net`, what they share shared, after backward; their outputs."""
        net = net or self.mixed("compose")
        papers = papers_form(self.template, self.owned_filters(net), len(self.space.owners))
        for d, paper in enumerate(papers):
            put(paper, self.shape.head, copy.deepcopy(net.heads.heads[d]))
            for name in self.never_owned():
                module, _, leaf = name.rpartition(".")
                setattr(paper.get_submodule(module), leaf, papers[0].get_parameter(name))
            paper.train()
        outputs = [paper(x) for paper, x in zip(papers, self.images.chunk(len(papers)), strict=True)]
        loss_of(outputs, self.labels).backward()
        return papers, [output.detach() for output in outputs]


def put(network: nn.Module, name: str, module: nn.Module) -> None:
    parent, _, leaf = name.rpartition(".")
    setattr(network.get_submodule(parent), leaf, module)


def disagreements(case: Case, form: Form, papers: list[nn.Module], outputs: list[Tensor]) -> list[str]:
    """The names of all tensors that differ by more than 1e-10 of their largest.

    A bias in front of a norm has no gradient but what rounding leaves of it: there both are below 1e-12 of the
    network's largest gradient.
    """
    net = case.mixed(form)
    logits = net(case.images)
    wrong = [f"output {d}" for d in range(len(papers)) if not close(logits[d], outputs[d])]
    loss_of(logits, case.labels).backward()
    pairs = gradients(case, net, papers)
    noise = 1e-12 * max(float(theirs.abs().max()) for _, theirs in pairs.values() if theirs.numel())
    for name, (mine, theirs) in pairs.items():
        nothing = mine.numel() > 0 and max(float(mine.abs().max()), float(theirs.abs().max())) < noise
        wrong += [] if nothing or close(mine, theirs) else [name]
    for norm in case.shape.norms:
        for what in ("running_mean", "running_var") if norm.statistics else ():
            mine = net.network.get_submodule(norm.name).get_buffer(what)
            theirs = torch.stack([paper.get_submodule(norm.name).get_buffer(what) for paper in papers])
            wrong += [] if close(mine, theirs) else [f"{norm.name}.{what}"]
    return wrong


def gradients(case: Case, net: MultiDomainNet, papers: list[nn.Module]) -> dict[str, tuple[Tensor, Tensor]]:
    """The mixed network's gradient and the papers', by name, of all that is trained."""
    pairs: dict[str, tuple[Tensor, Tensor]] = {}
    for site in case.shape.sites:
        layer = net.network.get_submodule(site.name)
        assert isinstance(layer, FilterConv2d)
        rows = [paper.get_submodule(site.name) for paper in papers]
        pairs[f"{site.name}.shared"] = (grad(layer.shared), grad(rows[0].shared)[layer.get_buffer("_live")])
        pairs[f"{site.name}.owned"] = (grad(layer.owned), torch.cat([grad(row.owned) for row in rows]))
        if site.has_bias:
            pairs[f"{site.name}.bias"] = (grad(layer.bias), torch.stack([grad(row.bias) for row in rows]))
    for norm in case.shape.norms:
        mixed, plain = net.network.get_submodule(norm.name), [paper.get_submodule(norm.name) for paper in papers]
        for what in ("weight", "bias"):
            theirs = torch.stack([grad(p.get_parameter(what)) for p in plain])
            pairs[f"{norm.name}.{what}"] = (grad(mixed.get_parameter(what)), theirs)
    for d, paper in enumerate(papers):
        for key, parameter in paper.get_submodule(case.shape.head).named_parameters():
            pairs[f"head {d} {key}"] = (grad(net.heads.heads[d].get_parameter(key)), grad(parameter))
    for name in case.never_owned():
        pairs[name] = (grad(net.network.get_parameter(name)), grad(papers[0].get_parameter(name)))
    return pairs
