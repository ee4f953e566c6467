"""A comparison as plain data, for `--json` and whoever computes something else from it."""

import math
from typing import Any

from apportion.reports.compare.comparison import Comparison
from apportion.reports.compare.declared import Declared
from apportion.reports.compare.notes import not_shown, state
from apportion.reports.compare.rows import Row
from apportion.reports.progress import over_seconds, over_trials
from apportion.reports.statistics import Interval, NotShown


def comparison_data(comparison: Comparison) -> dict[str, Any]:
    """Runs, rows and curves. A number that is not shown is its reason in words; one that was not measured is null."""
    runs = comparison.runs
    return {
        "runs": [
            {"name": name, "finished": study.finished, "trials": len(study.trials), "planned": study.planned}
            for name, study in zip(runs.names, runs.studies, strict=True)
        ],
        "split": runs.split,
        "notes": [*state(comparison), *not_shown(comparison)],
        "rows": [_row(row) for row in comparison.rows],
        "curves": [
            {
                "controller": controller,
                "budget": budget.name,
                "by_trials": _points(over_trials(controller, curves).points),
                "by_seconds": _points(over_seconds(controller, curves).points),
            }
            for budget in runs.budgets
            for controller in runs.searched
            if (curves := runs.curves(controller, budget))
        ],
    }


def _row(row: Row) -> dict[str, Any]:
    return {
        "controller": row.controller,
        "kind": row.kind,
        "budget": row.budget.name,
        "runs": row.runs,
        "trials": row.trials,
        "failed": row.failed,
        "repeated": row.repeated,
        "best_found": plain(row.best),
        "charged_seconds": plain(row.seconds),
        "loss": plain(row.loss),
        "reference": row.reference,
        "difference": _declared(row.declared) if row.declared else None,
    }


def _declared(item: Declared) -> dict[str, Any]:
    test = item.paired.test
    return {
        "unit": item.paired.unit,
        "interval": plain(item.paired.interval),
        "bootstrap": plain(item.paired.bootstrap),
        "p_wilcoxon": plain(test if isinstance(test, NotShown) else test.p),
        "p_holm": plain(item.p),
        "verdict": item.verdict,
        "more_needed": plain(item.more),
    }


def plain(value: Interval | NotShown | float | int | None) -> Any:
    """An interval as a mapping, a reason as text, a number that is none as null."""
    if isinstance(value, NotShown):
        return {"not_shown": value.reason, "n": value.n, "missing": value.missing}
    if isinstance(value, Interval):
        ends = {"mean": plain(value.mean), "low": plain(value.low), "high": plain(value.high)}
        return {"n": value.n, "missing": value.missing, **ends}
    return value if value is None or math.isfinite(value) else None


def _points(points: tuple[tuple[float, Interval], ...]) -> list[list[float | int | None]]:
    """[at, n, mean, low, high] each."""
    return [[x, i.n, plain(i.mean), plain(i.low), plain(i.high)] for x, i in points]
