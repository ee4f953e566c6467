"""The answer, first on the page: does what was searched beat what was made by hand, and how sure is that?"""

from collections.abc import Sequence

from apportion.evaluators.measurement import Failure
from apportion.reports import words
from apportion.reports.comparisons import Comparison, Declared, comparisons, declared, room
from apportion.reports.page.markup import Child, Markup, element, join, label
from apportion.reports.page.tables import lines
from apportion.reports.results import Results
from apportion.reports.schemes import Scheme
from apportion.reports.sections.section import Fragment, Section
from apportion.reports.statistics import Interval, NotShown, SignedRank, more_pairs

VERDICTS = {
    "searched better": "The search is better.",
    "hand-made better": "The scheme made by hand is better.",
    "not decided": "Not decided.",
    "the same pattern": "No difference: both are the same pattern.",
    "not measured": "Not measured yet.",
}


def render(results: Results) -> Fragment:
    """The sentence, then a card per budget."""
    found, primary = comparisons(results), declared(results)
    cards = [_card(results, comparison) for comparison in found]
    told = None if primary is None else declared_lead(results, primary)
    return Fragment(
        join(
            _progress(results),
            element("p", told, class_="lead") if told else None,
            element("p", lead(results, found), class_="lead" if told is None else None),
            element("div", *cards, class_="cards") if cards else None,
            element("div", _notes(results, found) if cards else None, class_="quiet"),
        )
    )


def declared_lead(results: Results, primary: Declared) -> str:
    """One plain sentence on the comparison that was declared before the study ran."""
    names = " against ".join(words.shown(name) for name in primary.names)
    start = f"Declared beforehand, {names}: "
    gap = primary.loss
    if results.provisional or not gap.n:
        return start + "not measured yet."
    if primary.same:
        return start + "both are the same pattern."
    pairs = words.plural(gap.n, "paired seed")
    told = f"{words.number(gap.mean, signed=True)} {words.bracketed(gap)} in loss over {pairs}"
    test = primary.rank_test
    told += f" (Wilcoxon p = {test.p:.3f})" if isinstance(test, SignedRank) else ""
    if gap.excludes_zero:
        return start + f"{told}, so the first is {'better' if gap.mean < 0 else 'worse'}."
    more = more_pairs(gap)
    needed = "" if isinstance(more, NotShown) else f"; about {words.count(max(1, more))} more seeds would decide it"
    return start + f"not decided, {told}{needed}."


def lead(results: Results, found: Sequence[Comparison]) -> str:
    """One plain sentence: what came out."""
    if not results.measured:
        return "Nothing has been measured yet."
    if results.provisional:
        return "No verdict yet: no pattern has been retrained over several seeds, so only early scores are shown."
    made = [comparison for comparison in found if comparison.verdict != "not measured"]
    if not made:
        return "There is nothing to compare yet: no budget has both a searched and a hand-made scheme measured."
    if len(made) == 1:
        return _single(made[0])
    won = [comparison for comparison in made if comparison.verdict == "searched better"]
    lost = [comparison for comparison in made if comparison.verdict == "hand-made better"]
    same = [comparison for comparison in made if comparison.verdict == "the same pattern"]
    if not won and not lost and not same:
        return (
            f"Not decided: at none of the {len(made)} budgets does the best searched scheme differ clearly from the"
            " best scheme made by hand."
        )
    if len(lost) == len(made):
        return f"Search finds nothing better: at all {len(made)} budgets the best scheme made by hand is ahead of it."
    open_ = len(made) - len(won) - len(lost) - len(same)
    parts = [f"Search beats the best scheme made by hand at {len(won)} of {len(made)} budgets{_which(won)}"]
    parts.append(f"loses at {len(lost)}{_which(lost)}" if lost else "loses at none")
    text = " and ".join(parts)
    if same:
        text += f"; at {len(same)} both are the same pattern"
    return text + (f"; at {open_} the difference is not decided." if open_ else ".")


def _single(comparison: Comparison) -> str:
    searched, hand_made = comparison.searched, comparison.hand_made
    assert searched is not None and hand_made is not None
    gap = comparison.loss
    names = words.shown(searched.controller), words.shown(hand_made.controller)
    start = f"At a budget of {comparison.budget}, "
    pairs = words.plural(gap.n, "paired seed")
    if comparison.verdict == "the same pattern":
        return start + f"search ({names[0]}) found the very pattern that {names[1]} is made of by hand."
    if comparison.verdict == "not decided":
        reason = "one seed shows no spread" if gap.n < 2 else f"95 % interval {words.bracketed(gap)} contains 0"
        difference = words.number(gap.mean, signed=True)
        return (
            start + f"it is not decided whether search ({names[0]}) differs from the best scheme made by hand"
            f" ({names[1]}): difference in loss {difference} over {pairs}, {reason}."
        )
    side = "lower" if gap.mean < 0 else "higher"
    return (
        start + f"the pattern that search found ({names[0]}) has a {side} loss than the best scheme made by hand"
        f" ({names[1]}): {words.number(gap.mean, signed=True)} {words.bracketed(gap)} over {pairs}."
    )


