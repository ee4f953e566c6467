"""Where the numbers come from: configuration, versions, machine, data; and how to get them again."""

import math
from typing import Any

import yaml

from apportion.reports import words
from apportion.reports.page.markup import Child, Markup, element, join, label
from apportion.reports.page.tables import Cell, Column, table
from apportion.reports.results import Results
from apportion.reports.sections.section import Fragment, Section
from apportion.search.study import Study


def render(results: Results) -> Fragment:
    """Facts, data, configuration, and the way back to these numbers."""
    study = results.study
    facts = [join(element("dt", name), element("dd", value)) for name, value in _facts(study).items()]
    return Fragment(
        join(
            element("dl", *facts, class_="facts"),
            element("h3", "Data"),
            _data(study),
            element("h3", "Configuration"),
            element("pre", as_text(study.config), tabindex="0"),
            join(element("h3", "Amended later"), element("pre", as_text(list(study.amendments)), tabindex="0"))
            if study.amendments
            else None,
            element("h3", "To get these numbers again"),
            element("p", _again(study)),
        )
    )


def as_text(value: Any) -> str:
    """Plain data as YAML, which is what it was written in."""
    return yaml.safe_dump(_plain(value), sort_keys=False, allow_unicode=True, width=100)


def _facts(study: Study) -> dict[str, Child]:
    header, space = study.header, study.header.space
    versions = ", ".join(f"{words.shown(name)} {words.shown(version)}" for name, version in header.versions.items())
    return {
        "study": label(header.name),
        "commit": label(header.commit),
        "machine": label(header.machine),
        "device": label(header.device),
        "threads": f"{words.plural(header.threads, 'thread')} per trial",
        "form": label(header.form or "no network was trained"),
        "backbone": f"{words.shown(header.shape.name)}, {words.plural(len(space.sites), 'site')},"
        f" {words.count(space.backbone_parameters)} weights at the sites",
        "space": f"{space.operator_name}, {space.granularity}, {words.plural(space.dimension, 'variable')}",
        "loss": words.objective_words(header.objective),
        "versions": versions,
        "log": label(str(study.path)) if study.path else words.DASH,
        "test images": "scored, after the search was over" if study.test_opened else "never looked at",
    }


def _data(study: Study) -> Markup:
    columns = [Column("domain"), *(Column(name, True) for name in ("classes", "train", "val", "test"))]
    rows: list[list[Cell | Child]] = [
        [label(d.name), *(words.count(n) for n in (d.classes, d.train, d.val, d.test)), label(d.sha256[:16])]
        for d in study.header.domains
    ]
    return table([*columns, Column("SHA-256, first 16 digits")], rows, caption="images per split")


def _again(study: Study) -> Markup:
    return join(
        "Check out the commit, install the versions above, save the configuration as ",
        element("code", "study.yaml"),
        " and run ",
        element("code", "apportion search study.yaml"),
        ". The same machine kind, versions, threads, device and form give the same bits.",
    )


def _plain(value: Any) -> Any:
    """Only what YAML's safe dumper knows, without characters that it cannot print."""
    if isinstance(value, dict):
        return {_plain(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, str):
        return words.shown(value, 2000)
    if value is None or isinstance(value, bool | int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    return words.shown(str(value), 2000)


ABOUT = Section("about", "Where this comes from", "Everything that decided these numbers.", render)
