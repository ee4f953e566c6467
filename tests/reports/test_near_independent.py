"""How small a model may be with no domain much worse off than alone: by the worst domain, not by the mean."""

from dataclasses import replace

from apportion.evaluators.measurement import Measurement, Score
from apportion.evaluators.proposal import Purpose
from apportion.reports import results_of
from apportion.reports.near_independent import smallest_within, worst_domain
from apportion.reports.sections.domains import DOMAINS
from apportion.search.study import Study
from apportion.spaces.allocation import Allocation
from apportion.spaces.budget import Budget
from tests.reports.builders import Builder, simulated

ALONE = 0.8


def measured(below: dict[str, dict[str, float]], alone: bool = True) -> Study:
    """Schemes so far below `independent` in accuracy by domain, each stored larger than the one before; 3 seeds."""
    builder = Builder()
    space, names = builder.head.space, [card.name for card in builder.head.domains]

    def tell(controller: str, budget: Budget | None, allocation: Allocation, lost: dict[str, float]) -> None:
        purpose: Purpose = "anchor" if budget is None else "retrain"
        for seed in range(3):
            # What a seed adds is common to both, so a paired difference does not see it.
            scores = {name: Score(100, ALONE - lost.get(name, 0.0) + 0.01 * seed, 1.0, 10) for name in names}
            trial = builder.tell(controller, 0.5, budget=budget, seed=seed, purpose=purpose, allocation=allocation)
            assert isinstance(trial.outcome, Measurement)
            told = replace(trial.outcome, splits={"val": scores, "test": scores})
            builder.trials[-1] = replace(trial, outcome=told)

    if alone:
        tell("independent", None, space.independent(), {})
    shared = space.shared().levels
    for level, (controller, lost) in enumerate(below.items(), start=1):
        pattern = Allocation(((level, *shared[0][1:]), *shared[1:]))
        tell(controller, Budget("live", 0.1 * level), pattern, lost)
    return builder.study()


def test_the_worst_domain_decides_not_the_mean() -> None:
    study = measured({"bottom": {"digits": 0.04, "photos": -0.2}, "taps": {"digits": 0.015, "photos": 0.015}})
    results = results_of(study)
    bottom = results.of("bottom", Budget("live", 0.1))
    assert bottom is not None
    worst = worst_domain(results, bottom)
    assert worst is not None
    assert (worst.domain, round(worst.difference.mean, 6), worst.difference.n) == ("digits", -0.04, 3)
    found = smallest_within(results, 0.02)
    assert found is not None and found[0].controller == "taps"
    found = smallest_within(results, 0.05)
    assert found is not None and found[0].controller == "bottom", "it is the smaller one, and within five points"
    assert smallest_within(results, 0.01) is None


def test_without_networks_of_their_own_there_is_nothing_to_hold_it_against() -> None:
    results = results_of(measured({"bottom": {"digits": 0.0}}, alone=False))
    assert smallest_within(results, 0.05) is None
    assert "as well off" not in DOMAINS.render(results).body


def test_the_page_says_it_for_one_two_and_five_points() -> None:
    body = DOMAINS.render(results_of(measured({"bottom": {"digits": 0.04}, "taps": {"digits": 0.015}}))).body
    assert "within 1 point of accuracy: no pattern that was measured" in body
    within_two, within_five = body.index("within 2 points of accuracy"), body.index("within 5 points of accuracy")
    assert "taps" in body[within_two:within_five] and "bottom" in body[within_five:]
    assert "\N{MINUS SIGN}1.5 [" in body


def test_any_study_can_be_asked() -> None:
    assert "as well off" in DOMAINS.render(results_of(simulated())).body
