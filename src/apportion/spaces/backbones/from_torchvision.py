"""Backbones that torchvision draws; weights come separately (`weights.py`)."""

from typing import Any

from torch import nn

from apportion.spaces.torchvision_here import torchvision_module

# MNASNet has 3e-4 and MobileNetV3 1e-2, for schedules of hundreds of thousands of steps: after the few hundred steps of
# a short run their running statistics are still the initial ones, and evaluation means nothing.
_LEAST_MOMENTUM = 0.1


def build(classes: int, name: str) -> nn.Module:
    """torchvision's network `name`, without auxiliary heads, with a BatchNorm momentum fit for short runs."""
    models = torchvision_module().models
    arguments: dict[str, Any] = {"weights": None, "num_classes": classes}
    if name in ("googlenet", "inception_v3"):
        # A training loss sees one output per image. `init_weights` is said because not saying it warns.
        arguments |= {"aux_logits": False, "init_weights": True}
    network: nn.Module = models.get_model(name, **arguments)
    if name.startswith("mnasnet"):
        from apportion.spaces.backbones.mnasnet import loads_plain_state

        network = loads_plain_state(network)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d) and module.momentum is not None:
            module.momentum = max(module.momentum, _LEAST_MOMENTUM)
    return network
