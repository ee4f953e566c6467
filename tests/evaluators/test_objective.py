"""The objective by hand: two domains, 10 and 2 classes."""

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apportion.evaluators.measurement import Score
from apportion.evaluators.objective import Objective, mean_accuracy
from apportion.search.options import ObjectiveOptions

SCORES = {"a": Score(100, 0.6, 1.2, 10), "b": Score(300, 0.9, 0.3, 2)}
A, B = 1.2 / math.log(10), 0.3 / math.log(2)


@pytest.mark.parametrize(
    ("objective", "value"),
    [
        (Objective(), (A + B) / 2),
        (Objective(normalise=False), (1.2 + 0.3) / 2),
        (Objective(aggregate="worst"), A),
        (Objective(aggregate="worst", normalise=False), 1.2),
        (Objective(aggregate="weights", weights={"a": 3.0, "b": 1.0}), (3 * A + B) / 4),
        (Objective(aggregate="weights", weights={"b": 3.0}), (A + 3 * B) / 4),
        (Objective(aggregate="weights", weights={"a": 0.0}), B),
        (Objective("accuracy"), (0.4 + 0.1) / 2),
        (Objective("accuracy", aggregate="worst"), 0.4),
        (Objective("accuracy", aggregate="weights", weights={"a": 0.5, "b": 1.5}), (0.5 * 0.4 + 1.5 * 0.1) / 2),
    ],
)
def test_the_objective_is_what_a_hand_computes(objective: Objective, value: float) -> None:
    assert objective(SCORES) == pytest.approx(value, rel=1e-12)


def test_chance_level_is_one_and_perfection_zero_however_many_classes() -> None:
    chance = {f"{n}": Score(10, 1 / n, math.log(n), n) for n in (2, 10, 1623)}
    assert Objective()(chance) == pytest.approx(1.0)
    assert Objective()({"a": Score(10, 1.0, 0.0, 10)}) == 0.0


def test_the_number_of_images_does_not_weigh() -> None:
    many = {"a": Score(10**6, 0.6, 1.2, 10), "b": SCORES["b"]}
    assert Objective()(many) == Objective()(SCORES)


@settings(max_examples=50)
@given(
    st.sampled_from(["mean", "worst", "weights"]),
    st.lists(st.floats(0.01, 9), min_size=1, max_size=4),
    st.floats(1.01, 3),
)
def test_less_loss_in_every_domain_is_a_better_objective(aggregate: Any, losses: list[float], factor: float) -> None:
    objective = Objective(aggregate=aggregate, weights={"0": 2.0} if aggregate == "weights" else {})
    better, worse = (
        objective({str(i): Score(1, 0.5, loss * scale, 10) for i, loss in enumerate(losses)}) for scale in (1, factor)
    )
    assert better < worse


@pytest.mark.parametrize("domain", ["first", "last"])
@pytest.mark.parametrize("aggregate", ["mean", "weights"])
def test_a_domain_that_diverged_makes_the_objective_not_finite(aggregate: Any, domain: str) -> None:
    assert not math.isfinite(diverged(aggregate, domain))


@pytest.mark.parametrize(
    "domain",
    [
        "first",
        "last",
    ],
)
def test_the_worst_of_a_domain_that_diverged_is_not_finite(domain: str) -> None:
    # Otherwise a pattern on which one domain diverged is ranked by the others and can win.
    assert not math.isfinite(diverged("worst", domain))


def diverged(aggregate: Any, domain: str) -> float:
    good, bad = Score(10, 0.5, 1.0, 10), Score(10, 0.1, math.nan, 10)
    return Objective(aggregate=aggregate)({"a": bad, "b": good} if domain == "first" else {"a": good, "b": bad})


def test_mean_accuracy_is_over_domains() -> None:
    assert mean_accuracy(SCORES) == pytest.approx(0.75)


@pytest.mark.parametrize(
    "wrong",
    [
        {"weights": {"a": 1.0}},
        {"aggregate": "weights"},
        {"aggregate": "weights", "weights": {"a": -1.0}},
        {"aggregate": "weights", "weights": {"a": math.inf}},
        {"aggregate": "weights", "weights": {"a": math.nan}},
        {"metric": "loss"},
    ],
)
def test_impossible_objectives_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        ObjectiveOptions.model_validate(wrong)


def test_weights_that_leave_nothing_are_refused() -> None:
    with pytest.raises(ValueError, match="weight"):
        ObjectiveOptions.model_validate({"aggregate": "weights", "weights": {"a": 0.0, "b": 0.0}}).objective()(SCORES)
