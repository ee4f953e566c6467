"""Import torchvision beside a torch built without CUDA.

The torchvision that the package index offers is linked against CUDA. Beside a CPU-only torch its C++ operators are not
loaded, and the import dies on "operator torchvision::nms does not exist" where it registers fake kernels for them.
Declaring the two schemas first is enough: models, transforms and datasets then work; `torchvision.ops.nms` and
`torchvision.io` do not, and apportion uses neither (images are read with Pillow).
"""

from types import ModuleType
from typing import Any

import torch

_declared: list[Any] = []


def torchvision_module() -> ModuleType:
    """`torchvision`, imported so that a CPU-only torch does not break it."""
    if torch.version.cuda is None and not _declared and not _has_nms():
        library: Any = torch.library.Library("torchvision", "DEF")
        library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        library.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        # The declarations live as long as the library object does.
        _declared.append(library)
    import torchvision

    module: ModuleType = torchvision
    return module


def _has_nms() -> bool:
    try:
        return hasattr(torch.ops.torchvision, "nms")
    except RuntimeError:
        return False
