"""Sites by introspection: one forward pass on the meta device tells what is called, in which order, at what size."""

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from apportion.errors import InputError
from apportion.spaces.macs import convolution_macs
from apportion.spaces.shape import BackboneShape, Norm
from apportion.spaces.site import Kind, Site


def shape_of(name: str, network: nn.Module, head: str, image_size: int) -> BackboneShape:
    """The shape of `network` for images of `image_size` pixels a side: every Conv2d is a site, except a head.

    Stages are numbered by drops in resolution: a site belongs to the stage of its output.
    """
    calls = _calls(network, image_size)
    sites: list[Site] = []
    norms: list[Norm] = []
    head_features = 0
    sides: list[int] = []
    for module_name, module, output in calls:
        if isinstance(module, nn.Conv2d):
            sides.append(output.shape[-1])
            sites.append(_site(module_name, module, depth=len(sites), stage=_drops(sides)))
        elif isinstance(module, nn.BatchNorm2d):
            norms.append(Norm(module_name, module.num_features))
        elif isinstance(module, nn.Linear) and module_name == head:
            head_features = module.in_features
    if not head_features:
        raise InputError(f"backbone {name}", f"head {head!r}", "the head must be a Linear layer that is called")
    macs = convolution_macs(network, image_size)
    return BackboneShape(name, tuple(sites), tuple(norms), head, head_features, macs)


def _calls(network: nn.Module, image_size: int) -> list[tuple[str, nn.Module, Tensor]]:
    """(name, module, output) of every leaf call on the meta device, in calling order."""
    probe = copy.deepcopy(network).to("meta").float().eval()
    calls: list[tuple[str, nn.Module, Tensor]] = []

    def listener(module_name: str) -> Callable[[nn.Module, Any, Tensor], None]:
        return lambda module, _inputs, output: calls.append((module_name, module, output))

    for module_name, module in probe.named_modules():
        if isinstance(module, nn.Conv2d | nn.BatchNorm2d | nn.Linear):
            module.register_forward_hook(listener(module_name))
    with torch.no_grad():
        probe(torch.empty(1, 3, image_size, image_size, device="meta"))
    names = [module_name for module_name, _, _ in calls]
    twice = next((module_name for module_name in names if names.count(module_name) > 1), None)
    if twice is not None:
        raise InputError(f"backbone, layer {twice}", "called more than once", "a site is one layer called once")
    return calls


def _drops(sides: list[int]) -> int:
    """How many greater output sides were seen up to the last site: the stage it belongs to."""
    return len({side for side in sides if side > sides[-1]})


def _site(name: str, conv: nn.Conv2d, depth: int, stage: int) -> Site:
    kind: Kind = "conv"
    if conv.groups > 1:
        kind = "depthwise" if conv.groups == conv.in_channels == conv.out_channels else "grouped"
    return Site(
        name, kind, tuple(conv.weight.shape), conv.groups, conv.bias is not None, depth, stage, conv.out_channels
    )
