"""Where scorers start: a shared network, and copies of it that domains own."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from apportion.errors import InputError
from apportion.evaluators.laboratory import Laboratory
from apportion.evaluators.memo import Tensors
from apportion.evaluators.scorers.options import JointStart, Start
from apportion.evaluators.train import Train
from apportion.evaluators.training.loop import joint
from apportion.evaluators.training.stepper import Phase
from apportion.spaces.allocation import Allocation
from apportion.spaces.network.mixed import MultiDomainNet
from apportion.spaces.space import SharingSpace


@contextmanager
def at_work(lab: Laboratory, scorer: str) -> Iterator[Train]:
    """The evaluator whose network and data `scorer` uses; global generators and loading processes end as they were.

    An InputError where the evaluator trains nothing.
    """
    train = lab.evaluator
    if not isinstance(train, Train):
        what = f"evaluator {type(train).__name__.lower()}"
        raise InputError(f"scorer {scorer}", what, "it needs a network and images", "use evaluator: {name: train}")
    devices = [train.source.device] if train.source.device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices), train._loading(lab.stop):
        yield train


def started(lab: Laboratory, train: Train, start: Start, seed: int, allocation: Allocation) -> MultiDomainNet:
    """The network of `allocation` before its first step: every owned filter equals the shared one of `start`."""
    net = train._net(allocation, seed)
    tensors = _shared(lab, train, start, seed)
    if tensors is not None:
        shared = train._net(train.space.shared(), seed)
        shared.load_state_dict(tensors)
        net.start_from(shared)
    return net


def _shared(lab: Laboratory, train: Train, start: Start, seed: int) -> Tensors | None:
    """The all-shared network's tensors; None for the template's own."""
    warm_up = train.options.warm_up
    configured = bool(warm_up.shared_epochs or warm_up.head_epochs)
    if isinstance(start, JointStart):
        key = f"start/joint-{start.joint}/seed-{seed}"
        return lab.memo(key, lambda: _joint(lab, train, start.joint, seed, key))[1]
    if start == "warm_up" and not configured:
        law, remedy = "the evaluator has no warm-up", "set evaluator.warm_up.shared_epochs, or start: {joint: 2}"
        raise InputError("start", "'warm_up'", law, remedy)
    if start == "template" or not configured:
        return None
    # The very warm-up that trials of this seed start from.
    return lab.memo(f"warm-up/seed-{seed}", lambda: train._warm_up(seed, lab.stop))[1]


def _joint(lab: Laboratory, train: Train, epochs: int, seed: int, key: str) -> Tensors:
    """The all-shared network after `epochs` of its own, the learning rate's whole way within them."""
    net = train._net(train.space.shared(), seed)
    keeper = lab.keeper(key)
    for _ in joint(net, train.source, train.options, Phase("start", epochs), seed, epochs, keeper):
        pass
    return net.state_dict()


def owned_rows(net: MultiDomainNet, space: SharingSpace, gradient: bool = False) -> list[Tensor]:
    """For every site the filters (or their gradients) of a network that shares nothing, [owners, filters, weights].

    A single domain has nobody to share with and owns nothing: one weight of zero a filter.
    """
    found = []
    for site in space.sites:
        layer: Any = net.network.get_submodule(site.name)
        rows: Tensor = layer.owned
        if len(space.owners) == 1:
            found.append(rows.new_zeros(1, site.filters, 1))
            continue
        if gradient:
            assert rows.grad is not None
            rows = rows.grad
        found.append(rows.view(len(space.owners), site.filters, -1))
    return found


def epochs_of(train: Train, scorer: str, epochs: int | None) -> int:
    """`epochs` of the full schedule, all where it is None; an InputError where it has fewer."""
    full = train.options.epochs
    if epochs is not None and epochs > full:
        law = f"the full schedule has {full} epochs"
        raise InputError(f"scorer {scorer}, epochs", str(epochs), law, "lower it or raise evaluator.epochs")
    return full if epochs is None else epochs
