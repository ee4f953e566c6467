"""What is known of a backbone before it is built. Loads no torch."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any

from apportion.errors import InputError
from apportion.registry import suggestion

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class BackboneEntry:
    """`builder` is `module:function` with the signature (classes: int, **options) -> nn.Module.

    `head`: the name of the final layer, which every domain replaces; "" = the last Linear or Conv2d that is called.
    `image_size`: the side it was drawn for. `options`: keyword arguments that a config may set, with their defaults;
    `any_options`: more than these, which the builder checks. `fixed`: further arguments. `shared`: a regular expression
    of parameters that all domains share in every pattern. `probed`: a network that was not tried here; it is run before
    it is trusted.
    """

    name: str
    summary: str
    builder: str
    head: str = ""
    image_size: int = 224
    options: Mapping[str, Any] = field(default_factory=dict)
    any_options: bool = False
    fixed: Mapping[str, Any] = field(default_factory=dict)
    shared: str = ""
    probed: bool = False

    def check_options(self, options: Mapping[str, Any], place: str) -> None:
        """Refuse unknown options and wrong types before anything is built."""
        if self.any_options:
            return
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
        given = {**self.options, **(options or {}), **self.fixed}
        network: nn.Module = getattr(import_module(module), function)(classes, **given)
        return network
