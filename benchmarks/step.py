"""Where the time of a pocket training goes: what a step spends outside the network, scores and log included.

    python -m benchmarks.step --out benchmarks/records/<date>_step

A shortened study of each recipe runs as `apportion search` runs it, in one process on one thread, with clocks around
the functions of the real trainer: a clock belongs to the innermost function that runs. Outside the network is all but
forward, loss, backward, optimiser and the freeing of what forward left for backward. Shares are what to read: another
program on the machine slows all parts.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch

from apportion.cli.config import config_from
from apportion.cli.machine import commit, machine, versions
from apportion.cli.search import prepare
from apportion.cli.stopping import Wish
from apportion.evaluators import train
from apportion.evaluators.data.cache import DeviceCache
from apportion.evaluators.training import checkpoints, scoring, stepper
from apportion.evaluators.training.stepper import Stepper
from apportion.search.campaign import Campaign
from apportion.search.run import Run, Told
from apportion.search.study_log import Reading, StudyLog
from apportion.spaces.network.mixed import MultiDomainNet

CONFIGS = Path(__file__).resolve().parents[1] / "configs"
SHORTENED = (
    "budgets=[{measure: live, share: 0.2}]",
    "search.controllers=[bottom, {name: tpe, trials: 3}]",
    "retrain.seeds=1",
    "evaluator.warm_up.shared_epochs=1",
    "workers=1",
    "threads=1",
    "device=cpu",
)
NETWORK = ("forward", "loss", "backward", "optimiser", "graph freed")
STEP = ("batches and augmentation", "seed", "finite check", "schedule and loop")
SCORES = ("materialise", "val batches", "accuracy and cross-entropy")
LOG = ("log append", "log fsync")
Row = dict[str, list[float]]
"""Wall seconds and processor seconds, by part."""


@dataclass(frozen=True)
class Case:
    """A recipe with overrides of its own."""

    recipe: str
    overrides: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return " ".join((self.recipe, *self.overrides))


CASES = (Case("pentathlon"), Case("pentathlon", ("evaluator.form=interleaved",)), Case("quickstart"))


class Clock:
    """Time of the innermost part, gathered in rows: of a `step`, of an epoch's `scores`, of a `trial`'s remainder."""

    def __init__(self) -> None:
        self.rows: dict[str, list[Row]] = defaultdict(list)
        self.open: dict[str, Row] = defaultdict(lambda: defaultdict(lambda: [0.0, 0.0]))
        self.within = [("trial", "all else")]
        self.wall, self.processor = time.perf_counter(), time.process_time()
        self.readings = 0

    def charge(self) -> None:
        wall, processor = time.perf_counter(), time.process_time()
        kind, part = self.within[-1]
        spent = self.open[kind][part]
        spent[0] += wall - self.wall
        spent[1] += processor - self.processor
        self.wall, self.processor, self.readings = wall, processor, self.readings + 1

    def enter(self, part: str, kind: str = "") -> None:
        """From here `part` runs, of the row that is open for `kind` (by default that of whoever calls)."""
        self.charge()
        self.within.append((kind or self.within[-1][0], part))

    def leave(self) -> None:
        self.charge()
        self.within.pop()

    def turn_to(self, part: str) -> None:
        """What is left of the innermost function is another part."""
        self.charge()
        self.within[-1] = (self.within[-1][0], part)

    def cut(self, kind: str) -> None:
        """The open row of `kind` is complete."""
        self.charge()
        self.rows[kind].append({part: list(spent) for part, spent in self.open.pop(kind, {}).items()})

    def around(self, function: Callable[..., Any], part: str, kind: str = "", then: str = "") -> Callable[..., Any]:
        """`function`, timed; `then`: the part that what is left of its caller is."""

        def timed(*args: Any, **kwargs: Any) -> Any:
            self.enter(part, kind)
            try:
                return function(*args, **kwargs)
            finally:
                self.leave()
                if then:
                    self.turn_to(then)

        return timed

    def over(self, function: Callable[..., Any], part: str) -> Callable[..., Any]:
        """A function that gives an iterator: what each of its items takes. An item ends the step before it."""

        def timed(*args: Any) -> Iterator[Any]:
            items = iter(function(*args))
            while True:
                kind = self.within[-1][0]
                if "backward" in self.open[kind]:
                    self.cut(kind)
                self.enter(part)
                item = next(items, None)
                self.leave()
                if item is None:
                    return
                yield item

        return timed


@contextmanager
def watched(clock: Clock) -> Iterator[None]:
    """Clocks on the trainer, the scores, the controller and the log, taken off again at the end."""
    epoch, begun, materialise = Stepper.epoch, Stepper.__init__, MultiDomainNet.materialise
    optimizer_for = stepper.optimizer_for

    def stepping(self: Stepper, *args: Any) -> None:
        kind = "step" if self.phase.name == "main" else "warm-up step"
        clock.enter("schedule and loop", kind)
        epoch(self, *args)
        clock.leave()
        clock.cut(kind)

    def optimizer(*args: Any) -> Any:
        made = optimizer_for(*args)
        made.step = clock.around(made.step, "optimiser")
        made.zero_grad = clock.around(made.zero_grad, "optimiser")
        return made

    def materialised(self: MultiDomainNet, *args: Any) -> Any:
        clock.enter("materialise")
        plain = materialise(self, *args)
        clock.leave()
        if "forward" not in vars(plain):
            plain.forward = clock.around(plain.forward, "forward")
        return plain

    def scored(*args: Any) -> Any:
        clock.enter("accuracy and cross-entropy", "scores")
        found = scoring.scores_of(*args)
        clock.leave()
        clock.cut("scores")
        return found

    places: list[tuple[Any, str, Any]] = [
        (Stepper, "__init__", clock.around(begun, "network and optimiser made")),
        (Stepper, "epoch", stepping),
        (Stepper, "batches", clock.over(Stepper.batches, "batches and augmentation")),
        (Stepper, "step", clock.around(Stepper.step, "seed")),
        (Stepper, "check", clock.around(Stepper.check, "finite check")),
        (stepper, "optimizer_for", optimizer),
        # Cross-entropies and their sum follow; and behind backward the step's tensors go, and with them the graph.
        (MultiDomainNet, "forward", clock.around(MultiDomainNet.forward, "forward", then="loss")),
        (torch.autograd, "backward", clock.around(torch.autograd.backward, "backward", then="graph freed")),
        (MultiDomainNet, "materialise", materialised),
        (DeviceCache, "batches", clock.over(DeviceCache.batches, "val batches")),
        (train, "scores_of", scored),
        (train.Train, "_started", clock.around(train.Train._started, "network and optimiser made")),
        (train, "save_model", clock.around(checkpoints.save_model, "models saved")),
        (Campaign, "ask", clock.around(Campaign.ask, "controller")),
        (Campaign, "tell", clock.around(Campaign.tell, "controller")),
        (StudyLog, "append", clock.around(StudyLog.append, LOG[0])),
        (StudyLog, "sync", clock.around(StudyLog.sync, LOG[1])),
    ]
    with ExitStack() as stack:
        for place in places:
            stack.enter_context(patch.object(*place))
        yield


def rows_of(case: Case) -> tuple[dict[str, list[Row]], int]:
    """Run the shortened study: its rows, and how often the clocks were read.

    The first trial pays for memory and kernels, and is left out.
    """
    clock = Clock()
    with tempfile.TemporaryDirectory() as runs:
        overrides = [*SHORTENED, *case.overrides, f"runs={runs}"]
        config = config_from(CONFIGS / f"{case.recipe}.yaml", overrides)
        config.run.mkdir(parents=True)
        plan, bench = prepare(config, Reading((), b"", ""), False)
        run = Run(config.run, plan, bench, Reading((), b"", ""))
        with watched(clock), closing(run.events(Wish())) as events:
            for event in events:
                if isinstance(event, Told):
                    clock.cut("trial")
                    if event.told == 1:
                        clock.rows.clear()
                        clock.readings = 0
    return dict(clock.rows), clock.readings


def reading_microseconds() -> float:
    """What it takes to read the clocks once; a little less than in the middle of a training."""
    clock, began = Clock(), time.perf_counter()
    for _ in range(10_000):
        clock.charge()
    return (time.perf_counter() - began) * 100


def measured(rows: dict[str, list[Row]], readings: int) -> dict[str, Any]:
    """For wall and processor time: milliseconds of each part a step, and the share outside the network of each trial.

    The share is of sums: steps are planned sixteen at a time, which a median over steps would not see.
    """
    steps, scores, trials = rows["step"], rows["scores"], rows["trial"]
    an_epoch, a_trial = len(steps) // len(scores), len(steps) // len(trials)
    told: dict[str, Any] = {"steps": len(steps), "epochs": len(scores), "trials": len(trials)}
    told |= {"readings a step": readings / len(steps), "microseconds a reading": reading_microseconds()}
    for which, clock in enumerate(("wall", "processor")):
        parts = {name: spread(steps, name, which, 1) for name in (*NETWORK, *STEP)}
        parts |= {name: spread(scores, name, which, an_epoch) for name in SCORES}
        parts["forward on val"] = spread(scores, "forward", which, an_epoch)
        parts |= {name: spread(trials, name, which, a_trial) for name in LOG}
        others = sorted({name for row in trials for name in row} - set(LOG))
        told[clock] = {
            "a step": parts,
            "a trial": {name: spread(trials, name, which, 1) for name in others},
            "shares": [
                share(
                    steps[k * a_trial :][:a_trial], scores[k * a_trial // an_epoch :][: a_trial // an_epoch], one, which
                )
                for k, one in enumerate(trials)
            ],
        }
    return told


def spread(rows: Sequence[Row], name: str, which: int, times: int) -> dict[str, float]:
    """Milliseconds of a part, where a row is of `times` steps: median, quartiles and mean over the rows."""
    found = [1e3 * row.get(name, (0.0, 0.0))[which] / times for row in rows]
    low, middle, high = statistics.quantiles(found, n=4)
    return {"median": middle, "low": low, "high": high, "mean": statistics.fmean(found)}


def share(steps: Sequence[Row], scores: Sequence[Row], trial: Row, which: int) -> float:
    """Outside the network, of a trial's training; forward on val is left out of both."""

    def total(rows: Sequence[Row], names: Sequence[str]) -> float:
        return sum(row[name][which] for row in rows for name in names if name in row)

    outside = total(steps, STEP) + total(scores, SCORES) + total([trial], LOG)
    return outside / (outside + total(steps, NETWORK))


