"""How schemes are placed on a front."""

import pytest

from apportion.reports.axes import AXES
from apportion.reports.lines import controller_lines, line_ends, places, spot
from apportion.reports.results import results_of
from tests.reports.builders import simulated, study


@pytest.mark.parametrize("axis", AXES, ids=lambda axis: axis.field)
def test_schemes_of_one_budget_stand_apart_but_nearer_than_the_next_budget(axis: object) -> None:
    results = results_of(simulated(budgets=(0.2, 0.4)))
    spots = places(results, axis)  # type: ignore[arg-type]
    groups = [sorted(spots[spot(s)] for s in results.measured if s.budget == b) for b in results.budgets]
    assert groups[0][-1] < groups[1][0]
    assert all(len(set(group)) == len(group) for group in groups)


def test_anchors_stand_at_their_cost() -> None:
    results = results_of(simulated())
    spots = places(results, AXES[0])
    assert all(spots[spot(s)] == s.price.parameters for s in results.measured if s.kind == "anchor")


def test_a_line_joins_the_budgets_of_one_controller_and_is_named_at_its_end() -> None:
    results = results_of(simulated(budgets=(0.4, 0.2)))
    for line in controller_lines(results):
        assert len({scheme.controller for scheme in line}) == 1
        assert [s.price.parameters for s in line] == sorted(s.price.parameters for s in line)
    assert {scheme.budget.amount for scheme in line_ends(results, AXES[0]) if scheme.budget} == {0.4}


def test_nothing_is_placed_where_nothing_was_measured() -> None:
    assert places(results_of(study()), AXES[0]) == {}
