"""Runs side by side: what is paired with what, what counts as one value, what may be claimed."""

import json
import math
from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np
import pytest

from apportion.reports.compare import Comparison, comparison_data, comparison_of
from apportion.reports.compare.notes import not_shown, reading, state
from apportion.reports.compare.outcome import lead
from apportion.reports.compare.rows import Row
from apportion.reports.compare.units import spread, unit_of, values_of
from apportion.reports.statistics import Interval, NotShown, mean_interval
from apportion.search.study import Study
from apportion.spaces.budget import Budget
from tests.reports.builders import Builder, study

BUDGET = Budget("live", 0.2)
NOISE = np.random.default_rng(0).normal(0, 0.002, (20, 40)).tolist()


def run(
    number: int,
    gains: dict[str, float],
    seeds: Iterable[int] = (1, 2, 3),
    budget: Budget = BUDGET,
    finished: bool = True,
    own_noise: float = 1.0,
) -> Study:
    """Losses .5 - gain. Seeds move all schemes of a run alike; a searched one has a pattern of every run's own."""
    builder = Builder()
    space = builder.head.space
    for name, gain in gains.items():
        searched = name not in ("bottom", "top", "equal_spend")
        wish = np.random.default_rng([number, len(name)] if searched else len(name)).random(space.dimension)
        pattern = space.decode((wish / wish.max()).tolist(), budget)
        for step in range(3 if searched else 1):
            builder.tell(name, 0.52 - gain - 0.001 * step, budget=budget, allocation=pattern, name=f"{name}/{step}")
        parent = builder.trials[-1].proposal.id
        for seed in seeds:
            loss = 0.5 - gain + 0.01 * NOISE[0][seed] + own_noise * NOISE[number][(seed + len(name)) % 40]
            builder.tell(name, loss, budget=budget, seed=seed, purpose="retrain", parent=parent, allocation=pattern)
    return replace(builder.study(finished=finished), planned=99)


def alike(n: int, gains: dict[str, float], own_seeds: bool = True, **more: float) -> Comparison:
    studies = [run(i, gains, (3 * i + 1, 3 * i + 2, 3 * i + 3) if own_seeds else (1, 2, 3), **more) for i in range(n)]  # type: ignore[arg-type]
    return comparison_of(studies, [f"r{i}" for i in range(n)])


def row(comparison: Comparison, controller: str) -> Row:
    return next(row for row in comparison.rows if row.controller == controller)


# What counts as one value.


def test_runs_with_seeds_of_their_own_are_values_and_shared_seeds_cross() -> None:
    assert unit_of({(0, 1): "a", (0, 2): "a"}) == "seeds"
    assert unit_of({(0, 1): "a", (1, 1): "a", (1, 2): "a"}) == "seeds"
    assert unit_of({(0, 1): "a", (0, 2): "a", (1, 3): "b", (1, 4): "b"}) == "runs"
    assert unit_of({(0, 1): "a", (1, 1): "b"}) == "crossed"
    assert unit_of({}) == "seeds"


def test_values_are_means_of_what_was_measured_of_them() -> None:
    cells = {(0, 1): 1.0, (0, 2): 3.0, (1, 3): None, (1, 4): 5.0, (2, 5): None}
    assert values_of(cells, "runs") == [2.0, 5.0, None]
    assert values_of(cells, "seeds") == [1.0, 3.0, None, 5.0, None]
    assert spread(cells, "runs") == mean_interval([2.0, 5.0, None])


def test_the_same_pattern_run_again_is_no_new_evidence() -> None:
    # Ten runs repeat one measured difference of two hand-made schemes: still three seeds, not thirty values.
    found = row(alike(10, {"bottom": 0.02, "top": 0.0}, own_seeds=False, own_noise=0.0), "top").declared
    assert found is not None and found.paired.unit == "seeds"
    assert found.paired.interval.n == 3 and isinstance(found.paired.test, NotShown)


# What may be claimed.


def test_eight_runs_with_seeds_of_their_own_decide_what_they_show() -> None:
    comparison = alike(8, {"bottom": 0.01, "tpe": 0.02, "random_search": 0.01})
    better, same = row(comparison, "tpe").declared, row(comparison, "random_search").declared
    assert better is not None and same is not None
    assert better.paired.unit == "runs" and better.verdict == "lower loss"
    # All eight differ in one direction: 2 / 2^8, times two comparisons.
    assert better.p == pytest.approx(2 * 2 / 2**8)
    assert same.verdict == "not decided" and isinstance(same.more, int) and same.more > 0
    assert lead(comparison) == ("1 of 2 declared comparisons is decided. Better than the reference: tpe at live 20 %.")


def test_runs_that_share_retraining_seeds_are_not_tested_and_told_how() -> None:
    comparison = alike(8, {"bottom": 0.01, "tpe": 0.02}, own_seeds=False)
    found = row(comparison, "tpe").declared
    assert found is not None and found.paired.unit == "crossed" and found.verdict == "not tested"
    assert isinstance(found.paired.interval, Interval) and found.paired.interval.n == 24
    assert "retrain.first_seed" in " ".join(not_shown(comparison))


def test_one_run_says_that_it_is_one() -> None:
    comparison = alike(1, {"bottom": 0.01, "tpe": 0.02})
    found = row(comparison, "tpe")
    assert found.declared is not None and found.declared.paired.unit == "seeds"
    assert found.best.n == 1 and found.best.half_width is None
    assert any(said.startswith("n = 1 run") for said in state(comparison))
    assert "needs 6 pairs that differ, not 3" in " ".join(not_shown(comparison))


