"""The page as a file: self-contained, under a policy that fits it, deaf to hostile names."""

import base64
import hashlib
import json
import re
from html.parser import HTMLParser

import pytest

from apportion.reports import results_of
from apportion.reports.page.build import page
from tests.reports.builders import hostile, simulated, study


class Page(HTMLParser):
    """What a browser would load and run."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.scripts: list[tuple[dict[str, str | None], str]] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self._inside = False
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag == "script":
            self._inside = True
            self.scripts.append((dict(attrs), ""))

    def handle_endtag(self, tag: str) -> None:
        self._inside = self._inside and tag != "script"

    def handle_data(self, data: str) -> None:
        if self._inside:
            attributes, text = self.scripts[-1]
            self.scripts[-1] = (attributes, text + data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def figures(self) -> dict[str, dict[str, object]]:
        return next(json.loads(text) for attributes, text in self.scripts if attributes.get("id") == "figures")


@pytest.fixture(scope="module")
def usual() -> Page:
    return Page(page(results_of(simulated(seeds=2))))


@pytest.fixture(scope="module")
def attacked() -> Page:
    return Page(page(results_of(hostile())))


def test_the_policy_allows_exactly_the_scripts_of_the_page(attacked: Page) -> None:
    (policy,) = [m["content"] for m in attacked.all("meta") if m.get("http-equiv") == "Content-Security-Policy"]
    assert policy is not None and policy.startswith("default-src 'none'; ")
    allowed = re.findall(r"'sha256-([^']+)'", policy)
    run = [text for attributes, text in attacked.scripts if attributes.get("type") != "application/json"]
    assert allowed == [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in run]
    assert "unsafe-inline" not in policy.split("script-src")[1].split(";")[0]


def test_the_policy_stands_before_anything_that_it_governs(usual: Page) -> None:
    names = [name for name, _ in usual.elements]
    policy = next(i for i, (_, attributes) in enumerate(usual.elements) if "http-equiv" in attributes)
    assert policy < names.index("style") and policy < names.index("script")


def test_nothing_is_fetched(usual: Page) -> None:
    assert not usual.all("link") and not usual.all("img") and not usual.all("iframe")
    for _, attributes in usual.elements:
        assert "src" not in attributes
        assert (attributes.get("href") or "#").startswith("#")


def test_plotly_is_there_once(usual: Page) -> None:
    assert len([text for _, text in usual.scripts if len(text) > 1_000_000]) == 1


def test_there_is_no_inline_event_handler(attacked: Page) -> None:
    assert not [name for _, attributes in attacked.elements for name in attributes if name.startswith("on")]


def test_hostile_names_add_no_element(attacked: Page) -> None:
    assert len(attacked.scripts) == 3
    assert {name for name, _ in attacked.elements} <= {
        "html", "head", "meta", "title", "style", "body", "header", "nav", "main", "section", "noscript", "script",
        "h1", "h2", "h3", "p", "ul", "li", "a", "div", "span", "strong", "code", "pre", "br", "dl", "dt", "dd", "svg",
        "rect", "circle", "path", "label", "input", "table", "thead", "tbody", "tr", "th", "td", "button",
    }  # fmt: skip


def test_texts_inside_charts_hold_no_markup_but_ours(attacked: Page) -> None:
    tags = set(re.findall(r"<[^>]*>", json.dumps(attacked.figures, ensure_ascii=False)))
    assert tags <= {"<b>", "</b>", "<br>"}


def test_every_chart_has_its_figure_and_every_figure_its_chart(usual: Page) -> None:
    places = {a["data-figure"] for a in usual.all("div") if "data-figure" in a}
    assert places == set(usual.figures)
    assert all("only" in figure or set(figure) == {"parameters", "live", "owned"} for figure in usual.figures.values())


def test_it_is_made_for_phones_and_light(usual: Page) -> None:
    metas = {m.get("name"): m.get("content") for m in usual.all("meta")}
    assert metas["viewport"] == "width=device-width, initial-scale=1"
    assert metas["color-scheme"] == "light"


def test_sortable_headers_are_buttons_with_a_state(usual: Page) -> None:
    headings = [a for a in usual.all("th") if "aria-sort" in a]
    assert len(headings) == len(usual.all("button")) > 10
    assert {a["aria-sort"] for a in headings} == {"none"}


def test_a_table_says_under_it_how_its_numbers_were_made() -> None:
    text = page(results_of(simulated(seeds=2)))
    assert text.count('<p class="quiet">Mean over 2 seeds on test images, with its 95 % Student-t interval.') == 2
    assert "All numbers are in trials.csv." in text


def test_the_answer_leads() -> None:
    text = page(results_of(study(finished=False, planned=7)))
    assert text.index('id="answer"') < text.index('id="front"')
    assert "0 of 7 trials done" in text
