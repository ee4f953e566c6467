"""The three ways to lay out what a scheme costs. Stored parameters follow `live`; `owned` is what paper 000 counts."""

from dataclasses import dataclass

from apportion.reports.schemes import Scheme


@dataclass(frozen=True)
class Axis:
    """`field` of a scheme's price; `tick_format` in d3's language."""

    field: str
    title: str
    short: str
    tick_format: str

    def of(self, scheme: Scheme) -> float:
        return float(getattr(scheme.price, self.field))


AXES = (
    Axis("parameters", "stored parameters of the whole model", "stored parameters", "~s"),
    Axis("live", "live backbones (1 = all shared)", "live backbones", "~g"),
    Axis("owned", "owned share of the backbone per domain", "owned share", ".0%"),
)
