"""torchvision's MNASNet, made to load state dicts that carry no version.

It asks `_metadata` for its version and raises "version should be set to 1 or 2" where there is none: a plain dict, as
safetensors reads it or a memo keeps it, has none. What is loaded here was drawn by the torchvision at hand: version 2.
"""

from typing import Any

from torch import nn

from apportion.spaces.torchvision_here import torchvision_module


class _MNASNet(torchvision_module().models.MNASNet):  # type: ignore[misc]
    def _load_from_state_dict(self, state: dict[str, Any], prefix: str, metadata: dict[str, Any], *rest: Any) -> None:
        super()._load_from_state_dict(state, prefix, {"version": 2, **metadata}, *rest)


def loads_plain_state(network: nn.Module) -> nn.Module:
    """The same network."""
    network.__class__ = _MNASNet
    return network
