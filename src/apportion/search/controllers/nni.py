"""`nni_tpe`, `nni_evolution`, `nni_random` and `nni`: NNI's tuners through NNI's own interface, in this process.

The tuner's object is made and called as NNI's dispatcher calls it: `update_search_space`, `generate_parameters`,
`receive_trial_result`, `trial_end`; no server, port, file or pickle is in between. Importing NNI takes 2 s, once.

Trials that a tuner never asked for (warm starts): TPE imports them, Evolution takes them into its population,
GridSearch leaves them out, Random has no use for them and PBT cannot take them. A failed trial is told as failed, which
TPE, Random and GridSearch forget; Evolution draws one random pattern more, PBT counts it worst.
"""

from typing import Any

from pydantic import BaseModel

from apportion.evaluators.measurement import Trial
from apportion.evaluators.proposal import Proposal
from apportion.search.controllers.nni_generators import OwnGenerators
from apportion.search.controllers.nni_options import (
    NniAnyOptions,
    NniEvolutionOptions,
    NniOptions,
    NniRandomOptions,
    NniTpeOptions,
)
from apportion.search.controllers.nni_space import Parameters, allocation, parameters_of, search_space
from apportion.search.controllers.nni_tuners import KNOWN, TpeArgs
from apportion.search.controllers.protocol import Context, Controller, ControllerEntry, Done, Wait
from apportion.search.controllers.warm_start import warm_started
from apportion.spaces.allocation import Allocation
from apportion.spaces.orders import counted_seed


class NniSearch:
    """Asks one of NNI's tuners; inside the budget because every vector is projected onto it."""

    def __init__(self, context: Context, options: NniOptions, tuner: str, arguments: dict[str, Any]) -> None:
        self.context, self.name, self.by = context, options.controller, options.by
        (self.budget,) = context.budgets
        self.known = KNOWN[tuner]
        seed = counted_seed("nni", tuner, context.seed, self.budget.name)
        self.generators = OwnGenerators(seed)
        self.asked = 0
        self.outstanding: dict[str, tuple[int, Parameters, Allocation]] = {}
        self.space = search_space(context.space, self.by)
        # Loaded before the generators are swapped: what a module takes from numpy at its import it keeps.
        make = self.known.maker(arguments, seed)
        with self.generators.installed():
            self.tuner = make()
            self.tuner.update_search_space(self.space)

    def ask(self) -> Proposal | Wait | Done:
        if self.known.waits(self.tuner):
            # Asked in vain a tuner would still take note of it, which no log repeats.
            return Wait()
        number = self.asked + 1
        with self.generators.installed():
            parameters = self._generated(number)
        if parameters is None:
            return Done()
        self.asked = number
        pattern = allocation(self.context.space, self.budget, parameters, self.by)
        self.outstanding[str(number)] = number, parameters, pattern
        return Proposal(str(number), self.name, pattern, self.budget, self.context.rung, self.context.trial_seed)

    def _generated(self, number: int) -> Parameters | None:
        """The tuner's next parameters; None from one that has gone through all of a space of choices."""
        import nni

        try:
            return dict(self.tuner.generate_parameters(number))
        except nni.NoMoreTrialError:
            if not self.known.over_again:
                return None
        # As other controllers do where a space is smaller than the number of trials.
        self.tuner.update_search_space(self.space)
        return dict(self.tuner.generate_parameters(number))

    def tell(self, trial: Trial) -> None:
        value, measured = self.context.value(trial), trial.proposal.allocation
        number, parameters, pattern = self.outstanding.pop(trial.proposal.id, (None, {}, None))
        with self.generators.installed():
            if value is None:
                if number is not None:
                    self.tuner.trial_end(number, False)
            elif measured == pattern:
                self.tuner.receive_trial_result(number, parameters, value)
                self.tuner.trial_end(number, True)
            else:
                others = parameters_of(self.context.space, measured, self.by)
                self.known.learn(self.tuner, number, others, value)


def _tpe(context: Context, options: BaseModel) -> Controller:
    assert isinstance(options, NniTpeOptions)
    own = TpeArgs(
        n_startup_jobs=options.startup_trials, n_ei_candidates=options.candidates, gamma=options.gamma
    ).model_dump()
    return _started(context, options, "TPE", {"tpe_args": own})


def _evolution(context: Context, options: BaseModel) -> Controller:
    assert isinstance(options, NniEvolutionOptions)
    return _started(context, options, "Evolution", {"population_size": options.population})


def _random(context: Context, options: BaseModel) -> Controller:
    assert isinstance(options, NniRandomOptions)
    return _started(context, options, "Random", {})


def _any(context: Context, options: BaseModel) -> Controller:
    assert isinstance(options, NniAnyOptions)
    return _started(context, options, options.tuner, options.all_arguments())


def _started(context: Context, options: NniOptions, tuner: str, arguments: dict[str, Any]) -> Controller:
    controller = NniSearch(context, options, tuner, arguments)
    return warm_started(options.controller, context, options.warm_start, controller)


nni_tpe = ControllerEntry(
    "nni_tpe", "NNI's TPE, each variable by itself; one objective; ~25 ms a trial", "searched", _tpe, NniTpeOptions
)
nni_evolution = ControllerEntry(
    "nni_evolution",
    "NNI's naive evolution, one variable changed a child; one objective; ~3 ms a trial",
    "searched",
    _evolution,
    NniEvolutionOptions,
)
nni_random = ControllerEntry(
    "nni_random", "NNI's random search; one objective; ~3 ms a trial", "searched", _random, NniRandomOptions
)
nni = ControllerEntry(
    "nni",
    "any tuner of NNI that runs in process, `tuner: PBT`; one objective; ~3 to 25 ms a trial",
    "searched",
    _any,
    NniAnyOptions,
)
