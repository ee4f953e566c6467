"""`apportion compare`: several runs of one search side by side, from their logs alone."""

import json
import re
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from rich.console import Console

from apportion.cli.border import config_differences
from apportion.errors import InputError
from apportion.registry import suggestion
from apportion.reports.compare import Comparison, comparison_data, comparison_of, comparison_table, write_comparison
from apportion.reports.compare.notes import not_shown, reading, state
from apportion.reports.kinds import kind_of
from apportion.search.options import ControllerChoice
from apportion.search.study import Study, open_study

# What alike runs may differ in: their seeds, and how the work was spread over a machine.
FREE = re.compile(r"search\.(seed|trials|controllers.*)|retrain\.(first_seed|seeds)|workers|threads|device")
FOLDER = "comparison"


def compare(runs: Sequence[Path], against: str | None, out: Path | None, quiet: bool, as_json: bool) -> None:
    """Read the logs without locks: runs that are still going are shown as far as they are."""
    _each_once(runs)
    studies, names = [open_study(run) for run in runs], _names(runs)
    _alike(studies, names)
    _known(studies, names, against)
    comparison = comparison_of(studies, names, against)
    page = write_comparison(comparison, out or _folder(runs[0]).parent / FOLDER)
    if as_json:
        print(json.dumps({**comparison_data(comparison), "page": str(page)}, indent=1))
        return
    if not quiet:
        _show(comparison)
    print(f"{len(runs)} run{'s' if len(runs) > 1 else ''} compared. Page: {page}")


def _show(comparison: Comparison) -> None:
    console = Console()
    console.print(comparison_table(comparison))
    for said in (*state(comparison), *reading(comparison), *not_shown(comparison)):
        console.print(said, markup=False, highlight=False)


def _folder(run: Path) -> Path:
    """The run's folder, which a person may name by its log too."""
    whole = run.resolve()
    return whole if whole.is_dir() else whole.parent


def _each_once(runs: Sequence[Path]) -> None:
    for one, other in combinations(runs, 2):
        if _folder(one) == _folder(other):
            raise InputError("compare", f"{other} twice", "a run counts once", "name each run once")


def _names(runs: Sequence[Path]) -> list[str]:
    """The folders' names; whole paths where two of them are equal."""
    names = [_folder(run).name for run in runs]
    return names if len(set(names)) == len(names) else [str(run) for run in runs]


def _alike(studies: Sequence[Study], names: Sequence[str]) -> None:
    """Refuse runs that answer different questions, and the same search counted twice."""
    first = studies[0]
    for study, name in zip(studies[1:], names[1:], strict=True):
        apart = [
            f"{key} ({_short(old)} and {_short(new)})"
            for key, old, new in config_differences(first.config, study.config)
            if not FREE.fullmatch(key)
        ]
        apart += _other_data(first, study) + _other_choices(first, study)
        if apart:
            more = f" and {len(apart) - 4} more" if len(apart) > 4 else ""
            raise InputError(
                f"compare {names[0]} and {name}",
                f"they differ in {', '.join(apart[:4])}{more}",
                "runs are compared that are alike in data, backbone, space, budgets, evaluator and controllers",
                "compare runs whose configs differ in search.seed",
            )
    for (one, left), (other, right) in combinations(zip(names, studies, strict=True), 2):
        if _seed(left) == _seed(right) and (both := _searched(left) & _searched(right)):
            raise InputError(
                f"compare {one} and {other}",
                f"both searched {sorted(both)[0]} with search.seed {_seed(left)}",
                "the same search would count twice",
                "give every run a search.seed of its own",
            )


def _other_data(one: Study, other: Study) -> list[str]:
    """What the logs' headers say about images and backbone, which configs alone need not show."""
    left, right = one.header, other.header
    apart = ["the images of " + a.name for a, b in zip(left.domains, right.domains, strict=False) if a != b]
    if len(left.domains) != len(right.domains):
        apart.append("the number of domains")
    return apart + [what for what in ("shape", "space") if getattr(left, what) != getattr(right, what)]


def _other_choices(one: Study, other: Study) -> list[str]:
    """Controllers that both runs have, but with other options or, where they search, another number of trials."""
    left, right = _choices(one), _choices(other)
    both = [name for name in left if name in right and left[name] != right[name]]
    return [f"{name} ({_short(left[name])} and {_short(right[name])})" for name in both]


def _short(value: Any) -> str:
    """A value of a config, cut where it is long."""
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _choices(study: Study) -> dict[str, dict[str, Any]]:
    """What the config says of each controller, by its label."""
    search = study.config.get("search", {})
    found: dict[str, dict[str, Any]] = {}
    for given in search.get("controllers", ()):
        choice = {"options": given.get("options") or {}}
        if kind_of(given["name"]) == "searched":
            choice["trials"] = given.get("trials") or search.get("trials")
        found[_label(given)] = choice
    return found


def _label(given: dict[str, Any]) -> str:
    """The controller's label; its name where this version cannot read the choice."""
    try:
        return ControllerChoice.model_validate(given).label
    except (ValidationError, InputError):
        return str(given["name"])


def _seed(study: Study) -> Any:
    return study.config.get("search", {}).get("seed")


def _asked(study: Study) -> set[str]:
    proposals = [*(trial.proposal for trial in study.trials), *study.pending]
    return {proposal.controller for proposal in proposals}


def _searched(study: Study) -> set[str]:
    return {name for name in _asked(study) if kind_of(name) == "searched"}


def _known(studies: Sequence[Study], names: Sequence[str], against: str | None) -> None:
    for study, name in zip(studies, names, strict=True) if against is not None else ():
        if against not in _asked(study):
            raise InputError(
                "--against",
                repr(against),
                f"run {name} holds no trial of such a controller",
                suggestion(str(against), _asked(study)),
            )
