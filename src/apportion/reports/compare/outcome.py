"""The outcome, first on the page: which declared comparisons are decided, and a table a budget."""

from itertools import groupby

from apportion.reports import words
from apportion.reports.compare.comparison import Comparison
from apportion.reports.compare.declared import Declared
from apportion.reports.compare.notes import not_shown, reading, state
from apportion.reports.compare.rows import Row
from apportion.reports.compare.table import difference, probability
from apportion.reports.page.markup import Child, element, join, label
from apportion.reports.page.tables import Cell, Column, lines, table
from apportion.reports.sections.section import Fragment, SectionOf
from apportion.reports.statistics import Interval, NotShown

# What decides stands first: on a narrow screen the rest is scrolled to.
COLUMNS = [
    Column("controller"), Column("outcome"), Column(f"loss {words.MINUS} reference", True), Column("p, Holm", True),
    Column("would decide it"), Column("loss, retrained", True), Column("best found", True), Column("charged", True),
    Column("trials", True), Column("runs", True), Column("values paired", True), Column("p", True),
    Column("bootstrap, 95 %", True),
]  # fmt: skip
UNITS = {"seeds": ("seed", "seeds"), "runs": ("run", "runs")}


def render(comparison: Comparison) -> Fragment:
    """The sentence, what is missing, then a table for every budget."""
    warnings = [element("p", said, class_="warning") for said in state(comparison)]
    tables = []
    for budget, rows in groupby(comparison.rows, key=lambda row: row.budget):
        listed = list(rows)
        against = join(", compared with ", label(listed[0].reference)) if listed[0].reference else None
        tables.append(element("h3", words.budget_words(budget), against))
        tables.append(table(COLUMNS, [_cells(row) for row in listed], row_classes=_classes(listed)))
    notes = lines(*reading(comparison), *not_shown(comparison), NOTE) if tables else None
    return Fragment(
        join(element("p", lead(comparison), class_="lead"), *warnings, *tables, element("div", notes, class_="quiet"))
    )


NOTE = (
    "The bootstrap interval (BCa) needs 10 values, and for few it is too narrow. What would decide it: about so many"
    " more values, were the difference and its spread as they look, in four of five cases."
)


def lead(comparison: Comparison) -> str:
    """One plain sentence: what is decided."""
    made = [row.declared for row in comparison.rows if row.declared is not None]
    if not made:
        return "There is nothing to compare yet." if comparison.rows else "These runs hold no trials yet."
    decided = [item for item in made if item.verdict in ("lower loss", "higher loss")]
    count = words.plural(len(made), "declared comparison")
    if not decided:
        tested = [item for item in made if item.verdict == "not decided"]
        why = "" if tested else ", since none could be tested: see below"
        return f"None of {count} is decided{why}."
    better = _named([item for item in decided if item.verdict == "lower loss"], made)
    worse = _named([item for item in decided if item.verdict == "higher loss"], made)
    return (
        f"{len(decided)} of {count} {'is' if len(decided) == 1 else 'are'} decided."
        + (f" Better than the reference: {better}." if better else "")
        + (f" Worse: {worse}." if worse else "")
    )


def _named(found: list[Declared], made: list[Declared]) -> str:
    """`tpe at every budget, top at live 5 % and live 20 %`."""
    budgets = dict.fromkeys(item.paired.budget for item in made)
    parts = []
    for name in dict.fromkeys(item.paired.controller for item in found):
        at = [words.budget_words(item.paired.budget) for item in found if item.paired.controller == name]
        where = "every budget" if 1 < len(at) == len(budgets) else " and ".join(at)
        parts.append(f"{words.shown(name, 24)} at {where}")
    return "; ".join(parts)


def _classes(rows: list[Row]) -> list[str]:
    return ["total" if row.is_reference else "" for row in rows]


def _cells(row: Row) -> list[Cell | Child]:
    item = row.declared
    found = [
        words.with_interval(row.loss) if isinstance(row.loss, Interval) else words.DASH,
        words.with_interval(row.best),
        words.duration(row.seconds.mean) if row.seconds.n else words.DASH,
        f"{row.trials:,}" + (f" ({row.failed:,} failed in all)" if row.failed else ""),
        str(row.runs),
    ]
    if item is None:
        how = "reference" if row.is_reference else words.DASH
        return [label(row.controller), how, *[words.DASH] * 2, "", *found, *[words.DASH] * 3]
    pair = item.paired
    single = None if isinstance(pair.test, NotShown) else pair.test.p
    compared = [item.verdict, difference(row), probability(item.p), _more(item)]
    return [label(row.controller), *compared, *found, _count(item), probability(single), _ends(pair.bootstrap)]


def _count(item: Declared) -> str:
    """`3 runs`, `8 seeds (1 missing)`, `9 (runs x seeds)`."""
    interval, unit = item.paired.interval, item.paired.unit
    missing = f" ({interval.missing} missing)" if interval.missing else ""
    if unit == "crossed":
        return f"{interval.n} (runs x seeds){missing}"
    return words.plural(interval.n, *UNITS[unit]) + missing


def _ends(interval: Interval | NotShown) -> str:
    return words.bracketed(interval) if isinstance(interval, Interval) else words.DASH


def _more(item: Declared) -> str:
    if item.verdict not in ("not decided", "not tested") or isinstance(item.more, NotShown):
        return words.DASH
    one, many = UNITS[item.paired.unit]
    return f"about {words.count(max(1, item.more))} more {one if item.more <= 1 else many}"


OUTCOME = SectionOf[Comparison](
    "outcome", "The outcome", "Every controller against one reference, at the same budget.", render
)
