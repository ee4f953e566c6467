"""`best_hand_made`: the best of the hand-made schemes at a budget, raced over paired seeds of the search.

The rival that a learned pattern has to beat, fixed before any retrain: none of the seeds that judge has chosen it.
"""

from pydantic import BaseModel, ConfigDict, Field

from apportion.search.controllers.halving import Race, trials
from apportion.search.controllers.protocol import Context, Controller, ControllerEntry, Use
from apportion.search.controllers.starts import Starts, candidates_of, fitting, uses_of

ALL = ("bottom", "top", "uniform", "equal_spend", "random_filters", "bottom_by_need")


class BestHandMadeOptions(BaseModel):
    """`starts`: who races; `bottom_by_need` only where domains have levels of their own. `seeds`: rounds at most."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    starts: Starts = Field(ALL, min_length=1)
    seeds: int = Field(3, ge=1)


def _build(context: Context, options: BaseModel) -> Controller:
    assert isinstance(options, BestHandMadeOptions)
    (budget,) = context.budgets
    fitting(context, options.starts)  # refused here, before anything is paid
    return Race("best_hand_made", context, lambda: candidates_of(context, options.starts, budget), options.seeds)


def _asks(options: BaseModel) -> int:
    assert isinstance(options, BestHandMadeOptions)
    return trials(len(options.starts), options.seeds)


def _uses(context: Context, options: BaseModel) -> list[Use]:
    assert isinstance(options, BestHandMadeOptions)
    return uses_of(context, options.starts)


best_hand_made = ControllerEntry(
    "best_hand_made",
    "the best hand-made scheme by a race over paired search seeds; one objective; eleven runs a budget",
    "hand-made",
    _build,
    BestHandMadeOptions,
    asks=_asks,
    uses=_uses,
)
