"""What a config may say about training. Loads no torch."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from apportion.evaluators.training.regimes import regimes

STRICT = ConfigDict(extra="forbid", frozen=True, strict=True)


class OptimizerOptions(BaseModel):
    """`momentum` is SGD's (Nesterov off); Adam and AdamW use PyTorch's betas."""

    model_config = STRICT
    name: Literal["sgd", "adam", "adamw"] = "adamw"
    lr: float = Field(default=2e-3, gt=0, allow_inf_nan=False)
    weight_decay: float = Field(default=5e-4, ge=0, allow_inf_nan=False)
    momentum: float = Field(default=0.9, ge=0, lt=1)


class ScheduleOptions(BaseModel):
    """Of the learning rate over a phase: `cosine` to 0, `step` (times `gamma` at each milestone), or `constant`.

    Milestones are fractions of the phase.
    """

    model_config = STRICT
    name: Literal["cosine", "step", "constant"] = "cosine"
    milestones: tuple[float, ...] = (0.5, 0.75)
    gamma: float = Field(default=0.1, gt=0, le=1)


class WarmUpOptions(BaseModel):
    """`shared_epochs`: the all-shared network is trained first, once per seed, and every pattern starts from it.

    `head_epochs`: then the heads alone, everything else frozen.
    """

    model_config = STRICT
    shared_epochs: int = Field(0, ge=0)
    head_epochs: int = Field(0, ge=0)


class TrainOptions(BaseModel):
    """`epochs` of the full schedule: the highest rung. `batch` is per domain. `regime`: how the weights are trained.

    `form` of the mixed batch: `auto` times both once per study and keeps the faster one in the log's header.
    """

    model_config = STRICT
    name: Literal["train"] = "train"
    regime: str = "joint"
    parametrisation: str = "replace"
    form: Literal["auto", "compose", "interleaved"] = "auto"
    epochs: int = Field(8, ge=1)
    batch: int = Field(32, ge=2)
    optimizer: OptimizerOptions = OptimizerOptions()
    schedule: ScheduleOptions = ScheduleOptions()
    warm_up: WarmUpOptions = WarmUpOptions()
    precision: Literal["auto", "float32", "bfloat16"] = "auto"

    @model_validator(mode="after")
    def _known(self) -> "TrainOptions":
        regimes.get(self.regime, "regime")
        return self
