"""Regimes: how the weights of a pattern are trained. One line each; importing this loads no torch."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module

from apportion.registry import Registry

Regime = Callable[..., Iterator[int]]
"""(net, source, options, phase, seed, until, keeper): train the first `until` epochs in place, yield after each."""


@dataclass(frozen=True)
class RegimeEntry:
    """`trainer` is `module:function`, a `Regime`."""

    name: str
    summary: str
    trainer: str

    def load(self) -> Regime:
        module, function = self.trainer.split(":")
        regime: Regime = getattr(import_module(module), function)
        return regime


regimes: Registry[RegimeEntry] = Registry(
    "regime",
    [RegimeEntry("joint", "all domains in every step, the loss their sum", "apportion.evaluators.training.loop:joint")],
)
