"""Who finds the better allocation, and at what cost: controllers without gradients on problems whose best is known.

    OMP_NUM_THREADS=1 python -m benchmarks.controllers --out benchmarks/records/<date>_controllers

Synthetic: the 50 convolutions of MobileNetV2's blocks at two `owned` budgets, seed k in world k: the share of the
optimum that the incumbent truly has. ShareBench: the 81 common patterns at one of five `live` budgets: the loss that
the incumbent truly has, the mean over the table's seeds, above the best within the budget. The incumbent is the trial
with the least loss that the controller was told. Milliseconds are of processor time, so that a busy machine does not
count, on one thread: several that wait for each other spin, which is processor time as well. Resumable: what
`raw.jsonl` holds is not run again.
"""

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from apportion.cli.machine import commit, machine, versions
from apportion.evaluators.data import PentathlonOptions
from apportion.evaluators.measurement import Trial
from apportion.evaluators.objective import Objective
from apportion.evaluators.proposal import Proposal
from apportion.evaluators.protocol import Evaluator, Slot
from apportion.evaluators.registry import open_task
from apportion.evaluators.synthetic import Synthetic, SyntheticOptions
from apportion.evaluators.table import TableOptions, TableReader
from apportion.evaluators.task import Task
from apportion.search.controllers import Context, ControllerEntry, controllers
from apportion.spaces.budget import Budget
from apportion.spaces.options import BackboneOptions, SpaceOptions

MARKS = {"synthetic": (25, 50, 100, 200), "sharebench": (5, 10, 25, 50)}
# A Gaussian process over 50 variables takes seconds a trial: fewer trials and seeds, said in the table.
SLOW = {"gp": {"trials": 50, "seeds": 3}}
# They train, or need to be told which tuner.
LEFT_OUT = {"nni"}
SHARE = "share of the optimum: median, least to greatest"
NOISE = 0.004  # of one domain's loss; the mean of three domains then has .0023, as measured on real runs (DESIGN)


@dataclass(frozen=True)
class Problem:
    """`quality` of a proposal: what it is truly worth; the greater the better for shares, the less for regrets."""

    name: str
    family: str
    context: Context
    evaluator: Evaluator
    quality: Callable[[Proposal], float]


@dataclass(frozen=True)
class Row:
    """One controller once: the incumbent's true quality after so many trials, and milliseconds a trial."""

    problem: str
    controller: str
    seed: int
    quality: dict[int, float]
    milliseconds: float


def synthetic_problem(share: float, noise: float, interactions: float, seed: int) -> Problem:
    """World `seed` at `share` owned; the quality is the share of the optimum."""
    options = SyntheticOptions(shape="mobilenet_v2", noise=noise, interactions=interactions, world=seed)
    bench = open_task(Task(BackboneOptions(), SpaceOptions(), PentathlonOptions(), options))
    world, budget = bench.evaluator, Budget("owned", share)
    assert isinstance(world, Synthetic)
    optimum = world.optimum(budget)
    kind = "plain" if not noise else "noise" if not interactions else "noise and interactions"
    context = Context(bench.space, (budget,), Objective(), seed, seed, 1)
    return Problem(
        f"synthetic {100 * share:g} %, {kind}",
        "synthetic",
        context,
        world,
        lambda proposal: float(world.gain(proposal.allocation).mean()) / optimum,
    )


def sharebench_problem(seed: int) -> Problem:
    """One of five budgets, in turn; the quality is the regret in loss."""
    share = (0.05, 0.1, 0.2, 0.3, 0.4)[seed % 5]
    options = TableOptions()
    grid = SpaceOptions(granularity="per_stage", stages=("stem", "layer1", "layer2", "layer3"), fractions=(0, 1 / 3, 1))
    bench = open_task(Task(BackboneOptions(), grid, PentathlonOptions(), options))
    reader, budget, objective = bench.evaluator, Budget("live", share), Objective()
    assert isinstance(reader, TableReader)
    table = reader.table

    def truth(pattern: str) -> float:
        return objective(table.measured(pattern, None, table.card.epochs, True).splits["test"])

    limit = bench.space.limit(budget)
    common = {name: one for name, one in table.patterns.items() if name.startswith("common")}
    best = min(truth(name) for name, one in common.items() if budget.of(bench.space.cost(one)) <= limit)
    context = Context(bench.space, (budget,), objective, seed, seed, table.card.epochs)
    return Problem(
        "sharebench", "sharebench", context, reader, lambda p: truth(table.name_of[p.allocation.key()]) - best
    )


def raced(entry: ControllerEntry, problem: Problem, trials: int) -> Row:
    """One in flight; a controller that ends early (a hand-made one) keeps its incumbent."""
    controller = entry.build(problem.context, entry.options())
    best, quality, spent = float("inf"), float("nan"), 0.0
    marked: dict[int, float] = {}
    for number in range(1, trials + 1):
        began = time.process_time()
        asked = controller.ask()
        spent += time.process_time() - began
        if isinstance(asked, Proposal):
            assert problem.context.budgets[0].of(problem.context.space.cost(asked.allocation)) <= (
                problem.context.space.limit(problem.context.budgets[0])
            ), f"{entry.name} left its budget"
            trial = Trial(asked, problem.evaluator(asked, Slot()).measurement)
            began = time.process_time()
            controller.tell(trial)
            spent += time.process_time() - began
            value = problem.context.value(trial)
            if value is not None and value < best:
                best, quality = value, problem.quality(asked)
        if number in MARKS[problem.family]:
            marked[number] = quality
    return Row(problem.name, entry.name, problem.context.seed, marked, 1000 * spent / trials)


