"""Forms of a mixed batch: in which order its rows stand, which decides how one call serves all domains.

`compose`      [D, B]: domain by domain. Every layer runs once per domain, on weights composed of owned and shared rows.
`interleaved`  [B, D]: row i is domain i mod D. Seen as [B, D * C, H, W] the batch has every domain in its own channels,
               so BatchNorm and owned filters run once, grouped; shared filters run once over all rows.
Both compute the same numbers (to rounding). Neither is faster everywhere: a short timing chooses once per study.
"""

from typing import Literal, get_args

import torch
from torch import Tensor

Form = Literal["compose", "interleaved"]
FORMS: tuple[Form, ...] = get_args(Form)


def entered(images: Tensor, domains: int, form: Form) -> Tensor:
    """[D * B, ...] domain by domain, as users give it -> the form's row order."""
    if form == "compose":
        return images
    return images.view(domains, -1, *images.shape[1:]).transpose(0, 1).flatten(0, 1)


def split(x: Tensor, domains: int, form: Form) -> tuple[Tensor, ...]:
    """[rows, ...] -> one [B, ...] per domain."""
    if form == "compose":
        return x.chunk(domains)
    parts: tuple[Tensor, ...] = x.view(-1, domains, *x.shape[1:]).unbind(1)
    return parts


def joined(parts: list[Tensor], form: Form) -> Tensor:
    """The inverse of `split`."""
    if form == "compose":
        return torch.cat(parts)
    return torch.stack(parts, 1).flatten(0, 1)


def side_by_side(x: Tensor, domains: int) -> Tensor:
    """Interleaved rows [B * D, C, H, W] as [B, D * C, H, W]: domain d in channels d * C to d * C + C - 1. No copy."""
    return x.reshape(x.shape[0] // domains, domains * x.shape[1], *x.shape[2:])


def one_below_another(x: Tensor, domains: int) -> Tensor:
    """The inverse of `side_by_side`."""
    return x.reshape(x.shape[0] * domains, x.shape[1] // domains, *x.shape[2:])
