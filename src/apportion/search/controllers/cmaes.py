"""`cmaes`: covariance matrix adaptation, Optuna's sampler on the `cmaes` package."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from apportion.search.controllers.optuna_options import OneObjective, no_words
from apportion.search.controllers.optuna_study import Sampling, optuna_controller
from apportion.search.controllers.protocol import Context, Controller, ControllerEntry
from apportion.search.controllers.warm_start import WarmStart

# Optuna draws the first generation with a deviation of 1/6 around 1/2, and its argument `sigma0` goes away in Optuna 6.
# The logarithm of u / (1 - u) then has this deviation, so the first step is chosen by the spread.
_DEVIATION = 0.78


class CmaesOptions(BaseModel):
    """`population_size` of a generation; the usual 4 + 3 ln(variables) is for more trials than are trained here.

    `sigma`: standard deviation of the first generation, of the logarithm of a variable's part. `separable`: variances
    alone, for hundreds of variables.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    by: Annotated[Literal["spend", "fractions"], BeforeValidator(no_words)] = "spend"
    objectives: OneObjective = ("loss",)
    warm_start: WarmStart = ()
    sigma: float = Field(0.4, ge=0.01, le=3, allow_inf_nan=False)
    population_size: int = Field(8, ge=3)
    separable: bool = False


def _build(context: Context, options: BaseModel) -> Controller:
    assert isinstance(options, CmaesOptions)

    def sampler(seed: int) -> Any:
        from optuna.samplers import CmaEsSampler

        return CmaEsSampler(
            n_startup_trials=0,
            popsize=options.population_size,
            use_separable_cma=options.separable and context.space.dimension > 1,
            warn_independent_sampling=False,
            seed=seed,
        )

    sampling = Sampling(sampler, by_generation=True, spread=options.sigma / _DEVIATION)
    return optuna_controller("cmaes", context, options, sampling)


cmaes = ControllerEntry(
    "cmaes",
    "Optuna's covariance matrix adaptation from equal spend; one objective; ~5 ms a trial",
    "searched",
    _build,
    CmaesOptions,
)
