"""The ledger: what a multi-domain model stores, item by item, and the conventions papers print it in."""

from dataclasses import dataclass

from apportion.spaces.allocation import Allocation
from apportion.spaces.shape import BackboneShape
from apportion.spaces.space import SharingSpace


@dataclass(frozen=True)
class Item:
    """Numbers stored for one purpose; `owner` None = used by several domains. Not `trained`: a running statistic."""

    what: str
    owner: str | None
    count: int
    trained: bool = True


@dataclass(frozen=True)
class Ledger:
    """Items of one model. Numbers are 32-bit floats; masks of later operators are counted by their own bits."""

    items: tuple[Item, ...]
    backbone: int
    """Trained numbers of one plain backbone without a head."""
    backbone_convolutions: int

    @property
    def parameters(self) -> int:
        """Trained numbers of the whole model, heads included: what a front has on its axis."""
        return sum(item.count for item in self.items if item.trained)

    @property
    def stored_bytes(self) -> int:
        """Everything a device keeps, running statistics included, at four bytes a number."""
        return 4 * sum(item.count for item in self.items)

    def total(self, what: str) -> int:
        return sum(item.count for item in self.items if item.what == what)

    @property
    def live(self) -> int:
        return self.total("shared filters") + self.total("owned filters")

    @property
    def fgc(self) -> int:
        """Paper 000, table 1: conv * (1 + (D - 1) * p) + D * (conv biases + BN affine + head); no running statistics.

        The printed p = .2 rows lie 0.02 to 1.9 % above this formula by a rule that cannot be recovered.
        """
        return self.parameters

    @property
    def decathlon(self) -> float:
        """Papers 002 and 003: parameters relative to the backbone, heads counted in neither."""
        return (self.parameters - self.total("heads")) / self.backbone

    def convention(self, name: str) -> float:
        """The figure that convention `name` (`fgc`, `decathlon`) prints."""
        return {"fgc": float(self.fgc), "decathlon": self.decathlon}[name]


CONVENTIONS = ("fgc", "decathlon")


def ledger_of(shape: BackboneShape, space: SharingSpace, allocation: Allocation, classes: dict[str, int]) -> Ledger:
    """The ledger of the model that `allocation` stands for; `classes[owner]` sizes each head."""
    allocation = space.canonical(allocation)
    owners = space.owners
    owned_by = dict.fromkeys(owners, 0)
    for site, row in zip(space.sites, allocation.levels, strict=True):
        for owner, level in zip(owners, row, strict=True):
            owned_by[owner] += level * site.parameters_per_filter
    live = space.cost(allocation).live
    items = [Item("shared filters", None, live - sum(owned_by.values()))]
    items += [Item("owned filters", owner, owned_by[owner]) for owner in owners]
    items.append(Item("never owned", None, shape.never_owned))
    items.append(Item("constants", None, shape.constants, trained=False))
    items += [Item("biases", owner, shape.convolution_biases) for owner in owners]
    items += [Item("norm affine", owner, shape.norm_affine) for owner in owners]
    items += [Item("running statistics", owner, shape.running_statistics, trained=False) for owner in owners]
    items += [Item("heads", owner, (shape.head_features + 1) * classes[owner]) for owner in owners]
    backbone = shape.convolution_weights + shape.convolution_biases + shape.norm_affine + shape.never_owned
    return Ledger(tuple(item for item in items if item.count), backbone, shape.convolution_weights)
