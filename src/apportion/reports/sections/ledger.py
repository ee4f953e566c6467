"""The ledger: what the winners and the anchors store, number by number."""

from collections.abc import Callable

from apportion.reports import words
from apportion.reports.comparisons import comparisons
from apportion.reports.page.markup import Markup, element, join, label
from apportion.reports.page.tables import Cell, Column, table
from apportion.reports.results import Results
from apportion.reports.schemes import Scheme
from apportion.reports.sections.section import Fragment, Section
from apportion.spaces.ledger import CONVENTIONS, Item, Ledger, ledger_of

Row = list[Cell | str | Markup | int | None]
FIRST = ("shared filters", "owned filters")


def render(results: Results) -> Fragment:
    """Items in rows, models in columns."""
    models = _models(results)
    if not models:
        return Fragment(element("p", "Nothing to show yet."))
    header = results.study.header
    ledgers = [ledger_of(header.shape, header.space, model.allocation, header.classes) for model in models]
    columns = [Column("numbers stored")] + [Column(_title(model), True) for model in models]
    rows = _item_rows(ledgers)
    totals = _total_rows(ledgers, [model.price.live for model in models])
    classes = [""] * len(rows) + ["group total"] + ["total"] * (len(totals) - 1)
    note = element(
        "p",
        "fgc counts every trained number, heads included (paper 000); decathlon is relative to one backbone, heads left"
        " out (papers 002, 003).",
        class_="quiet",
    )
    return Fragment(join(table(columns, rows + totals, caption="32-bit numbers", row_classes=classes), note))


def _models(results: Results) -> list[Scheme]:
    """The anchors in order of size, with the winners of each budget between them."""
    winners = [s for c in comparisons(results) for s in (c.hand_made, c.searched) if s is not None]
    anchors = sorted((s for s in results.measured if s.kind == "anchor"), key=lambda s: s.price.parameters)
    return anchors[:1] + winners + anchors[1:]


def _title(scheme: Scheme) -> Markup:
    budget = join(element("br"), words.budget_words(scheme.budget)) if scheme.budget else None
    return join(label(scheme.controller), budget)


def _item_rows(ledgers: list[Ledger]) -> list[Row]:
    """A row per purpose; rows per owner below it where owners differ in a way that depends on the model."""
    names = dict.fromkeys((item.what, item.owner, item.trained) for ledger in ledgers for item in ledger.items)
    rows: list[Row] = []
    for what in dict.fromkeys([*FIRST, *(name[0] for name in names)]):
        owners = [owner for name, owner, _ in names if name == what]
        if not owners:
            continue
        trained = next(kept for name, _, kept in names if name == what)
        whole = what if trained else f"{what} (not trained)"
        rows.append([whole, *(words.count(ledger.total(what)) for ledger in ledgers)])
        if len(owners) > 1 and _differ(ledgers, what):
            rows += [
                [join("\N{NO-BREAK SPACE}\N{NO-BREAK SPACE}of ", label(owner or "all")), *_counts(ledgers, what, owner)]
                for owner in owners
            ]
    return rows


def _differ(ledgers: list[Ledger], what: str) -> bool:
    """Owners store different numbers, and not the same ones in every model (as heads are)."""
    by_model = [{item.owner: item.count for item in ledger.items if item.what == what} for ledger in ledgers]
    return any(len(set(counts.values())) > 1 for counts in by_model) and any(c != by_model[0] for c in by_model)


def _counts(ledgers: list[Ledger], what: str, owner: str | None) -> list[str]:
    def matches(item: Item) -> bool:
        return item.what == what and item.owner == owner

    return [words.count(sum(item.count for item in ledger.items if matches(item))) for ledger in ledgers]


def _total_rows(ledgers: list[Ledger], live: list[float]) -> list[Row]:
    figures: dict[str, Callable[[Ledger], str]] = {
        "stored parameters": lambda ledger: words.count(ledger.parameters),
        "bytes on a device": lambda ledger: words.count(ledger.stored_bytes),
    }
    figures |= {f"convention {name}": _convention(name) for name in CONVENTIONS}
    rows: list[Row] = [[name, *(figure(ledger) for ledger in ledgers)] for name, figure in figures.items()]
    return [*rows, ["backbones live", *(f"{value:.3f}" for value in live)]]


def _convention(name: str) -> Callable[[Ledger], str]:
    def read(ledger: Ledger) -> str:
        value = ledger.convention(name)
        return words.count(value) if value >= 1000 else f"{value:.3f}"

    return read


LEDGER = Section("ledger", "Ledger", "What the winners and the anchors store, item by item.", render)
