"""The first sentence of the page says what was found, and no more than that."""

from dataclasses import replace

from apportion.reports import results_of
from apportion.reports.comparisons import comparisons
from apportion.reports.sections.answer import lead, render
from apportion.search.study import Study
from apportion.spaces.allocation import Allocation
from apportion.spaces.budget import Budget
from tests.reports.builders import Builder, simulated, study

NOISE = (0.02, -0.01, 0.03)


def made(*gaps: float) -> Study:
    """At each budget `tpe` differs from `bottom` by the gap, give or take a little."""
    builder = Builder()
    for i, gap in enumerate(gaps):
        budget = Budget("live", 0.1 * (i + 1))
        for controller, level, shift in (("bottom", 0, 0.0), ("tpe", i + 1, gap)):
            shared = builder.head.space.shared().levels
            pattern = Allocation(((level, *shared[0][1:]), *shared[1:]))
            for seed, noise in enumerate(NOISE):
                wobble = 0.001 * seed if shift else 0.0
                builder.tell(
                    controller, 0.5 + noise + shift + wobble, budget=budget, seed=seed, purpose="retrain",
                    allocation=pattern,
                )  # fmt: skip
    return builder.study()


def sentence(given: Study) -> str:
    results = results_of(given)
    return lead(results, comparisons(results))


def test_one_clear_win() -> None:
    text = sentence(made(-0.02))
    assert text.startswith("At a budget of live 10 %, the pattern that search found (tpe) has a lower loss than")
    assert "\N{MINUS SIGN}0.0190 [" in text and text.endswith("over 3 paired seeds.")


def test_one_clear_loss() -> None:
    assert "has a higher loss" in sentence(made(0.02))


def test_one_open_question_says_why() -> None:
    assert "contains 0" in sentence(made(0.0001)) and "not decided" in sentence(made(0.0001))


def test_several_budgets_are_counted() -> None:
    text = sentence(made(-0.02, 0.02, 0.0001))
    assert text == (
        "Search beats the best scheme made by hand at 1 of 3 budgets (live 10 %) and loses at 1 (live 20 %);"
        " at 1 the difference is not decided."
    )


def test_nothing_decided_is_said_first() -> None:
    assert sentence(made(0.0001, 0.0001)).startswith("Not decided: at none of the 2 budgets")


def test_nothing_measured_and_nothing_retrained() -> None:
    assert sentence(study()) == "Nothing has been measured yet."
    base = simulated()
    early = replace(base, trials=tuple(t for t in base.trials if t.proposal.purpose == "search"), finished=False)
    assert sentence(early).startswith("No verdict yet")


def test_an_unfinished_run_says_how_far_it_is() -> None:
    base = simulated(seeds=2)
    half = replace(base, trials=base.trials[:10], finished=False, planned=60, pending=(base.trials[10].proposal,))
    body = render(results_of(half)).body
    assert "This run is unfinished" in body and "10 of 60 trials done, 1 under way" in body


def test_the_room_stands_beside_every_verdict() -> None:
    body = render(results_of(simulated(seeds=2, budgets=(0.2, 0.4)))).body
    assert body.count("room to win") == 2
