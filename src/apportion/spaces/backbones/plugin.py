"""A backbone of the user's own: `package.module:attribute`, called as attribute(classes, **options)."""

import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from torch import nn

from apportion.errors import InputError
from apportion.registry import suggestion


def build(classes: int, path: str, **options: Any) -> nn.Module:
    """What the attribute named by `path` builds; an InputError where it is missing, fails, or gives no nn.Module.

    Foreign code runs here: `lookup.backbone_entry` lets nobody come here without `allow_plugins`.
    """
    place = f"backbone {path}"
    function = _attribute(path, place)
    try:
        network = function(classes, **options)
    except Exception as problem:
        value = f"{type(problem).__name__}: {problem}"
        law = (
            f"it is called with ({', '.join([str(classes), *(f'{key}={value!r}' for key, value in options.items())])})"
        )
        raise InputError(place, value, law, "check backbone.options") from problem
    if not isinstance(network, nn.Module):
        law = "it must return a torch.nn.Module"
        raise InputError(place, f"it returned a {type(network).__name__}", law)
    return network


def _attribute(path: str, place: str) -> Any:
    module_name, name = path.split(":")
    # A file beside the config: last, so that it cannot stand in front of an installed package.
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.append(here)
    try:
        module = import_module(module_name)
    except ModuleNotFoundError as problem:
        law = f"module {module_name} must be importable"
        raise InputError(place, str(problem), law, "start from its folder or set PYTHONPATH") from problem
    except Exception as problem:
        law = f"importing {module_name} must not fail"
        raise InputError(place, f"{type(problem).__name__}: {problem}", law) from problem
    if not hasattr(module, name):
        public = [key for key in vars(module) if not key.startswith("_")]
        law = f"module {module_name} has no such attribute"
        raise InputError(place, repr(name), law, suggestion(name, public) if public else "")
    attribute = getattr(module, name)
    if isinstance(attribute, nn.Module) or not callable(attribute):
        law = "it must be a function (classes, **options) -> nn.Module"
        raise InputError(place, f"a {type(attribute).__name__}", law)
    return attribute
