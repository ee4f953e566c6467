"""`tpe`: Optuna's tree-structured Parzen estimator on the space's vectors, one study in memory per budget.

Optuna's storages are not used: the study log replays asks and tells, which repeats a seeded sampler exactly, while a
sampler restarted from a storage repeats nothing (DESIGN, "The study log is the truth").
"""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from apportion.evaluators.measurement import Trial
from apportion.evaluators.proposal import Proposal
from apportion.search.controllers.protocol import Context, Controller, ControllerEntry, Done, Wait
from apportion.spaces.allocation import Allocation
from apportion.spaces.orders import counted_seed
from apportion.spaces.space import Parametrisation


class TpeOptions(BaseModel):
    """`startup_trials` random ones first; `multivariate` models sites together, else one by one."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    by: Parametrisation = "spend"
    startup_trials: int = Field(10, ge=1)
    multivariate: bool = True


class Tpe:
    """Asks stay inside the budget because every vector is projected onto it."""

    def __init__(self, context: Context, options: TpeOptions) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self.context, self.options = context, options
        (self.budget,) = context.budgets
        sampler = optuna.samplers.TPESampler(
            n_startup_trials=options.startup_trials,
            multivariate=options.multivariate,
            seed=counted_seed("tpe", context.seed, self.budget.name) % 2**32,
        )
        self.study = optuna.create_study(direction="minimize", sampler=sampler)
        names = [variable.name for variable in context.space.variables]
        self.distributions: dict[str, Any] = {name: optuna.distributions.FloatDistribution(0.0, 1.0) for name in names}
        self.asked = 0
        self.outstanding: dict[str, tuple[optuna.trial.Trial, Allocation]] = {}

    def ask(self) -> Proposal | Wait | Done:
        trial = self.study.ask(self.distributions)
        vector = [float(trial.params[name]) for name in self.distributions]
        allocation = self.context.space.decode(vector, self.budget, self.options.by)
        self.asked += 1
        proposal = Proposal(str(self.asked), "tpe", allocation, self.budget, self.context.rung, self.context.trial_seed)
        self.outstanding[proposal.id] = trial, allocation
        return proposal

    def tell(self, trial: Trial) -> None:
        import optuna

        asked, allocation = self.outstanding.pop(trial.proposal.id)
        value = self.context.value(trial)
        if value is None:
            self.study.tell(asked, state=optuna.trial.TrialState.FAIL)
        elif trial.proposal.allocation == allocation:
            self.study.tell(asked, value)
        else:
            # Replayed with other versions: the log measured another pattern than was asked now. Learn from that one.
            self.study.tell(asked, state=optuna.trial.TrialState.FAIL)
            vector = self.context.space.encode(trial.proposal.allocation, self.options.by)
            params = dict(zip(self.distributions, vector.tolist(), strict=True))
            self.study.add_trial(
                optuna.trial.create_trial(params=params, distributions=self.distributions, value=value)
            )


def _build(context: Context, options: BaseModel) -> Controller:
    assert isinstance(options, TpeOptions)
    return Tpe(context, options)


tpe = ControllerEntry(
    "tpe", "Optuna's TPE on the split of the budget; one objective; ~50 ms a trial", "searched", _build, TpeOptions
)
