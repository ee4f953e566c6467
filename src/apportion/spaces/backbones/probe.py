"""The probe: a network that was never tried here is run before it is trusted with a batch of several domains.

A mixed batch is right only where three things hold, in evaluation as in training; each is tried on the network itself:
1. Rows do not mix: another image in one row leaves the outputs of the others as they are. Every norm that will be
   swapped stands still meanwhile, since each domain gets its own.
2. Every layer that will be swapped is called, exactly once, and nothing else is asked of it: its `weight` will not be
   there to be read.
3. What the head gives leaves the network: raising a logit there raises it by as much at the exit.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from apportion.errors import InputError
from apportion.spaces.backbones.entry import BackboneEntry
from apportion.spaces.backbones.introspection import check_calls, copied, run, shape_of
from apportion.spaces.shape import BackboneShape

# Two rows can hide a shift by two; every row is perturbed in turn.
_ROWS = 3
# Of the largest output. Rows of one convolution agree to the bit; sums over classes are left some room.
_SAME = 1e-6
_ONE_TO_ONE = 1e-3


def examined(entry: BackboneEntry, network: nn.Module, image_size: int, trusted: bool = False) -> BackboneShape:
    """The shape of `network`, which `entry` built, for images of that side; probed where the entry asks for it.

    `trusted`: it was probed already, by the process that started this one for example.
    """
    shape = shape_of(entry.name, network, entry.head, image_size, entry.shared)
    if entry.probed and not trusted:
        probe(network, shape, image_size)
    return shape


def probe(network: nn.Module, shape: BackboneShape, image_size: int) -> None:
    """Raise InputError, naming layer and reason, where a mixed batch of `network` would be wrong. Leaves it alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        stage = _Stage(network, shape, image_size)
        stage.settle()
        for training in (False, True):
            stage.network.train(training)
            stage.check_rows()
            stage.check_head()


class _Stand(nn.Module):
    """Stands where a layer stood and calls it, counts, and lets nothing of it be read. The layer is not a child."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.kept = (layer,)
        self.calls = 0
        self.read: list[str] = []
        self.offset: Tensor | None = None
        self.greatest = 0.0

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        y: Tensor = self.kept[0](x)
        if self.offset is None:
            self.greatest = float(y.abs().max())
            return y
        return y + (self.offset if isinstance(self.kept[0], nn.Linear) else self.offset[:, None, None])

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError:
            if hasattr(self.__dict__["kept"][0], name):
                self.__dict__["read"].append(name)
            raise


class _Stage:
    """A copy of the network with stands for its layers, and what is tried on it."""

    def __init__(self, network: nn.Module, shape: BackboneShape, image_size: int) -> None:
        self.name, self.head = shape.name, shape.head
        self.network = copied(network, shape.name).cpu().float()
        names = [*(site.name for site in shape.sites), *(norm.name for norm in shape.norms), shape.head]
        self.stands = {name: _Stand(self.network.get_submodule(name)) for name in names}
        for name, stand in self.stands.items():
            parent, _, leaf = name.rpartition(".")
            setattr(self.network.get_submodule(parent), leaf, stand)
        # A head may start at zero, and then nothing would be seen through it.
        weight = self.layer(self.head).get_parameter("weight")
        nn.init.normal_(weight, std=weight[0].numel() ** -0.5)
        self.images = torch.randn(_ROWS, 3, image_size, image_size)
        self.other = torch.randn(_ROWS, 3, image_size, image_size)

    def layer(self, name: str) -> nn.Module:
        return self.stands[name].kept[0]

    def settle(self) -> None:
        """Give the norms statistics that fit, as training does: deep networks blow up or fade without."""
        self.network.eval()
        norms = [layer for layer in map(self.layer, self.stands) if isinstance(layer, nn.BatchNorm2d)]
        for norm in norms:
            norm.train()
            norm.momentum = 1.0
        with self.watched():
            run(self.network, self.images, self.name)
        for norm in norms:
            norm.eval()

    def outputs(self, images: Tensor) -> Tensor:
        """One pass under watch, with the random numbers of every other."""
        torch.manual_seed(1)
        with self.watched():
            logits = run(self.network, images, self.name)
        if logits.shape != (_ROWS, self.classes):
            law = f"the head {self.head!r} gives {self.classes} classes, which must leave the network as they are"
            raise InputError(f"backbone {self.name}", f"it gives {list(logits.shape)} for {_ROWS} images", law)
        return logits

    @property
    def classes(self) -> int:
        return len(self.layer(self.head).get_parameter("weight"))

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Refuse layers that are read, not called, or called twice."""
        for stand in self.stands.values():
            stand.calls = 0
            stand.read.clear()
        try:
            yield
        except InputError as problem:
            # Reading is what made it fail.
            self._refuse_reading(problem)
            raise
        self._refuse_reading(None)
        called = [name for name, stand in self.stands.items() for _ in range(stand.calls)]
        check_calls(called, {name: self.layer(name) for name in self.stands}, self.name)

    def _refuse_reading(self, problem: InputError | None) -> None:
        for name, stand in self.stands.items():
            if stand.read:
                law = "a layer that is given to domains can only be called"
                value, remedy = f"its {stand.read[0]!r} is read", "keep what you need beside it"
                raise InputError(f"backbone {self.name}, layer {name}", value, law, remedy) from problem

    def check_rows(self) -> None:
        """Perturb each row in turn: its own output changes, the others do not."""
        before = self.outputs(self.images)
        scale = max(float(before.abs().max()), 1e-30)
        if not bool(torch.isfinite(before).all()):
            raise InputError(self._place, "its outputs are not finite", "images of noise must give finite outputs")
        if float((self.outputs(self.images) - before).abs().max()) > _SAME * scale:
            law = "one torch.manual_seed must fix all of its randomness"
            raise InputError(self._place, "the same images give other outputs", law)
        for row in range(_ROWS):
            images = self.images.clone()
            images[row] = self.other[row]
            change = (self.outputs(images) - before).abs().amax(1)
            if float(change[row]) <= _SAME * scale:
                raise InputError(self._place, "its output does not depend on its image", "it must")
            change[row] = 0
            if float(change.max()) > _SAME * scale:
                law = "rows of a batch must not mix: they belong to different domains"
                raise InputError(self._place, "one image changes the outputs of another", law)

    def check_head(self) -> None:
        """Raise the logits, each class by its own amount, far enough that a ReLU behind the head lets all through."""
        stand = self.stands[self.head]
        self.outputs(self.images)
        unit = stand.greatest or 1.0
        steps = torch.linspace(1.0, 2.0, self.classes) * unit
        outputs = []
        for offset in (torch.full((self.classes,), 4 * unit), 4 * unit + steps):
            stand.offset = offset
            outputs.append(self.outputs(self.images))
        stand.offset = None
        if float((outputs[1] - outputs[0] - steps).abs().max()) > _ONE_TO_ONE * unit:
            law = "the head's logits must leave the network as they are: each domain brings a head of its own"
            value = f"what follows the head {self.head!r} changes its logits"
            raise InputError(self._place, value, law, "take away what stands behind the head, a softmax for example")

    @property
    def _place(self) -> str:
        mode = "training" if self.network.training else "evaluation"
        return f"backbone {self.name}, in {mode}"
