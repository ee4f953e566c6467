"""Where does learning pay? The gain of learned patterns over `bottom`, against the room there is.

    python -m benchmarks.contention --out benchmarks/records/<date>_contention --runs runs/contention

Each case is a study of its own (`configs/learned_vs_handmade.yaml` with a few values replaced), so the whole can be
stopped and run again. Room: `bottom` less `independent` in test loss; gain: `bottom` less the learned pattern, both by
paired seeds at 20 % live. Fewer images are trained on for more epochs, so that the number of steps stays.
"""

import argparse
import json
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from apportion.cli.machine import commit, machine, versions
from apportion.evaluators.data.pentathlon import load
from apportion.reports import results_of
from apportion.reports.comparisons import difference
from apportion.reports.results import Results
from apportion.reports.statistics import Interval
from apportion.search.study import open_study
from apportion.spaces.budget import Budget

CONFIG = Path("configs/learned_vs_handmade.yaml")
BUDGET = Budget("live", 0.2)
LEARNED = ("taps", "hard_concrete")
STARTS = {"scratch": 0, "warm": 8, "long warm": 24}
EPOCHS = 6


@dataclass(frozen=True)
class Case:
    """`width` of ResNet-8's first stage; `part` of the training images; epochs that everybody shares before."""

    width: int
    part: float
    start: str

    @property
    def name(self) -> str:
        return f"width-{self.width}_images-{self.part:g}_{self.start.replace(' ', '-')}"


CASES = (
    Case(8, 1, "warm"),
    Case(8, 1, "scratch"),
    Case(8, 1, "long warm"),
    Case(8, 0.25, "warm"),
    Case(8, 0.5, "warm"),
    Case(16, 1, "warm"),
    Case(32, 1, "warm"),
)


def part_of_images(part: float, root: Path) -> Path:
    """Full files with that part of every shipped domain's training images, classes in proportion."""
    root.mkdir(parents=True, exist_ok=True)
    for domain in load():
        labels = np.asarray(domain.train.labels)
        by_class = np.argsort(labels, kind="stable")
        kept = np.sort(by_class[:: round(1 / part)])
        arrays: dict[str, Any] = {"classes": np.array(domain.classes)}
        for split, images in (("train", domain.train), ("val", domain.val), ("test", domain.test)):
            rows = kept if split == "train" else slice(None)
            arrays |= {f"{split}_images": images.images[rows], f"{split}_labels": images.labels[rows]}
        np.savez_compressed(root / f"{domain.name}.npz", **arrays)
    return root


def run(case: Case, runs: Path, seeds: int, workers: int) -> Path:
    """The study of a case, run or gone on with; its folder."""
    rounds = round(1 / case.part)
    controllers = ", ".join(("independent", "bottom", *LEARNED))
    overrides = [
        f"name={case.name}",
        f"runs={runs}",
        "primary=null",
        f"backbone.options.width={case.width}",
        "budgets=[{measure: live, share: 0.2}]",
        f"evaluator.epochs={EPOCHS * rounds}",
        f"evaluator.warm_up.shared_epochs={STARTS[case.start] * rounds}",
        f"search.controllers=[{controllers}]",
        f"retrain.seeds={seeds}",
        f"workers={workers}",
    ]
    if case.part < 1:
        root = runs / f"images-{case.part:g}"
        overrides.append(f"data.root={root if root.exists() else part_of_images(case.part, root)}")
    command = [sys.executable, "-m", "apportion", "search", str(CONFIG), *overrides, "-q"]
    subprocess.run(command, check=True)
    return runs / case.name


@dataclass(frozen=True)
class Found:
    """`room` and `gains` in test loss with 95 % intervals; `weights_per_image` of the plain backbone's sites."""

    case: Case
    seeds: int
    weights: int
    images: int
    room: tuple[float, float, float]
    gains: dict[str, tuple[float, float, float]]

    @property
    def weights_per_image(self) -> float:
        return self.weights / self.images


def found(case: Case, folder: Path) -> Found:
    """What the log of a finished case says."""
    results = results_of(open_study(folder))
    header = results.study.header
    bottom = results.of("bottom", BUDGET)
    assert bottom is not None, f"{folder} is not finished"
    gains = {name: _ends(difference(bottom, results.of(name, BUDGET))) for name in LEARNED}
    images = sum(card.train for card in header.domains)
    room = _ends(difference(bottom, _of(results, "independent")))
    return Found(case, bottom.loss.n, header.space.backbone_parameters, images, room, gains)


