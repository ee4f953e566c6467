"""`apportion plan`: what a study would cost, before anything is paid."""

import json
import shutil
from dataclasses import asdict, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from apportion.cli.config import Config
from apportion.cli.contention import hint
from apportion.cli.machine import device_for
from apportion.cli.reading import reading_bar
from apportion.evaluators.registry import open_task, own_domains, shape_and_space
from apportion.evaluators.scorers import scorers
from apportion.evaluators.task import Bench, Task
from apportion.evaluators.training.options import TrainOptions
from apportion.search.campaign import Campaign, Track
from apportion.search.models import disk_bytes
from apportion.spaces.allocation import Allocation
from apportion.spaces.budget import Budget
from apportion.spaces.ledger import ledger_of
from apportion.spaces.space import SharingSpace


def plan(config: Config, as_json: bool, allow_plugins: bool) -> None:
    """Sites, dimension, reachable budgets, trials, seconds, bytes."""
    told = planned(config, allow_plugins)
    if as_json:
        print(json.dumps(told, indent=1))
        return
    console = Console()
    console.print(_sites(told))
    console.print(_facts(told))


def planned(config: Config, allow_plugins: bool = False) -> dict[str, Any]:
    """The plan as plain data. Seconds come from timing a few steps on this machine; nothing is written."""
    on = "cpu" if own_domains(config.evaluator) else device_for(config.device)
    task = replace(config.task(on, config.threads, allow_plugins), folder=None)
    _, space = shape_and_space(task)
    budgets = config.all_budgets()
    for budget in budgets:
        space.check_budget(budget)
    bench = _opened(task, config)
    objective, rungs = config.objective.objective(), config.evaluator.epochs
    tracks = Campaign(space, budgets, objective, config.search, config.retrain, rungs, bench.lab).tracks
    epochs = sum(track.trials * track.context.rung + config.retrain.seeds * rungs for track in tracks)
    learning = _learning(tracks, rungs)
    warm_ups = _warm_up_epochs(config) + sum(learning.values())
    pace = bench.evaluator.seconds_per_epoch(space.decode([1.0] * space.dimension, budgets[0]))
    trials, whole = sum(track.trials + config.retrain.seeds for track in tracks), _bytes(bench, space.independent())
    return {
        "backbone": bench.shape.name,
        "sites": [
            {"name": s.name, "kind": s.kind, "stage": s.stage, "filters": s.filters, "parameters": s.parameters}
            for s in space.sites
        ],
        "domains": {card.name: asdict(card) for card in bench.domains},
        "granularity": space.granularity,
        "dimension": space.dimension,
        "backbone_parameters": space.backbone_parameters,
        "macs": bench.shape.macs,
        "budgets": [_budget(space, budget) for budget in budgets],
        "trials": trials,
        "epochs": epochs + warm_ups,
        "learning_epochs": learning,
        "worth_searching": _worth_searching(config, bench),
        "seconds_per_epoch": pace,
        "seconds": pace * (epochs + warm_ups) / config.workers,
        "workers": config.workers,
        "device": on,
        "images": {**asdict(bench.images), "line": bench.images.line} if bench.images is not None else None,
        "model_bytes": {"shared": _bytes(bench, space.shared()), "independent": whole},
        "disk_bytes": disk_bytes(whole, len(tracks) + config.workers, config.retrain.seeds, trials),
    }


def _opened(task: Task, config: Config) -> Bench:
    """Images that would be streamed are read with a bar; what a run has found in them already is not looked for again.

    In a folder of its own: the plan leaves nothing behind.
    """
    if not isinstance(config.evaluator, TrainOptions):
        return open_task(task)
    from apportion.evaluators.data.opening import read_ahead
    from apportion.evaluators.memo import Memo

    with TemporaryDirectory() as name:
        artifacts = Path(name) / "artifacts"
        artifacts.mkdir()
        for found in (config.run / "artifacts").glob("images-*"):
            shutil.copy(found, artifacts)
        with reading_bar() as report:
            read_ahead(task.data, task.device, Memo(artifacts), report)
        return open_task(replace(task, folder=Path(name)))


