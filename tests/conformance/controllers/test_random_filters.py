"""`random_filters`: 000's random scheme, one pattern a seed, no layer preferred."""

import numpy as np

from apportion.evaluators.objective import Objective
from apportion.evaluators.proposal import Proposal
from apportion.search.controllers import Context, controllers
from apportion.spaces.budget import Budget
from apportion.spaces.space import SharingSpace
from tests.conformance.controllers.builders import proposals, some_space
from tests.strategies import site


def test_random_filters_is_decided_by_its_seed() -> None:
    entry = controllers.get("random_filters")
    space, budget = some_space(), Budget("live", 0.4)

    def drawn(seed: int) -> Proposal:
        context = Context(space, (budget,), Objective(), 0, 7, 2)
        return proposals(entry.build(context, entry.options.model_validate({"seed": seed})).ask())

    assert drawn(1) == drawn(1)
    assert len({drawn(seed).allocation for seed in range(10)}) > 5


def test_random_filters_gives_every_filter_the_same_chance() -> None:
    # 000's random: no layer is preferred, so over many draws every layer owns the same fraction.
    entry = controllers.get("random_filters")
    widths = (20, 40, 80)
    space = SharingSpace(tuple(site(i, width, 4) for i, width in enumerate(widths)), ("a", "b"))
    context = Context(space, (Budget("live", 0.3),), Objective(), 0, 7, 2)
    shares = np.array(
        [
            [
                row[0] / width
                for row, width in zip(
                    proposals(
                        entry.build(context, entry.options.model_validate({"seed": seed})).ask()
                    ).allocation.levels,
                    widths,
                    strict=True,
                )
            ]
            for seed in range(60)
        ]
    )
    # Standard error of the narrowest layer: sqrt(.3 * .7 / 20 / 60) = .013.
    np.testing.assert_allclose(shares.mean(axis=0), 0.3, atol=0.055)
    assert shares.std(axis=0).min() > 0.02
