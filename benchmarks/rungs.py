"""How well early rungs rank patterns: Spearman's correlation of each rung's validation loss with the final test loss.

    python -m benchmarks.rungs benchmarks/records/2026-11-20_pentathlon/study.jsonl

Per seed over all retrained schemes and anchors, then the median, least and greatest over seeds.
"""

import argparse
from pathlib import Path

import numpy as np
from scipy.stats import spearmanr

from apportion.evaluators.measurement import Measurement
from apportion.search.study import Study, open_study


def correlations(study: Study) -> np.ndarray:
    """[seeds, rungs]."""
    objective = study.header.objective
    by_seed: dict[int, list[tuple[list[float], float]]] = {}
    for trial in study.trials:
        if isinstance(trial.outcome, Measurement) and "test" in trial.outcome.splits:
            curve = [objective(scores) for scores in trial.outcome.curve]
            by_seed.setdefault(trial.proposal.seed, []).append((curve, objective(trial.outcome.splits["test"])))
    rows = []
    for found in by_seed.values():
        curves, final = np.array([curve for curve, _ in found]), np.array([test for _, test in found])
        rows.append([spearmanr(curves[:, rung], final).statistic for rung in range(curves.shape[1])])
    return np.array(rows)


def main() -> None:
    """Print one line a rung."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    found = correlations(open_study(parser.parse_args().run))
    print(f"{len(found)} seeds")
    for rung, column in enumerate(found.T, start=1):
        print(f"rung {rung}: median {np.median(column):.2f}, {column.min():.2f} to {column.max():.2f}")


if __name__ == "__main__":
    main()