def problems(seeds: int) -> Iterator[tuple[Callable[[], Problem], str, int]]:
    """Builders, families and seeds, seed by seed, so that an interrupted benchmark holds whole seeds."""
    settings = [(share, *rest) for share in (0.1, 0.05) for rest in ((0.0, 0.0), (NOISE, 0.0), (NOISE, 0.5))]
    for seed in range(seeds):
        for setting in settings:
            yield (lambda seed=seed, setting=setting: synthetic_problem(*setting, seed)), "synthetic", seed  # type: ignore[misc]
    for seed in range(10 * seeds):
        yield (lambda seed=seed: sharebench_problem(seed)), "sharebench", seed  # type: ignore[misc]


def timing(names: list[str], trials: int) -> dict[str, float]:
    """Milliseconds a trial over `trials` trials on the 50 sites; the slow ones over fewer."""
    found = {}
    for name in names:
        problem = synthetic_problem(0.1, NOISE, 0.0, 0)
        found[name] = raced(
            controllers.get(name), problem, int(SLOW.get(name, {"trials": trials})["trials"])
        ).milliseconds
    return found


def table(rows: list[Row], milliseconds: dict[str, float]) -> str:
    """Medians with the least and the greatest over seeds; of regrets, mostly 0, the mean and how often it is 0."""
    lines = []
    for problem in dict.fromkeys(row.problem for row in rows):
        own = [row for row in rows if row.problem == problem]
        marks = MARKS[problem.split(" ")[0]]
        regret = problem == "sharebench"
        unit = "regret in loss x 1,000: mean, greatest, part of seeds with none" if regret else SHARE
        lines += [f"**{problem}** ({unit})", ""]
        lines += [f"| controller | n | {' | '.join(f'{mark} trials' for mark in marks)} | ms a trial |"]
        lines += ["|---" * (len(marks) + 3) + "|"]
        names = dict.fromkeys(row.controller for row in own)
        ranked = sorted(names, key=lambda name: _last(own, name), reverse=not regret)
        for name in ranked:
            mine = [row for row in own if row.controller == name]
            cells = [_cell([row.quality[mark] for row in mine if mark in row.quality], regret) for mark in marks]
            spent = statistics.median(row.milliseconds for row in mine)
            lines.append(f"| {name} | {len(mine)} | {' | '.join(cells)} | {spent:.2f} |")
        lines.append("")
    lines += ["**ms a trial** over 1,000 trials, 50 variables (gp: 50 trials)", "", "| controller | ms |", "|---|---|"]
    lines += [f"| {name} | {value:.2f} |" for name, value in sorted(milliseconds.items(), key=lambda item: item[1])]
    return "\n".join(lines) + "\n"


def _last(rows: list[Row], name: str) -> float:
    mine = [row.quality[max(row.quality)] for row in rows if row.controller == name]
    return statistics.mean(mine)


def _cell(values: list[float], regret: bool) -> str:
    if not values:
        return "-"
    if regret:
        none = sum(value < 1e-9 for value in values) / len(values)
        return f"{1000 * statistics.mean(values):.3f}, {1000 * max(values):.3f}, {none:.0%}"
    return f"{statistics.median(values):.3f} ({min(values):.3f} to {max(values):.3f})"


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument(
        "--seeds", type=int, default=10, help="of the synthetic problems; ShareBench takes ten times as many"
    )
    parser.add_argument("--only", nargs="*", default=[], help="names of controllers")
    parser.add_argument("--no-timing", action="store_true")
    arguments = parser.parse_args()
    if os.environ.get("OMP_NUM_THREADS") != "1":
        parser.error("set OMP_NUM_THREADS=1: the time of threads that wait for each other is no controller's")
    arguments.out.mkdir(parents=True, exist_ok=True)
    raw = arguments.out / "raw.jsonl"
    rows = [_row(json.loads(line)) for line in raw.read_text().splitlines()] if raw.exists() else []
    done = {(row.problem, row.controller, row.seed) for row in rows}
    entries = [entry for entry in controllers if entry.bound and entry.uses is None and entry.name not in LEFT_OUT]
    entries = [entry for entry in entries if not arguments.only or entry.name in arguments.only]
    with raw.open("a") as file:
        for build, family, seed in problems(arguments.seeds):
            problem = build()
            for entry in entries:
                limits = SLOW.get(entry.name, {})
                if (problem.name, entry.name, seed) in done or seed >= limits.get("seeds", seed + 1):
                    continue
                trials = limits.get("trials", MARKS[family][-1])
                rows.append(raced(entry, problem, trials))
                file.write(json.dumps(asdict(rows[-1])) + "\n")
                file.flush()
            print(f"{problem.name}, seed {seed}", flush=True)
    names = [entry.name for entry in entries if entry.kind == "searched"]
    milliseconds = {} if arguments.no_timing else timing(names, 1000)
    (arguments.out / "table.md").write_text(table(rows, milliseconds))
    facts = {"versions": versions(), "commit": commit(), "machine": machine(), "milliseconds": milliseconds}
    (arguments.out / "facts.json").write_text(json.dumps(facts, indent=1) + "\n")


def _row(content: dict[str, Any]) -> Row:
    return Row(**{**content, "quality": {int(mark): value for mark, value in content["quality"].items()}})


if __name__ == "__main__":
    main()
