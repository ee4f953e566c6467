"""`hard_concrete`: random gates under an L0 penalty (Louizos et al. 2018), filled onto the budget by log odds."""

from pydantic import BaseModel

from apportion.evaluators.scorers.relaxations.options import HardConcreteOptions as Gates
from apportion.search.controllers.gate_options import Rank, as_scorer, gate_recipe
from apportion.search.controllers.learned import Recipe, learned_entry
from apportion.search.controllers.protocol import Context


class HardConcreteOptions(Gates):
    """`rank`: see `gate_options`. The penalty has counted a filter's size already: log odds are taken as they are."""

    rank: Rank = "filter"


def recipes(context: Context, options: BaseModel) -> list[Recipe]:
    """One training of gates for all budgets."""
    assert isinstance(options, HardConcreteOptions)
    return [gate_recipe(f"penalty-{options.penalty:g}", "hard_concrete", as_scorer(options, Gates), options.rank)]


hard_concrete = learned_entry(
    "hard_concrete",
    "random gates under an L0 penalty, by log odds; one objective; half a run for all budgets",
    recipes,
    HardConcreteOptions,
)
