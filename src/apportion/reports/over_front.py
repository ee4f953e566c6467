"""Controllers that search the whole front at once: what they find counts at every budget that holds it.

Their search trials are called `<controller>/front/<n>` and name the smallest budget that holds the pattern's cost. What
is retrained of them is retrained for one budget, as with every other controller.
"""

from collections.abc import Iterable

from pydantic import ValidationError

from apportion.evaluators.measurement import Trial
from apportion.evaluators.proposal import Proposal
from apportion.search.study import Study
from apportion.spaces.allocation import Allocation
from apportion.spaces.budget import Budget
from apportion.spaces.options import BudgetOptions
from apportion.spaces.space import SharingSpace

Key = tuple[str, Budget | None]


def over_front(proposal: Proposal) -> bool:
    """True for a search trial of a controller that searches all budgets in one."""
    return proposal.id.startswith(f"{proposal.controller}/front/")


def holds(space: SharingSpace, budget: Budget, allocation: Allocation) -> bool:
    """True where the pattern costs no more than the budget allows."""
    return budget.of(space.cost(allocation)) <= space.limit(budget)


def budgets_of(study: Study) -> tuple[Budget, ...]:
    """Every budget that a proposal names or the config asks for, by measure, the smaller first."""
    named = [trial.proposal.budget for trial in study.trials] + [proposal.budget for proposal in study.pending]
    space = study.header.space
    found = dict.fromkeys(budget for budget in [*_configured(study), *named] if budget is not None)
    return tuple(sorted(found, key=lambda budget: (budget.measure, space.limit(budget))))


def over_budgets(study: Study, trials: Iterable[Trial]) -> dict[Key, list[Trial]]:
    """Trials of front controllers under every budget that holds their pattern."""
    space, groups = study.header.space, dict[Key, list[Trial]]()
    front = [trial for trial in trials if over_front(trial.proposal)]
    for budget in budgets_of(study) if front else ():
        for trial in front:
            if holds(space, budget, trial.proposal.allocation):
                groups.setdefault((trial.proposal.controller, budget), []).append(trial)
    return groups


def _configured(study: Study) -> list[Budget]:
    """The config's budgets, as far as this version can read them."""
    found: list[Budget] = []
    listed = study.config.get("budgets")
    for given in listed if isinstance(listed, list | tuple) else ():
        try:
            found.append(BudgetOptions.model_validate(given).budget())
        except ValidationError:
            continue
    return found
