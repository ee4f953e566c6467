"""`taps` (004): gates on every domain's departures under an L1 penalty, ranked by score, filled onto the budget.

`per: site` gates whole layers, as the paper does, and sweeps lambda; `per: filter` is ours, one training of gates for
all budgets.
"""

from typing import Annotated

from pydantic import BaseModel, Field, model_validator

from apportion.errors import InputError
from apportion.evaluators.scorers.relaxations.options import TapsOptions as Gates
from apportion.search.controllers.gate_options import Rank, as_scorer, gate_recipe
from apportion.search.controllers.learned import Recipe, learned_entry
from apportion.search.controllers.protocol import Context

# 004 sweeps lambda to trace its front. Whole layers have few gates, each with a large gradient.
_SWEEP = (0.05, 0.1, 0.25, 0.5, 1.0)


class TapsOptions(Gates):
    """`rank`: see `gate_options`. `sweep`: penalties to try, one training of gates and one trial each.

    Without a `sweep` gates of filters have their one `penalty`, and gates of sites .05, .1, .25, .5 and 1.
    """

    rank: Rank = "parameter"
    sweep: tuple[Annotated[float, Field(ge=0, allow_inf_nan=False)], ...] = Field((), strict=False)

    @model_validator(mode="after")
    def _each_once(self) -> "TapsOptions":
        names = [_name(penalty) for penalty in self.sweep]
        for i, name in enumerate(names):
            if name in names[:i]:
                raise InputError(f"options.sweep.{i}", f"{self.sweep[i]:g}", "each penalty is tried once", "remove one")
        return self

    @property
    def penalties(self) -> tuple[float, ...]:
        return self.sweep or (_SWEEP if self.per == "site" else (self.penalty,))


def _name(penalty: float) -> str:
    """A trial's id."""
    return f"penalty-{penalty:g}"


def recipes(context: Context, options: BaseModel) -> list[Recipe]:
    """One training of gates for each penalty."""
    assert isinstance(options, TapsOptions)
    return [
        gate_recipe(_name(penalty), "taps", as_scorer(options, Gates, penalty=penalty), options.rank)
        for penalty in options.penalties
    ]


def _asks(options: BaseModel) -> int:
    assert isinstance(options, TapsOptions)
    return len(options.penalties)


taps = learned_entry(
    "taps",
    "gates on filters or sites under an L1 penalty (004), by score; one objective; half a run for all budgets",
    recipes,
    TapsOptions,
    asks=_asks,
)
