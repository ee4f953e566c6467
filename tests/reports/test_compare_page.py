"""The page of a comparison and its table: self-contained, deaf to hostile names, legible for any runs."""

from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from apportion.reports.compare import SECTIONS, comparison_of, comparison_table, write_comparison
from apportion.reports.page.curves import COLOURS, DASHES, colours, y_range
from apportion.reports.progress import Curve
from apportion.reports.results import results_of
from apportion.reports.sections.progress import PROGRESS
from apportion.reports.statistics import Interval
from apportion.search.study import Study
from tests.conformance.test_report_sections import STUDIES, Balance
from tests.reports.builders import hostile, simulated
from tests.reports.test_page import Page


def two(kind: str) -> list[Study]:
    """Two studies of that kind, which differ in their search seed alone."""
    first = STUDIES[kind]()
    return [first, replace(first, header=replace(first.header, config={**first.header.config, "search": {"seed": 1}}))]


@pytest.mark.parametrize("kind", STUDIES)
@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.name)
def test_a_section_copes_with_any_runs(section: object, kind: str) -> None:
    assert section in SECTIONS
    made = next(s for s in SECTIONS if s is section)
    fragment = made.render(comparison_of(two(kind), ["a", "b"]))
    assert fragment.body and Balance(fragment.body).open == []
    assert all(f'data-figure="{made.name}.{name}"' in fragment.body for name in fragment.figures)
    assert made.render(comparison_of(two(kind), ["a", "b"])) == fragment


def test_the_page_is_one_file_whose_charts_all_have_a_place(tmp_path: Path) -> None:
    comparison = comparison_of([simulated(seeds=2)], ["<script>alert(1)</script>"])
    page = Page(write_comparison(comparison, tmp_path / "new").read_text(encoding="utf-8"))
    places = [a["data-figure"] for a in page.all("div") if "data-figure" in a]
    assert set(places) == set(page.figures) and len(places) == 4
    assert not page.all("link") and not page.all("img")
    assert [text for attributes, text in page.scripts if "alert" in text] == []


def test_hostile_names_reach_the_page_as_text_alone(tmp_path: Path) -> None:
    comparison = comparison_of([hostile()], ["r"])
    text = write_comparison(comparison, tmp_path).read_text(encoding="utf-8")
    assert "<script>alert" not in text and "onmouseover=alert(3) x='" not in text.replace("&#x27;", "")


def test_the_table_fits_a_terminal() -> None:
    console = Console(width=80, record=True, force_terminal=False)
    console.print(comparison_table(comparison_of([simulated(seeds=3)], ["r"])))
    lines = console.export_text().splitlines()
    assert all(len(line) <= 80 for line in lines)
    assert all(name in "\n".join(lines) for name in ("random_search", "tpe", "bottom", "reference", "live 20 %"))
    assert "\N{HORIZONTAL ELLIPSIS}" not in "\n".join(lines)


def test_the_report_shows_how_fast_they_search_only_where_something_searched() -> None:
    assert PROGRESS.shown(results_of(simulated(seeds=2)))
    assert not PROGRESS.shown(results_of(simulated(seeds=2, searched=())))


def test_the_range_holds_every_settled_mean_and_is_not_ruled_by_wide_bands() -> None:
    wild = Interval(2, 0, 0.46, -5.0, 6.0)
    points = tuple((float(n), replace(wild, mean=0.5 - 0.001 * n)) for n in range(40))
    low, high = y_range([Curve("tpe", points)], {"bottom": 0.45})
    assert low < 0.45 and high > 0.5 - 0.001 * 4
    assert high - low < 3 * (0.496 - 0.45)
    assert y_range([], {})[0] < y_range([], {})[1]
    flat = y_range([Curve("tpe", ((1.0, Interval(1, 0, 0.4, None, None)),))], {})
    assert flat[0] < 0.4 < flat[1]


def test_thirty_controllers_have_lines_that_differ() -> None:
    lines = colours([f"c{i}" for i in range(len(COLOURS) * len(DASHES))])
    assert len({(line["color"], line["dash"]) for line in lines.values()}) == len(COLOURS) * len(DASHES)
