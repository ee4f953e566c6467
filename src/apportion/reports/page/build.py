"""The page put together: sections in their order, the style sheet, plotly.js once, and a policy that forbids the rest.

The policy (CSP) allows the page's own scripts by their hashes and no request at all, so a name that slipped through
the escaping still could not run or call home.
"""

import base64
import hashlib
from collections.abc import Iterable
from importlib.resources import files
from typing import Any

from apportion.reports import words
from apportion.reports.page.figures import Figure
from apportion.reports.page.markup import Markup, element, embedded_json, join, label
from apportion.reports.results import Results
from apportion.reports.sections import sections
from apportion.reports.sections.section import Fragment, SectionOf, Subject


def page(results: Results) -> str:
    """The report of one run, as the text of one file."""
    header = results.study.header
    domains = words.plural(len(header.domains), "image domain")
    what = f"One network for {domains}: which part of each layer should every domain own, and which should all share?"
    return document(header.name, what, sections, results)


def document(name: str, summary: str, sections: Iterable[SectionOf[Subject]], subject: Subject) -> str:
    """A whole file: title, links, and those of `sections` that are shown for `subject`."""
    from plotly.offline import get_plotlyjs

    fragments = [(section, section.render(subject)) for section in sections if section.shown(subject)]
    figures: dict[str, Figure] = {}
    for section, fragment in fragments:
        figures |= {f"{section.name}.{name}": figure for name, figure in fragment.figures.items()}
    scripts = [get_plotlyjs(), _own("page.js")]
    body = element(
        "body",
        element("header", element("h1", label(name)), element("p", summary, class_="summary")),
        element("nav", element("ul", *(_link(section) for section, _ in fragments)), aria_label="sections"),
        element("noscript", element("p", "The charts need JavaScript; the tables below hold the same numbers.")),
        element("main", *(_section(section, fragment) for section, fragment in fragments)),
        element("script", embedded_json(figures), type="application/json", id="figures"),
        *(element("script", Markup(script)) for script in scripts),
    )
    return f'<!DOCTYPE html>\n<html lang="en">{_head(name, scripts)}{body}</html>\n'


def policy(scripts: list[str]) -> str:
    """The content security policy: these scripts, inline styles, pictures made in place, nothing else."""
    allowed = " ".join(f"'sha256-{_hash(script)}'" for script in scripts)
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _hash(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def _own(name: str) -> str:
    return files("apportion.reports.page").joinpath(name).read_text(encoding="utf-8").replace("\r\n", "\n")


def _head(name: str, scripts: list[str]) -> Markup:
    return element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=policy(scripts)),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light"),
        element("title", f"{words.shown(name)} \N{MIDDLE DOT} apportion"),
        element("style", Markup(_own("page.css"))),
    )


def _link(section: SectionOf[Any]) -> Markup:
    return element("li", element("a", section.title, href=f"#{section.name}"))


def _section(section: SectionOf[Any], fragment: Fragment) -> Markup:
    return element(
        "section",
        element("h2", section.title, id=section.name),
        element("p", section.summary, class_="summary"),
        join(fragment.body),
    )