def _worth_searching(config: Config, bench: Bench) -> str | None:
    """What learned patterns gained where it was measured, in the case nearest to this study; None without training."""
    if not isinstance(config.evaluator, TrainOptions) or len(bench.domains) < 2:
        return None
    warm = config.evaluator.warm_up.shared_epochs or config.backbone.weights
    images = sum(card.train for card in bench.domains)
    return hint(bench.space.backbone_parameters, images, "warm" if warm else "scratch")


def _learning(tracks: list[Track], full: int) -> dict[str, int]:
    """Epochs of every scorer of filters that controllers have run, each with the same options once."""
    used: dict[tuple[str, str], int] = {}
    for track in tracks:
        uses = track.choice.entry.uses
        if uses is not None:
            for scorer, options in uses(track.context, track.choice.own_options()):
                used[scorer, options.model_dump_json()] = scorers.get(scorer).epochs(options, full)
    found: dict[str, int] = {}
    for (scorer, _), epochs in used.items():
        found[scorer] = found.get(scorer, 0) + epochs
    return found


def _warm_up_epochs(config: Config) -> int:
    """Each seed pays its warm-up once: the search's and the retrains'."""
    if not isinstance(config.evaluator, TrainOptions):
        return 0
    warm_up = config.evaluator.warm_up
    return (warm_up.shared_epochs + warm_up.head_epochs) * (1 + config.retrain.seeds)


def _budget(space: SharingSpace, budget: Budget) -> dict[str, Any]:
    least, greatest = space.reachable(budget)
    return {"name": budget.name, "limit": space.limit(budget), "least": least, "greatest": greatest}


def _bytes(bench: Bench, allocation: Allocation) -> int:
    classes = {card.name: card.classes for card in bench.domains}
    return ledger_of(bench.shape, bench.space, allocation, classes).stored_bytes


def _sites(told: dict[str, Any]) -> Table:
    table = Table(title=f"{told['backbone']}: {len(told['sites'])} sites", title_justify="left", header_style="bold")
    for name in ("site", "kind", "stage", "filters", "parameters"):
        table.add_column(name, justify="left" if name in ("site", "kind") else "right")
    for site in told["sites"]:
        table.add_row(
            Text(site["name"]), site["kind"], str(site["stage"]), f"{site['filters']:,}", f"{site['parameters']:,}"
        )
    return table


def _facts(told: dict[str, Any]) -> Table:
    table = Table(show_header=False, box=None, pad_edge=False)
    backbone = told["backbone_parameters"]
    images = ", ".join(f"{name} {card['train']:,} / {card['classes']}" for name, card in told["domains"].items())
    facts = {
        "domains": f"{images} (training images / classes)",
        "search space": f"{told['granularity']}, {told['dimension']} variables, {backbone:,} weights at the sites",
        "compute": f"{told['macs'] / 1e6:,.2f} million MACs an image, the same for every pattern",
    }
    for budget in told["budgets"]:
        least, greatest = budget["least"] / backbone, budget["greatest"] / backbone
        reach = f"the space reaches {least:.2f} to {greatest:.2f} backbones"
        facts[f"budget {budget['name']}"] = f"{budget['limit']:,} weights ({budget['limit'] / backbone:.2f}); {reach}"
    if told["images"] is not None:
        facts["images"] = told["images"]["line"]
    if told["worth_searching"] is not None:
        facts["worth it?"] = told["worth_searching"]
    model, seconds = told["model_bytes"], told["seconds"]
    pace = f"{told['seconds_per_epoch']:.2f} s an epoch, {told['workers']} at once on {told['device']}"
    facts["work"] = f"{told['trials']} trials, {told['epochs']:,} epochs at {pace}"
    if told["learning_epochs"]:
        each = ", ".join(f"{scorer} {epochs}" for scorer, epochs in told["learning_epochs"].items())
        facts["learning"] = f"among these the epochs of scorers: {each}"
    facts["time"] = f"about {seconds / 60:.0f} min" if seconds >= 90 else f"about {seconds:.0f} s"
    facts["a model"] = f"{model['shared'] / 1e6:.2f} MB all shared, {model['independent'] / 1e6:.2f} MB independent"
    facts["disk"] = f"up to {told['disk_bytes'] / 1e6:.0f} MB"
    for name, text in facts.items():
        table.add_row(Text(name, style="bold"), Text(text))
    return table
