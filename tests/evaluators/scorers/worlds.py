"""Synthetic worlds for relaxations: milliseconds."""

from typing import Any

from torch import Tensor

from apportion.evaluators.laboratory import Laboratory
from apportion.evaluators.scorers import scorers
from apportion.evaluators.synthetic import Synthetic, SyntheticOptions
from apportion.evaluators.synthetic_shapes import synthetic_shape
from apportion.spaces.space import SharingSpace

RELAXATIONS = ("taps", "ba2", "hard_concrete")


def world(keep_shared: tuple[str, ...] = (), **options: Any) -> Synthetic:
    made = SyntheticOptions.model_validate(options)
    sites = synthetic_shape(made.shape, made.sites).sites
    return Synthetic(SharingSpace(sites, made.domains, "per_site_and_domain", keep_shared=keep_shared), made)


def on_world(evaluator: Synthetic, scorer: str, seed: int = 0, **options: Any) -> dict[str, Tensor]:
    """All that the scorer's artifact holds."""
    entry = scorers.get(scorer)
    found: dict[str, Tensor] = entry.load()(Laboratory(evaluator, None), entry.options(**options), seed, "key")
    return found
