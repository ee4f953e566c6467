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
from apportion.evaluators.training.keeper import Keeper
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
STEP = ("batches and augmentation", "seed and sum of losses", "finite check", "checkpoint due", "schedule and loop")
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
        self.last = (time.perf_counter(), time.process_time())

    def charge(self) -> None:
        now = (time.perf_counter(), time.process_time())
        kind, part = self.within[-1]
        spent = self.open[kind][part]
        for i in range(2):
            spent[i] += now[i] - self.last[i]
        self.last = now

    @contextmanager
    def on(self, part: str, kind: str = "") -> Iterator[None]:
        """Charge `part`, of the row that is open for `kind` (by default that of whoever calls)."""
        self.charge()
        self.within.append((kind or self.within[-1][0], part))
        try:
            yield
        finally:
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

    def around(self, function: Callable[..., Any], part: str, kind: str = "") -> Callable[..., Any]:
        """`function`, timed."""

        def timed(*args: Any, **kwargs: Any) -> Any:
            with self.on(part, kind):
                return function(*args, **kwargs)

        return timed

    def over(self, function: Callable[..., Any], part: str) -> Callable[..., Any]:
        """A function that gives an iterator: what each of its items takes. An item ends the step before it."""

        def timed(*args: Any) -> Iterator[Any]:
            items = iter(function(*args))
            while True:
                kind = self.within[-1][0]
                if "backward" in self.open[kind]:
                    self.cut(kind)
                with self.on(part):
                    item = next(items, None)
                if item is None:
                    return
                yield item

        return timed


@contextmanager
def watched(clock: Clock) -> Iterator[None]:
    """Clocks on the trainer, the scores, the controller and the log, taken off again at the end."""
    epoch, begun, materialise = Stepper.epoch, Stepper.__init__, MultiDomainNet.materialise
    optimizer_for, backward = stepper.optimizer_for, torch.autograd.backward

    def stepping(self: Stepper, *args: Any) -> None:
        kind = "step" if self.phase.name == "main" else "warm-up step"
        with clock.on(STEP[4], kind):
            epoch(self, *args)
        clock.cut(kind)

    def optimizer(*args: Any) -> Any:
        made = optimizer_for(*args)
        made.step = clock.around(made.step, "optimiser")
        made.zero_grad = clock.around(made.zero_grad, "optimiser")
        return made

    def went_back(*args: Any, **kwargs: Any) -> None:
        with clock.on("backward"):
            backward(*args, **kwargs)
        clock.turn_to("graph freed")  # what is left of the step: its tensors go, and with them the graph

    def materialised(self: MultiDomainNet, owner: str) -> Any:
        with clock.on(SCORES[0]):
            plain = materialise(self, owner)
        plain.forward = clock.around(plain.forward, "forward")
        return plain

    def scored(*args: Any) -> Any:
        with clock.on(SCORES[2], "scores"):
            found = scoring.scores_of(*args)
        clock.cut("scores")
        return found

    places: list[tuple[Any, str, Any]] = [
        (Stepper, "__init__", clock.around(begun, "network and optimiser made")),
        (Stepper, "epoch", stepping),
        (Stepper, "batches", clock.over(Stepper.batches, STEP[0])),
        (Stepper, "step", clock.around(Stepper.step, STEP[1])),
        (Stepper, "check", clock.around(Stepper.check, STEP[2])),
        (Keeper, "due", clock.around(Keeper.due, STEP[3])),
        (stepper, "optimizer_for", optimizer),
        (MultiDomainNet, "forward", clock.around(MultiDomainNet.forward, "forward")),
        (torch.nn.functional, "cross_entropy", clock.around(torch.nn.functional.cross_entropy, "loss")),
        (torch.autograd, "backward", went_back),
        (MultiDomainNet, "materialise", materialised),
        (DeviceCache, "batches", clock.over(DeviceCache.batches, SCORES[1])),
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


def rows_of(case: Case) -> dict[str, list[Row]]:
    """Run the shortened study; its rows. Each recipe's first trial pays for memory and kernels, and is left out."""
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
    return dict(clock.rows)


def measured(rows: dict[str, list[Row]]) -> dict[str, Any]:
    """For wall and processor time: milliseconds of each part a step, and the share that is outside the network."""
    steps, scores, trials = rows["step"], rows["scores"], rows["trial"]
    told: dict[str, Any] = {"steps": len(steps), "epochs": len(scores), "trials": len(trials)}
    for which, clock in enumerate(("wall", "processor")):

        def part(rows: Sequence[Row], name: str, times: int, which: int = which) -> dict[str, float]:
            """Of a step, where a row is of `times` steps."""
            found = [1e3 * row.get(name, (0.0, 0.0))[which] / times for row in rows]
            low, middle, high = statistics.quantiles(found, n=4)
            return {"median": middle, "low": low, "high": high, "mean": statistics.fmean(found)}

        an_epoch, a_trial = round(len(steps) / len(scores)), round(len(steps) / len(trials))
        parts = {name: part(steps, name, 1) for name in (*NETWORK, *STEP)}
        parts |= {name: part(scores, name, an_epoch) for name in SCORES}
        parts["accuracy and cross-entropy"]["mean"] += part(scores, "loss", an_epoch)["mean"]
        parts["forward on val"] = part(scores, "forward", an_epoch)
        parts |= {name: part(trials, name, a_trial) for name in LOG}
        for shown, mean in (("median", "median"), ("mean", "mean")):
            outside = sum(parts[name][mean] for name in (*STEP, *SCORES, *LOG))
            inside = sum(parts[name][mean] for name in NETWORK)
            told[f"{clock} share by {shown}"] = outside / (outside + inside)
        told[clock] = parts
        others = sorted({name for row in trials for name in row} - set(LOG))
        told[f"{clock}, once a trial"] = {name: part(trials, name, 1)["median"] for name in others}
    return told


def table(case: Case, told: dict[str, Any]) -> list[str]:
    """Milliseconds a step, by part."""
    lines = [
        f"{case.name}: {told['steps']:,} steps, {told['epochs']} epochs, {told['trials']} trials",
        "",
        "| part | ms a step | quartiles | processor ms | share of processor |",
        "|---|---|---|---|---|",
    ]
    whole = sum(told["processor"][name]["mean"] for name in (*NETWORK, *STEP, *SCORES, *LOG))
    for name, wall in told["wall"].items():
        cpu = told["processor"][name]
        share = f"{100 * cpu['mean'] / whole:.2f} %" if name != "forward on val" else "-"
        spread = f"{wall['low']:.3f} to {wall['high']:.3f}"
        lines.append(f"| {name} | {wall['median']:.3f} | {spread} | {cpu['median']:.3f} | {share} |")
    shares = ", ".join(
        f"{100 * told[f'{clock} share by {by}']:.1f} % ({clock}, {by})"
        for clock in ("processor", "wall")
        for by in ("median", "mean")
    )
    return [*lines, "", f"outside the network: {shares}", ""]


def main() -> None:
    """Measure all cases, print the tables, write the numbers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder of the record")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    results = {}
    for case in CASES:
        results[case.name] = measured(rows_of(case))
        print("\n".join(table(case, results[case.name])), flush=True)
    about = {"machine": machine(), "versions": versions(), "commit": commit(), "shortened": SHORTENED}
    asked.out.mkdir(parents=True, exist_ok=True)
    (asked.out / "step.json").write_text(json.dumps({**about, "results": results}, indent=1) + "\n")


if __name__ == "__main__":
    main()
