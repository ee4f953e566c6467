"""`bottom_by_need`: `bottom` with a budget for every domain, in proportion to what sharing costs it.

A domain's need is its own gap between the shared and the independent network, both trained on the search seed and
charged. Every domain owns from the input on; the one that has spent least for its need goes next. It is the strongest
hand-made rival of levels learned per domain (DESIGN: -.0045 against `bottom` at 20 % on the prototype).
"""

from collections import defaultdict

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel

from apportion.errors import InputError
from apportion.evaluators.scorers.options import NeedOptions
from apportion.search.controllers.fixed import NoOptions
from apportion.search.controllers.learned import Recipe, learned_entry
from apportion.search.controllers.protocol import Context
from apportion.spaces.allocation import Allocation
from apportion.spaces.budget import Budget
from apportion.spaces.projection import fill
from apportion.spaces.space import SharingSpace

# Where sharing does a domain no harm it still gets a little: budgets must be met even where nobody needs anything.
_LEAST_NEED = 1e-3


def by_need(space: SharingSpace, need: npt.NDArray[np.float64], budget: Budget) -> Allocation:
    """From the input on, spending in proportion to `need` [owners]."""
    wanted = np.maximum(need, _LEAST_NEED * max(float(need.max()), 1.0))
    before: dict[int, float] = {}
    spent: dict[int, float] = defaultdict(float)
    for v, variable in enumerate(space.variables):  # by depth, then by owner
        ((site, owner),) = variable.cells
        before[v] = spent[owner]
        spent[owner] += space.sites[site].parameters

    def when(v: int, step: int) -> float:
        ((site, owner),) = space.variables[v].cells
        whole = space.sites[site].parameters
        return (before[v] + whole * step / space.variables[v].steps) / float(wanted[owner])

    return space.allocation_at(fill(space, np.zeros_like(space.steps), budget, when))


def _recipes(context: Context, options: BaseModel) -> list[Recipe]:
    if context.space.granularity != "per_site_and_domain":
        what, law = f"granularity {context.space.granularity}", "bottom_by_need gives every domain a budget of its own"
        raise InputError("space", what, law, "set space.granularity: per_site_and_domain")

    return [Recipe("0", "need", NeedOptions(), lambda space, worth, budget: by_need(space, worth[0][:, 0], budget))]


bottom_by_need = learned_entry(
    "bottom_by_need",
    "bottom, each domain's budget by its gap between shared and independent; no objective; two runs",
    _recipes,
    NoOptions,
    kind="hand-made",
)
