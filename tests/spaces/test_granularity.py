"""Granularities: every cell belongs to one variable or is kept shared, and variables move cells without a jump."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apportion.spaces.granularity import Variable
from apportion.spaces.space import SharingSpace
from tests.spaces import brute_force
from tests.strategies import site, spaces


@settings(max_examples=100)
@given(spaces(least_owners=1, grids=True))
def test_the_variables_cover_every_cell_once_but_for_sites_kept_shared(space: SharingSpace) -> None:
    cells = [cell for variable in space.variables for cell in variable.cells]
    free = [
        (i, d)
        for i, one in enumerate(space.sites)
        for d in range(len(space.owners))
        if one.name not in space.keep_shared
    ]
    assert sorted(cells) == free
    assert len({variable.name for variable in space.variables}) == space.dimension


@settings(max_examples=100)
@given(spaces(grids=True))
def test_a_variable_moves_together_what_its_granularity_says(space: SharingSpace) -> None:
    for variable in space.variables:
        sites = {space.sites[i] for i, _ in variable.cells}
        owners = {d for _, d in variable.cells}
        assert len({one.stage for one in sites}) == 1
        assert variable.steps == (len(space.fractions) - 1 if space.fractions else max(one.max_level for one in sites))
        if space.granularity != "per_stage":
            assert len(sites) == 1
        assert len(owners) == (1 if space.granularity == "per_site_and_domain" else len(space.owners))
    stages = {one.stage for one in space.sites if one.name not in space.keep_shared}
    if space.granularity == "per_stage":
        assert space.dimension == len(stages)


@settings(max_examples=60)
@given(st.data())
def test_levels_follow_positions_as_the_definition_says(data: st.DataObject) -> None:
    space = data.draw(spaces(grids=True))
    positions = [data.draw(st.integers(0, variable.steps)) for variable in space.variables]
    assert tuple(map(tuple, space.levels_at(np.array(positions)).tolist())) == brute_force.levels_at(space, positions)


@settings(max_examples=100)
@given(st.integers(1, 500), st.data())
def test_every_step_moves_the_widest_site_by_one_and_no_other_by_more(steps: int, data: st.DataObject) -> None:
    greatest = data.draw(st.integers(1, steps))
    variable = Variable("stage0", steps, ())
    levels = [variable.level(position, greatest) for position in range(steps + 1)]
    assert levels[0] == 0
    assert levels[-1] == greatest
    assert {b - a for a, b in pairwise(levels)} <= {0, 1}
    assert [variable.level(position, steps) for position in range(steps + 1)] == list(range(steps + 1))


@pytest.mark.parametrize(
    ("granularity", "names"),
    [
        ("per_stage", ["stage0", "stage1"]),
        ("per_site", ["conv0", "conv1", "conv3"]),
        ("per_site_and_domain", ["conv0/a", "conv0/b", "conv1/a", "conv1/b", "conv3/a", "conv3/b"]),
    ],
)
def test_variables_are_named_by_depth_and_owner(granularity: str, names: list[str]) -> None:
    sites = (site(0, 3), site(1, 3), site(2, 3, stage=1), site(3, 3, stage=1))
    space = SharingSpace(sites, ("a", "b"), granularity, keep_shared=("conv2",))  # type: ignore[arg-type]
    assert [variable.name for variable in space.variables] == names


def test_on_a_grid_a_position_is_found_where_the_widest_site_alone_does_not_tell() -> None:
    # Positions 1 and 2 give a site of two filters one filter; only the narrow site tells them apart.
    sites = (site(0, 2), site(1, 1))
    space = SharingSpace(sites, ("a", "b", "c"), "per_stage", fractions=(0.0, 0.25, 0.5, 1.0))
    for position in range(4):
        at = np.array([position])
        assert space.allocation_at(space.positions_of(space.allocation_at(at))) == space.allocation_at(at)
