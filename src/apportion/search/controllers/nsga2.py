"""`nsga2`: Optuna's non-dominated sorting genetic algorithm; with one objective a plain genetic algorithm."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from apportion.search.controllers.optuna_genetics import Crossover, crossover_of
from apportion.search.controllers.optuna_options import By, Objectives, over_front
from apportion.search.controllers.optuna_study import Sampling, optuna_controller
from apportion.search.controllers.protocol import Context, Controller, ControllerEntry
from apportion.search.controllers.warm_start import WarmStart


class Nsga2Options(BaseModel):
    """`population_size` of a generation; the first one is random.

    `mutation`: chance that a variable is drawn anew, by default 1 / variables.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    by: By = "spend"
    objectives: Objectives = ("loss",)
    warm_start: WarmStart = ()
    population_size: int = Field(20, ge=2)
    crossover: Crossover = "uniform"
    mutation: float | None = Field(None, ge=0, le=1, allow_inf_nan=False)


def _build(context: Context, options: BaseModel) -> Controller:
    assert isinstance(options, Nsga2Options)

    def sampler(seed: int) -> Any:
        from optuna.samplers import NSGAIISampler

        return NSGAIISampler(
            population_size=options.population_size,
            crossover=crossover_of(options.crossover),
            mutation_prob=options.mutation,
            seed=seed,
        )

    return optuna_controller("nsga2", context, options, Sampling(sampler, by_generation=True))


nsga2 = ControllerEntry(
    "nsga2",
    "Optuna's NSGA-II, a genetic algorithm; one or two objectives; ~4 ms a trial",
    "searched",
    _build,
    Nsga2Options,
    over_front=over_front,
)
