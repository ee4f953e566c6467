"""Filter orders: which filters of a site an owner takes first.

An order is a value: `index`, `random` with a seed, `norm` or `listed` with the name of a table. Its permutations are
computed where they are needed, so that a log line names an order in a few bytes. A level n then owns the filters
`permutation[:n]`.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from apportion.registry import Registry
from apportion.spaces import order_tables

Permutation = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Order:
    """The filter order of an allocation. `per_owner`: every owner has an order of its own at each site.

    `table` names the content of orders that no seed makes (`order_tables`).
    """

    name: str = "index"
    seed: int = 0
    per_owner: bool = False
    table: str = ""

    @property
    def common(self) -> bool:
        """True where all owners take the same filters first."""
        return not self.per_owner or orders.get(self.name).same_for_all

    def permutation(self, site: str, owner: str, filters: int) -> Permutation:
        """The filters 0..filters-1 of `site`, the ones that `owner` takes first in front. Shape [filters]."""
        return _permutation(self, site, owner if self.per_owner else "", filters)


@dataclass(frozen=True)
class OrderEntry:
    name: str
    summary: str
    permute: Callable[[Order, str, str, int], Permutation]
    same_for_all: bool = False
    """The owner does not matter, even where every owner has an order of its own."""


def counted_seed(*parts: object) -> int:
    """A 64-bit seed that depends on every part and on nothing else (no generator's state is carried along)."""
    digest = hashlib.sha256("\x1f".join(str(part) for part in parts).encode()).digest()
    return int.from_bytes(digest[:8], "little")


def _by_index(order: Order, site: str, owner: str, filters: int) -> Permutation:
    return np.arange(filters, dtype=np.int64)


def _from_table(order: Order, site: str, owner: str, filters: int) -> Permutation:
    row = order_tables.table(order.table).get(site)
    if isinstance(row, Mapping):
        row = row.get(owner)
    return np.arange(filters, dtype=np.int64) if row is None else np.array(row, dtype=np.int64)


def _at_random(order: Order, site: str, owner: str, filters: int) -> Permutation:
    generator = np.random.Generator(np.random.Philox(counted_seed("order", order.seed, site, owner)))
    return generator.permutation(filters).astype(np.int64)


orders: Registry[OrderEntry] = Registry(
    "order",
    [
        OrderEntry("index", "filters in the order the backbone stores them", _by_index, True),
        OrderEntry("random", "a seeded shuffle, common to all owners or one for each", _at_random),
        OrderEntry("norm", "filters of the starting weights by their L2 norm, the greatest first", _from_table),
        OrderEntry("listed", "a user's own order, from a JSON file", _from_table),
    ],
)


@lru_cache(maxsize=65536)
def _permutation(order: Order, site: str, owner: str, filters: int) -> Permutation:
    permutation = orders.get(order.name).permute(order, site, owner, filters)
    permutation.setflags(write=False)
    return permutation
