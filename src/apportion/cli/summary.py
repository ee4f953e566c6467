"""A study's outcome as plain data, for `--json`."""

import math
from pathlib import Path
from typing import Any

from apportion.reports import Results
from apportion.reports.statistics import Interval
from apportion.reports.tables import ranked
from apportion.search.study import Study


def summary(study: Study, results: Results, written: dict[str, Path]) -> dict[str, Any]:
    """State, schemes as ranked, and the files written. Numbers that were not measured are null."""
    return {
        "name": study.header.name,
        "finished": study.finished,
        "trials": len(study.trials),
        "planned": study.planned,
        "split": results.split,
        "schemes": [
            {
                "controller": scheme.controller,
                "kind": scheme.kind,
                "budget": None if scheme.budget is None else scheme.budget.name,
                "owned_share": scheme.price.owned,
                "live_multiple": scheme.price.live,
                "parameters": scheme.price.parameters,
                "loss": _interval(scheme.loss),
                "accuracy": _interval(scheme.accuracy),
            }
            for scheme in ranked(results)
        ],
        "files": {name: str(path) for name, path in written.items()},
    }


def _interval(interval: Interval) -> dict[str, float | int | None]:
    return {
        "n": interval.n,
        "mean": _number(interval.mean),
        "low": _number(interval.low),
        "high": _number(interval.high),
    }


def _number(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else value
