"""`nsga3`: Optuna's NSGA-III, which keeps a front even by reference points rather than by distances."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from apportion.search.controllers.optuna_genetics import Crossover, crossover_of
from apportion.search.controllers.optuna_options import By, Objectives, over_front
from apportion.search.controllers.optuna_study import Sampling, optuna_controller
from apportion.search.controllers.protocol import Context, Controller, ControllerEntry
from apportion.search.controllers.warm_start import WarmStart


class Nsga3Options(BaseModel):
    """As `nsga2`; `divisions` of the front by reference points."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    by: By = "spend"
    objectives: Objectives = ("loss",)
    warm_start: WarmStart = ()
    population_size: int = Field(20, ge=2)
    crossover: Crossover = "uniform"
    mutation: float | None = Field(None, ge=0, le=1, allow_inf_nan=False)
    divisions: int = Field(12, ge=1, le=1000)


def _build(context: Context, options: BaseModel) -> Controller:
    assert isinstance(options, Nsga3Options)

    def sampler(seed: int) -> Any:
        from optuna.samplers import NSGAIIISampler

        return NSGAIIISampler(
            population_size=options.population_size,
            crossover=crossover_of(options.crossover),
            mutation_prob=options.mutation,
            dividing_parameter=options.divisions,
            seed=seed,
        )

    return optuna_controller("nsga3", context, options, Sampling(sampler, by_generation=True))


nsga3 = ControllerEntry(
    "nsga3",
    "Optuna's NSGA-III, a genetic algorithm; one or two objectives; ~4 ms a trial",
    "searched",
    _build,
    Nsga3Options,
    over_front=over_front,
)
