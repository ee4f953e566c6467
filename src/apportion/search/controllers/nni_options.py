"""What a config may say to NNI's controllers, checked without loading NNI."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, Strict, ValidationError, model_validator

from apportion.errors import InputError
from apportion.registry import suggestion
from apportion.search.controllers.nni_space import By
from apportion.search.controllers.nni_tuners import KNOWN, REFUSED, EvolutionArguments, TpeArgs, installed
from apportion.search.controllers.warm_start import WarmStart


def _only_one(objectives: tuple[str, ...]) -> tuple[str, ...]:
    if objectives != ("loss",):
        asked = f"[{', '.join(objectives)}]"
        raise InputError("options.objectives", asked, "NNI's tuners take one objective, the loss", "use nsga2 for two")
    return objectives


OneObjective = Annotated[tuple[Literal["loss", "parameters"], ...], Strict(False), AfterValidator(_only_one)]


class NniOptions(BaseModel):
    """`by`: what a tuner moves, parts of the budget (`spend`), `fractions` of the filters, or `categorical` positions.

    `categorical` is for coarse grids: at most 64 positions a variable.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    controller: ClassVar[str]
    by: By = "spend"
    objectives: OneObjective = ("loss",)
    warm_start: WarmStart = ()

    @model_validator(mode="after")
    def _there(self) -> "NniOptions":
        if not installed():
            law = "it needs NNI, which is not installed"
            raise InputError("name", repr(self.controller), law, 'pip install "apportion[nni]"')
        return self


class NniTpeOptions(NniOptions):
    """`startup_trials` random ones first; then the best of `candidates` drawn near the best `gamma` sqrt(trials)."""

    controller = "nni_tpe"
    startup_trials: int = Field(TpeArgs().n_startup_jobs, ge=2)
    candidates: int = Field(24, ge=1)
    gamma: float = Field(0.25, gt=0, le=0.7, allow_inf_nan=False)


class NniEvolutionOptions(NniOptions):
    """`population`: that many random patterns first, then one variable drawn anew in the better of two.

    It waits for results while as many trials are under way.
    """

    controller = "nni_evolution"
    population: int = Field(EvolutionArguments().population_size, ge=2, le=99999)


class NniRandomOptions(NniOptions):
    """Independent draws, uniform in each variable."""

    controller = "nni_random"


class NniAnyOptions(NniOptions):
    """`tuner`: one that NNI registers, by its name there; `arguments` are that tuner's own, by NNI's names."""

    controller = "nni"
    tuner: str = "TPE"
    arguments: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _fits(self) -> "NniAnyOptions":
        if self.tuner in REFUSED:
            known = "works here: " + ", ".join(KNOWN)
            raise InputError("options.tuner", repr(self.tuner), REFUSED[self.tuner], known)
        if self.tuner not in KNOWN:
            raise InputError("options.tuner", repr(self.tuner), "no tuner has this name", suggestion(self.tuner, KNOWN))
        self.all_arguments()
        return self

    def all_arguments(self) -> dict[str, Any]:
        """The tuner's arguments with its defaults; an InputError names the first that is wrong."""
        model = KNOWN[self.tuner].arguments
        try:
            return model.model_validate(self.arguments).model_dump()
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            place = ".".join(map(str, ("options.arguments", *first["loc"])))
            law = first["msg"][:1].lower() + first["msg"][1:]
            raise InputError(place, repr(first["input"]), law, f"{self.tuner} has: {_told(model)}") from None


def _told(model: type[BaseModel]) -> str:
    return ", ".join(model.model_fields) or "no arguments"
