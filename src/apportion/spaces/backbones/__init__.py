"""Backbones: one file per family, one line each here. Importing this loads no torch; building one does.

Networks without a line are found by `lookup.backbone_entry`.
"""

from apportion.registry import Registry
from apportion.spaces.backbones.entry import BackboneEntry

__all__ = ["BackboneEntry", "backbones"]

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
            "mobilenet_v2",
            "torchvision's MobileNetV2",
            f"{_HERE}.from_torchvision:build",
            "classifier.1",
            224,
            fixed={"name": "mobilenet_v2"},
        ),
        BackboneEntry(
            "resnet18",
            "torchvision's ResNet-18",
            f"{_HERE}.from_torchvision:build",
            "fc",
            224,
            fixed={"name": "resnet18"},
        ),
    ],
)
