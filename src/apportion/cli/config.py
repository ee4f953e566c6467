"""The config of a study: what each room lets a person choose, put together."""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from apportion.cli.border import read_config
from apportion.errors import InputError
from apportion.evaluators.data import AnyDataOptions, PentathlonOptions, augmentations
from apportion.evaluators.registry import EvaluatorOptions, own_domains
from apportion.evaluators.task import Task
from apportion.registry import suggestion
from apportion.search.options import ObjectiveOptions, PrimaryOptions, RetrainOptions, SearchOptions
from apportion.spaces.budget import Budget
from apportion.spaces.options import BackboneOptions, BudgetOptions, SpaceOptions

# Where a study is kept and how long it runs may change while it stays the same study.
ELSEWHERE = frozenset({"name", "runs"})
AMENDABLE = re.compile(r"search\.trials|search\.controllers\.\d+\.trials|retrain\.seeds")


class Config(BaseModel):
    """`name`: the run's folder below `runs`, by default the file's name. `threads`: of each worker."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    name: str = Field(default="", pattern=r"^[A-Za-z0-9._ -]*$", max_length=80)
    runs: Path = Path("runs")
    backbone: BackboneOptions = BackboneOptions()
    space: SpaceOptions = SpaceOptions()
    budgets: tuple[BudgetOptions, ...] = Field(min_length=1)
    data: AnyDataOptions = PentathlonOptions()
    evaluator: EvaluatorOptions
    objective: ObjectiveOptions = ObjectiveOptions()
    search: SearchOptions
    retrain: RetrainOptions = RetrainOptions()
    primary: PrimaryOptions | None = None
    device: str = Field(default="auto", pattern=r"^(auto|cpu|cuda(:\d+)?)$")
    workers: int = Field(default=1, ge=1, le=256)
    threads: int = Field(default=1, ge=1, le=256)

    @model_validator(mode="after")
    def _name_is_a_folder(self) -> "Config":
        if self.name in (".", "..") or self.name != self.name.strip():
            raise InputError("name", repr(self.name), "it names the run's folder", "use letters, digits, . _ -")
        return self

    @model_validator(mode="after")
    def _parts_fit(self) -> "Config":
        """Everything that can be known without a backbone: domains, budgets' ranges, rungs."""
        owners = self.owners()
        for index, options in enumerate(self.budgets):
            budget = options.budget()
            least, greatest = budget.range_in_unit(len(owners))
            if not least <= budget.amount <= greatest:
                raise InputError(
                    f"budgets.{index}.{budget.unit}",
                    f"{budget.amount:g}",
                    f"with {len(owners)} domains the reachable range of {budget.measure} is {least:g} to {greatest:g}",
                    "choose a value inside it",
                )
        names = [options.budget().name for options in self.budgets]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise InputError("budgets", f"{twice} twice", "each budget is searched once", "remove one")
        if self.search.rung is not None and self.search.rung > self.evaluator.epochs:
            raise InputError(
                "search.rung",
                str(self.search.rung),
                f"the full schedule has {self.evaluator.epochs} epochs",
                "lower it or raise evaluator.epochs",
            )
        for name in self.objective.weights:
            if name not in owners:
                raise InputError("objective.weights", repr(name), "no domain has this name", suggestion(name, owners))
        return self

    @model_validator(mode="after")
    def _primary_is_measured(self) -> "Config":
        if self.primary is None:
            return self
        choices, budgets = self.search.controllers, [options.budget().name for options in self.budgets]
        known = [choice.label for choice in choices if not choice.entry.bound]
        known += [f"{choice.label}/{name}" for choice in choices if choice.entry.bound for name in budgets]
        for key, scheme in self.primary.model_dump().items():
            if scheme not in known:
                law = "the study has no such scheme: a controller's name, a slash and a budget"
                raise InputError(f"primary.{key}", repr(scheme), law, suggestion(scheme, known))
        if self.primary.scheme == self.primary.against:
            what = repr(self.primary.scheme)
            raise InputError("primary.against", what, "a scheme is compared with another one", "name two")
        return self

    def owners(self) -> tuple[str, ...]:
        """The domains, without opening a file."""
        return own_domains(self.evaluator) or tuple(augmentations(self.data))

    @property
    def run(self) -> Path:
        return self.runs / self.name

    def task(self, device: str, threads: int, allow_plugins: bool = False) -> Task:
        """What evaluators are built from; artifacts go into the run's folder."""
        task = Task(self.backbone, self.space, self.data, self.evaluator, device, threads, self.run)
        return replace(task, allow_plugins=allow_plugins)

    def all_budgets(self) -> tuple[Budget, ...]:
        return tuple(options.budget() for options in self.budgets)

    def recorded(self) -> dict[str, Any]:
        """The config as the log keeps it."""
        recorded = {key: value for key, value in self.model_dump(mode="json").items() if key not in ELSEWHERE}
        if self.primary is None:
            del recorded["primary"]  # logs from before there was such a key have none
        return recorded


def config_from(path: Path, overrides: list[str], device: str | None = None, patterns: Sequence[Path] = ()) -> Config:
    """Read, check and name a config. `device` beats the file's own; `patterns` join its controllers."""
    config = read_config(path, overrides, Config)
    changes: dict[str, Any] = {} if config.name else {"name": re.sub(r"[^A-Za-z0-9._ -]", "-", path.stem)}
    if device is not None:
        changes["device"] = device
    if patterns:
        changes["search"] = config.search.joined_by(patterns)
    return config.model_copy(update=changes)


def compared(run: Path, logged: dict[str, Any], now: Config, amend: bool) -> list[tuple[str, Any, Any]]:
    """What an existing run's config must be amended by, [] where nothing differs; an InputError where it may not be."""
    from apportion.cli.border import config_differences

    changes = config_differences(logged, now.recorded())
    shown = ", ".join(f"{key} ({old!r} -> {new!r})" for key, old, new in changes[:6])
    shown += f" and {len(changes) - 6} more" if len(changes) > 6 else ""
    longer = all(AMENDABLE.fullmatch(key) and _grows(old, new) for key, old, new in changes)
    if changes and not longer:
        raise InputError(
            f"run {run}",
            f"the config differs from the run's in {shown}",
            "a run keeps its config; only more trials or seeds may be added to it",
            "undo the change, or give the new study another `name`",
        )
    if changes and not amend:
        raise InputError(
            f"run {run}",
            f"the config asks for more: {shown}",
            "a longer study is an amendment of its log",
            "say so with --amend",
        )
    return changes


def _grows(old: Any, new: Any) -> bool:
    return isinstance(old, int) and isinstance(new, int) and new > old
