"""Backbones that torchvision draws; weights come separately (`weights.py`)."""

from torch import nn

from apportion.spaces.torchvision_here import torchvision_module


def mobilenet_v2(classes: int) -> nn.Module:
    """torchvision's MobileNetV2, width 1.0."""
    return _build("mobilenet_v2", classes)


def resnet18(classes: int) -> nn.Module:
    """torchvision's ResNet-18."""
    return _build("resnet18", classes)


def _build(name: str, classes: int) -> nn.Module:
    network: nn.Module = torchvision_module().models.get_model(name, weights=None, num_classes=classes)
    return network
