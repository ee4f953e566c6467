"""What an additive model sees of a pattern: functions of the fraction that each variable owns, pooled.

The worth of variable v at fraction f is sum_b beta_vb shape_b(f). Its coefficients are sums of pooled ones, so that a
few trials say something of all: one for everything, for its site, for its domain, and by option for the site in that
domain.
"""

from typing import Literal

import numpy as np
import numpy.typing as npt

from apportion.spaces.allocation import Allocation
from apportion.spaces.space import SharingSpace

Floats = npt.NDArray[np.float64]
Interactions = Literal["none", "site_x_domain"]
Shape = Literal["square_root", "linear", "fourth_root"]

_POWERS: dict[Shape, float] = {"square_root": 0.5, "linear": 1.0, "fourth_root": 0.25}
# Prior standard deviations, relative to one another. The first shape is the expected one, others are departures from
# it; what all variables have in common is left open.
_OF_OTHER_SHAPES = 0.3
_OF_ALL, _OF_SITE, _OF_DOMAIN, _OF_CELL = 5.0, 0.6, 0.3, 0.4


class Features:
    """Rows of a linear model for a space's patterns, and worths from its coefficients [pools * shapes]."""

    def __init__(self, space: SharingSpace, shapes: tuple[Shape, ...], interactions: Interactions) -> None:
        self.space, self._linear = space, shapes.index("linear") if "linear" in shapes else None
        self._power = np.array([_POWERS[shape] for shape in shapes])
        self._greatest = np.array([site.max_level for site in space.sites], dtype=np.float64)[:, None]
        cells = np.zeros((space.dimension, len(space.sites), len(space.owners)))
        for v, variable in enumerate(space.variables):
            for i, d in variable.cells:
                cells[v, i, d] = 1 / len(variable.cells)
        self._cells = cells.reshape(space.dimension, -1)
        self._pools, deviation = _pools(space, interactions)
        self.deviation: Floats = np.outer(deviation, [1.0] + [_OF_OTHER_SHAPES] * (len(shapes) - 1)).ravel()
        levels = [space.levels_at(np.minimum(k, space.steps)) for k in range(int(space.steps.max(initial=0)) + 1)]
        fractions = self._fractions(np.array(levels))
        self._tables = [self._shaped(fractions[: step + 1, v]) for v, step in enumerate(space.steps)]

    def _fractions(self, levels: npt.NDArray[np.int64]) -> Floats:
        """The mean fraction over each variable's cells [..., variables] at `levels` [..., sites, owners]."""
        parts = levels / self._greatest
        return np.asarray(parts.reshape(*parts.shape[:-2], -1) @ self._cells.T)

    def _shaped(self, fractions: Floats) -> Floats:
        """[..., shapes]"""
        return np.asarray(fractions[..., None] ** self._power)

    def row(self, allocation: Allocation) -> Floats:
        """What stands beside each coefficient for a pattern. [pools * shapes]"""
        return np.asarray((self._pools.T @ self._shaped(self._fractions(np.array(allocation.levels)))).ravel())

    def worths(self, coefficients: Floats, concave: bool) -> list[Floats]:
        """The worth of every position of every variable: [variables][steps + 1].

        `concave`: made so that filters of a variable are worth ever less. Where a curved shape has a negative
        coefficient, the straight one takes it over, or else the other curved ones in proportion.
        """
        of_variables = self._pools @ coefficients.reshape(self._pools.shape[1], -1)
        if concave:
            of_variables = self._bent_down(of_variables)
        return [table @ of_variable for table, of_variable in zip(self._tables, of_variables, strict=True)]

    def expected(self, worth: Floats) -> list[Floats]:
        """Worths [variables][steps + 1] of the first shape alone, `worth` [variables] each at the top."""
        return [table[:, 0] * top for table, top in zip(self._tables, worth, strict=True)]

    def _bent_down(self, of_variables: Floats) -> Floats:
        positive = np.maximum(0.0, of_variables)
        if self._linear is None:
            whole = positive.sum(axis=1, keepdims=True)
            kept = np.maximum(0.0, of_variables.sum(axis=1, keepdims=True))
            return np.asarray(positive * kept / np.where(whole > 0, whole, 1.0))
        # The sum of all shapes' coefficients, the worth at the top, stays as it was.
        positive[:, self._linear] += (of_variables - positive).sum(axis=1)
        return positive


def _pools(space: SharingSpace, interactions: Interactions) -> tuple[Floats, Floats]:
    """Which pools each variable belongs to, [variables, pools] of 0 and 1, and their prior deviations [pools]."""
    size = space.dimension
    columns, deviations = [np.ones((size, 1))], [_OF_ALL]
    if space.granularity == "per_site_and_domain":
        (sites, owners) = zip(*(variable.cells[0] for variable in space.variables), strict=True)
        columns += [_one_hot(sites), _one_hot(owners)]
        deviations += [_OF_SITE] * columns[1].shape[1] + [_OF_DOMAIN] * columns[2].shape[1]
        if interactions == "site_x_domain":
            columns.append(np.eye(size))
            deviations += [_OF_CELL] * size
    else:
        columns.append(np.eye(size))
        deviations += [_OF_SITE] * size
    return np.concatenate(columns, axis=1), np.array(deviations)


def _one_hot(labels: tuple[int, ...]) -> Floats:
    return np.asarray(np.array(labels)[:, None] == np.unique(labels), dtype=np.float64)
