"""Sites by introspection: one forward pass on the meta device tells what is called, in which order, at what size."""

import copy
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from apportion.errors import InputError
from apportion.spaces.backbones.swappable import swapped
from apportion.spaces.macs import convolution_macs
from apportion.spaces.shape import BackboneShape, Norm
from apportion.spaces.site import Kind, Site

# Images in the probing batch: a number that no layer has by chance.
_ROWS = 5


@dataclass(frozen=True)
class Call:
    """A call of a layer that is to be swapped, with its output on the meta device."""

    name: str
    module: nn.Module
    output: Tensor


def shape_of(name: str, network: nn.Module, head: str, image_size: int, shared: str = "") -> BackboneShape:
    """The shape of `network` for images of `image_size` pixels a side. Nothing is computed.

    Every Conv2d and Linear is a site, except the head (the last one called where `head` is "") and those whose
    parameters the regular expression `shared` matches. Stages are numbered by drops in resolution: a site belongs to
    the stage of its output. InputError where a layer cannot be swapped, or is not called exactly once.
    """
    layers = swapped(network, name, shared)
    calls = _calls(network, name, layers, image_size)
    head = head or next((call.name for call in reversed(calls) if isinstance(call.module, nn.Conv2d | nn.Linear)), "")
    sited = [call for call in calls if isinstance(call.module, nn.Conv2d | nn.Linear) and call.name != head]
    if not sited:
        raise InputError(f"backbone {name}", "no Conv2d or Linear besides the head", "there must be something to share")
    stages = _stages([_side(call) for call in sited])
    sites = [_site(call, depth, stage) for depth, (call, stage) in enumerate(zip(sited, stages, strict=True))]
    norms = [Norm(call.name, _features(call.module), isinstance(call.module, nn.BatchNorm2d)) for call in calls]
    norms = [norm for norm in norms if norm.features]
    macs = convolution_macs(network, image_size) + sum(_linear_macs(call) for call in sited)
    features = _head_features(name, head, layers)
    shape = BackboneShape(name, tuple(sites), tuple(norms), head, features, macs)
    return replace(shape, never_owned=_never_owned(network, layers), constants=_constants(network, shape))


def _calls(network: nn.Module, name: str, layers: dict[str, nn.Module], image_size: int) -> list[Call]:
    """Every call of a layer, in calling order; an InputError unless each is called once, on a batch of images."""
    calls: list[Call] = []

    def listener(module_name: str) -> Callable[[nn.Module, Any, Any], None]:
        def listen(module: nn.Module, inputs: Any, output: Any) -> None:
            if len(inputs) != 1 or not isinstance(inputs[0], Tensor) or inputs[0].shape[:1] != (_ROWS,):
                law = "a swapped layer takes one tensor with one row per image"
                raise InputError(f"backbone {name}, layer {module_name}", "its input has other rows", law)
            calls.append(Call(module_name, module, output))

        return listen

    probe = copied(network, name).to("meta").float().eval()
    for module_name in layers:
        probe.get_submodule(module_name).register_forward_hook(listener(module_name))
    images = torch.empty(_ROWS, 3, image_size, image_size, device="meta")
    logits = run(probe, images, name)
    if logits.shape[:1] != (_ROWS,) or logits.dim() != 2:
        law = "a backbone gives [images, classes]"
        raise InputError(f"backbone {name}", f"{_ROWS} images give {list(logits.shape)}", law)
    check_calls([call.name for call in calls], layers, name)
    return calls


def check_calls(names: list[str], layers: dict[str, nn.Module], backbone: str) -> None:
    """An InputError unless each of `layers` is called exactly once."""
    for layer in layers:
        if names.count(layer) > 1:
            law = "a site is one layer called once"
            raise InputError(f"backbone {backbone}, layer {layer}", "called more than once", law)
        if layer not in names:
            law = "a layer that is given to domains must be called; its weight may be read by another"
            raise InputError(f"backbone {backbone}, layer {layer}", "never called", law, "call it, or remove it")