def table(case: Case, told: dict[str, Any]) -> list[str]:
    """Milliseconds a step, by part."""
    wall, processor = told["wall"]["a step"], told["processor"]["a step"]
    whole = sum(processor[name]["mean"] for name in (*NETWORK, *STEP, *SCORES, *LOG))
    lines = [
        f"{case.name}: {told['steps']:,} steps, {told['epochs']} epochs, {told['trials']} trials",
        "",
        "| part | processor ms a step | quartiles | mean | share | wall ms |",
        "|---|---|---|---|---|---|",
    ]
    for name, found in processor.items():
        part = "-" if name == "forward on val" else f"{100 * found['mean'] / whole:.2f} %"
        quartiles = f"{found['low']:.3f} to {found['high']:.3f}"
        numbers = f"{found['median']:.3f} | {quartiles} | {found['mean']:.3f} | {part} | {wall[name]['median']:.3f}"
        lines.append(f"| {name} | {numbers} |")
    lines.append("")
    for clock in ("processor", "wall"):
        low, *_, high = shares = sorted(told[clock]["shares"])
        middle = statistics.median(shares)
        lines.append(f"outside the network, {clock} time: {middle:.1%} ({low:.1%} to {high:.1%} over trials)")
    clocks = f"{told['readings a step']:.0f} readings a step, {told['microseconds a reading']:.1f} microseconds each"
    return [*lines, f"the clocks themselves are in it: {clocks}", ""]


def main() -> None:
    """Measure all cases, print the tables, write the numbers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder of the record")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    results = {}
    for case in CASES:
        results[case.name] = measured(*rows_of(case))
        print("\n".join(table(case, results[case.name])), flush=True)
    about = {"machine": machine(), "versions": versions(), "commit": commit(), "shortened": SHORTENED}
    asked.out.mkdir(parents=True, exist_ok=True)
    (asked.out / "step.json").write_text(json.dumps({**about, "results": results}, indent=1) + "\n")


if __name__ == "__main__":
    main()
