"""`ba2`: gates under a multiplier on what is owned, as 002 has its switches; filled onto the budget by score."""

from pydantic import BaseModel, Field

from apportion.evaluators.scorers.relaxations.options import Ba2Options as Gates
from apportion.search.controllers.gate_options import Rank, as_scorer, gate_recipe
from apportion.search.controllers.learned import Recipe, learned_entry
from apportion.search.controllers.protocol import Context


class Ba2Options(Gates):
    """`rank`: see `gate_options`. `target`: by default what the budget lets each domain own on average."""

    target: float | None = Field(None, gt=0, le=1)  # type: ignore[assignment]
    rank: Rank = "parameter"


def recipes(context: Context, options: BaseModel) -> list[Recipe]:
    """One training of gates a budget."""
    assert isinstance(options, Ba2Options)
    target = options.target or _share(context)
    return [gate_recipe(f"target-{target:.3g}", "ba2", as_scorer(options, Gates, target=target), options.rank)]


def _share(context: Context) -> float:
    """The part of a backbone that each domain may own, on average, where all own the same: above 0, at most 1."""
    (budget,) = context.budgets
    space = context.space
    backbone, owners = space.backbone_parameters, len(space.owners)
    spare = space.limit(budget) / backbone
    share = spare / owners if budget.measure == "owned" else (spare - 1) / max(1, owners - 1)
    return min(1.0, max(share, 1 / backbone))


ba2 = learned_entry(
    "ba2",
    "binary gates under a multiplier on what is owned (002), by score; one objective; half a run a budget",
    recipes,
    Ba2Options,
)
