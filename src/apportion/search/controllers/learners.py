"""The pattern that a scorer of filters gives by default: its own controller's, or `sensitivity`'s."""

from apportion.evaluators.scorers import scorers
from apportion.search.controllers.ba2 import Ba2Options
from apportion.search.controllers.ba2 import recipes as with_ba2
from apportion.search.controllers.hard_concrete import HardConcreteOptions
from apportion.search.controllers.hard_concrete import recipes as with_hard_concrete
from apportion.search.controllers.learned import Recipe
from apportion.search.controllers.protocol import Context
from apportion.search.controllers.sensitivity import recipe
from apportion.search.controllers.taps import TapsOptions
from apportion.search.controllers.taps import recipes as with_taps

_OWN = {
    "taps": (with_taps, TapsOptions),
    "ba2": (with_ba2, Ba2Options),
    "hard_concrete": (with_hard_concrete, HardConcreteOptions),
}


def recipes_by(scorer: str, context: Context) -> list[Recipe]:
    """What is asked for where nothing but the scorer's name is given."""
    if scorer in _OWN:
        recipes, options = _OWN[scorer]
        return recipes(context, options())
    return [recipe(scorer, scorers.get(scorer).options())]
