"""How far patterns differ, how far seeds do, and so how much a mean over seeds can be trusted.

Two-way analysis of variance without replication, pattern x seed: a seed's own effect (its start, its batches) is
common to all patterns and does no harm to a comparison on equal seeds; what is left is the residual.
"""

from typing import Any

import numpy as np

from apportion.evaluators.measurement import Measurement
from apportion.evaluators.objective import Objective


def spread_of(
    objective: Objective, runs: dict[str, dict[int, Measurement]], seeds: tuple[int, ...]
) -> dict[str, dict[str, Any]]:
    """For all patterns, the common ones and those per domain: variances of the final test loss and reliabilities."""
    groups = {"all": "", "common": "common", "per_domain": "live"}
    return {group: _spread(objective, runs, seeds, prefix) for group, prefix in groups.items()}


def _spread(
    objective: Objective, runs: dict[str, dict[int, Measurement]], seeds: tuple[int, ...], prefix: str
) -> dict[str, Any]:
    table = np.array(
        [
            [objective(own[seed].splits["test"]) for seed in seeds]
            for name, own in runs.items()
            if name.startswith(prefix)
        ]
    )
    patterns, n = table.shape
    seed_effect = table.mean(0, keepdims=True) - table.mean()
    residual = table - table.mean(1, keepdims=True) - seed_effect
    within = float((residual**2).sum() / ((patterns - 1) * (n - 1)))
    between = float(table.mean(1).var(ddof=1)) - within / n
    return {
        "patterns": patterns,
        "loss_mean": round(float(table.mean()), 6),
        "between_patterns_sd": round(max(between, 0.0) ** 0.5, 6),
        "between_seeds_sd": round(float(seed_effect.std(ddof=1)), 6),
        "residual_sd": round(within**0.5, 6),
        "reliability_of_the_mean": round(between / (between + within / n), 4),
        "reliability_of_one_seed": round(between / (between + within), 4),
    }
