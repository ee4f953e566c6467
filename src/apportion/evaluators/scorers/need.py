"""`need`: how much a domain loses by sharing everything; the same for all filters.

worth[d, f] = (loss_d of the shared network - loss_d of its own) / ln(classes), on val, both trained in full on a seed.
"""

import math
import time

import torch
from torch import Tensor

from apportion.evaluators.laboratory import Laboratory
from apportion.evaluators.measurement import Scores
from apportion.evaluators.proposal import Proposal
from apportion.evaluators.protocol import Slot
from apportion.evaluators.scorers.options import NeedOptions
from apportion.evaluators.synthetic import Synthetic
from apportion.evaluators.train import Train
from apportion.spaces.allocation import Allocation


def score(lab: Laboratory, options: NeedOptions, seed: int, key: str) -> dict[str, Tensor]:
    """`worth.<site>` [owners, filters], 0 where sharing does no harm. Costs two full runs, each kept by itself."""
    assert isinstance(lab.evaluator, Train | Synthetic)
    space = lab.evaluator.space
    shared = _losses(lab, f"{key}/shared", space.shared(), seed)
    independent = _losses(lab, f"{key}/independent", space.independent(), seed)
    gap = (shared - independent).clamp(min=0)
    return {f"worth.{i}": gap[:, None].repeat(1, site.filters) for i, site in enumerate(space.sites)}


def _losses(lab: Laboratory, key: str, allocation: Allocation, seed: int) -> Tensor:
    """Normalised val losses [owners] after a full run."""

    def trained() -> dict[str, Tensor]:
        proposal = Proposal(key, "need", allocation, None, lab.evaluator.rungs, seed)
        began = time.perf_counter()
        outcome = lab.evaluator(proposal, Slot(checkpoint=lab.checkpoint(key), stop=lab.stop))
        # A training taken up from its checkpoint has cost more than this sitting.
        lab.memo.charge(max(0.0, outcome.measurement.seconds - (time.perf_counter() - began)))
        scores: Scores = outcome.measurement.splits["val"]
        each = [score.cross_entropy / math.log(score.classes) for score in scores.values()]
        return {"losses": torch.tensor(each, dtype=torch.float64)}

    return lab.memo(key, trained)[1]["losses"]
