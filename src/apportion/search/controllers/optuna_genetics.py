"""What Optuna's genetic algorithms share: how two parents make a child."""

from typing import Any, Literal

Crossover = Literal["uniform", "sbx", "blxalpha"]
"""Every variable from either parent; drawn near one of the two; drawn between them and a little beyond."""


def crossover_of(name: Crossover) -> Any:
    """Optuna's own crossover of that name. Words without an order are always taken from either parent."""
    from optuna.samplers import nsgaii

    kinds = {"uniform": nsgaii.UniformCrossover, "sbx": nsgaii.SBXCrossover, "blxalpha": nsgaii.BLXAlphaCrossover}
    return kinds[name]()
