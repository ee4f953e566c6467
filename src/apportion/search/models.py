"""Trained models of a run: per scheme the one seed that did best on val is kept."""

import json
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from apportion.evaluators.measurement import Measurement, Trial
from apportion.evaluators.objective import Objective
from apportion.evaluators.proposal import Proposal

FOLDER = "models"


def scheme_of(proposal: Proposal) -> str:
    """`tpe/live-0.2`; an anchor has no budget in its name."""
    return proposal.controller if proposal.budget is None else f"{proposal.controller}/{proposal.budget.name}"


def model_folder(run: Path, proposal: Proposal) -> Path:
    """Where the network of this trial is saved."""
    scheme = scheme_of(proposal)
    names = scheme, proposal.id.removeprefix(f"{scheme}/")
    return run.joinpath(FOLDER, *(name.replace("/", "_").replace(":", "_") for name in names))


def disk_bytes(model: int, schemes: int, seeds: int, trials: int) -> int:
    """What a run may come to need: a model of at most `model` bytes a scheme, a warm-up a seed, log and report."""
    return (schemes + seeds + 1) * model + 8_192 * trials + 16 * 2**20


@dataclass(frozen=True)
class Kept:
    """The trial whose network is kept for a scheme, and where. `sha256` of its weights."""

    scheme: str
    trial: str
    folder: str
    sha256: str


def best_of_schemes(trials: Iterable[Trial], objective: Objective) -> dict[str, Trial]:
    """Per scheme the retrained trial with the least val objective, among those of the pattern retrained last."""
    latest: dict[str, str | None] = {}
    held: dict[str, list[Trial]] = {}
    for trial in trials:
        proposal = trial.proposal
        if not proposal.final or not isinstance(trial.outcome, Measurement):
            continue
        scheme = scheme_of(proposal)
        if latest.setdefault(scheme, proposal.parent) != proposal.parent:
            # An amended study found a better pattern: the old one is not the scheme's any more.
            latest[scheme], held[scheme] = proposal.parent, []
        held.setdefault(scheme, []).append(trial)
    return {scheme: min(group, key=lambda trial: _value(trial, objective)) for scheme, group in held.items()}


def _value(trial: Trial, objective: Objective) -> float:
    assert isinstance(trial.outcome, Measurement)
    return objective(trial.outcome.splits["val"])


def keep_best(run: Path, trials: Iterable[Trial], objective: Objective) -> list[Kept]:
    """Delete the networks of all told trials but the best of each scheme; what is kept, by scheme."""
    trials = list(trials)
    by_id = {trial.proposal.id: trial for trial in trials}
    kept: list[Kept] = []
    wanted: set[Path] = set()
    for scheme, trial in best_of_schemes(trials, objective).items():
        # A repeat was not trained: its network is that of the trial it repeats.
        source = by_id[trial.duplicate_of] if trial.duplicate_of is not None else trial
        folder = model_folder(run, source.proposal)
        manifest = folder / "manifest.json"
        if manifest.exists():
            wanted.add(folder)
            digest = json.loads(manifest.read_text())["sha256"]
            kept.append(Kept(scheme, trial.proposal.id, str(folder.relative_to(run)), digest))
    for trial in trials:
        folder = model_folder(run, trial.proposal)
        if folder not in wanted and folder.exists():
            shutil.rmtree(folder)
    return kept