def _which(found: Sequence[Comparison]) -> str:
    return " (" + ", ".join(str(comparison.budget) for comparison in found) + ")" if found else ""


def _progress(results: Results) -> Markup | None:
    """How far an unfinished run is; None for a finished one without failures."""
    study = results.study
    failed = sum(isinstance(trial.outcome, Failure) for trial in study.trials)
    failures = f"{words.plural(failed, 'trial')} failed; see Trials." if failed else ""
    if study.finished:
        return element("p", failures, class_="warning") if failures else None
    done = f"{len(study.trials):,} of {study.planned:,} trials" if study.planned else f"{len(study.trials):,} trials"
    running = f", {len(study.pending)} under way" if study.pending else ""
    return element(
        "p", element("strong", "This run is unfinished"), f": {done} done{running}. {failures}", class_="warning"
    )


def _card(results: Results, comparison: Comparison) -> Markup:
    """One budget: both schemes, their difference, the room there was to win."""
    gap, points = comparison.loss, comparison.accuracy
    rows: list[tuple[Child, Child]] = [
        (_named("search", comparison.searched), _score(comparison.searched)),
        (_named("by hand", comparison.hand_made), _score(comparison.hand_made)),
        ("difference in loss", _difference(gap)),
        ("in accuracy, points", _difference(points, 2, 100.0)),
        ("paired seeds", f"{gap.n}" + (f" ({gap.missing} without a pair)" if gap.missing else "")),
        (
            "room to win",
            _difference(room(results, comparison.budget)),
        ),
    ]
    verdict = VERDICTS[comparison.verdict]
    if comparison.verdict == "not decided":
        verdict = "Not decided: " + ("one seed only." if gap.n < 2 else "0 lies in the interval.")
        rows.append(("seeds that would decide it", _seeds_to_decide(gap)))
    return element(
        "div",
        element("h3", str(comparison.budget)),
        element("p", verdict, class_="verdict"),
        element("dl", *(join(element("dt", term), element("dd", value)) for term, value in rows)),
        class_="card",
    )


def _seeds_to_decide(gap: Interval) -> str:
    """More seeds at which a difference as large as the one seen is found in four of five cases."""
    more = more_pairs(gap)
    return words.DASH if isinstance(more, NotShown) else f"about {words.count(max(1, more))} more"


def _named(how: str, scheme: Scheme | None) -> Markup:
    return join(f"{how}: ", label(scheme.controller) if scheme else words.DASH)


def _score(scheme: Scheme | None) -> str:
    return words.number(scheme.loss.mean) if scheme else words.DASH


def _difference(interval: Interval, decimals: int = 4, scale: float = 1.0) -> Markup:
    mean = words.number(interval.mean * scale, decimals, signed=True)
    return (
        join(mean, element("br"), words.bracketed(interval, decimals, scale))
        if interval.low is not None
        else join(mean)
    )


def _notes(results: Results, found: Sequence[Comparison]) -> Markup:
    """How to read the cards, for someone who has never seen this page."""
    study = results.study
    return lines(
        f"Loss is {words.objective_words(study.header.objective)}, on {words.SPLIT_WORDS[results.split]}: lower is"
        " better. Differences are searched \N{MINUS SIGN} hand-made, seed by seed, with a 95 % Student-t interval:"
        " below 0 the search is better.",
        "Room to win is independent \N{MINUS SIGN} bottom, also seed by seed: what the usual hand-made scheme loses"
        " against a network of its own for every domain. Where it is near 0, no pattern can matter.",
        "Seeds that would decide it: enough for a paired t-test to find a difference as large as the one seen, with the"
        " spread seen, in four of five cases. Over few seeds both are known badly, so this is a rough number."
        if any(comparison.verdict == "not decided" for comparison in found)
        else None,
        "At each budget the best searched and the best hand-made scheme are those with the least mean validation loss"
        " over the seeds compared; test scores had no say. The intervals are not corrected for the number of budgets."
        if results.split == "test"
        else "No test images were scored: schemes were chosen and compared on validation images, which favours the kind"
        " with more candidates.",
    )


ANSWER = Section("answer", "The answer", "Searched against made by hand, at the same budget.", render)
