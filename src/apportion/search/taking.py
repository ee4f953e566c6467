"""Taking rows of weights for owners, one after another, each where it still fits: what filling does, all at once."""

import numpy as np
import numpy.typing as npt

from apportion.spaces.budget import Measure

Ints = npt.NDArray[np.int64]


def prices_in_turn(owners: int, measure: Measure) -> Ints:
    """What the first, second, ... owner of a row pays for it, in rows [owners]; at least two owners.

    The shared copy stays while anybody uses it. `owned` counts it as the last user's own, from the last but one on.
    """
    prices = np.ones(owners, dtype=np.int64)
    prices[-1] = 0
    if measure == "owned":
        prices[-2] = 2
    return prices


class Taking:
    """Which rows each owner has taken, `owned` [rows, owners], and the parameters still to spend.

    `price` [rows] of one copy; `in_turn` [owners], see `prices_in_turn`.
    """

    def __init__(self, price: Ints, in_turn: Ints, rest: int) -> None:
        self.price, self.in_turn, self.rest = price, in_turn, rest
        self.owned = np.zeros((len(price), len(in_turn)), dtype=bool)

    def take(self, rows: Ints, owners: Ints) -> None:
        """Take `rows` for `owners`, one after another, whatever fits; and what then costs nothing.

        As many as fit at once, then all that no longer fit are dropped: what does not fit now never will, unless it
        becomes free. So there are about two rounds for each different price of a row.
        """
        while len(rows):
            holders = self.owned.sum(axis=1)
            left = ~self.owned[rows, owners]
            rows, owners = rows[left], owners[left]
            fits = self.price[rows] * self.in_turn[holders[rows]] <= self.rest
            rows, owners = rows[fits], owners[fits]
            spent = np.cumsum(self.price[rows] * self.in_turn[holders[rows] + _earlier(rows)])
            count = int(np.searchsorted(spent, self.rest, side="right"))
            if count:
                self.owned[rows[:count], owners[:count]] = True
                self.rest -= int(spent[count - 1])
                self._take_what_is_free()
            rows, owners = rows[count + 1 :], owners[count + 1 :]

    def _take_what_is_free(self) -> None:
        holders = self.owned.sum(axis=1)
        left = holders < len(self.in_turn)
        self.owned[left & (self.in_turn[np.minimum(holders, len(self.in_turn) - 1)] == 0)] = True


def _earlier(rows: Ints) -> Ints:
    """How often each entry stood earlier in `rows`."""
    if not len(rows):
        return rows
    order = np.argsort(rows.astype(np.min_scalar_type(int(rows.max()))), kind="stable")
    ordered = rows[order]
    begins = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    earlier = np.empty_like(rows)
    earlier[order] = np.arange(len(rows)) - np.repeat(begins, np.diff(begins, append=len(rows)))
    return earlier