def copied(network: nn.Module, name: str) -> nn.Module:
    """A deep copy; networks that hold results of a computation have none."""
    try:
        return copy.deepcopy(network)
    except Exception as problem:
        value = f"{type(problem).__name__}: {problem}"
        raise InputError(f"backbone {name}", value, "copy.deepcopy must be able to copy the network") from problem


def run(network: nn.Module, images: Tensor, name: str) -> Tensor:
    """`network(images)`; whatever it raises, and whatever else than a tensor it returns, is an InputError."""
    try:
        with torch.no_grad():
            logits = network(images)
    except InputError:
        raise
    except Exception as problem:
        value = f"images of {images.shape[-1]} pixels: {type(problem).__name__}: {problem}"
        law = f"forward must take {list(images.shape)} on the {images.device.type} device"
        raise InputError(f"backbone {name}", value, law, "try another data.image_size") from problem
    if not isinstance(logits, Tensor):
        mode = "training" if network.training else "evaluation"
        law = "a backbone gives one tensor [images, classes]"
        raise InputError(f"backbone {name}", f"in {mode} it gives a {type(logits).__name__}", law)
    return logits


def _side(call: Call) -> int | None:
    """The side of an output in pixels: 1 once the image is flattened, None for a sequence of tokens."""
    if isinstance(call.module, nn.Conv2d):
        return call.output.shape[-1]
    return 1 if call.output.dim() == 2 else None


def _stages(sides: list[int | None]) -> list[int]:
    """How many greater sides came before each site.

    A layer on pooled features (squeeze-and-excitation) belongs to what follows it: its side is the greatest from there
    on. Tokens keep the side of the convolution before them.
    """
    trunk: list[int] = []
    for side in sides:
        trunk.append(side if side is not None else (trunk[-1] if trunk else 1))
    for i in range(len(trunk) - 2, -1, -1):
        trunk[i] = max(trunk[i], trunk[i + 1])
    return [len({side for side in trunk[:i] if side > trunk[i]}) for i in range(len(trunk))]


def _site(call: Call, depth: int, stage: int) -> Site:
    module = call.module
    if isinstance(module, nn.Linear):
        rows = module.out_features
        return Site(call.name, "linear", tuple(module.weight.shape), 1, module.bias is not None, depth, stage, rows)
    assert isinstance(module, nn.Conv2d)
    kind: Kind = "conv"
    if module.groups > 1:
        kind = "depthwise" if module.groups == module.in_channels == module.out_channels else "grouped"
    shape, has_bias = tuple(module.weight.shape), module.bias is not None
    return Site(call.name, kind, shape, module.groups, has_bias, depth, stage, module.out_channels)


def _features(module: nn.Module) -> int:
    """Channels of a norm; 0 for other layers."""
    return module.weight.numel() if isinstance(module, nn.BatchNorm2d | nn.LayerNorm) else 0


def _linear_macs(call: Call) -> int:
    if not isinstance(call.module, nn.Linear):
        return 0
    return call.output.numel() // _ROWS * call.module.in_features


def _head_features(name: str, head: str, layers: dict[str, nn.Module]) -> int:
    """Weights per class of the head."""
    module = layers.get(head)
    if not isinstance(module, nn.Linear | nn.Conv2d) or getattr(module, "groups", 1) != 1:
        law = "the head must be a Linear layer that is called, or an ungrouped Conv2d"
        raise InputError(f"backbone {name}", f"head {head!r}", law)
    return module.weight[0].numel()


def _never_owned(network: nn.Module, layers: dict[str, nn.Module]) -> int:
    """Trained numbers outside the layers that are swapped."""
    owned = {id(parameter) for layer in layers.values() for parameter in layer.parameters()}
    return sum(parameter.numel() for parameter in network.parameters() if id(parameter) not in owned)


def _constants(network: nn.Module, shape: BackboneShape) -> int:
    """Numbers in buffers that a state dict keeps, norms' own apart."""
    apart = {norm.name for norm in shape.norms}
    trained = {key for key, _ in network.named_parameters()}
    kept = [(key, tensor) for key, tensor in network.state_dict().items() if key not in trained]
    return sum(tensor.numel() for key, tensor in kept if key.rpartition(".")[0] not in apart)
