"""Which runs stand behind a comparison, and in what they differ besides their seeds."""

from collections.abc import Hashable

from apportion.reports import words
from apportion.reports.compare.comparison import Comparison
from apportion.reports.page.markup import Child, element, join, label
from apportion.reports.page.tables import Cell, Column, table
from apportion.reports.sections.section import Fragment, SectionOf
from apportion.search.study import Study

COLUMNS = [
    Column("run"), Column("search seed", True), Column("retraining seeds"), Column("state"), Column("trials", True),
    Column("commit"), Column("machine"), Column("device"), Column("form"), Column("threads", True), Column("versions"),
]  # fmt: skip


def render(comparison: Comparison) -> Fragment:
    """A row per run."""
    runs = comparison.runs
    rows = [_cells(name, study) for name, study in zip(runs.names, runs.studies, strict=True)]
    return Fragment(join(table(COLUMNS, rows), element("p", _apart(comparison), class_="quiet")))


def _cells(name: str, study: Study) -> list[Cell | Child]:
    header = study.header
    seeds = sorted({trial.proposal.seed for trial in study.trials if trial.proposal.final})
    versions = ", ".join(f"{words.shown(key)} {words.shown(value)}" for key, value in header.versions.items())
    return [
        label(name),
        search_seed(study),
        ", ".join(map(str, seeds)) or words.DASH,
        "finished" if study.finished else "unfinished",
        f"{len(study.trials):,}",
        label(header.commit[:12]),
        label(header.machine),
        label(header.device),
        label(header.form or words.DASH),
        str(header.threads),
        versions,
    ]


def search_seed(study: Study) -> str:
    """The search's seed as the config has it; a dash where it has none."""
    search = study.config.get("search")
    return words.shown(str(search.get("seed", words.DASH))) if isinstance(search, dict) else words.DASH


def _apart(comparison: Comparison) -> str:
    """In what the runs' surroundings differ: equal seeds then need not mean equal bits."""
    headers = [study.header for study in comparison.runs.studies]
    facts: dict[str, list[Hashable]] = {
        "commit": [header.commit for header in headers],
        "machine": [header.machine for header in headers],
        "device": [header.device for header in headers],
        "form": [header.form for header in headers],
        "threads": [header.threads for header in headers],
        "versions": [tuple(sorted(header.versions.items())) for header in headers],
    }
    apart = [name for name, values in facts.items() if len(set(values)) > 1]
    if not apart:
        return "Same commit, machine, device, form, threads and versions in all runs." if len(headers) > 1 else ""
    return f"The runs differ in {', '.join(apart)}; their data, backbone, space, budgets and evaluator are the same."


ORIGIN = SectionOf[Comparison]("origin", "Where this comes from", "The runs that were compared.", render)
