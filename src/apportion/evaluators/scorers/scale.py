"""Squared norms of filters made comparable over sites."""

from collections.abc import Sequence

from torch import Tensor

from apportion.evaluators.scorers.options import Scale


def scaled(worth: Sequence[Tensor], energies: Sequence[Tensor], scale: Scale) -> dict[str, Tensor]:
    """`worth.<site>` [owners, filters] from `worth` in units of a squared norm.

    `energies` of each site, any shape: their mean is what `site` divides by, and where it is 0 so is the worth.
    """
    found = {}
    for i, (squares, energy) in enumerate(zip(worth, energies, strict=True)):
        values = squares
        if scale == "site":
            mean = energy.mean()
            values = squares / mean if mean > 0 else squares * 0
        elif scale == "root":
            values = squares.sign() * squares.abs().sqrt()
        found[f"worth.{i}"] = values.double()
    return found
