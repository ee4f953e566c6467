"""Make the table that the package ships from the finished study.

    python -m benchmarks.sharebench.pack --run runs/sharebench --out src/apportion/evaluators/tables/sharebench

Patterns that lack a seed are left out and counted. A loss is kept to nine digits, enough to recognise a row that is
trained again.
"""

import argparse
import csv
import gzip
import io
import json
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from apportion.evaluators.measurement import Measurement, Scores, Trial
from apportion.search.study import LOG_NAME, Study, open_study, to_json
from apportion.spaces.allocation import Allocation
from benchmarks.sharebench.build import STUDY
from benchmarks.sharebench.patterns import FRACTIONS, STAGES
from benchmarks.sharebench.spread import spread_of

TITLE = "every common pattern of four stages, and on-budget ones per domain, of a narrow ResNet-8 on five small domains"
TERMS = (
    "The numbers are free to use. The images they come from are the pocket pentathlon's; its README in the package"
    " names each source and its terms."
)

Runs = dict[str, dict[int, Measurement]]


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, default=Path("runs/sharebench"))
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    study = open_study(arguments.run)
    allocations, runs = collected(study.trials)
    seeds = tuple(sorted({seed for own in runs.values() for seed in own}))
    whole = {name: own for name, own in runs.items() if set(own) == set(seeds)}
    arguments.out.mkdir(parents=True, exist_ok=True)
    (arguments.out / "patterns.csv").write_text(_patterns(study, {name: allocations[name] for name in whole}))
    (arguments.out / "rows.csv.gz").write_bytes(gzip.compress(_rows(whole, seeds).encode(), 9, mtime=0))
    card = _card(study, whole, seeds, _seconds(arguments.run, study))
    (arguments.out / "card.json").write_text(json.dumps(card, indent=1) + "\n")
    size = sum(path.stat().st_size for path in arguments.out.iterdir())
    print(
        f"{len(whole)} patterns at seeds {seeds}, {len(runs) - len(whole)} left out, {size:,} bytes; {card['spread']}"
    )


def collected(trials: Iterable[Trial]) -> tuple[dict[str, Allocation], Runs]:
    """Allocations and measurements by name and seed."""
    allocations: dict[str, Allocation] = {}
    runs: Runs = {}
    for trial in trials:
        name = trial.proposal.controller.removeprefix("listed:")
        allocations[name] = trial.proposal.allocation
        if isinstance(trial.outcome, Measurement):
            runs.setdefault(name, {})[trial.proposal.seed] = trial.outcome
    return allocations, runs


def _patterns(study: Study, allocations: dict[str, Allocation]) -> str:
    """name, levels [site][domain], owned (summed over domains) and live weights."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["pattern", "owned_parameters", "live_parameters", "levels"])
    for name, allocation in allocations.items():
        cost = study.header.space.cost(allocation)
        writer.writerow([name, cost.owned, cost.live, json.dumps(allocation.levels, separators=(",", ":"))])
    return file.getvalue()


def _rows(runs: Runs, seeds: tuple[int, ...]) -> str:
    """A row per pattern, seed and epoch; `seconds` of the whole run."""
    owners = next(iter(next(iter(runs.values())).values())).splits["val"]
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    columns = [
        f"{owner}.{split}.{what}" for split in ("val", "test") for owner in owners for what in ("loss", "accuracy")
    ]
    writer.writerow(["pattern", "seed", "epoch", "seconds", *columns])
    for name, own in runs.items():
        for seed in seeds:
            found = own[seed]
            for epoch, (val, test) in enumerate(zip(found.curve, found.test_curve, strict=True), 1):
                writer.writerow([name, seed, epoch, f"{found.seconds:.2f}", *_numbers(val), *_numbers(test)])
    return file.getvalue()


def _numbers(scores: Scores) -> list[str]:
    return [text for s in scores.values() for text in (f"{s.cross_entropy:.9g}", f"{s.accuracy:.9g}")]


def _seconds(run: Path, study: Study) -> dict[str, float]:
    """Seconds of all trainings and of the warm-ups that their seeds share."""
    return {
        "trainings": round(sum(trial.cost_seconds for trial in study.trials)),
        "warm_ups": round(sum(artifact.seconds for artifact in study.artifacts.values())),
        "log_bytes": (run / LOG_NAME).stat().st_size,
    }


def _card(study: Study, runs: Runs, seeds: tuple[int, ...], seconds: dict[str, float]) -> dict[str, Any]:
    header = study.header
    return {
        "name": "sharebench",
        "title": TITLE,
        "shape": to_json(header.shape),
        "domains": [to_json(domain) for domain in header.domains],
        "epochs": header.config["evaluator"]["epochs"],
        "seeds": seeds,
        "patterns": len(runs),
        "grid": {
            "granularity": "per_stage",
            "stages": list(STAGES),
            "fractions": [round(fraction, 4) for fraction in FRACTIONS.values()],
        },
        "study": {key: value for key, value in STUDY.items() if key not in ("name", "budgets")},
        "made": {
            "date": time.strftime("%Y-%m-%d"),
            "commit": header.commit,
            "versions": header.versions,
            "machine": header.machine,
            "device": header.device,
            "threads": header.threads,
            "form": header.form,
            "seconds": seconds,
        },
        "spread": spread_of(header.objective, runs, seeds),
        "terms": TERMS,
    }


if __name__ == "__main__":
    main()
