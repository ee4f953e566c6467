"""`tpe`: Optuna's tree-structured Parzen estimator."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from apportion.search.controllers.optuna_options import By, Objectives, over_front
from apportion.search.controllers.optuna_study import Sampling, optuna_controller
from apportion.search.controllers.protocol import Context, Controller, ControllerEntry
from apportion.search.controllers.warm_start import WarmStart


class TpeOptions(BaseModel):
    """`startup_trials` random ones first; then the best of `candidates` draws from the model of good ones.

    `multivariate` models variables together, else one by one.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    by: By = "spend"
    objectives: Objectives = ("loss",)
    warm_start: WarmStart = ()
    startup_trials: int = Field(10, ge=1)
    candidates: int = Field(24, ge=1)
    multivariate: bool = True


def _build(context: Context, options: BaseModel) -> Controller:
    assert isinstance(options, TpeOptions)

    def sampler(seed: int) -> Any:
        from optuna.samplers import TPESampler

        return TPESampler(
            n_startup_trials=options.startup_trials,
            n_ei_candidates=options.candidates,
            multivariate=options.multivariate,
            seed=seed,
        )

    return optuna_controller("tpe", context, options, Sampling(sampler, jointly=options.multivariate))


tpe = ControllerEntry(
    "tpe",
    "Optuna's tree-structured Parzen estimator; one or two objectives; ~30 ms a trial",
    "searched",
    _build,
    TpeOptions,
    over_front=over_front,
)
