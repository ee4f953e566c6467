"""Backbones: one file per family, one line each here. Importing this loads no torch; building one does."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any

from apportion.errors import InputError
from apportion.registry import Registry, suggestion

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class BackboneEntry:
    """`builder` is `module:function` with the signature (classes: int, **options) -> nn.Module.

    `head`: the name of the final Linear, which every domain replaces. `image_size`: the side it was drawn for.
    `options`: keyword arguments that a config may set, with their defaults.
    """

    name: str
    summary: str
    builder: str
    head: str
    image_size: int
    options: Mapping[str, Any] = field(default_factory=dict)

    def check_options(self, options: Mapping[str, Any], place: str) -> None:
        """Refuse unknown options and wrong types before anything is built."""
        for key, value in options.items():
            if key not in self.options:
                remedy = suggestion(key, self.options) if self.options else "remove it"
                raise InputError(f"{place}.{key}", repr(value), f"backbone {self.name} has no such option", remedy)
            kind = type(self.options[key])
            if type(value) is not kind or (kind is int and value < 1):
                raise InputError(f"{place}.{key}", repr(value), f"the option is a positive {kind.__name__}")

    def build(self, classes: int, options: Mapping[str, Any] | None = None) -> "nn.Module":
        """A plain backbone with a head of `classes` outputs, on the CPU, weights from torch's global generator."""
        module, function = self.builder.split(":")
        network: nn.Module = getattr(import_module(module), function)(classes, **{**self.options, **(options or {})})
        return network


_HERE = "apportion.spaces.backbones"

backbones: Registry[BackboneEntry] = Registry(
    "backbone",
    [
        BackboneEntry(
            "resnet8",
            "9 convolutions, widths w, 2w, 4w; small enough for the pocket on two cores",
            f"{_HERE}.resnet8:resnet8",
            "head",
            32,
            {"width": 16, "stem_stride": 1},
        ),
        BackboneEntry(
            "resnet26",
            "25 convolutions, the decathlon network of 002 and 003",
            f"{_HERE}.resnet26:resnet26",
            "head",
            64,
        ),
        BackboneEntry(
            "mobilenet_v2", "torchvision's MobileNetV2", f"{_HERE}.from_torchvision:mobilenet_v2", "classifier.1", 224
        ),
        BackboneEntry("resnet18", "torchvision's ResNet-18", f"{_HERE}.from_torchvision:resnet18", "fc", 224),
    ],
)
