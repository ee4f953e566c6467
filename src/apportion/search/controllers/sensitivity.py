"""`sensitivity`: the allocation of greatest worth, by what a scorer says that owning a filter is worth.

One pass of the scorer serves all budgets of a study.
"""

from functools import partial
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from apportion.errors import InputError
from apportion.evaluators.scorers import scorers
from apportion.registry import suggestion
from apportion.search.controllers.learned import Recipe, learned_entry
from apportion.search.controllers.protocol import Context
from apportion.search.greatest import greatest


class SensitivityOptions(BaseModel):
    """`scorer`: one of `apportion list scorers` that scores filters, with its own `options`.

    `reorder`: filters are taken in the scorer's order, the most useful first; else in the space's.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    scorer: str = "task_vector"
    options: dict[str, Any] = Field(default_factory=dict)
    reorder: bool = True

    @model_validator(mode="after")
    def _known(self) -> "SensitivityOptions":
        self.of_scorer()
        return self

    def of_scorer(self) -> BaseModel:
        """The scorer's options as its own model; an InputError names what is wrong."""
        known = [entry.name for entry in scorers if entry.of == "filters"]
        if self.scorer not in known:
            law = "no scorer of filters has this name"
            raise InputError("options.scorer", repr(self.scorer), law, suggestion(self.scorer, known))
        model = scorers.get(self.scorer).options
        try:
            return model.model_validate(self.options)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            place, key = ".".join(map(str, ("options", "options", *first["loc"]))), str(first["loc"][-1])
            if first["type"] != "extra_forbidden":
                raise InputError(place, repr(first["input"]), first["msg"][:1].lower() + first["msg"][1:]) from None
            law = f"scorer {self.scorer} has no such option"
            raise InputError(place, repr(first["input"]), law, suggestion(key, list(model.model_fields))) from None


def recipe(scorer: str, options: BaseModel, reorder: bool = True) -> Recipe:
    """What `sensitivity` asks for."""
    return Recipe(scorer, scorer, options, partial(greatest, reorder=reorder))


def _recipes(context: Context, options: BaseModel) -> list[Recipe]:
    assert isinstance(options, SensitivityOptions)
    return [recipe(options.scorer, options.of_scorer(), options.reorder)]


sensitivity = learned_entry(
    "sensitivity",
    "the allocation of greatest worth by a scorer of filters; one objective; one pass of it for all budgets",
    _recipes,
    SensitivityOptions,
)
