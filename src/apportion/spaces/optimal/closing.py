"""The last gap closed: a dynamic programme over what may still be worth changing (the knapsack's core).

A choice of options is worth exactly L(p) - p * (what it leaves of the limit) - (what its options fall short), with the
price p and the bound L(p) of `water`. Better than a known choice can only be one that falls short by less than that
one's gap to L(p): few options of few rows. They are combined choice by choice; of combinations that cost no less and
are worth no more than another none is kept (Nemhauser and Ullmann 1969; Pisinger 1995 for the core).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from apportion.spaces.optimal.choices import Choice, undominated
from apportion.spaces.optimal.prices import Ints
from apportion.spaces.optimal.rows import Floats

# The part of the effort left that one choice may take: enough is left for the last of some fifty.
_PART = 16


@dataclass(frozen=True)
class Closed:
    """`options` [choices] of the best combination, None where nothing beats what was known. `proven`: nothing does."""

    options: Ints | None
    proven: bool


@dataclass(frozen=True)
class _Front:
    """Combinations of the choices so far: what they cost more than the best options and fall short of them."""

    cost: Floats
    short: Floats
    parent: Ints
    option: Ints

    def only(self, chosen: npt.NDArray[np.int64] | npt.NDArray[np.bool_]) -> "_Front":
        return _Front(self.cost[chosen], self.short[chosen], self.parent[chosen], self.option[chosen])


def closed(choices: Sequence[Choice], price: float, rest: float, gap: float, least: float, effort: int) -> Closed:
    """A combination that falls short of L(price) by less than `gap`; gains of less than `least` are no gains.

    The choices' best options leave `rest` of the limit (below 0: exceed it). About `effort` combinations are looked at;
    where that leaves some out, those that at best come nearest to L(price) are kept and nothing is proven.
    """
    order = sorted((n for n, one in enumerate(choices) if len(one.cost) > 1), key=lambda n: float(choices[n].short[1]))
    zero, none = np.zeros(1), np.zeros(1, dtype=np.int64)
    fronts = [_Front(zero, zero, none, none)]
    found: Ints | None = None
    whole = True
    down, up = _reach([choices[n] for n in order])
    for turn in range(len(order) + 1):
        front = fronts[-1]
        deficit = np.where(front.cost <= rest, price * (rest - front.cost) + front.short, np.inf)
        if deficit.min() < gap - least:
            gap, found = float(deficit.min()), _traced(fronts, int(deficit.argmin()), order, len(choices))
        if turn == len(order) or choices[order[turn]].short[1] >= gap - least:
            break
        choice = choices[order[turn]]
        states = max(1, effort // (_PART * len(choice.cost)))
        if len(front.cost) > states:
            idle = price * np.maximum(0.0, rest - front.cost - up[turn]) + front.short
            front, whole = front.only(np.sort(np.argsort(idle, kind="stable")[:states])), False
            fronts[-1] = front
        effort -= len(front.cost) * len(choice.cost)
        front = _joined(front, choice, price)
        idle = price * np.maximum(0.0, rest - front.cost - up[turn + 1]) + front.short
        front = front.only((front.cost <= rest + down[turn + 1]) & (idle < gap - least))
        if not len(front.cost):
            break
        fronts.append(front)
    return Closed(found, whole and all(one.missed >= gap - least for one in choices))


def _traced(fronts: list[_Front], index: int, order: list[int], choices: int) -> Ints:
    """The options [choices] of a combination of the last front."""
    options = np.zeros(choices, dtype=np.int64)
    for turn in range(len(fronts) - 1, 0, -1):
        options[order[turn - 1]] = fronts[turn].option[index]
        index = int(fronts[turn].parent[index])
    return options


def _reach(choices: list[Choice]) -> tuple[Floats, Floats]:
    """By how much the choices from the n-th on can lower and raise the cost. Both [choices + 1]."""
    down = [float((one.cost[0] - one.cost).max()) for one in choices]
    up = [float((one.cost - one.cost[0]).max()) for one in choices]
    return np.cumsum([0.0, *down[::-1]])[::-1], np.cumsum([0.0, *up[::-1]])[::-1]


def _joined(front: _Front, choice: Choice, price: float) -> _Front:
    """Every combination with every option, by rising cost, without the dominated ones."""
    cost = np.add.outer(front.cost, choice.cost - choice.cost[0]).ravel()
    short = np.add.outer(front.short, choice.short - choice.short[0]).ravel()
    order = undominated(cost, short, price)
    parent, option = np.divmod(order, len(choice.cost))
    return _Front(cost[order], short[order], parent, option)
