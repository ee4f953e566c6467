"""What a config may say about backbone, space and budgets. Loads no torch."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from apportion.errors import InputError
from apportion.spaces.backbones import backbones
from apportion.spaces.budget import Budget, Unit
from apportion.spaces.granularity import Granularity
from apportion.spaces.operators import operators
from apportion.spaces.orders import Order, orders

STRICT = ConfigDict(extra="forbid", frozen=True, strict=True)


class BackboneOptions(BaseModel):
    """`weights`: a local .safetensors file, a torchvision weight name such as `DEFAULT`, or nothing."""

    model_config = STRICT
    name: str = "resnet8"
    options: dict[str, int | float | bool | str] = Field(default_factory=dict)
    weights: str | None = None

    @model_validator(mode="after")
    def _known(self) -> "BackboneOptions":
        backbones.get(self.name, "name").check_options(self.options, "options")
        if self.weights is not None and "/" in self.weights and not Path(self.weights).is_file():
            raise InputError("weights", repr(self.weights), "there is no such file", "give a .safetensors file")
        return self


class OrderOptions(BaseModel):
    """Which filters come first: see `apportion list orders`."""

    model_config = STRICT
    name: str = "index"
    seed: int = 0
    per_owner: bool = False

    @model_validator(mode="after")
    def _known(self) -> "OrderOptions":
        orders.get(self.name, "name")
        return self

    def order(self) -> Order:
        return Order(self.name, self.seed, self.per_owner)


class SpaceOptions(BaseModel):
    """`keep_shared` names sites that stay shared in every proposal."""

    model_config = STRICT
    operator: str = "filters"
    granularity: Granularity = "per_site"
    order: OrderOptions = Field(default_factory=OrderOptions)
    keep_shared: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _known(self) -> "SpaceOptions":
        operators.get(self.operator, "operator")
        return self


class BudgetOptions(BaseModel):
    """One budget: what is measured, and exactly one of `share`, `multiple`, `parameters`."""

    model_config = STRICT
    measure: Literal["live", "owned"] = "live"
    share: float | None = Field(None, allow_inf_nan=False)
    multiple: float | None = Field(None, allow_inf_nan=False)
    parameters: int | None = Field(None, ge=0)

    @model_validator(mode="after")
    def _one_amount(self) -> "BudgetOptions":
        given = [unit for unit in ("share", "multiple", "parameters") if getattr(self, unit) is not None]
        if len(given) != 1:
            raise ValueError(f"a budget has exactly one of share, multiple, parameters; this one has {len(given)}")
        return self

    def budget(self) -> Budget:
        units: tuple[Unit, ...] = ("share", "multiple", "parameters")
        unit = next(unit for unit in units if getattr(self, unit) is not None)
        return Budget(self.measure, float(getattr(self, unit)), unit)