def _of(results: Results, name: str) -> Any:
    scheme = results.of(name)
    assert scheme is not None
    return scheme


def _ends(interval: Interval) -> tuple[float, float, float]:
    assert interval.low is not None and interval.high is not None
    return interval.mean, interval.low, interval.high


def shipped(row: Found) -> dict[str, Any]:
    """As `apportion plan` reads it, from src/apportion/cli/contention.json: the gain is that of `taps`."""
    case = row.case
    return {
        "network": f"resnet8 at width {case.width}",
        "images": row.images,
        "weights": row.weights,
        "start": case.start,
        "seeds": row.seeds,
        "room": row.room,
        "gain": row.gains["taps"],
    }


def table(rows: list[Found]) -> str:
    """Cases by the room there is."""
    lines = [
        "| width | images | start | weights an image | n | room (bottom - independent) |",
        "|---|---|---|---|---|---|",
    ]
    for name in LEARNED:
        lines[0] += f" gain of {name} |"
        lines[1] += "---|"
    for row in sorted(rows, key=lambda one: one.room[0]):
        case = row.case
        cells = [f"{case.width}", f"{row.images:,}", case.start, f"{row.weights_per_image:.2f}", f"{row.seeds}"]
        cells += [_text(row.room), *(_text(row.gains[name]) for name in LEARNED)]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _text(ends: tuple[float, float, float]) -> str:
    return "{:+.4f} [{:+.4f}, {:+.4f}]".format(*ends)


def picture(rows: list[Found], path: Path) -> None:
    """A line for each case, by the room there is: that room, and beside it what each way of learning gained."""
    from matplotlib.figure import Figure

    ordered = sorted(rows, key=lambda row: row.room[0])
    figure = Figure(figsize=(8.2, 1.3 + 0.42 * len(rows)), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True, width_ratios=(1, 1.3))
    for y, row in enumerate(ordered):
        _interval(left, row.room, y, "#222222", "o")
        for name, colour, mark, shift in zip(LEARNED, ("#0b5fa5", "#b3261e"), "os", (0.13, -0.13), strict=True):
            _interval(right, row.gains[name], y + shift, colour, mark, name if y == 0 else None)
    left.set_yticks(range(len(rows)), [_line(row) for row in ordered])
    left.set_xlabel("room: loss of bottom - independent")
    right.set_xlabel("gain: loss of bottom - learned")
    right.axvline(0, color="#888888", lw=0.8)
    right.legend(frameon=False, fontsize=8, loc="lower left")
    left.set_xlim(left=0)
    right.locator_params(axis="x", nbins=5)
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(labelsize=8)
    for suffix in ("svg", "png"):
        figure.savefig(path.with_suffix(f".{suffix}"), dpi=160)


def _interval(
    axes: Any, ends: tuple[float, float, float], y: float, colour: str, mark: str, name: str | None = None
) -> None:
    mean, low, high = ends
    axes.errorbar(mean, y, xerr=[[mean - low], [high - mean]], fmt=mark, color=colour, ms=5, lw=1, label=name)


def _line(row: Found) -> str:
    case = row.case
    return f"width x{case.width // CASES[0].width}, {row.images:,} images, {case.start} (n = {row.seeds})"


def main() -> None:
    """Run what is missing, then write table, picture and facts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--runs", type=Path, default=Path("runs/contention"))
    parser.add_argument("--base", type=Path, help="a finished run of the config itself: it stands for the first case")
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--workers", type=int, default=2)
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    rows: list[Found] = []
    for case in CASES:
        given = asked.base if case == CASES[0] else None
        rows.append(found(case, given or run(case, asked.runs, asked.seeds, asked.workers)))
        (asked.out / "table.md").write_text(table(rows))
        facts = {
            "versions": versions(),
            "commit": commit(),
            "machine": machine(),
            "cases": [asdict(row) for row in rows],
        }
        (asked.out / "contention.json").write_text(json.dumps(facts, indent=1) + "\n")
        (asked.out / "cases.json").write_text(json.dumps([shipped(row) for row in rows], indent=1) + "\n")
        picture(rows, asked.out / "map")
        print(table(rows[-1:]), flush=True)


if __name__ == "__main__":
    main()
