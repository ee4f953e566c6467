"""What a config may say about backbone, space and budgets. Loads no torch."""

from itertools import pairwise
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from apportion.errors import InputError
from apportion.spaces.backbones import BackboneEntry
from apportion.spaces.backbones.lookup import backbone_entry
from apportion.spaces.budget import Budget, Unit
from apportion.spaces.granularity import Granularity
from apportion.spaces.operators import operators
from apportion.spaces.orders import orders

STRICT = ConfigDict(extra="forbid", frozen=True, strict=True)


class BackboneOptions(BaseModel):
    """`name`: registered, torchvision's, `timm:NAME`, or `package.module:attribute` of your own.

    `weights`: a local .safetensors file, a torchvision weight name such as `DEFAULT`, or nothing.
    """

    model_config = STRICT
    name: str = "resnet8"
    options: dict[str, int | float | bool | str] = Field(default_factory=dict)
    weights: str | None = None

    @model_validator(mode="after")
    def _known(self) -> "BackboneOptions":
        # Whether plugins are allowed is not the config's to say: the command line does, before `entry` builds anything.
        backbone_entry(self.name, "name", allow_plugins=True).check_options(self.options, "options")
        if self.weights is not None and "/" in self.weights and not Path(self.weights).is_file():
            raise InputError("weights", repr(self.weights), "there is no such file", "give a .safetensors file")
        return self

    def entry(self, allow_plugins: bool = False) -> BackboneEntry:
        """The backbone that is meant; an InputError where it is foreign code and that was not allowed."""
        return backbone_entry(self.name, "backbone.name", allow_plugins)


class OrderOptions(BaseModel):
    """Which filters come first: see `apportion list orders`. `file`: the JSON of a `listed` order."""

    model_config = STRICT
    name: str = "index"
    seed: int = 0
    per_owner: bool = False
    file: Path | None = None

    @model_validator(mode="after")
    def _known(self) -> "OrderOptions":
        orders.get(self.name, "name")
        if (self.name == "listed") != (self.file is not None):
            raise ValueError("a listed order has a file, and no other order has one")
        if self.file is not None and not self.file.is_file():
            raise InputError("file", repr(str(self.file)), "there is no such file", "give a JSON file of filter orders")
        return self


class SpaceOptions(BaseModel):
    """`keep_shared` names sites that stay shared in every proposal.

    `fractions` of its filters that a site may own: a grid such as [0, 0.33, 1], where not every number is wanted.
    `stages`: beginnings of site names, one a stage (`[stem, layer1, layer2]`), instead of the drops in resolution.
    """

    model_config = STRICT
    operator: str = "filters"
    granularity: Granularity = "per_site"
    order: OrderOptions = Field(default_factory=OrderOptions)
    keep_shared: tuple[str, ...] = ()
    fractions: tuple[float, ...] = ()
    stages: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _known(self) -> "SpaceOptions":
        operators.get(self.operator, "operator")
        grid = self.fractions
        rising = all(low < high <= 1 for low, high in pairwise(grid))
        if grid and not (len(grid) > 1 and grid[0] == 0 and rising):
            raise InputError("fractions", f"{list(grid)}", "they rise from 0 to 1 at most", "write [0, 0.33, 1], say")
        if self.stages and self.granularity != "per_stage":
            raise InputError(
                "stages", f"{list(self.stages)}", f"granularity {self.granularity} has no stages", "remove it"
            )
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
