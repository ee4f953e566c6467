"""The table evaluator: its rows are what training gave, and its space is the table's own grid."""

import itertools
import math
import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from apportion.errors import InputError
from apportion.evaluators.data import PentathlonOptions
from apportion.evaluators.objective import Objective
from apportion.evaluators.proposal import Proposal, Purpose
from apportion.evaluators.protocol import Slot, TrialFailed
from apportion.evaluators.registry import open_task
from apportion.evaluators.table import TableOptions, TableReader
from apportion.evaluators.tables import card_of, names, table_of
from apportion.evaluators.task import Bench, Task
from apportion.spaces.allocation import Allocation
from apportion.spaces.budget import Budget
from apportion.spaces.options import BackboneOptions, SpaceOptions
from apportion.spaces.orders import Order

GRID = SpaceOptions.model_validate(
    {"granularity": "per_stage", "stages": ("stem", "layer1", "layer2", "layer3"), "fractions": (0.0, 1 / 3, 1.0)}
)


def bench(space: SpaceOptions = GRID, **options: Any) -> Bench:
    return open_task(Task(BackboneOptions(), space, PentathlonOptions(), TableOptions.model_validate(options)))


def reader(**options: Any) -> TableReader:
    evaluator = bench(**options).evaluator
    assert isinstance(evaluator, TableReader)
    return evaluator


def asked(allocation: Allocation, seed: int = 1, rung: int = 8, purpose: Purpose = "search") -> Proposal:
    return Proposal("1", "made up", allocation, None, rung, seed, purpose)


@pytest.mark.parametrize("name", names())
def test_every_pattern_of_a_table_has_every_seed_and_epoch(name: str) -> None:
    table = table_of(name)
    assert len(table.patterns) == table.card.patterns == len(set(table.name_of))
    assert len(table.card.seeds) >= 3
    for own in table.runs.values():
        assert tuple(own) == table.card.seeds
        for epochs, seconds in own.values():
            assert len(epochs) == table.card.epochs
            assert seconds > 0
            for split, owner in itertools.product(("val", "test"), table.card.owners):
                assert all(math.isfinite(scores[split][owner].cross_entropy) for scores in epochs)


def test_sharebench_holds_all_81_common_patterns_and_as_many_per_domain_at_five_budgets() -> None:
    patterns = table_of("sharebench").patterns
    common = [name for name in patterns if name.startswith("common_")]
    assert len(common) == 3**4
    assert len(patterns) - len(common) >= 81
    space = replace(bench().space, granularity="per_site_and_domain", fractions=())
    for name, allocation in patterns.items():
        assert space.canonical(allocation) == allocation
        if name not in common and not name.endswith(("_bottom", "_top")):
            share = float(name.split("_")[0].removeprefix("live-"))
            assert space.exhausts(allocation, Budget("live", share))


def test_every_point_of_the_grid_is_in_the_table() -> None:
    opened = bench()
    space, table = opened.space, table_of("sharebench")
    points = itertools.product(*(range(variable.steps + 1) for variable in space.variables))
    keys = {space.allocation_at(np.array(point)).key() for point in points}
    assert len(keys) == 81
    assert keys <= set(table.name_of)


def test_a_row_is_one_seeds_and_the_mean_is_that_of_all() -> None:
    table, allocation = table_of("sharebench"), bench().space.shared()
    pattern = table.name_of[allocation.key()]
    seeds = table.card.seeds
    rows = [
        reader()(asked(allocation, seed, purpose="retrain"), Slot()).measurement.splits["test"]["digits"]
        for seed in seeds
    ]
    assert rows == [table.runs[pattern][seed][0][-1]["test"]["digits"] for seed in seeds]
    mean = reader(answer="mean")(asked(allocation, 99, purpose="retrain"), Slot()).measurement.splits["test"]["digits"]
    assert mean.cross_entropy == pytest.approx(sum(row.cross_entropy for row in rows) / len(rows))
    assert len({row.cross_entropy for row in rows}) == len(seeds)


def test_a_rung_is_a_prefix_and_the_search_never_sees_test() -> None:
    evaluator, allocation = reader(), bench().space.independent()
    whole = evaluator(asked(allocation), Slot()).measurement
    short = evaluator(asked(allocation, rung=3), Slot()).measurement
    assert short.curve == whole.curve[:3]
    assert short.seconds == pytest.approx(whole.seconds * 3 / 8)
    assert set(short.splits) == {"val"}
    assert set(evaluator(asked(allocation, purpose="anchor"), Slot()).measurement.splits) == {"val", "test"}


def test_answers_take_microseconds() -> None:
    evaluator, proposal = reader(), asked(bench().space.shared())
    evaluator(proposal, Slot())
    began = time.process_time()
    for _ in range(200):
        evaluator(proposal, Slot())
    assert (time.process_time() - began) / 200 < 1e-3


def test_owning_everything_is_better_than_sharing_everything() -> None:
    space, evaluator = bench().space, reader(answer="mean")
    shared, independent = (
        Objective()(evaluator(asked(one, purpose="anchor"), Slot()).measurement.splits["test"])
        for one in (space.shared(), space.independent())
    )
    assert independent < shared


def test_a_pattern_that_was_not_trained_fails_the_trial() -> None:
    space = bench().space
    levels = tuple((1,) * len(space.owners) for _ in space.sites)
    with pytest.raises(TrialFailed, match="no pattern of these levels"):
        reader()(asked(Allocation(levels)), Slot())
    half = tuple((site.max_level // 3,) * len(space.owners) for site in space.sites)
    with pytest.raises(TrialFailed, match="order of filters"):
        reader()(asked(Allocation(half, Order("random", 1))), Slot())


def test_a_space_larger_than_the_table_is_refused_with_the_one_that_fits() -> None:
    with pytest.raises(InputError, match=r"per_site with .* patterns.*holds.*granularity: per_stage"):
        bench(SpaceOptions(granularity="per_site"))


def test_an_unknown_table_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(InputError, match="sharebench"):
        TableOptions.model_validate({"table": "sharebrench"})


@pytest.mark.parametrize("name", names())
def test_the_card_says_how_the_table_was_made(name: str) -> None:
    card = card_of(name)
    assert card.title
    assert card.terms
    assert {"date", "commit", "versions", "machine", "seconds"} <= set(card.made)
    for spread in card.spread.values():
        assert 0 <= spread["reliability_of_one_seed"] <= spread["reliability_of_the_mean"] <= 1
