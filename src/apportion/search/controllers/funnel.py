"""`funnel`: many patterns looked at cheaply, few trained in full.

Hand-made patterns and those that several scorers say are best; an annealed epoch of each (`rung1`); full runs of the
best few and of the best hand-made one; the better half of them again on further seeds.
"""

from pydantic import BaseModel, ConfigDict, Field, model_validator

from apportion.errors import InputError
from apportion.evaluators.scorers import scorers
from apportion.evaluators.scorers.options import Rung1Options
from apportion.registry import suggestion
from apportion.search.controllers.halving import Candidate, Race, trials
from apportion.search.controllers.learned import Recipe, laboratory, learned
from apportion.search.controllers.learners import recipes_by
from apportion.search.controllers.protocol import Context, Controller, ControllerEntry, Use
from apportion.search.controllers.starts import Starts, candidates_of, enter, fitting, uses_of


class FunnelOptions(BaseModel):
    """`starts`: hand-made schemes. `scorers`: those of filters, relaxations among them, each with its defaults.

    `full`: how many get a full run beside the best hand-made one. `seeds` of the race between them.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    starts: Starts = Field(("bottom", "equal_spend", "uniform", "bottom_by_need"), min_length=1)
    scorers: tuple[str, ...] = Field(("task_vector", "taps", "hard_concrete"), strict=False)
    full: int = Field(3, ge=1)
    seeds: int = Field(2, ge=1)
    rung1: Rung1Options = Rung1Options()

    @model_validator(mode="after")
    def _known(self) -> "FunnelOptions":
        known = [entry.name for entry in scorers if entry.of == "filters"]
        for i, name in enumerate(self.scorers):
            if name not in known:
                law = "no scorer of filters has this name"
                raise InputError(f"options.scorers.{i}", repr(name), law, suggestion(name, known))
            if name in self.scorers[:i]:
                raise InputError(f"options.scorers.{i}", repr(name), "each scorer is asked once", "remove one")
        return self


def _recipes(context: Context, options: FunnelOptions) -> list[Recipe]:
    return [recipe for scorer in options.scorers for recipe in recipes_by(scorer, context)]


def _line_up(context: Context, options: FunnelOptions) -> list[Candidate]:
    """Who gets a full run: the best by rung 1, and the best hand-made pattern behind them if it is none of these."""
    (budget,) = context.budgets
    by_hand = candidates_of(context, options.starts, budget)
    found = {candidate.allocation.key(): candidate for candidate in by_hand}
    for recipe in _recipes(context, options):
        allocation, artifact = learned(context, recipe, budget)
        enter(found, Candidate(recipe.scorer, allocation, (artifact,)))
    candidates = list(found.values())
    if len(candidates) <= options.full:
        return candidates
    lab = laboratory("funnel", context)
    allocations = [candidate.allocation for candidate in candidates]
    artifact, losses = lab.losses("rung1", options.rung1, context.trial_seed, allocations)
    rank = {id(candidate): loss for candidate, loss in zip(candidates, losses, strict=True)}
    ranked = sorted(candidates, key=lambda candidate: rank[id(candidate)])
    chosen = ranked[: options.full]
    if not any(candidate in by_hand for candidate in chosen):
        chosen.append(next(candidate for candidate in ranked if candidate in by_hand))
    # What was looked at and dropped is charged as well, with the first that is trained.
    used = dict.fromkeys([artifact, *(key for candidate in candidates for key in candidate.artifacts)])
    chosen[0].artifacts = tuple(used)
    return chosen


def _build(context: Context, options: BaseModel) -> Controller:
    assert isinstance(options, FunnelOptions)
    laboratory("funnel", context)
    fitting(context, options.starts)  # refused here, before anything is paid
    return Race("funnel", context, lambda: _line_up(context, options), options.seeds)


def _asks(options: BaseModel) -> int:
    assert isinstance(options, FunnelOptions)
    return trials(options.full + 1, options.seeds)


def _uses(context: Context, options: BaseModel) -> list[Use]:
    assert isinstance(options, FunnelOptions)
    return [*uses_of(context, options.starts), *(recipe.use for recipe in _recipes(context, options))]


funnel = ControllerEntry(
    "funnel",
    "hand-made and learned patterns, an epoch of each, full runs of the best few; one objective; about nine runs",
    "searched",
    _build,
    FunnelOptions,
    asks=_asks,
    uses=_uses,
)
