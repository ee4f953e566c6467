"""Tables on the page: a header row, text left, numbers right, sideways scrolling on narrow screens."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from apportion.reports.page.markup import Child, Markup, element, join


@dataclass(frozen=True)
class Column:
    title: Child
    numeric: bool = False


@dataclass(frozen=True)
class Cell:
    """`order`: what a sortable column sorts by, where that is not the text shown."""

    content: Child
    order: float | str | None = None


def table(
    columns: Sequence[Column],
    rows: Iterable[Sequence[Cell | Child]],
    sortable: bool = False,
    caption: str | None = None,
    row_classes: Sequence[str] = (),
    tall: bool = False,
) -> Markup:
    """A table. Sortable ones have a button in every header cell, which keyboards reach and the page's script serves.

    `tall` ones scroll within a frame, their header in sight.
    """
    head = element("tr", *(_heading(column, sortable) for column in columns))
    body = []
    for i, row in enumerate(rows):
        cells = (_cell(column, cell) for column, cell in zip(columns, row, strict=True))
        body.append(element("tr", *cells, class_=(row_classes[i] or None) if i < len(row_classes) else None))
    inner = element("table", element("thead", head), element("tbody", *body), class_="sortable" if sortable else None)
    frame = element(
        "div", inner, class_="wide tall" if tall else "wide", tabindex="0", role="region", aria_label=caption or "table"
    )
    return join(frame, element("p", caption, class_="quiet") if caption else None)


def _heading(column: Column, sortable: bool) -> Markup:
    title: Child = column.title
    if sortable:
        title = element("button", column.title, type="button")
    return element(
        "th", title, scope="col", class_="number" if column.numeric else None, aria_sort="none" if sortable else None
    )


def _cell(column: Column, cell: Cell | Child) -> Markup:
    order = None
    if isinstance(cell, Cell):
        order, cell = cell.order, cell.content
    return element(
        "td", cell, class_="number" if column.numeric else None, data_order=None if order is None else str(order)
    )


def lines(*children: Child) -> Markup:
    """Paragraphs, one per child."""
    return join(*(element("p", child) for child in children if child))
