"""`apportion check`: read every image of a study before anything is trained, and say all that is wrong at once."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from apportion.cli.config import config_from
from apportion.cli.reading import reading_bar
from apportion.errors import InputError
from apportion.evaluators.data import Scan, scan
from apportion.evaluators.data.domain import SPLITS
from apportion.evaluators.data.findings import Census, counted
from apportion.evaluators.registry import own_domains

STYLES = {"error": "bold red", "warning": "yellow", "note": "dim"}
MOST_CLASSES = 60


def check(path: Path, overrides: list[str], as_json: bool) -> None:
    """Print every problem and what the data hold; an InputError where there are errors, after all is printed."""
    config = config_from(path, overrides)
    if own_domains(config.evaluator):
        nothing = f"{path}: evaluator {config.evaluator.name} reads no images"
        print(json.dumps(_told(Scan((), ()))) if as_json else nothing)
        return
    with reading_bar() as report:
        found = scan(config.data, report)
    told = _told(found)
    if as_json:
        print(json.dumps(told, indent=1))
    else:
        _print(found, told, len(config.owners()))
    if told["errors"]:
        law = "every image must be usable"
        remedy = f"`apportion check {path}` lists them" if as_json else "they are listed above"
        raise InputError(str(path), f"{counted(told['errors'], 'error')} in its data", law, remedy)


def _told(found: Scan) -> dict[str, Any]:
    """All of it as plain data."""
    return {
        "domains": {domain.name: _counts(domain) for domain in found.domains},
        "problems": [asdict(problem) for problem in found.problems],
        "errors": len(found.at("error")),
        "warnings": len(found.at("warning")),
    }


def _counts(domain: Census) -> dict[str, Any]:
    """`classes`: images by split for every class."""
    return {
        "channels": domain.channels,
        "image_size": domain.image_size,
        **domain.sizes,
        "skipped": dict(domain.skipped),
        "classes": {
            name: {split: domain.counts[split][label] for split in SPLITS} for label, name in enumerate(domain.classes)
        },
    }


def _print(found: Scan, told: dict[str, Any], asked: int) -> None:
    console = Console()
    for problem in sorted(found.problems, key=lambda problem: list(STYLES).index(problem.level)):
        console.print(Text(problem.level, STYLES[problem.level]) + Text(f": {problem.line}"), soft_wrap=True)
    if found.problems:
        console.print()
    domains = told["domains"]
    console.print(_table(domains))
    if sum(len(domain["classes"]) for domain in domains.values()) <= MOST_CLASSES:
        console.print()
        console.print(_by_class(domains))
    images = sum(domain[split] for domain in domains.values() for split in SPLITS)
    counts = f"{counted(told['errors'], 'error')}, {counted(told['warnings'], 'warning')}"
    sound = counted(asked, "domain") + (f", {len(domains)} of them sound" if len(domains) < asked else "")
    console.print(f"\n{sound}, {counted(images, 'usable image')}; {counts}", highlight=False)


def _table(domains: dict[str, Any]) -> Table:
    """`a class`: training images of the smallest and of the largest class."""
    table = Table(header_style="bold", box=None, pad_edge=False)
    for heading in ("domain", "", "classes", "train", "val", "test", "a class", "skipped"):
        table.add_column(heading, justify="left" if heading in ("domain", "", "skipped") else "right")
    for name, domain in domains.items():
        sizes = [counts["train"] for counts in domain["classes"].values()]
        skipped = ", ".join(f"{count:,} {kind}" for kind, count in domain["skipped"].items())
        table.add_row(
            Text(name),
            "grey" if domain["channels"] == 1 else "colour",
            f"{len(sizes):,}",
            *(f"{domain[split]:,}" for split in SPLITS),
            f"{min(sizes):,} - {max(sizes):,}" if min(sizes) < max(sizes) else f"{max(sizes):,}",
            skipped or "-",
        )
    return table


def _by_class(domains: dict[str, Any]) -> Table:
    table = Table(header_style="bold", box=None, pad_edge=False)
    for heading in ("domain", "class", *SPLITS):
        table.add_column(heading, justify="right" if heading in SPLITS else "left")
    for name, domain in domains.items():
        for label, counts in domain["classes"].items():
            table.add_row(Text(name), Text(label), *(f"{counts[split]:,}" for split in SPLITS))
            name = ""  # only the first row of a domain carries its name
    return table
