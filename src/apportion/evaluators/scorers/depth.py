"""`depth`: nearer to the input is worth more. The control that every other scorer must beat.

worth[d, f] = 1 - depth / sites: between 1 at the input and 1/sites at the last site, for every owner and filter.
"""

import torch
from torch import Tensor

from apportion.evaluators.laboratory import Laboratory
from apportion.evaluators.scorers.options import DepthOptions
from apportion.evaluators.synthetic import Synthetic
from apportion.evaluators.train import Train


def score(lab: Laboratory, options: DepthOptions, seed: int, key: str) -> dict[str, Tensor]:
    """`worth.<site>` [owners, filters]. Computes nothing."""
    assert isinstance(lab.evaluator, Train | Synthetic)
    space = lab.evaluator.space
    return {
        f"worth.{i}": torch.full((len(space.owners), site.filters), 1 - i / len(space.sites), dtype=torch.float64)
        for i, site in enumerate(space.sites)
    }
