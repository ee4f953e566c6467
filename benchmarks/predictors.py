"""What a cheap look at a pattern is worth: how well scorers and early rungs rank the patterns of a table.

    python -m benchmarks.predictors --out benchmarks/records/<date>_predictors

Each scorer runs as a study would run it, at seeds that the table does not hold, on the table's own network and images.
A scorer of filters predicts a pattern by the sum of worth of what its domains own; truth is the table's test loss, the
mean over its seeds. A rung's val loss at one seed is held against the test loss of the other seeds. Two controls see
only what a pattern owns: `depth`, and the number of filters; partial correlations (of ranks, both held fixed) show what
is left beside them. Intervals are BCa bootstraps at 95 % over patterns, at the first seed. Seconds are of one thread's
processor time, so that a busy machine does not count; a scorer of patterns is charged for all of them.
Resumable: what `raw.jsonl` holds is not computed again, and what was under way goes on from --work.
"""

import argparse
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import bootstrap, rankdata

from apportion.cli.config import Config
from apportion.cli.machine import commit, machine, versions
from apportion.evaluators.laboratory import Laboratory
from apportion.evaluators.objective import Objective
from apportion.evaluators.registry import open_task
from apportion.evaluators.scorers import scorers
from apportion.evaluators.tables import Table, table_of
from apportion.evaluators.task import Bench
from apportion.reports.statistics import Agreement, NotShown, kendall, spearman
from apportion.spaces.allocation import Allocation
from apportion.spaces.orders import counted_seed
from apportion.spaces.space import SharingSpace

VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    "depth": ("depth", {}),
    **{f"fisher, {scale}": ("fisher", {"scale": scale}) for scale in ("root", "raw", "site")},
    **{f"gradient_variance, {scale}": ("gradient_variance", {"scale": scale}) for scale in ("root", "raw", "site")},
    "task_vector": ("task_vector", {}),
    "task_vector, against the mean": ("task_vector", {"against": "mean"}),
    "task_vector, 1 epoch": ("task_vector", {"epochs": 1}),
    "rung1": ("rung1", {}),
    "rung1, not annealed": ("rung1", {"anneal": False}),
    "delta_supernet": ("delta_supernet", {}),
    "delta_supernet, first filters": ("delta_supernet", {"filters": "space"}),
}
# Whatever else is registered, as it is by default.
VARIANTS |= {name: (name, {}) for name in scorers.names() if name not in {known for known, _ in VARIANTS.values()}}
RUNGS = (1, 2, 4)
# Seeds of scorers: a table's own are small.
FIRST_SEED = 1000
LEAST = 10
RESAMPLES = 1999

Values = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Row:
    """What one predictor says of every pattern at one seed (the loss, up to scale and shift), and what it cost."""

    predictor: str
    seed: int
    seconds: float
    predicted: dict[str, float]


def opened(table: Table, work: Path) -> Bench:
    """The table's own study, as an evaluator that trains."""
    config = {**table.card.study, "name": work.name, "runs": str(work.parent), "workers": 1, "device": "cpu"}
    config |= {"budgets": [{"share": 0.2}], "search": {"controllers": ["shared"]}, "retrain": {"seeds": 1}}
    return open_task(Config.model_validate_json(json.dumps(config)).task("cpu", 1))


def families(table: Table) -> dict[str, list[str]]:
    """Names of patterns: the common ones, those per domain, and those per domain at each budget."""
    common = [name for name in table.patterns if name.startswith("common")]
    per_domain = [name for name in table.patterns if not name.startswith("common")]
    budgets = dict.fromkeys(name.split("_")[0] for name in per_domain)
    return {
        "common": common,
        "per domain": per_domain,
        **{budget: [name for name in per_domain if name.startswith(f"{budget}_")] for budget in budgets},
    }


def filters_owned(allocation: Allocation) -> float:
    """Over all sites and domains."""
    return float(sum(map(sum, allocation.levels)))


def by_worth(space: SharingSpace, worth: Sequence[Values], allocation: Allocation) -> float:
    """Minus the sum of worth of all filters that some domain owns."""
    total = 0.0
    for site, values, levels in zip(space.sites, worth, allocation.levels, strict=True):
        for owner, own, level in zip(space.owners, values, levels, strict=True):
            total += float(own[allocation.order.permutation(site.name, owner, site.filters)[:level]].sum())
    return -total


def run(lab: Laboratory, space: SharingSpace, table: Table, predictor: str, seed: int) -> Row:
    """A scorer from its start, which is made beforehand and not charged here."""
    name, options = VARIANTS[predictor]
    entry, allocations = scorers.get(name), list(table.patterns.values())
    chosen = entry.options.model_validate(options)
    _warm_up(lab, seed)
    began = time.process_time()
    if entry.of == "filters":
        worth = lab.worth(name, chosen, seed).of
        predicted = [by_worth(space, worth, allocation) for allocation in allocations]
    else:
        _, predicted = lab.losses(name, chosen, seed, allocations)
    seconds = time.process_time() - began
    return Row(predictor, seed, seconds, dict(zip(table.patterns, predicted, strict=True)))


