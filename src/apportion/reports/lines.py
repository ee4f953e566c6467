"""How schemes hang together on a front: which a line connects, which are named, which stand side by side."""

from collections.abc import Sequence
from itertools import pairwise

from apportion.reports.axes import AXES, Axis
from apportion.reports.kinds import KINDS
from apportion.reports.results import Results
from apportion.reports.schemes import Scheme

STEP = 0.012
"""Distance of neighbours that share a budget, as a part of the axis."""


def controller_lines(results: Results) -> list[list[Scheme]]:
    """The schemes of each controller and measure of budget, cheapest first: what a line may connect."""
    lines: dict[tuple[str, str], list[Scheme]] = {}
    for scheme in results.measured:
        measure = scheme.budget.measure if scheme.budget else ""
        lines.setdefault((scheme.controller, measure), []).append(scheme)
    return [sorted(line, key=AXES[0].of) for line in lines.values()]


def line_ends(results: Results, axis: Axis) -> list[Scheme]:
    """The costliest scheme of each controller, where its name is written. Anchors are not among them."""
    ends: dict[str, Scheme] = {}
    for scheme in results.measured:
        best = ends.get(scheme.controller)
        if scheme.kind != "anchor" and (best is None or axis.of(scheme) >= axis.of(best)):
            ends[scheme.controller] = scheme
    return list(ends.values())


def places(results: Results, axis: Axis) -> dict[tuple[str, str], float]:
    """Where each measured scheme is drawn, by controller and budget: at its cost, moved so that equals do not overlap.

    Schemes at one budget cost nearly the same; drawn on one spot, their intervals cannot be told apart. Every
    controller keeps its place within the group, and a group stays narrower than half the way to the next.
    """
    schemes = results.measured
    budgeted = [s for s in schemes if s.budget]
    names = sorted({s.controller for s in budgeted}, key=lambda name: _rank(budgeted, name))
    costs = [axis.of(scheme) for scheme in schemes]
    width = max(costs, default=0.0) - min(costs, default=0.0)
    step = min(STEP * width, 0.5 * _least_gap(results, axis, width) / max(1, len(names)))
    shifts = {name: (i - (len(names) - 1) / 2) * step for i, name in enumerate(names)}
    return {spot(s): axis.of(s) + (shifts[s.controller] if s.budget else 0.0) for s in schemes}


def spot(scheme: Scheme) -> tuple[str, str]:
    """What a scheme's place is filed under."""
    return scheme.controller, scheme.budget.name if scheme.budget else ""


def _rank(schemes: Sequence[Scheme], controller: str) -> tuple[int, int]:
    i = next(i for i, scheme in enumerate(schemes) if scheme.controller == controller)
    return KINDS.index(schemes[i].kind), i


def _least_gap(results: Results, axis: Axis, width: float) -> float:
    """The least distance between the mean costs of two budgets; `width` where there is only one."""
    groups = [[axis.of(s) for s in results.measured if s.budget == budget] for budget in results.budgets]
    middles = sorted(sum(group) / len(group) for group in groups if group)
    gaps = [b - a for a, b in pairwise(middles) if b - a > 0.02 * width]
    return min(gaps, default=width)
