"""The path of scores over the steps of a training: what a report draws, and where a collapse shows."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

POINTS = 65
QUANTILES = (0.1, 0.5, 0.9)


class Path(nn.Module):
    """Up to `POINTS` points, evenly from the start to the end of `steps`; buffers, so that a keeper keeps them.

    step [points]; mean, share_open [points, sites, owners]; quantiles [points, sites, owners, 3] over a site's filters;
    multiplier, owned [points]. What is not reached yet is NaN.
    """

    def __init__(self, sites: Sequence[int], owners: int, steps: int) -> None:
        """`sites`: the indices of those that have gates."""
        super().__init__()
        points = torch.linspace(0, steps, min(POINTS, steps + 1)).round().long()
        self._points = {int(step): k for k, step in enumerate(points.tolist())}
        shape = (len(points), len(sites), owners)
        self.register_buffer("site", torch.tensor(sites))
        self.register_buffer("step", points)
        self.register_buffer("mean", torch.full(shape, torch.nan))
        self.register_buffer("share_open", torch.full(shape, torch.nan))
        self.register_buffer("quantiles", torch.full((*shape, len(QUANTILES)), torch.nan))
        self.register_buffer("multiplier", torch.full(shape[:1], torch.nan))
        self.register_buffer("owned", torch.full(shape[:1], torch.nan))

    def has(self, step: int) -> bool:
        """Whether the path has a point after `step` steps."""
        return step in self._points

    def note(
        self, step: int, scores: Sequence[Tensor], is_open: Sequence[Tensor], multiplier: Tensor, owned: Tensor
    ) -> None:
        """`scores`, `is_open`: for each site [owners, gates]. `owned`: the part of a backbone's weights, 0..1."""
        point, at = self._points[step], torch.tensor(QUANTILES, device=owned.device)
        self.get_buffer("mean")[point] = torch.stack([one.mean(1) for one in scores])
        self.get_buffer("share_open")[point] = torch.stack([one.mean(1) for one in is_open])
        self.get_buffer("quantiles")[point] = torch.stack([torch.quantile(one, at, dim=1).T for one in scores])
        self.get_buffer("multiplier")[point] = multiplier
        self.get_buffer("owned")[point] = owned
