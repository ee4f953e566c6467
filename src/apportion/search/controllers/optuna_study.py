"""One Optuna study in memory, asked and told: what all of Optuna's controllers are.

Optuna's storages are not used: the study log replays asks and tells, which repeats a seeded sampler exactly, while a
sampler restarted from a storage repeats nothing (DESIGN, "The study log is the truth").
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Protocol

from apportion.evaluators.measurement import Trial
from apportion.evaluators.proposal import Proposal
from apportion.search.controllers.optuna_aim import Aim, AtBudget, OverFront
from apportion.search.controllers.optuna_encoding import SPREAD, Params, encoding_of
from apportion.search.controllers.optuna_options import BOTH, By
from apportion.search.controllers.protocol import Context, Controller, Done, Wait
from apportion.search.controllers.warm_start import warm_started
from apportion.spaces.allocation import Allocation
from apportion.spaces.orders import counted_seed


@dataclass(frozen=True)
class Sampling:
    """One of Optuna's samplers, and how it is to be treated.

    `make(seed)` builds it. `by_generation`: it learns from trials that it counts into its generations, and from no
    others. `jointly`: it draws all variables at once. `from_middle`: unless it is warm-started, its first trials have
    all variables half way up, which is equal spend, one at every budget. `spread`: of `Numbers`.
    """

    make: Callable[[int], Any]
    by_generation: bool = False
    jointly: bool = True
    from_middle: bool = True
    spread: float = SPREAD


class StudyOptions(Protocol):
    """What every Optuna controller's options have."""

    @property
    def by(self) -> By: ...
    @property
    def objectives(self) -> tuple[str, ...]: ...
    @property
    def warm_start(self) -> tuple[str, ...]: ...


def optuna_controller(name: str, context: Context, options: StudyOptions, sampling: Sampling) -> Controller:
    """The controller called `name`: at the context's one budget, or over the front of all of them."""
    encoding = encoding_of(context.space, options.by, sampling.spread)
    aim: Aim
    if options.objectives == BOTH:
        aim = OverFront(context.space, encoding, context.budgets)
    else:
        (budget,) = context.budgets
        aim = AtBudget(context.space, encoding, budget)
    if options.warm_start:
        sampling = replace(sampling, from_middle=False)
    return warm_started(name, context, options.warm_start, OptunaStudy(name, context, aim, sampling))


class OptunaStudy:
    """Asks stay inside the budget because all parameters are projected onto it."""

    def __init__(self, name: str, context: Context, aim: Aim, sampling: Sampling) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self.name, self.context, self.aim, self.sampling = name, context, aim, sampling
        self.distributions = distributions = aim.distributions()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            sampler = sampling.make(counted_seed(name, context.seed, aim.name) % 2**32)
        if sampling.jointly:
            # Optuna would read them off finished trials, and until there is one draw each variable on its own.
            sampler.infer_relative_search_space = lambda study, trial: distributions
        self.study = optuna.create_study(directions=["minimize"] * aim.objectives, sampler=sampler)
        self.asked = 0
        self.starts = aim.starts() if sampling.from_middle else []
        self.outstanding: dict[str, tuple[optuna.trial.Trial, Allocation]] = {}

    def ask(self) -> Proposal | Wait | Done:
        trial = self._as_asked(self.starts.pop(0)) if self.starts else self.study.ask(self.distributions)
        allocation, budget = self.aim.pattern(trial.params)
        self.asked += 1
        name = str(self.asked)
        self.outstanding[name] = trial, allocation
        return Proposal(name, self.name, allocation, budget, self.context.rung, self.context.trial_seed)

    def tell(self, trial: Trial) -> None:
        value, allocation = self.context.value(trial), trial.proposal.allocation
        asked, expected = self.outstanding.pop(trial.proposal.id, (None, None))
        if asked is not None and value is not None and allocation == expected:
            self.study.tell(asked, self.aim.values(value, allocation))
            return
        if asked is not None:
            self._fail(asked)
        if value is not None and trial.proposal.rung == self.context.rung:
            # A warm start, or replayed with other versions: the log measured another pattern than was asked now.
            self._learn(allocation, value)

    def _learn(self, allocation: Allocation, value: float) -> None:
        """Take in a pattern that was not asked for, if parameters of this study stand for it."""
        params = self.aim.params(allocation)
        if params is None:
            return
        values = self.aim.values(value, allocation)
        if self.sampling.by_generation:
            self.study.tell(self._as_asked(params), values)
        else:
            from optuna.trial import create_trial

            known = create_trial(params=params, distributions=self.distributions, values=values)
            self.study.add_trial(known)

    def _as_asked(self, params: Params) -> Any:
        """A trial with parameters that the sampler did not draw."""
        self.study.enqueue_trial(params)
        trial = self.study.ask(self.distributions)
        # Optuna asks its sampler when a parameter is missing, which here none is; asked, it counts the trial in.
        _ = trial.relative_params
        return trial

    def _fail(self, asked: Any) -> None:
        from optuna.trial import TrialState

        self.study.tell(asked, state=TrialState.FAIL)
