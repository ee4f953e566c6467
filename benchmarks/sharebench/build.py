"""Train every pattern of ShareBench at every seed, as an ordinary study: resumable, with its progress shown.

    python -m benchmarks.sharebench.build --seeds 3 --workers 2

It writes the patterns and `config.yaml` into --run and starts `apportion search` on them; started again, it goes on.
`python -m benchmarks.sharebench.pack` makes the table of the finished study.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from apportion.cli.config import Config
from apportion.evaluators.registry import shape_and_space
from apportion.spaces.allocation import Allocation
from apportion.spaces.space import SharingSpace
from benchmarks.sharebench.patterns import all_patterns

# The training is that of configs/pentathlon.yaml, so that the table speaks about the study that the README shows.
STUDY: dict[str, Any] = {
    "name": "sharebench",
    "backbone": {"name": "resnet8", "options": {"width": 8, "stem_stride": 2}},
    "space": {"granularity": "per_site_and_domain"},
    "budgets": [{"measure": "live", "share": 0.2}],  # binds none of the patterns: each is listed with its own cost
    "data": {"name": "pentathlon", "image_size": 28},
    "evaluator": {
        "name": "train",
        "epochs": 8,
        "batch": 32,
        "form": "compose",
        "optimizer": {"name": "adamw", "lr": 2.0e-3, "weight_decay": 5.0e-4},
        "schedule": {"name": "cosine"},
        "warm_up": {"shared_epochs": 10},
    },
}


def levels_json(space: SharingSpace, allocation: Allocation) -> str:
    """The file that a `listed` controller reads."""
    names = (site.name for site in space.sites)
    return json.dumps({"levels": dict(zip(names, map(list, allocation.levels), strict=True))}) + "\n"


def written(folder: Path, seeds: int, workers: int) -> Path:
    """The study's config, its patterns beside it."""
    study = {**STUDY, "runs": str(folder.parent), "name": folder.name, "workers": workers, "device": "cpu"}
    study |= {"search": {"controllers": ["shared"]}, "retrain": {"seeds": seeds, "table": True}}
    _, space = shape_and_space(Config.model_validate_json(json.dumps(study)).task("cpu", 1))
    patterns = folder / "patterns"
    patterns.mkdir(parents=True, exist_ok=True)
    choices = []
    for name, allocation in all_patterns(space).items():
        path = patterns / f"{name}.json"
        path.write_text(levels_json(space, allocation))
        choices.append({"name": "listed", "options": {"file": str(path)}})
    study["search"] = {"controllers": choices}
    config = folder / "config.yaml"
    config.write_text(yaml.safe_dump(study, sort_keys=False))
    return config


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, default=Path("runs/sharebench"))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    config = written(arguments.run, arguments.seeds, arguments.workers)
    sys.exit(subprocess.call(["apportion", "search", str(config), "--amend"]))


if __name__ == "__main__":
    main()
