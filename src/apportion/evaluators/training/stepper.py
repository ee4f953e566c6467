"""One phase over one network: its optimiser, and what a step does.

Every random number is counted by (seed, phase, domain, step), so a step can be repeated without the steps before it.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from apportion.evaluators.data.cache import DeviceCache
from apportion.evaluators.data.streams import augment_seed, indices, steps_per_epoch
from apportion.evaluators.protocol import TrialFailed
from apportion.evaluators.training.keeper import Keeper
from apportion.evaluators.training.options import OptimizerOptions, TrainOptions
from apportion.evaluators.training.schedule import factor
from apportion.evaluators.training.scoring import scores_of
from apportion.spaces.network.mixed import MultiDomainNet
from apportion.spaces.orders import counted_seed

# Losses are looked at in groups: asking a GPU for each would make it wait for every step.
_LOOK_EVERY = 16
_PACE_STEPS = 8


@dataclass(frozen=True)
class Phase:
    """Part of a schedule: `epochs` in all (what the learning rate runs over), `name` counts its randomness apart."""

    name: str
    epochs: int
    heads_only: bool = False


def optimizer_for(options: OptimizerOptions, parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
    """PyTorch's optimiser over `parameters`; `foreach` updates them in a few fused calls."""
    if options.name == "sgd":
        return torch.optim.SGD(parameters, options.lr, options.momentum, weight_decay=options.weight_decay)
    kind = torch.optim.AdamW if options.name == "adamw" else torch.optim.Adam
    return kind(parameters, options.lr, weight_decay=options.weight_decay, foreach=True)


class Stepper:
    """One phase over one network: its optimiser, and what a step does."""

    def __init__(self, net: MultiDomainNet, cache: DeviceCache, options: TrainOptions, phase: Phase, seed: int) -> None:
        self.net, self.cache, self.options, self.phase, self.seed = net, cache, options, phase, seed
        self.trained = list(net.heads.parameters() if phase.heads_only else net.parameters())
        self.optimizer = optimizer_for(options.optimizer, self.trained)
        self.sizes = {owner: cache.size(owner, "train") for owner in net.owners}
        self.steps = steps_per_epoch(list(self.sizes.values()), options.batch)
        self.precision = precision_of(options, cache.device)

    def epoch(self, epoch: int, done: int, keeper: Keeper) -> None:
        """The steps of `epoch` that are not among the `done` first ones of the phase."""
        seen: list[Tensor] = []
        end = (epoch + 1) * self.steps
        for step in range(max(done, epoch * self.steps), end):
            rate = self.options.optimizer.lr * factor(self.options.schedule, step / (self.phase.epochs * self.steps))
            for group in self.optimizer.param_groups:
                group["lr"] = rate
            seen.append(self.step(step))
            due = step + 1 < end and keeper.due()
            if len(seen) == _LOOK_EVERY or step + 1 == end or due:
                self.check(torch.stack(seen), step + 1 - len(seen))
                seen.clear()
            if due:
                keeper.keep(self.net, self.optimizer, step + 1)

    def step(self, step: int) -> Tensor:
        """One update; the losses [domains] before it, still on the device."""
        images, labels = self.batch(step)
        # Dropout draws from the global generator, which the trial has forked: count it like everything else.
        torch.manual_seed(counted_seed("dropout", self.seed, self.phase.name, step) % 2**63)
        with torch.autocast(self.cache.device.type, torch.bfloat16, enabled=self.precision == "bfloat16"):
            logits = self.net(images)
        losses = torch.stack([F.cross_entropy(part.float(), truth) for part, truth in zip(logits, labels, strict=True)])
        self.optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(losses.sum(), inputs=self.trained)
        self.optimizer.step()
        return losses.detach()

    def batch(self, step: int) -> tuple[Tensor, list[Tensor]]:
        """Images [D * B, 3, H, W], domain by domain, augmented; labels [B] per domain."""
        stream = counted_seed("batches", self.seed, self.phase.name)
        images, labels = [], []
        for owner in self.net.owners:
            chosen = indices(stream, owner, self.sizes[owner], step, self.options.batch)
            part, truth = self.cache.augmented(owner, chosen, augment_seed(stream, owner, step))
            images.append(part)
            labels.append(truth)
        return torch.cat(images), labels

    def check(self, losses: Tensor, first_step: int) -> None:
        finite = torch.isfinite(losses)
        if bool(finite.all()):
            return
        step, domain = (int(i) for i in (~finite).nonzero()[0])
        loss = losses[step, domain].item()
        raise diverged(self.net.owners[domain], first_step + step, self.phase.name, loss, "loss", self.options)


def diverged(domain: str, step: int, phase: str, value: float, what: str, options: TrainOptions) -> TrialFailed:
    """The failure of a training whose numbers are no longer finite."""
    return TrialFailed(
        "diverged",
        f"{domain}, step {step} of phase {phase}: {what} {value}, but training needs finite losses; lower"
        f" evaluator.optimizer.lr (now {options.optimizer.lr:g})",
    )


def precision_of(options: TrainOptions, device: torch.device) -> str:
    """`auto` is bfloat16 autocast on CUDA and float32 elsewhere."""
    if options.precision != "auto":
        return options.precision
    return "bfloat16" if device.type == "cuda" else "float32"


def stepper(net: MultiDomainNet, cache: DeviceCache, options: TrainOptions) -> Callable[[int], Tensor]:
    """A function that takes training step i of `net` and gives its losses, for timing."""
    net.train()
    return Stepper(net, cache, options, Phase("pace", options.epochs), 0).step


def paced(net: MultiDomainNet, cache: DeviceCache, options: TrainOptions) -> float:
    """Seconds of one epoch of training and its val scores, from a few timed steps. Trains `net` a little."""
    stepper = Stepper(net, cache, options, Phase("pace", options.epochs), 0)
    net.train()
    for step in range(_PACE_STEPS):
        stepper.step(step).sum().item()
    began = time.perf_counter()
    for step in range(_PACE_STEPS):
        stepper.step(step).sum().item()
    a_step = (time.perf_counter() - began) / _PACE_STEPS
    began = time.perf_counter()
    scores_of(net, cache, "val")
    return a_step * stepper.steps + time.perf_counter() - began
