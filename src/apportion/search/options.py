"""What a config may say about objective, search and retraining. Loads neither torch nor Optuna."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    ValidationError,
    model_serializer,
    model_validator,
)

from apportion.errors import InputError
from apportion.evaluators.objective import Objective
from apportion.registry import suggestion
from apportion.search.controllers import ControllerEntry, controllers

STRICT = ConfigDict(extra="forbid", frozen=True, strict=True)


class ObjectiveOptions(BaseModel):
    """What is minimised: see `evaluators.objective`."""

    model_config = STRICT
    metric: Literal["cross_entropy", "accuracy"] = "cross_entropy"
    normalise: bool = True
    aggregate: Literal["mean", "worst", "weights"] = "mean"
    weights: dict[str, float] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _weights_are_used(self) -> "ObjectiveOptions":
        if bool(self.weights) != (self.aggregate == "weights"):
            raise ValueError("weights and aggregate: weights belong together; give both or neither")
        if any(not 0 <= weight < float("inf") for weight in self.weights.values()):
            raise ValueError("a weight is a finite number >= 0")
        if self.weights and not any(self.weights.values()):
            raise ValueError("weights leave nothing: at least one weight is above 0")
        return self

    def objective(self) -> Objective:
        return Objective(self.metric, self.normalise, self.aggregate, self.weights)


class ControllerChoice(BaseModel):
    """One controller of a study. `trials` overrides `search.trials` per budget; `options` are the controller's own.

    `label` tells several of one name apart: `tpe` with the label `front` is called `tpe:front`.
    """

    model_config = STRICT
    name: str
    suffix: str | None = Field(None, alias="label", pattern=r"^[A-Za-z0-9._-]+$", max_length=40)
    trials: int | None = Field(None, ge=1)
    options: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _a_name_will_do(cls, given: Any) -> Any:
        return {"name": given} if isinstance(given, str) else given

    @model_validator(mode="after")
    def _known(self) -> "ControllerChoice":
        self.own_options()
        return self

    @model_serializer(mode="wrap")
    def _as_written(self, plain: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Without a label there is no such key: logs from before there were labels have none."""
        given: dict[str, Any] = plain(self)
        for key in ("suffix", "label"):
            given.pop(key, None)
        return given if self.suffix is None else {**given, "label": self.suffix}

    @property
    def label(self) -> str:
        """What its trials are called: its name, and behind a colon its label, or else a listed pattern's file."""
        file = self.options.get("file")
        stem = Path(file).stem if self.name == "listed" and isinstance(file, str) else None
        suffix = self.suffix or stem
        return f"{self.name}:{suffix}" if suffix else self.name

    @property
    def over_front(self) -> bool:
        """True where it searches all budgets at once."""
        return self.entry.over_front(self.own_options())

    @property
    def entry(self) -> ControllerEntry:
        return controllers.get(self.name, "name")

    def own_options(self) -> BaseModel:
        """The options as the controller's own model; an InputError names the first that is wrong."""
        model = self.entry.options
        try:
            return model.model_validate(self.options)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            place = ".".join(map(str, ("options", *first["loc"])))
            if first["type"] != "extra_forbidden":
                raise InputError(place, repr(first["input"]), first["msg"][:1].lower() + first["msg"][1:]) from None
            key, known = str(first["loc"][-1]), list(model.model_fields)
            remedy = suggestion(key, known) if known else "remove it"
            raise InputError(place, repr(first["input"]), f"{self.name} has no such option", remedy) from None


class SearchOptions(BaseModel):
    """`rung`: epochs of a search trial, by default the full schedule. `seed` is common to all search trials."""

    model_config = STRICT
    controllers: tuple[ControllerChoice, ...] = Field(min_length=1)
    trials: int = Field(16, ge=1)
    rung: int | None = Field(None, ge=1)
    seed: int = Field(0, ge=0)

    @model_validator(mode="after")
    def _each_once(self) -> "SearchOptions":
        names = [choice.label for choice in self.controllers]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ValueError(f"controllers lists {twice!r} twice; give one of them a `label`")
        return self

    def joined_by(self, patterns: Sequence[Path]) -> "SearchOptions":
        """The same with a `listed` controller for each file; an InputError where two files have one name."""
        more = [{"name": "listed", "options": {"file": str(path)}} for path in patterns]
        dumped = self.model_dump()
        try:
            return SearchOptions.model_validate({**dumped, "controllers": (*dumped["controllers"], *more)})
        except ValidationError as error:
            message = str(error.errors(include_url=False)[0]["ctx"]["error"])
            raise InputError("--pattern", ", ".join(map(str, patterns)), message, "rename one of the files") from None

    def trials_of(self, choice: ControllerChoice) -> int:
        """The most search trials per budget: one for a hand-made scheme, none for a pattern that no budget binds.

        A search over the front has as many in all as one at each budget would have.
        """
        if not choice.entry.bound:
            return 0
        return choice.entry.asks(choice.own_options()) or choice.trials or self.trials


class PrimaryOptions(BaseModel):
    """The comparison that a study is made for, declared before it runs: two schemes, `taps/live-0.2` and another."""

    model_config = STRICT
    scheme: str
    against: str


class RetrainOptions(BaseModel):
    """The best pattern of each scheme is trained again, in full, with seeds first_seed, first_seed + 1, ...

    `table`: test is scored after every epoch and no network is kept, as a table of patterns needs it.
    """

    model_config = STRICT
    seeds: int = Field(3, ge=1)
    first_seed: int = Field(1, ge=0)
    table: bool = False

    def all_seeds(self) -> tuple[int, ...]:
        return tuple(range(self.first_seed, self.first_seed + self.seeds))
