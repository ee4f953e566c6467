"""The synthetic world: deterministic, and its optimum is a bound that good allocations come near."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apportion.evaluators.data import DataOptions
from apportion.evaluators.measurement import Measurement
from apportion.evaluators.objective import Objective
from apportion.evaluators.proposal import Proposal, Purpose
from apportion.evaluators.protocol import Slot
from apportion.evaluators.registry import open_task, shape_and_space
from apportion.evaluators.synthetic import Synthetic, SyntheticOptions
from apportion.evaluators.synthetic_shapes import synthetic_shape
from apportion.evaluators.task import Bench, Task
from apportion.spaces.allocation import Allocation
from apportion.spaces.budget import Budget
from apportion.spaces.granularity import Granularity
from apportion.spaces.options import BackboneOptions, SpaceOptions
from apportion.spaces.space import SharingSpace


def world(granularity: Granularity = "per_site", **options: object) -> Synthetic:
    made = SyntheticOptions.model_validate(options)
    return Synthetic(SharingSpace(synthetic_shape(made.shape, made.sites).sites, made.domains, granularity), made)


def proposal(allocation: Allocation, rung: int = 4, seed: int = 0, purpose: Purpose = "search") -> Proposal:
    return Proposal("1", "made up", allocation, None, rung, seed, purpose)


def measured(synthetic: Synthetic, allocation: Allocation, rung: int = 4, seed: int = 0) -> Measurement:
    return synthetic(proposal(allocation, rung, seed), Slot()).measurement


def bench(**options: object) -> Bench:
    evaluator = SyntheticOptions.model_validate(options)
    return open_task(Task(BackboneOptions(), SpaceOptions(), DataOptions(), evaluator))


@pytest.mark.parametrize("share", [0.02, 0.1, 0.3, 0.7])
@pytest.mark.parametrize("number", range(3))
def test_no_allocation_beats_the_optimum(number: int, share: float) -> None:
    synthetic = world("per_site_and_domain", world=number)
    space, generator = synthetic.space, np.random.default_rng(number)
    budget = Budget("owned", share)
    bound = synthetic.optimum(budget)
    for _ in range(20):
        allocation = space.decode(generator.random(space.dimension), budget)
        assert synthetic.gain(allocation).mean() <= bound + 1e-12


@pytest.mark.parametrize("share", [0.1, 0.3, 0.7])
@pytest.mark.parametrize("number", range(3))
def test_pouring_the_budget_where_it_gains_most_comes_near_the_optimum(number: int, share: float) -> None:
    # Water-filling by its own rule: x = min(1, (gain / (2 lambda price))^2), so wishes go as (gain / price)^2.
    synthetic = world(world=number, sites=12)
    space = synthetic.space
    price = np.array([site.parameters for site in space.sites])
    wish = (synthetic.gains / price) ** 2
    allocation = space.decode(wish / wish.max(), Budget("owned", share), "fractions")
    bound = synthetic.optimum(Budget("owned", share))
    gain = float(synthetic.gain(allocation).mean())
    # Filters are whole, and the first sites have 8 of them: that costs 3 % where the budget is least.
    assert 0.96 * bound <= gain <= bound + 1e-12
    uniform = space.decode(np.ones(space.dimension), Budget("owned", share), "fractions")
    assert float(synthetic.gain(uniform).mean()) < gain


def test_the_optimum_solves_its_equation() -> None:
    synthetic = world(world=5)
    price = np.array([site.parameters for site in synthetic.space.sites]) * 3.0
    for share in (0.05, 0.5):
        bound = synthetic.optimum(Budget("owned", share))
        # Found again without solving anything: the best of many multipliers whose fractions are within the budget.
        multipliers = np.exp(np.linspace(-30, 5, 200_001))[:, None]
        fractions = np.minimum(1, (synthetic.gains / (2 * multipliers * price)) ** 2)
        within = fractions @ price <= share * price.sum() + 1e-6
        best = (np.sqrt(fractions) @ synthetic.gains)[within].max()
        assert bound == pytest.approx(best, rel=1e-3)


def test_the_optimum_grows_with_the_budget_up_to_one() -> None:
    synthetic = world()
    values = [synthetic.optimum(Budget("owned", share)) for share in (0.01, 0.1, 0.5, 0.99, 1.0)]
    assert values == sorted(values)
    assert values[-1] == 1.0
    with pytest.raises(ValueError, match="owned"):
        synthetic.optimum(Budget("live", 0.2))


def test_shared_gains_nothing_and_independent_everything() -> None:
    synthetic = world()
    np.testing.assert_allclose(synthetic.gain(synthetic.space.shared()), 0.0)
    np.testing.assert_allclose(synthetic.gain(synthetic.space.independent()), 1.0)
    losses = [
        Objective()(measured(synthetic, allocation).splits["val"])
        for allocation in (synthetic.space.shared(), synthetic.space.independent())
    ]
    assert losses[1] < losses[0]


@settings(max_examples=25)
@given(st.data())
def test_owning_more_is_never_worse_without_noise(data: st.DataObject) -> None:
    synthetic = world("per_site_and_domain", sites=3)
    levels = [[data.draw(st.integers(0, site.max_level - 1)) for _ in range(3)] for site in synthetic.space.sites]
    before = measured(synthetic, Allocation(tuple(map(tuple, levels))))
    levels[data.draw(st.integers(0, 2))][data.draw(st.integers(0, 2))] += 1
    after = measured(synthetic, Allocation(tuple(map(tuple, levels))))
    for owner in synthetic.space.owners:
        assert after.splits["val"][owner].cross_entropy <= before.splits["val"][owner].cross_entropy


def scores(measurement: Measurement) -> object:
    return measurement.splits, measurement.curve


def test_without_noise_seeds_make_no_difference() -> None:
    synthetic = world()
    allocation = synthetic.space.decode(np.ones(9), Budget("live", 0.2))
    assert scores(measured(synthetic, allocation, seed=1)) == scores(measured(synthetic, allocation, seed=2))
    assert scores(measured(world(), allocation, seed=1)) == scores(measured(synthetic, allocation, seed=1))


def test_noise_depends_on_the_seed_and_has_the_size_it_is_given() -> None:
    synthetic = world(noise=0.05)
    allocation = synthetic.space.shared()
    assert scores(measured(synthetic, allocation, seed=1)) == scores(measured(synthetic, allocation, seed=1))
    drawn = [measured(synthetic, allocation, seed=seed).splits["val"]["north"].cross_entropy for seed in range(200)]
    # The standard deviation of 200 draws is known to 5 %.
    assert np.std(drawn) == pytest.approx(0.05, rel=0.25)
    quiet = measured(world(), allocation).splits["val"]["north"].cross_entropy
    assert np.mean(drawn) == pytest.approx(quiet, abs=0.015)


def test_another_world_has_other_gains() -> None:
    assert not np.allclose(world(world=1).gains, world(world=2).gains)


def test_lower_rungs_are_the_beginning_of_the_full_run() -> None:
    synthetic = world(noise=0.05)
    allocation = synthetic.space.shared()
    full = measured(synthetic, allocation, rung=4)
    assert len(full.curve) == synthetic.rungs == 4
    for rung in (1, 2, 3):
        part = measured(synthetic, allocation, rung=rung)
        assert part.curve == full.curve[:rung]
        assert part.splits["val"] == full.curve[rung - 1]


@pytest.mark.parametrize("purpose", ["search", "retrain", "anchor", "table"])
def test_test_is_scored_for_settled_patterns_only(purpose: Purpose) -> None:
    synthetic = world()
    measurement = synthetic(proposal(synthetic.space.shared(), purpose=purpose), Slot()).measurement
    assert set(measurement.splits) == ({"val"} if purpose == "search" else {"val", "test"})
    assert len(measurement.test_curve) == (len(measurement.curve) if purpose == "table" else 0)


def test_its_task_opens_on_the_space_that_was_promised() -> None:
    opened = bench(sites=4, domains=("x", "y"))
    shape, space = shape_and_space(
        Task(BackboneOptions(), SpaceOptions(), DataOptions(), SyntheticOptions(sites=4, domains=("x", "y")))
    )
    assert (opened.shape, opened.space) == (shape, space)
    assert [card.name for card in opened.domains] == ["x", "y"]
    outcome = opened.evaluator(proposal(space.shared()), Slot())
    assert all(math.isfinite(score.cross_entropy) for score in outcome.measurement.splits["val"].values())
    assert opened.evaluator.seconds_per_epoch(space.shared()) == 0.0


@pytest.mark.parametrize("interactions", [0.0, 0.5, 2.0])
@pytest.mark.parametrize("share", [0.2, 0.4])
def test_no_allocation_beats_the_optimum_where_neighbours_interact(interactions: float, share: float) -> None:
    synthetic = world(sites=5, interactions=interactions, world=3)
    space, budget = synthetic.space, Budget("owned", share)
    bound = synthetic.optimum(budget)
    best, wish = 0.0, np.ones(space.dimension)
    generator = np.random.default_rng(1)
    for _ in range(500):  # a climb by random steps: it comes near, and never above
        tried = np.clip(wish * np.exp(0.3 * generator.standard_normal(space.dimension)), 1e-6, None)
        gain = float(synthetic.gain(space.decode(tried / tried.max(), budget)).mean())
        if gain > best:
            best, wish = gain, tried
    assert 0.95 * bound < best <= bound + 1e-9


def test_interactions_reward_neighbours_owned_together() -> None:
    alone, together = (world(sites=4, interactions=k) for k in (0.0, 2.0))
    space = alone.space
    ends = Allocation(tuple((level,) * 3 for level in (8, 0, 0, 32)))
    assert together.gain(ends).mean() < alone.gain(ends).mean()
    assert together.gain(space.independent()) == pytest.approx(1.0)
    assert together.gain(space.shared()) == pytest.approx(0.0)


def test_the_mobilenet_shape_is_that_of_torchvisions_blocks() -> None:
    shape = synthetic_shape("mobilenet_v2", 1)
    assert len(shape.sites) == 50
    # FACTS of the network: 2,189,760 convolution weights, of which stem 3*32*9 and last layer 320*1280 are left out.
    assert shape.convolution_weights == 2_189_760 - 864 - 409_600
    assert {site.kind for site in shape.sites} == {"conv", "depthwise"}
