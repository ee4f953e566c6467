"""Every registered section copes with every study: none, one or only failed trials, hostile names, a run under way."""

import json
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from apportion.reports.page.markup import embedded_json
from apportion.reports.results import results_of
from apportion.reports.sections import sections
from apportion.reports.sections.section import Section
from apportion.search.study import Study
from apportion.spaces.budget import Budget
from tests.reports.builders import Builder, hostile, simulated, study

BUDGET = Budget("live", 0.2)


def one_trial() -> Study:
    builder = Builder()
    builder.tell("tpe", 0.5, budget=BUDGET)
    return builder.study(finished=False)


def one_retrain() -> Study:
    builder = Builder()
    builder.tell("bottom", 0.5, budget=BUDGET, purpose="retrain")
    return builder.study()


def failures_only() -> Study:
    builder = Builder()
    builder.tell("shared", None, purpose="anchor")
    builder.tell("tpe", None, budget=BUDGET)
    for seed in range(3):
        builder.tell("tpe", None, budget=BUDGET, seed=seed, purpose="retrain", parent="t1")
    return builder.study()


def under_way() -> Study:
    base = simulated(seeds=2)
    return replace(base, trials=base.trials[:20], pending=(base.trials[20].proposal,), finished=False, planned=99)


def only_pending() -> Study:
    return study(finished=False, pending=(simulated(seeds=1).trials[-1].proposal,))


def many_sites() -> Study:
    return simulated(sites=[f"block{i}.conv" for i in range(30)], seeds=2, searches=1)


STUDIES: dict[str, Callable[[], Study]] = {
    "empty": lambda: study(finished=False),
    "one trial": one_trial,
    "one retrain": one_retrain,
    "failures only": failures_only,
    "hostile names": hostile,
    "under way": under_way,
    "only pending": only_pending,
    "many sites": many_sites,
    "finished": lambda: simulated(seeds=2),
}

ALLOWED = frozenset({
    "p", "ul", "li", "a", "div", "span", "strong", "code", "pre", "br", "dl", "dt", "dd",
    "svg", "rect", "circle", "path", "label", "input", "table", "thead", "tbody", "tr", "th", "td", "button", "h3",
})  # fmt: skip
VOID = frozenset({"br", "input"})


class Balance(HTMLParser):
    """Fails on a tag that is left open, closed twice or not ours, and on an event handler."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in ALLOWED
        assert not [name for name, _ in attrs if name.startswith("on")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("kind", STUDIES)
@pytest.mark.parametrize("section", sections, ids=lambda section: section.name)
def test_a_section_copes_with_any_study(section: Section, kind: str) -> None:
    fragment = section.render(results_of(STUDIES[kind]()))
    assert fragment.body
    assert Balance(fragment.body).open == []
    for name in fragment.figures:
        assert f'data-figure="{section.name}.{name}"' in fragment.body
    json.loads(embedded_json(fragment.figures))


@pytest.mark.parametrize("section", sections, ids=lambda section: section.name)
def test_rendering_twice_gives_the_same(section: Section) -> None:
    results = results_of(simulated(seeds=2))
    assert section.render(results) == section.render(results)


def test_sections_say_what_they_are_and_the_answer_leads() -> None:
    assert sections.names()[0] == "answer"
    assert all(section.title and section.summary.endswith(".") for section in sections)
