"""A domain that needs the first filters to itself gets a greater worth there than the others: known by construction."""

from typing import Any

import pytest

from apportion.evaluators.laboratory import Laboratory
from apportion.evaluators.memo import Tensors
from tests.evaluators.scorers.builders import Kind, laboratory, tensors, train, worth

OTHERS: dict[str, Kind] = {"north": "plain", "east": "plain", "west": "plain"}
START: dict[str, Any] = {"start": {"joint": 16}}


@pytest.fixture(scope="module")
def lab() -> Laboratory:
    """A shared start that was trained while `south` saw what the others see; now its colours are exchanged."""
    before, now = (
        laboratory(train({**OTHERS, "south": kind}, optimizer={"lr": 0.01})) for kind in ("plain", "swapped")
    )
    tensors(before, "fisher", batches=1, **START)

    def never() -> Tensors:
        raise AssertionError("fisher started from it")

    _, start = before.memo("start/joint-16/seed-0", never)
    now.memo("start/joint-16/seed-0", lambda: start)
    return now


@pytest.mark.parametrize(
    ("scorer", "options"),
    [
        ("fisher", {"batches": 6}),
        ("gradient_variance", {"batches": 6}),
        ("task_vector", {"against": "start"}),
        ("task_vector", {"against": "mean"}),
    ],
)
def test_the_domain_whose_colours_are_exchanged_gains_most_by_owning_the_first_filters(
    lab: Laboratory, scorer: str, options: dict[str, Any]
) -> None:
    first = worth(lab, scorer, scale="raw", **START, **options)[0].sum(1)
    assert first[3] > 1.5 * first[:3].max()