def _warm_up(lab: Laboratory, seed: int) -> None:
    train: Any = lab.evaluator
    lab.memo(f"warm-up/seed-{seed}", lambda: train._warm_up(seed, None))


def rungs(table: Table) -> Iterator[Row]:
    """The table's own early losses, and full ones; its seeds are numbered as they are there."""
    objective = Objective()
    for rung in (*RUNGS, table.card.epochs):
        for seed in _seeds(table):
            predicted, seconds = {}, 0.0
            for name, own in table.runs.items():
                epochs, spent = own[seed]
                predicted[name] = objective(epochs[rung - 1]["val"])
                seconds += spent * rung / table.card.epochs
            yield Row(f"rung {rung}" + (", a full run" if rung == table.card.epochs else ""), seed, seconds, predicted)


def _seeds(table: Table) -> list[int]:
    """Those that every pattern has."""
    return sorted(set.intersection(*(set(own) for own in table.runs.values())))


def truth(table: Table, without: int) -> dict[str, float]:
    """Test loss, the mean over the table's seeds but `without`, if others are left."""
    objective, seeds = Objective(), _seeds(table)
    others = [seed for seed in seeds if seed != without] or seeds
    return {name: fmean(objective(own[seed][0][-1]["test"]) for seed in others) for name, own in table.runs.items()}


def partial(x: Values, y: Values, *fixed: Values) -> float:
    """Correlation of the ranks of x and y, both regressed on the ranks of `fixed`; NaN where one is used up by them."""
    ranks = [rankdata(values) for values in (x, y, *fixed)]
    basis = np.column_stack([np.ones_like(x), *ranks[2:]])
    left, right = (rank - basis @ np.linalg.lstsq(basis, rank, rcond=None)[0] for rank in ranks[:2])
    sizes = float(np.linalg.norm(left)), float(np.linalg.norm(right))
    # What is left of a control that is held fixed is rounding.
    if min(sizes) < 1e-6 * len(x):
        return float("nan")
    return float(left @ right / (sizes[0] * sizes[1]))


def partial_agreement(x: Values, y: Values, fixed: Sequence[Values]) -> Agreement | NotShown:
    """As `spearman`, for `partial`."""
    value = partial(x, y, *fixed)
    if len(x) < LEAST or not np.isfinite(value):
        return NotShown("nothing is left of one side", len(x))
    generator = np.random.Generator(np.random.Philox(counted_seed("partial")))
    with np.errstate(all="ignore"):
        found = bootstrap(
            (x, y, *fixed), partial, paired=True, vectorized=False, n_resamples=RESAMPLES, method="BCa", rng=generator
        ).confidence_interval
    low, high = float(found.low), float(found.high)
    sound = np.isfinite([low, high]).all()
    return Agreement(len(x), 0, value, (low, high) if sound else NotShown("too much alike", len(x)))


def shown(found: Agreement | NotShown) -> str:
    """`.93 [.88, .96]`."""
    if isinstance(found, NotShown):
        return "-"
    value = _short(found.value)
    return value if isinstance(found.interval, NotShown) else f"{value} [{', '.join(map(_short, found.interval))}]"


def _short(value: float) -> str:
    return f"{value:.2f}".replace("0.", ".")


def lines(table: Table, rows: list[Row], family: str, names: list[str]) -> Iterator[str]:
    """One line a predictor: at its first seed, and Spearman's least and greatest over seeds. Then a verdict."""
    fixed, nothing = controls(table, names), list[str]()
    yield "| predictor | seeds | Spearman | least, greatest of seeds | Kendall | partial: beyond depth and count | s |"
    yield "|---|---|---|---|---|---|---|"
    for predictor in dict.fromkeys(row.predictor for row in rows):
        own = [row for row in rows if row.predictor == predictor]
        pairs = [_pair(table, row, names) for row in own]
        found = [spearman(x.tolist(), y.tolist()) for x, y in pairs]
        values = [one.value for one in found if isinstance(one, Agreement)]
        spread = f"{_short(min(values))}, {_short(max(values))}" if len(values) > 1 else "-"
        x, y = pairs[0]
        beyond = partial_agreement(x, y, fixed)
        if isinstance(beyond, NotShown) or isinstance(beyond.interval, NotShown) or beyond.interval[0] <= 0:
            nothing.append(predictor)
        cells = [shown(found[0]), spread, shown(kendall(x.tolist(), y.tolist())), shown(beyond)]
        yield f"| {predictor} | {len(own)} | {' | '.join(cells)} | {fmean(row.seconds for row in own):.1f} |"
    yield ""
    yield f"Nothing beyond depth and count was shown by: {'; '.join(nothing) or 'none of them'}."


