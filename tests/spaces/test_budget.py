"""Budgets: three units of two measures that agree, and ranges that are named when they are missed."""

from math import floor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apportion.errors import InputError
from apportion.spaces.budget import Budget, Cost, Measure, Unit
from apportion.spaces.space import SharingSpace
from tests.strategies import MEASURES, OWNERS, site

BACKBONE = 2_189_760  # MobileNetV2's convolution weights


@settings(max_examples=60)
@given(st.integers(2, 10), st.integers(0, 1000))
def test_shares_multiples_and_parameters_agree(owners: int, thousandths: int) -> None:
    share = thousandths / 1000
    live = [
        Budget("live", share),
        Budget("live", 1 + (owners - 1) * share, "multiple"),
        Budget("live", floor((1000 + (owners - 1) * thousandths) * BACKBONE / 1000), "parameters"),
    ]
    owned = [
        Budget("owned", share),
        Budget("owned", owners * share, "multiple"),
        Budget("owned", floor(owners * thousandths * BACKBONE / 1000), "parameters"),
    ]
    for same in (live, owned):
        assert len({budget.limit(BACKBONE, owners) for budget in same}) == 1


def test_a_fifth_live_with_five_domains_is_1_8_backbones() -> None:
    # DESIGN, "Definitions": with one order `bottom` at 20 % owned has 1.80 backbones live.
    assert Budget("live", 0.2).limit(1000, 5) == 1800
    assert Budget("live", 1.8, "multiple").limit(1000, 5) == 1800
    assert Budget("owned", 0.2).limit(1000, 5) == 1000


@settings(max_examples=40)
@given(st.integers(0, 20), st.integers(2, 4))
def test_with_one_order_and_equal_levels_owned_and_live_shares_are_the_same_pattern(level: int, owners: int) -> None:
    space = SharingSpace((site(0, 20, 9),), OWNERS[:owners])
    for measure in MEASURES:
        allocation = space.decode([0.7], Budget(measure, level / 20))
        assert allocation.levels == ((level,) * owners,)
        cost = space.cost(allocation)
        assert space.owned_share(cost) == pytest.approx(level / 20)
        assert space.live_multiple(cost) == pytest.approx(1 + (owners - 1) * level / 20)


@pytest.mark.parametrize(
    ("budget", "said"),
    [
        (Budget("live", 1.2), r"share 1\.2, but with 5 domains the reachable range is 0 to 1"),
        (Budget("owned", 1.01), r"the reachable range is 0 to 1"),
        (Budget("live", 0.9, "multiple"), r"multiple 0\.9, but with 5 domains the reachable range is 1 to 5"),
        (Budget("live", 5.1, "multiple"), r"the reachable range is 1 to 5"),
        (Budget("owned", 6, "multiple"), r"the reachable range is 0 to 5"),
        (Budget("live", -0.1), r"a budget is a finite number >= 0"),
        (Budget("live", float("nan")), r"a budget is a finite number >= 0"),
        (Budget("owned", float("inf"), "parameters"), r"a budget is a finite number >= 0"),
    ],
)
def test_a_budget_that_no_backbone_meets_is_refused_with_the_range(budget: Budget, said: str) -> None:
    with pytest.raises(InputError, match=said):
        budget.check_range(5)


@pytest.mark.parametrize("amount", [99, 301])
def test_a_parameter_count_that_the_space_cannot_meet_is_refused_with_the_range(amount: int) -> None:
    space = SharingSpace((site(0, 100),), ("a", "b", "c"))
    with pytest.raises(InputError, match=r"the reachable range is 100 to 300 parameters \(1 to 3 backbones\)"):
        space.check_budget(Budget("live", amount, "parameters"))


def test_what_is_kept_shared_lowers_the_reachable_range() -> None:
    space = SharingSpace((site(0, 100), site(1, 100)), ("a", "b", "c"), keep_shared=("conv1",))
    space.check_budget(Budget("live", 400, "parameters"))
    with pytest.raises(InputError, match=r"the reachable range is 200 to 400 parameters"):
        space.check_budget(Budget("live", 1.0))


@pytest.mark.parametrize(
    "space",
    [
        SharingSpace((site(0, 100),), ("a",)),
        SharingSpace((site(0, 100),), ("a", "b"), keep_shared=("conv0",)),
    ],
    ids=["one domain", "all kept shared"],
)
def test_a_budget_that_nothing_can_move_is_refused(space: SharingSpace) -> None:
    with pytest.raises(InputError, match="every pattern of this space costs 100"):
        space.check_budget(Budget("live", 100, "parameters"))


def test_the_ends_of_the_range_are_inside_it() -> None:
    space = SharingSpace((site(0, 7, 3), site(1, 5, 11)), ("a", "b", "c"))
    for measure in MEASURES:
        for share in (0.0, 1.0):
            space.check_budget(Budget(measure, share))


def test_a_budget_limits_its_own_measure() -> None:
    assert Budget("owned", 0.2).of(Cost(3, 8)) == 3
    assert Budget("live", 0.2).of(Cost(3, 8)) == 8


UNITS: list[tuple[float, Unit, str]] = [
    (0.2, "share", "0.2"),
    (1.8, "multiple", "1.8x"),
    (250_000, "parameters", "250000p"),
]


@pytest.mark.parametrize(("amount", "unit", "tail"), UNITS)
@pytest.mark.parametrize("measure", MEASURES)
def test_names_are_stable_and_fit_for_files(measure: Measure, amount: float, unit: Unit, tail: str) -> None:
    assert Budget(measure, amount, unit).name == f"{measure}-{tail}"


def test_different_budgets_have_different_names() -> None:
    assert Budget("live", 1_234_567, "parameters").name != Budget("live", 1_234_568, "parameters").name
