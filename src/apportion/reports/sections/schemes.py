"""All schemes in one table, ranked, each with its paired difference from `bottom` at the same budget."""

from apportion.reports import words
from apportion.reports.comparisons import difference
from apportion.reports.page.markup import element
from apportion.reports.page.tables import Cell, Column, table
from apportion.reports.results import Results
from apportion.reports.schemes import Scheme
from apportion.reports.sections.section import Fragment, Section
from apportion.reports.tables import COLUMNS, LEFT, caption, cells, ranked

REFERENCE = "bottom"


def render(results: Results) -> Fragment:
    """The ranked table."""
    schemes = ranked(results)
    if not schemes:
        return Fragment(element("p", "Nothing to show yet."))
    columns = [Column(name, i >= LEFT) for i, name in enumerate(COLUMNS)]
    columns.append(Column(f"loss \N{MINUS SIGN} {REFERENCE}, paired", True))
    starts = [i > 0 and scheme.budget != schemes[i - 1].budget for i, scheme in enumerate(schemes)]
    return Fragment(
        table(
            columns,
            [[*map(Cell, cells(scheme)), _against_reference(results, scheme)] for scheme in schemes],
            caption=caption(results),
            row_classes=["group" if start else "" for start in starts],
        )
    )


def _against_reference(results: Results, scheme: Scheme) -> str:
    reference = results.of(REFERENCE, scheme.budget) if scheme.budget else None
    if reference is None or scheme.controller == REFERENCE:
        return words.DASH
    return words.with_interval(difference(scheme, reference), signed=True)


SCHEMES = Section("schemes", "Schemes, ranked", "Within each budget the least loss stands first.", render)
