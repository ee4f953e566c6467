"""`qmc`: a low-discrepancy sequence, Optuna's sampler. Learns nothing; fills a space more evenly than random draws."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from apportion.search.controllers.optuna_options import By, Objectives, over_front
from apportion.search.controllers.optuna_study import Sampling, optuna_controller
from apportion.search.controllers.protocol import Context, Controller, ControllerEntry
from apportion.search.controllers.warm_start import WarmStart


class QmcOptions(BaseModel):
    """`scramble`: the seed shuffles the sequence; without it every seed has the same but for its first trial."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    by: By = "spend"
    objectives: Objectives = ("loss",)
    warm_start: WarmStart = ()
    sequence: Literal["sobol", "halton"] = "sobol"
    scramble: bool = True


def _build(context: Context, options: BaseModel) -> Controller:
    assert isinstance(options, QmcOptions)

    def sampler(seed: int) -> Any:
        from optuna.samplers import QMCSampler

        return QMCSampler(
            qmc_type=options.sequence, scramble=options.scramble, warn_independent_sampling=False, seed=seed
        )

    return optuna_controller("qmc", context, options, Sampling(sampler, from_middle=False))


qmc = ControllerEntry(
    "qmc",
    "Optuna's low-discrepancy sequences, learning nothing; one or two objectives; ~5 ms a trial",
    "searched",
    _build,
    QmcOptions,
    over_front=over_front,
)