def test_the_reference_is_the_best_by_hand_on_validation_or_the_one_named() -> None:
    comparison = alike(2, {"top": 0.0, "bottom": 0.01, "equal_spend": 0.015, "tpe": 0.02})
    assert {r.reference for r in comparison.rows} == {"equal_spend"}
    studies = comparison.runs.studies
    named = comparison_of(studies, comparison.runs.names, "tpe")
    assert row(named, "tpe").is_reference and row(named, "bottom").declared is not None
    assert [r.controller for r in comparison.rows] == ["tpe", "equal_spend", "bottom", "top"]


def test_differences_are_paired_within_their_run() -> None:
    comparison = alike(3, {"bottom": 0.01, "tpe": 0.015}, own_noise=0.0)
    found = row(comparison, "tpe").declared
    assert found is not None and isinstance(found.paired.interval, Interval)
    # The seeds' noise is common to both and cancels: what is left is exact.
    assert found.paired.interval.mean == pytest.approx(-0.005)
    assert found.paired.interval.half_width == pytest.approx(0.0, abs=1e-12)


def test_the_same_pattern_is_called_so() -> None:
    base = run(0, {"bottom": 0.01, "equal_spend": 0.0}, seeds=range(1, 9), own_noise=0.0)
    pattern = next(t.proposal.allocation for t in base.trials if t.proposal.controller == "bottom")
    trials = tuple(replace(t, proposal=replace(t.proposal, allocation=pattern)) for t in base.trials)
    comparison = comparison_of([replace(base, trials=trials)], ["r"])
    found = row(comparison, "equal_spend").declared
    assert found is not None and found.verdict == "same pattern" and not not_shown(comparison)


# What is missing.


def test_losses_that_are_no_numbers_are_missing_not_zero() -> None:
    builder = Builder()
    for name, losses in (("bottom", (0.5, 0.5, 0.5)), ("tpe", (math.nan, None, 0.4))):
        builder.tell(name, 0.5, budget=BUDGET, name=f"{name}/0")
        for seed, loss in enumerate(losses):
            builder.tell(name, loss, budget=BUDGET, seed=seed, purpose="retrain", parent=f"{name}/0")
    comparison = comparison_of([builder.study()], ["r"])
    found = row(comparison, "tpe")
    assert isinstance(found.loss, Interval) and (found.loss.n, found.loss.missing) == (1, 2)
    assert found.declared is not None and found.declared.paired.interval.missing == 2
    json.dumps(comparison_data(comparison), allow_nan=False)


def test_a_scheme_that_was_never_retrained_counts_among_the_declared() -> None:
    whole = run(0, {"bottom": 0.01, "tpe": 0.02, "random_search": 0.0}, seeds=range(1, 9))
    cut = tuple(t for t in whole.trials if not (t.proposal.final and t.proposal.controller == "tpe"))
    comparison = comparison_of([replace(whole, trials=cut)], ["r"])
    found, other = row(comparison, "tpe").declared, row(comparison, "random_search").declared
    assert found is not None and found.verdict == "not measured" and found.paired.interval.missing == 8
    assert other is not None and other.p == pytest.approx(2 * 2 / 2**8)


def test_a_run_that_never_had_a_controller_is_not_missing_from_it() -> None:
    studies = [run(0, {"bottom": 0.01, "tpe": 0.02}), run(1, {"bottom": 0.01, "random_search": 0.0}, (4, 5, 6))]
    comparison = comparison_of(studies, ["r0", "r1"])
    found = row(comparison, "tpe").declared
    assert found is not None and (found.paired.interval.n, found.paired.interval.missing) == (3, 0)
    assert row(comparison, "bottom").runs == 2 and row(comparison, "tpe").runs == 1


def test_an_unfinished_run_is_said_and_ends_the_curves() -> None:
    done, cut = run(0, {"bottom": 0.01, "tpe": 0.02}), run(1, {"bottom": 0.01, "tpe": 0.02}, finished=False)
    cut = replace(cut, trials=tuple(t for t in cut.trials if not t.proposal.final)[:2])
    comparison = comparison_of([done, cut], ["r0", "r1"])
    assert row(comparison, "tpe").trials == 1 and row(comparison, "tpe").runs == 2
    assert any("Run r1 is unfinished (2 of 99 trials)" in said for said in state(comparison))
    # What r1 has not retrained yet is no loss of anybody.
    found = row(comparison, "tpe").declared
    assert found is not None and found.paired.interval.n == 3


def nothing() -> list[Study]:
    return [study(finished=False)]


def nothing_searched() -> list[Study]:
    return [run(0, {"bottom": 0.01, "top": 0.0})]


def nothing_by_hand() -> list[Study]:
    return [run(0, {"tpe": 0.02})]


def nothing_retrained() -> list[Study]:
    return [run(i, {"bottom": 0.01, "tpe": 0.02}, seeds=()) for i in range(2)]


SAID: list[tuple[Callable[[], list[Study]], str]] = [
    (nothing, "Nothing was retrained yet"),
    (nothing_searched, "No controller searched"),
    (nothing_by_hand, "nothing to compare with"),
    (nothing_retrained, "Nothing was retrained yet"),
]


@pytest.mark.parametrize(("made", "said"), SAID)
def test_what_cannot_be_compared_is_said(made: Callable[[], list[Study]], said: str) -> None:
    studies = made()
    comparison = comparison_of(studies, [f"r{i}" for i in range(len(studies))])
    assert said in " ".join(state(comparison))
    assert lead(comparison) and reading(comparison)
    json.dumps(comparison_data(comparison), allow_nan=False)
