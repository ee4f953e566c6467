"""What learned patterns are worth where the truth is known, and domains' own budgets where their needs are."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from apportion.errors import InputError
from apportion.evaluators.laboratory import Laboratory
from apportion.evaluators.objective import Objective
from apportion.evaluators.proposal import Proposal
from apportion.evaluators.scorers.options import NeedOptions
from apportion.evaluators.synthetic import Synthetic, SyntheticOptions
from apportion.evaluators.synthetic_shapes import synthetic_shape
from apportion.search.controllers import Context, controllers
from apportion.search.controllers.bottom_by_need import by_need
from apportion.spaces.allocation import Allocation
from apportion.spaces.budget import Budget
from apportion.spaces.granularity import GRANULARITIES, Granularity
from apportion.spaces.space import SharingSpace
from tests.conformance.controllers.builders import check_pattern
from tests.conformance.controllers.entries import chosen
from tests.strategies import budgets_of, spaces

# Worlds.


def world(number: int, granularity: Granularity = "per_site") -> Synthetic:
    options = SyntheticOptions(world=number, sites=12)
    return Synthetic(SharingSpace(synthetic_shape("widening", 12).sites, options.domains, granularity), options)


def asked(name: str, lab: Laboratory, budget: Budget, **given: Any) -> Allocation:
    assert isinstance(lab.evaluator, Synthetic)
    entry = controllers.get(name)
    context = Context(lab.evaluator.space, (budget,), Objective(), 0, trial_seed=7, rung=1, lab=lab)
    proposal = entry.build(context, chosen(entry, given)).ask()
    assert isinstance(proposal, Proposal)
    return proposal.allocation


def gained(evaluator: Synthetic, allocation: Allocation) -> float:
    return float(evaluator.gain(allocation).mean())


@pytest.mark.parametrize("granularity", ["per_site", "per_site_and_domain"])
@pytest.mark.parametrize("number", range(4))
def test_a_scorer_that_tells_the_truth_beats_every_hand_made_pattern(number: int, granularity: Granularity) -> None:
    evaluator = world(number, granularity)
    lab = Laboratory(evaluator, None)
    for budget in (Budget("live", 0.1), Budget("live", 0.4), Budget("owned", 0.2)):
        learned = gained(evaluator, asked("sensitivity", lab, budget))
        by_hand = {name: gained(evaluator, asked(name, lab, budget)) for name in ("equal_spend", "bottom", "uniform")}
        assert learned > by_hand["equal_spend"]
        assert learned > max(by_hand.values())


@pytest.mark.parametrize("number", range(4))
def test_it_comes_as_near_to_the_known_optimum_as_whole_filters_allow(number: int) -> None:
    evaluator = world(number)
    for share in (0.1, 0.3):
        budget = Budget("owned", share)
        learned = gained(evaluator, asked("sensitivity", Laboratory(evaluator, None), budget))
        # The bound is for fractions of filters; measured: .987 of it and more.
        assert 0.98 * evaluator.optimum(budget) < learned <= evaluator.optimum(budget)


def test_the_control_that_sees_only_depth_is_no_better_than_the_truth() -> None:
    evaluator = world(0)
    lab, budget = Laboratory(evaluator, None), Budget("live", 0.2)
    truth, depth = (gained(evaluator, asked("sensitivity", lab, budget, scorer=name)) for name in ("fisher", "depth"))
    assert depth < truth


# Needs.

APART = world(0, "per_site_and_domain").space


def needing(needs: Sequence[float]) -> Laboratory:
    """A laboratory that has found these needs: planted under the key that the scorer's own would have."""
    evaluator = world(0, "per_site_and_domain")
    key = Laboratory(evaluator, None).worth("need", NeedOptions(), 7).artifact
    lab = Laboratory(evaluator, None)
    of = torch.tensor(needs, dtype=torch.float64)[:, None]
    lab.memo(key, lambda: {f"worth.{i}": of.repeat(1, site.filters) for i, site in enumerate(APART.sites)})
    return lab


def weights_of(space: SharingSpace, allocation: Allocation) -> list[int]:
    """Weights that each domain owns."""
    rows = zip(space.sites, allocation.levels, strict=True)
    by_site = [[level * site.parameters_per_filter for level in row] for site, row in rows]
    return [sum(column) for column in zip(*by_site, strict=True)]


@pytest.mark.parametrize("scale", [0.01, 1.0, 50.0])
@pytest.mark.parametrize("budget", [Budget("live", 0.2), Budget("live", 0.4), Budget("owned", 0.2)], ids=str)
def test_a_domain_with_twice_the_need_owns_about_twice_the_weights(budget: Budget, scale: float) -> None:
    twice = asked("bottom_by_need", needing([scale, 2 * scale, scale]), budget)
    north, east, south = weights_of(APART, twice)
    assert north == pytest.approx(south, abs=2 * max(site.parameters_per_filter for site in APART.sites))
    assert east / north == pytest.approx(2, rel=0.1)


def test_what_is_needed_by_one_alone_goes_to_it_alone() -> None:
    allocation = asked("bottom_by_need", needing([0.0, 0.3, 0.0]), Budget("live", 0.2))
    north, east, south = weights_of(APART, allocation)
    # The other two get a first few filters: a need of nothing counts as a thousandth.
    assert north + south < 0.05 * east
    # From the input on: full, then in part, then nothing but what was left over.
    levels = [row[1] for row in allocation.levels]
    full = next(i for i, site in enumerate(APART.sites) if levels[i] < site.filters)
    assert full >= 3
    assert sum(levels[full + 1 :]) <= 1


def test_equal_needs_give_equal_budgets() -> None:
    for need in (0.0, -0.2, 0.1):
        weights = weights_of(APART, by_need(APART, np.full(3, need), Budget("live", 0.3)))
        assert max(weights) - min(weights) <= max(site.parameters_per_filter for site in APART.sites)
        assert min(weights) > 0


@settings(max_examples=60)
@given(st.data())
def test_whatever_the_needs_the_budget_is_used_up_and_kept(data: st.DataObject) -> None:
    space = replace(data.draw(spaces()), granularity="per_site_and_domain")
    budget = data.draw(budgets_of(space))
    needs = st.sampled_from([-1.0, 0.0, 1e-9, 0.01, 0.02, 5.0])
    need = np.array([data.draw(needs) for _ in space.owners])
    check_pattern(by_need(space, need, budget), space, budget)


def test_no_need_anywhere_still_uses_the_budget_up() -> None:
    for share in (0.05, 0.5):
        budget = Budget("live", share)
        check_pattern(asked("bottom_by_need", needing([0.0, 0.0, 0.0]), budget), APART, budget)


@pytest.mark.parametrize("granularity", [name for name in GRANULARITIES if name != "per_site_and_domain"])
def test_where_domains_have_no_levels_of_their_own_it_is_refused(granularity: Granularity) -> None:
    with pytest.raises(InputError, match=rf"granularity {granularity}.*set space\.granularity: per_site_and_domain"):
        asked("bottom_by_need", Laboratory(world(0, granularity), None), Budget("live", 0.2))
