"""`gp`: Optuna's Gaussian process with expected improvement (of loss, or of the hypervolume over the front)."""

import logging
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from apportion.search.controllers.optuna_options import By, Objectives, over_front
from apportion.search.controllers.optuna_study import Sampling, optuna_controller
from apportion.search.controllers.protocol import Context, Controller, ControllerEntry
from apportion.search.controllers.warm_start import WarmStart


class GpOptions(BaseModel):
    """`startup_trials` random ones first. `noiseless`: equal patterns are taken to be worth the same."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    by: By = "spend"
    objectives: Objectives = ("loss",)
    warm_start: WarmStart = ()
    startup_trials: int = Field(10, ge=1)
    noiseless: bool = False


def _build(context: Context, options: BaseModel) -> Controller:
    assert isinstance(options, GpOptions)

    def sampler(seed: int) -> Any:
        from optuna.samplers import GPSampler

        # It says once a process that it would be a little faster with another package.
        logging.getLogger("optuna._gp.batched_lbfgsb").setLevel(logging.ERROR)
        return GPSampler(
            n_startup_trials=options.startup_trials,
            deterministic_objective=options.noiseless,
            warn_independent_sampling=False,
            seed=seed,
        )

    return optuna_controller("gp", context, options, Sampling(sampler))


gp = ControllerEntry(
    "gp",
    "Optuna's Gaussian process; one or two objectives; slow, 0.2 to 0.5 s a trial of 50 variables and growing",
    "searched",
    _build,
    GpOptions,
    over_front=over_front,
)
