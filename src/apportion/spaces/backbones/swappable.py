"""Which layers can be given to domains, and why others cannot.

A layer is swapped for one that serves all domains, so it must compute what its type says: the types are exact, a
subclass only where it inherits `forward`. Every trained number of a network has to belong to such a layer; else domains
would share it unasked, and `independent` would not be separate networks.
"""

import re
from collections.abc import Iterator

from torch import nn

from apportion.errors import InputError

Kind = type[nn.Conv2d] | type[nn.Linear] | type[nn.BatchNorm2d] | type[nn.LayerNorm]

KINDS: tuple[Kind, ...] = (nn.Conv2d, nn.Linear, nn.BatchNorm2d, nn.LayerNorm)
# timm's own: a BatchNorm with its activation inside; a LayerNorm and a Linear that may use other kernels.
_TIMM = {"BatchNormAct2d", "LayerNorm", "Linear"}
_SHOWN = 3


def kind_of(module: nn.Module) -> Kind | None:
    """The layer that `module` computes as, or None."""
    for kind in KINDS:
        if isinstance(module, kind):
            own = type(module)
            inherits = own.forward is kind.forward and getattr(own, "_conv_forward", None) is getattr(
                kind, "_conv_forward", None
            )
            known = own.__name__ in _TIMM and own.__module__.startswith("timm.layers")
            return kind if inherits or known else None
    return None


def swapped(network: nn.Module, name: str, shared: str = "") -> dict[str, nn.Module]:
    """The layers to swap, by name: the head, all sites and norms. An InputError names what stands in the way.

    `shared`: a regular expression of the parameters that all domains share in every pattern; only registered backbones
    name such.
    """
    _refuse_tied(network, name)
    found, loose = {}, []
    for module_name, module in network.named_modules():
        own = [f"{module_name}.{key}".lstrip(".") for key, _ in module.named_parameters(recurse=False)]
        kind = kind_of(module)
        if own and all(shared and re.fullmatch(shared, key) for key in own):
            continue
        if kind is None:
            loose += [(key, _described(module)) for key in own if not (shared and re.fullmatch(shared, key))]
        elif own or kind is nn.BatchNorm2d:
            for law in _laws_broken(module):
                raise InputError(f"backbone {name}, layer {module_name}", type(module).__name__, *law)
            found[module_name] = module
    if loose:
        raise _refusal_of_loose(name, loose)
    return found


def _described(module: nn.Module) -> str:
    if isinstance(module, KINDS):
        return f"{type(module).__name__} (whose forward is its own)"
    return type(module).__name__


def _refuse_tied(network: nn.Module, name: str) -> None:
    """A parameter with two names: owning it in one place would not own it in the other."""
    names: dict[int, str] = {}
    for key, parameter in network.named_parameters(remove_duplicate=False):
        first = names.setdefault(id(parameter), key)
        if first != key:
            raise InputError(
                f"backbone {name}", f"{first} and {key} are one parameter", "a layer's weight is its own", "untie them"
            )


def _laws_broken(module: nn.Module) -> Iterator[tuple[str, str]]:
    """(law, remedy) of each rule that `module` breaks."""
    hooks = (module._forward_hooks, module._forward_pre_hooks, module._backward_hooks)
    if any(hooks):
        yield "hooks would be lost when the layer is given to domains", "remove its hooks"
    if isinstance(module, nn.Conv2d):
        if module.padding_mode != "zeros":
            yield f"padding mode {module.padding_mode!r} is not supported", "pad with zeros"
        if isinstance(module.padding, str):
            yield f"padding {module.padding!r} is not supported", "give the padding in pixels"
    if isinstance(module, nn.BatchNorm2d) and (not module.affine or not module.track_running_stats):
        yield "a BatchNorm needs an affine and running statistics to be given to domains", "switch them on"
    if isinstance(module, nn.BatchNorm2d) and module.momentum is None:
        yield "a BatchNorm needs a momentum to be given to domains", "set it, to 0.1 for example"
    if isinstance(module, nn.LayerNorm) and module.bias is None:
        yield "a LayerNorm needs a scale and an offset to be given to domains", "switch its bias on"


def _refusal_of_loose(name: str, loose: list[tuple[str, str]]) -> InputError:
    """One example of each type of layer first: they say most."""
    first = {kind: key for key, kind in reversed(loose)}
    examples = [f"{first[kind]} of {kind}" for kind in dict.fromkeys(kind for _, kind in loose)][:_SHOWN]
    more = f" and {len(loose) - len(examples)} more" if len(loose) > len(examples) else ""
    return InputError(
        f"backbone {name}",
        f"it trains {', '.join(examples)}{more}",
        "only what Conv2d, Linear, BatchNorm2d and LayerNorm layers train can be given to domains",
        "choose a backbone made of these",
    )
