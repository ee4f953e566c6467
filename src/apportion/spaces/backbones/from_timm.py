"""Backbones that timm draws (extra `timm`). timm imports torchvision, so that comes first (`torchvision_here.py`)."""

from importlib import import_module
from typing import Any

from torch import nn

from apportion.errors import InputError
from apportion.registry import suggestion
from apportion.spaces.torchvision_here import torchvision_module


def build(classes: int, name: str, **options: Any) -> nn.Module:
    """timm's network `name`, without pretrained weights; `options` go to its constructor (`img_size`, `drop_rate`)."""
    torchvision_module()
    try:
        timm = import_module("timm")
    except ImportError as problem:
        raise InputError("backbone.name", f"'timm:{name}'", str(problem), "pip install apportion[timm]") from problem
    if not timm.is_model(name):
        remedy = suggestion(name, timm.list_models())
        if not remedy.startswith("did you mean"):
            remedy = "see timm.list_models()"
        raise InputError("backbone.name", f"'timm:{name}'", "timm has no network of this name", remedy)
    try:
        network: nn.Module = timm.create_model(name, pretrained=False, num_classes=classes, **options)
    except (TypeError, ValueError, AssertionError, RuntimeError) as problem:
        value = f"{type(problem).__name__}: {problem}"
        raise InputError("backbone.options", value, f"timm must be able to build {name}") from problem
    return network
