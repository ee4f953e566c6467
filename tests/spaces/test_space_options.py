"""Stages by name and grids of fractions: what a config may ask of a space, and what it may not."""

import pytest
from pydantic import ValidationError

from apportion.errors import InputError
from apportion.evaluators.data import PentathlonOptions
from apportion.evaluators.registry import shape_and_space
from apportion.evaluators.task import Task
from apportion.evaluators.training.options import TrainOptions
from apportion.spaces.budget import Budget
from apportion.spaces.options import BackboneOptions, SpaceOptions
from apportion.spaces.space import SharingSpace

FOUR = ("stem", "layer1", "layer2", "layer3")


def space(**options: object) -> SharingSpace:
    made = SpaceOptions.model_validate(options)
    return shape_and_space(Task(BackboneOptions(), made, PentathlonOptions(), TrainOptions()))[1]


def test_stages_by_name_replace_those_by_resolution() -> None:
    by_name, by_resolution = space(granularity="per_stage", stages=FOUR), space(granularity="per_stage")
    assert (by_name.dimension, by_resolution.dimension) == (4, 3)
    assert [len(variable.cells) for variable in by_name.variables] == [5, 10, 15, 15]


@pytest.mark.parametrize(
    ("stages", "message"),
    [
        (("stem", "layer1", "layer2"), "layer3.conv1 is in none"),
        ((*FOUR, "layer3.conv1"), "layer3 and layer3.conv1"),
        ((*FOUR, "layer4"), "no site of that name"),
    ],
)
def test_stages_that_miss_or_double_a_site_are_refused(stages: tuple[str, ...], message: str) -> None:
    with pytest.raises(InputError, match=message):
        space(granularity="per_stage", stages=stages)


def test_stages_belong_to_the_granularity_per_stage() -> None:
    with pytest.raises(InputError, match="per_site has no stages"):
        SpaceOptions(stages=FOUR)


@pytest.mark.parametrize("grid", [(0.5, 1.0), (0.0,), (0.0, 0.5, 0.5), (0.0, 1.5), (0.0, -0.5)])
def test_a_grid_rises_from_0_to_1_at_most(grid: tuple[float, ...]) -> None:
    with pytest.raises((InputError, ValidationError), match="rise from 0"):
        SpaceOptions(fractions=grid)


def test_on_a_grid_every_site_owns_one_of_its_fractions_and_the_budget_is_met_as_far_as_it_goes() -> None:
    grid = space(granularity="per_site", fractions=(0.0, 0.25, 1.0))
    budget = Budget("live", 0.3)
    allocation = grid.decode([0.3] * grid.dimension, budget)
    for site, row in zip(grid.sites, allocation.levels, strict=True):
        assert row[0] in (0, round(0.25 * site.filters), site.filters)
    assert grid.exhausts(allocation, budget)