def controls(table: Table, names: list[str]) -> list[Values]:
    """Of each pattern: what `depth` says, and the number of filters owned."""
    sites = len(table.card.shape.sites)
    depth = [
        sum(sum(levels) * (1 - i / sites) for i, levels in enumerate(table.patterns[name].levels)) for name in names
    ]
    return [np.array(depth), np.array([filters_owned(table.patterns[name]) for name in names])]


def _pair(table: Table, row: Row, names: list[str]) -> tuple[Values, Values]:
    true = truth(table, row.seed)
    return np.array([row.predicted[name] for name in names]), np.array([true[name] for name in names])


def within(table: Table, rows: list[Row], budgets: dict[str, list[str]]) -> Iterator[str]:
    """Spearman among patterns per domain of one budget: what a search at that budget would see."""
    sound = {budget: names for budget, names in budgets.items() if len(names) >= LEAST}
    yield f"| predictor | {' | '.join(sound)} | mean |"
    yield "|---" * (len(sound) + 2) + "|"
    for predictor in dict.fromkeys(row.predictor for row in rows):
        cells = []
        for names in sound.values():
            found = []
            for row in (row for row in rows if row.predictor == predictor):
                x, y = _pair(table, row, names)
                agreement = spearman(x.tolist(), y.tolist())
                found.append(agreement.value if isinstance(agreement, Agreement) else float("nan"))
            cells.append(fmean(found))
        yield f"| {predictor} | {' | '.join(map(_short, cells))} | {_short(fmean(cells))} |"


def report(table: Table, rows: list[Row]) -> str:
    """All families as Markdown."""
    groups, seeds = families(table), _seeds(table)
    count = Row("filters owned", -1, 0.0, {name: -filters_owned(one) for name, one in table.patterns.items()})
    every = [*rungs(table), count, *rows]
    text = [f"Truth: test loss, the mean over seeds {', '.join(map(str, seeds))} of the table."]
    if len(seeds) == 1:
        text.append("With one seed a rung is held against its own run, which flatters it.")
    for family in ("common", "per domain"):
        if len(groups[family]) >= LEAST:
            text += [
                "",
                f"**{family}**, {len(groups[family])} patterns",
                "",
                *lines(table, every, family, groups[family]),
            ]
    budgets = {name: own for name, own in groups.items() if name not in ("common", "per domain")}
    if any(len(own) >= LEAST for own in budgets.values()):
        text += ["", "**per domain, within a budget** (Spearman, mean over seeds)", "", *within(table, every, budgets)]
    return "\n".join(text) + "\n"


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--work", type=Path, default=Path("runs/predictors"))
    parser.add_argument("--table", default="sharebench")
    parser.add_argument("--seeds", type=int, default=3, help="how many")
    parser.add_argument("--only", nargs="*", default=[], help="names of scorers")
    arguments = parser.parse_args()
    table = table_of(arguments.table)
    arguments.out.mkdir(parents=True, exist_ok=True)
    arguments.work.mkdir(parents=True, exist_ok=True)
    raw = arguments.out / "raw.jsonl"
    rows = [Row(**json.loads(line)) for line in raw.read_text().splitlines()] if raw.exists() else []
    done = {(row.predictor, row.seed) for row in rows if set(row.predicted) >= set(table.patterns)}
    rows = [row for row in rows if (row.predictor, row.seed) in done]
    wanted = [one for one, (name, _) in VARIANTS.items() if not arguments.only or name in arguments.only]
    lab, space = _laboratory(table, arguments.work)
    with raw.open("a") as file:
        for seed in range(FIRST_SEED, FIRST_SEED + arguments.seeds):
            for predictor in wanted:
                if (predictor, seed) not in done:
                    rows.append(run(lab(), space(), table, predictor, seed))
                    file.write(json.dumps(asdict(rows[-1])) + "\n")
                    file.flush()
                    print(f"{predictor}, seed {seed}: {rows[-1].seconds:.1f} s", flush=True)
    (arguments.out / "table.md").write_text(report(table, rows))
    facts = {"versions": versions(), "commit": commit(), "machine": machine(), "table_seeds": _seeds(table)}
    (arguments.out / "facts.json").write_text(json.dumps(facts, indent=1) + "\n")


def _laboratory(table: Table, work: Path) -> tuple[Callable[[], Laboratory], Callable[[], SharingSpace]]:
    """Opened when it is first needed: the table is made from `raw.jsonl` alone."""
    held: list[Bench] = []

    def bench() -> Bench:
        if not held:
            held.append(opened(table, work))
        return held[0]

    def lab() -> Laboratory:
        found = bench().lab
        assert found is not None
        return found

    return lab, lambda: bench().space


if __name__ == "__main__":
    main()
