"""An allocation: the level of every owner at every site. The answer that everything here searches for."""

import hashlib
import json
from dataclasses import asdict, dataclass, field

from apportion.spaces.orders import Order


@dataclass(frozen=True)
class Allocation:
    """`levels[site][owner]`, sites and owners in the order of the space it belongs to; level 0 = the shared layer.

    Allocations that mean the same network compare and hash equal only in canonical form (`SharingSpace.canonical`).
    """

    levels: tuple[tuple[int, ...], ...]
    order: Order = field(default_factory=Order)

    def key(self) -> str:
        """A short name of this allocation: equal for equal levels and orders, on every machine."""
        content = asdict(self)
        if not self.order.table:
            del content["order"]["table"]  # keys from before there were tables stay what they were
        text = json.dumps(content, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:16]
