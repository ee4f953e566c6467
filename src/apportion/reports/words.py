"""Names and numbers as people read them: the same rounding, signs and dashes in every table and picture."""

import math
import re

from apportion.evaluators.objective import Objective
from apportion.reports.statistics import Interval
from apportion.spaces.budget import Budget

MINUS = "\N{MINUS SIGN}"
DASH = "\N{EN DASH}"

# Control characters, line separators, marks that turn the reading direction round, halves of surrogate pairs.
UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def shown(name: str, limit: int = 60) -> str:
    """A name that somebody chose, on one line: unprintable characters become spaces, long names are cut.

    Not escaped.
    """
    line = " ".join(UNPRINTABLE.sub(" ", name).split())
    return line if len(line) <= limit else line[: limit - 1] + "\N{HORIZONTAL ELLIPSIS}"


def budget_words(budget: Budget | None) -> str:
    """`live 20 %`; a dash for anchors, which no budget binds."""
    return DASH if budget is None else str(budget)


def number(value: float | None, decimals: int = 4, signed: bool = False) -> str:
    """A number with a real minus sign; a dash where there is none."""
    if value is None or not math.isfinite(value):
        return DASH
    text = f"{value:+.{decimals}f}" if signed else f"{value:.{decimals}f}"
    return text.replace("-", MINUS)


def with_interval(interval: Interval, decimals: int = 4, scale: float = 1.0, signed: bool = False) -> str:
    """`0.7312 \N{PLUS-MINUS SIGN} 0.0016`; without a plus-minus where one seed shows no spread."""
    if not interval.n:
        return DASH
    text = number(interval.mean * scale, decimals, signed)
    if interval.half_width is None:
        return text
    return f"{text} \N{PLUS-MINUS SIGN} {number(interval.half_width * scale, decimals)}"


def bracketed(interval: Interval, decimals: int = 4, scale: float = 1.0) -> str:
    """`[-0.0067, -0.0035]`, the ends of the interval; a dash where there is none."""
    if interval.low is None or interval.high is None:
        return DASH
    return f"[{number(interval.low * scale, decimals, True)}, {number(interval.high * scale, decimals, True)}]"


def count(value: float) -> str:
    """`1,234,567`."""
    return f"{value:,.0f}"


def parameters(value: float) -> str:
    """`98.3 k`, `1.24 M`: three digits are what a reader compares."""
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if value >= size:
            return f"{value / size:.{2 if value < 10 * size else 1 if value < 100 * size else 0}f} {unit}"
    return f"{value:.0f}"


def round_parameters(value: float) -> str:
    """`25 k`, `1.5 M`: for the ticks of an axis."""
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if abs(value) >= size:
            return f"{value / size:g} {unit}"
    return f"{value:g}"


def percent(value: float, decimals: int = 1) -> str:
    """`12.5 %` for .125."""
    return f"{number(100 * value, decimals)} %"


def duration(seconds: float) -> str:
    """`34 ms`, `0.4 s`, `12 s`, `3 min 05 s`, `2 h 07 min`."""
    if not math.isfinite(seconds):
        return DASH
    if 0 < seconds < 0.1:
        return f"{1000 * seconds:.{0 if seconds >= 0.01 else 1}f} ms"
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def objective_words(objective: Objective) -> str:
    """What the loss is, in words a newcomer can follow."""
    what = {"cross_entropy": "cross-entropy", "accuracy": "error rate (1 \N{MINUS SIGN} accuracy)"}[objective.metric]
    if objective.metric == "cross_entropy" and objective.normalise:
        what += " relative to guessing (1 is chance, 0 is perfect)"
    how = {"mean": "averaged over the domains", "worst": "of the worst domain", "weights": "as a weighted average"}
    return f"{what}, {how[objective.aggregate]}"


def plural(n: int, one: str, many: str = "") -> str:
    """`1 seed`, `6 seeds`."""
    return f"{n:,} {one if n == 1 else many or one + 's'}"


SPLIT_WORDS = {"test": "test images", "val": "validation images"}
