"""Bayesian linear regression with the scale of noise and prior found from the data.

y = a + X beta + noise, noise ~ N(0, s2), beta ~ N(0, k s2 V), V given and diagonal. Given k the posterior is normal and
inverse gamma (conjugate; e.g. Bishop 2006, section 3.3, for the evidence section 3.5): with A = X'X + V^-1 / k its mean
is A^-1 X'y, s2 is about rss / n. The ratio k maximises the evidence on a grid, each time there are a tenth more data.
A trial costs an update of X'X and a Cholesky factorisation: .2 ms for 100 coefficients.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

# Of 1, a signal as large as the noise: from all noise to none that floating point could tell.
_RATIOS = np.logspace(-3, 7, 41)
_FREE = 1e6
"""Prior variance of the constant, against that of the coefficients."""
_LEAST_NOISE = 1e-12
"""Least part of the variation that is noise."""


@dataclass(frozen=True)
class _Posterior:
    """Cholesky factor of the precision in units of the noise, the mean, and the sum of squares left over."""

    factor: Floats
    mean: Floats
    rest: float


class AdditiveModel:
    """`deviation` [coefficients]: prior standard deviations, relative to one another."""

    def __init__(self, deviation: Floats) -> None:
        self._scale = np.concatenate([[_FREE**0.5], deviation])
        size = len(self._scale)
        self._xx, self._xy, self._yy = np.zeros((size, size)), np.zeros(size), 0.0
        self.n, self._origin, self._fitted_at, self._ratio = 0, 0.0, 0, 1.0
        self._known: _Posterior | None = None

    def learn(self, row: Floats, y: float) -> None:
        """One more observation; `row` [coefficients]."""
        if not self.n:
            self._origin = y
        # In units in which the prior is the same for all coefficients.
        x, y = np.concatenate([[1.0], row]) * self._scale, y - self._origin
        self._xx += np.outer(x, x)
        self._xy += x * y
        self._yy += y * y
        self.n += 1
        self._known = None

    def draw(self, generator: np.random.Generator, temperature: float = 1.0) -> Floats:
        """Coefficients from the posterior, their departure from its mean times `temperature`: 0 is the mean itself.

        At least one observation must have been learned.
        """
        known = self._posterior()
        noise = known.rest / generator.chisquare(self.n)
        departure = np.linalg.solve(known.factor.T, generator.standard_normal(len(known.mean)))
        return np.asarray(((known.mean + temperature * noise**0.5 * departure) * self._scale)[1:])

    def _posterior(self) -> _Posterior:
        if self._known is None:
            if self.n >= 1.1 * self._fitted_at:
                self._ratio, self._fitted_at = self._best_ratio(), self.n
            factor = np.asarray(np.linalg.cholesky(self._xx + np.eye(len(self._xx)) / self._ratio))
            half = np.asarray(np.linalg.solve(factor, self._xy))
            rest = max(self._yy - float(half @ half), _LEAST_NOISE * self._yy, 1e-300)
            self._known = _Posterior(factor, np.asarray(np.linalg.solve(factor.T, half)), rest)
        return self._known

    def _best_ratio(self) -> float:
        """The ratio of greatest evidence: -n/2 ln(rss) - 1/2 sum_i ln(1 + k d_i), d the eigenvalues of X'X."""
        values, vectors = np.linalg.eigh(self._xx)
        values, along = np.maximum(values, 0.0), (vectors.T @ self._xy) ** 2
        rest = self._yy - (along / (values + 1 / _RATIOS[:, None])).sum(axis=1)
        rest = np.maximum(rest, max(_LEAST_NOISE * self._yy, 1e-300))
        evidence = -0.5 * self.n * np.log(rest) - 0.5 * np.log1p(_RATIOS[:, None] * values).sum(axis=1)
        return float(_RATIOS[int(evidence.argmax())])
