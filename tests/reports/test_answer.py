"""The first sentence of the page says what was found, and no more than that."""

from collections.abc import Sequence
from dataclasses import replace

from apportion.reports import results_of
from apportion.reports.comparisons import comparisons, declared
from apportion.reports.sections.answer import declared_lead, lead, render
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


def compared(differences: Sequence[float], primary: dict[str, str] | None, retrained: bool = True) -> Study:
    """`taps` and `bottom` at 10 %, which differ by so much at each seed."""
    builder, budget = Builder(), Budget("live", 0.1)
    builder.head = replace(builder.head, config={**builder.head.config, **({"primary": primary} if primary else {})})
    shared = builder.head.space.shared().levels
    for controller, level in (("bottom", 1), ("taps", 2)):
        pattern = Allocation(((level, *shared[0][1:]), *shared[1:]))
        for seed, difference in enumerate(differences):
            loss = 0.5 + 0.01 * seed + (difference if controller == "taps" else 0.0)
            builder.tell(
                controller, loss, budget=budget, seed=seed, purpose="retrain" if retrained else "search",
                allocation=pattern,
            )  # fmt: skip
    return builder.study()


DECLARED = {"scheme": "taps/live-0.1", "against": "bottom/live-0.1"}


def declared_sentence(study: Study) -> str:
    results = results_of(study)
    primary = declared(results)
    assert primary is not None
    return declared_lead(results, primary)


def test_what_was_declared_comes_first_and_says_what_decides_it() -> None:
    study = compared([-0.010, -0.012, -0.011, -0.009, -0.013, -0.010, -0.011], DECLARED)
    text = declared_sentence(study)
    assert text.startswith("Declared beforehand, taps/live-0.1 against bottom/live-0.1: \N{MINUS SIGN}0.0109 [")
    # All 7 differences have one sign: 2 / 2^7 = .0156.
    assert text.endswith("in loss over 7 paired seeds (Wilcoxon p = 0.016), so the first is better.")
    body = render(results_of(study)).body
    assert body.count('class="lead"') == 1
    assert body.index("Declared beforehand") < body.index("At a budget of live 10 %")


def test_a_loss_of_what_was_declared_is_said_as_plainly() -> None:
    assert declared_sentence(compared([0.010, 0.012, 0.011], DECLARED)).endswith("so the first is worse.")


def test_an_open_declared_question_says_how_many_seeds_would_decide_it() -> None:
    text = declared_sentence(compared([0.010, -0.012, 0.011, -0.002], DECLARED))
    assert "not decided, " in text and text.endswith("more seeds would decide it.")


def test_what_was_declared_may_not_be_measured_yet() -> None:
    assert declared_sentence(compared([0.01], DECLARED, retrained=False)).endswith(": not measured yet.")
    elsewhere = {"scheme": "ba2/live-0.1", "against": "bottom/live-0.1"}
    assert declared_sentence(compared([0.01, 0.02], elsewhere)).endswith(": not measured yet.")


def test_nothing_declared_says_nothing_of_it() -> None:
    study = compared([0.01, 0.02, 0.03], None)
    assert declared(results_of(study)) is None
    assert "Declared" not in render(results_of(study)).body
