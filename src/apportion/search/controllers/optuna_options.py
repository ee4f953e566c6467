"""What the options of Optuna's controllers have in common, checked without loading Optuna."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, Strict

from apportion.errors import InputError

By = Literal["spend", "fractions", "categorical"]
"""What a variable of the search is: its part of the budget, its fraction of filters, or its position as a word."""

BOTH = ("loss", "parameters")
TAKE_BOTH = "tpe, gp, nsga2, nsga3 and qmc"


def _are_objectives(asked: tuple[str, ...]) -> tuple[str, ...]:
    if asked not in (("loss",), BOTH):
        law = "a search minimises the loss at each budget, or loss and parameters over all of them"
        raise InputError("options.objectives", f"[{', '.join(asked)}]", law, "write [loss] or [loss, parameters]")
    return asked


def _is_loss(asked: tuple[str, ...]) -> tuple[str, ...]:
    if asked != ("loss",):
        law = "this controller minimises one objective, the loss"
        raise InputError(
            "options.objectives", f"[{', '.join(asked)}]", law, f"write [loss]; {TAKE_BOTH} take [loss, parameters]"
        )
    return asked


Objectives = Annotated[tuple[Literal["loss", "parameters"], ...], Strict(False), AfterValidator(_are_objectives)]
"""An option: `[loss]` searches each budget on its own, `[loss, parameters]` the whole front between them at once."""

OneObjective = Annotated[tuple[Literal["loss", "parameters"], ...], Strict(False), AfterValidator(_is_loss)]


def over_front(options: BaseModel) -> bool:
    """True where the options ask for a search of all budgets at once."""
    return bool(getattr(options, "objectives", ()) == BOTH)


def no_words(by: Any) -> Any:
    """Before a controller's own check of `by`: its variables are numbers."""
    if by == "categorical":
        law = "this controller moves numbers, and categories have no order to move in"
        raise InputError("options.by", repr(by), law, f"write spend or fractions; {TAKE_BOTH} take categorical")
    return by
