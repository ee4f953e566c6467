"""From the name in a config to a backbone: registered, torchvision's, timm's, or a user's own. Loads no torch."""

import re
from importlib.util import find_spec

from apportion.errors import InputError
from apportion.registry import suggestion
from apportion.spaces.backbones import BackboneEntry, backbones
from apportion.spaces.backbones.torchvision_names import REFUSED, SWAPPABLE

_HERE = "apportion.spaces.backbones"
_OWN = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")
# Shared by all domains: what stands between the image and the blocks. TAPS (004) owns none of it either.
_TIMM_VIT = re.compile(r"timm:(vit|deit)_[\w.]+")
_VIT_SHARED = r"cls_token|reg_token|dist_token|pos_embed|patch_embed\.proj\.(weight|bias)"


def backbone_entry(name: str, place: str = "backbone", allow_plugins: bool = False) -> BackboneEntry:
    """The entry called `name`; an InputError at `place` with a suggestion where there is none.

    `timm:NAME` needs the extra `timm`; `package.module:attribute` needs `allow_plugins`, since it runs foreign code.
    Neither is imported here.
    """
    if name in backbones:
        return backbones.get(name)
    if name in SWAPPABLE or name in REFUSED:
        builder = f"{_HERE}.from_torchvision:build"
        return BackboneEntry(name, f"torchvision's {name}", builder, fixed={"name": name}, probed=True)
    if name.startswith("timm:"):
        return _timm(name, place)
    if ":" in name:
        return _own(name, place, allow_plugins)
    known = [*backbones.names(), *SWAPPABLE]
    remedy = suggestion(name, known)
    if not remedy.startswith("did you mean"):
        remedy = f"known: {', '.join(backbones.names())} and torchvision's (see `apportion list backbones`)"
    raise InputError(place, repr(name), "no backbone has this name", remedy)


def other_names() -> list[tuple[str, str]]:
    """(name, one line) of what can be named without being registered: for a listing."""
    return [
        ("torchvision's", ", ".join(name for name in SWAPPABLE if name not in backbones)),
        ("timm:NAME", "a network of timm's made of Conv2d, Linear, BatchNorm2d, LayerNorm; needs apportion[timm]"),
        ("my.module:build", "your own, build(classes, **options) -> nn.Module; needs --allow-plugins"),
    ]


def _timm(name: str, place: str) -> BackboneEntry:
    if find_spec("timm") is None:
        raise InputError(place, repr(name), "timm is not installed", "pip install apportion[timm]")
    shared = _VIT_SHARED if _TIMM_VIT.fullmatch(name) else ""
    fixed = {"name": name.removeprefix("timm:")}
    builder = f"{_HERE}.from_timm:build"
    return BackboneEntry(name, "timm's", builder, any_options=True, fixed=fixed, shared=shared, probed=True)


def _own(name: str, place: str, allow_plugins: bool) -> BackboneEntry:
    if not _OWN.fullmatch(name):
        raise InputError(place, repr(name), "a backbone of your own is named package.module:attribute")
    if not allow_plugins:
        law = "it is code of your own, which runs with your rights"
        raise InputError(place, repr(name), law, "say so with --allow-plugins")
    fixed = {"path": name}
    return BackboneEntry(name, "your own", f"{_HERE}.plugin:build", any_options=True, fixed=fixed, probed=True)
