"""Budgets: how many parameters owners may own.

`owned`  weights that a single domain has to itself, on average per domain, as a share of the backbone's convolution
         weights (paper 000 counts this way). A shared filter left with one user is that user's own.
`live`   convolution weights of the whole multi-domain model that any domain still uses. A shared filter that every
         domain has replaced is dead and not stored.
Both count the weights at the sites; BatchNorm, biases and heads are every domain's own whatever the pattern is.
"""

from dataclasses import dataclass
from typing import Literal

from apportion.errors import InputError

Measure = Literal["owned", "live"]
Unit = Literal["share", "multiple", "parameters"]


@dataclass(frozen=True)
class Cost:
    """What an allocation costs, in parameters: `owned` summed over domains, `live` of the whole model."""

    owned: int
    live: int


@dataclass(frozen=True)
class Budget:
    """At most `amount` of `measure`.

    `share`       owned: per domain, of the backbone (0..1). live: of the way from one shared backbone to one backbone
                  per domain (0..1), so that with one common order `owned` and `live` shares agree: 1 + (D - 1) * share.
    `multiple`    backbones: owned 0..D over all domains, live 1..D.
    `parameters`  an absolute number over all domains.
    """

    measure: Measure
    amount: float
    unit: Unit = "share"

    @property
    def name(self) -> str:
        """`live-0.2`, `owned-1x`, `live-250000p`: stable, fit for a file name."""
        return f"{self.measure}-{self.amount:.12g}" + {"share": "", "multiple": "x", "parameters": "p"}[self.unit]

    def __str__(self) -> str:
        if self.unit == "share":
            return f"{self.measure} {100 * self.amount:g} %"
        if self.unit == "multiple":
            return f"{self.measure} {self.amount:g} backbones"
        return f"{self.measure} {self.amount:,.0f} parameters"

    def limit(self, backbone: int, owners: int) -> int:
        """The greatest cost allowed, in parameters, for a backbone of that many weights. Exact shares round down."""
        if self.unit == "parameters":
            return int(self.amount)
        if self.unit == "multiple":
            return int(self.amount * backbone + 1e-6)
        if self.measure == "owned":
            return int(self.amount * owners * backbone + 1e-6)
        return int((1 + (owners - 1) * self.amount) * backbone + 1e-6)

    def check_range(self, owners: int) -> None:
        """Refuse what no backbone can meet, before one is built. Absolute numbers need the backbone: see the space."""
        place = f"budget {self}"
        if not self.amount >= 0 or self.amount == float("inf"):
            raise InputError(place, f"amount {self.amount}", "a budget is a finite number >= 0")
        least, greatest = self.range_in_unit(owners)
        if self.unit != "parameters" and not least <= self.amount <= greatest:
            raise InputError(
                place,
                f"{self.unit} {self.amount:g}",
                f"with {owners} domains the reachable range is {least:g} to {greatest:g}",
                "choose a value inside it",
            )

    def range_in_unit(self, owners: int) -> tuple[float, float]:
        """Least and greatest amount in this unit (parameters: 0 and infinity, the backbone decides)."""
        if self.unit == "share":
            return 0.0, 1.0
        if self.unit == "multiple":
            return (1.0 if self.measure == "live" else 0.0), float(owners)
        return 0.0, float("inf")

    def of(self, cost: Cost) -> int:
        """The part of a cost that this budget limits."""
        return cost.owned if self.measure == "owned" else cost.live
