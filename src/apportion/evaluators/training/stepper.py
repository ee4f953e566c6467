"""One phase over one network: its optimiser, and what a step does.

Every random number is counted by (seed, phase, domain, step), so a step can be repeated without the steps before it.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from apportion.evaluators.data.source import Batch, Source
from apportion.evaluators.data.streams import steps_per_epoch
from apportion.evaluators.protocol import TrialFailed
from apportion.evaluators.training.keeper import Keeper
from apportion.evaluators.training.options import OptimizerOptions, TrainOptions
from apportion.evaluators.training.schedule import factor
from apportion.evaluators.training.scoring import scores_of
from apportion.spaces.network.forms import Form
from apportion.spaces.network.mixed import MultiDomainNet
from apportion.spaces.orders import counted_seed

# Losses are looked at in groups: asking a GPU for each would make it wait for every step.
LOOK_EVERY = 16
_PACE_STEPS = 8


@dataclass(frozen=True)
class Phase:
    """Part of a schedule: `epochs` in all (what the learning rate runs over), `name` counts its randomness apart.

    `weighted`: domains' losses count by their weights; False where each domain is looked at by itself.
    """

    name: str
    epochs: int
    heads_only: bool = False
    weighted: bool = True


@dataclass(frozen=True)
class Apart:
    """Parameters of the network with a learning rate of their own, on the same schedule, and without weight decay."""

    parameters: Sequence[nn.Parameter]
    lr: float


PACE = Phase("pace", 1)
Seconds = dict[Form, list[float]]


def optimizer_for(
    options: OptimizerOptions, parameters: list[nn.Parameter], apart: Apart | None = None
) -> torch.optim.Optimizer:
    """PyTorch's optimiser over `parameters`, among them those of `apart`; `foreach` updates in a few fused calls."""
    groups: list[dict[str, Any]] = [{"params": parameters}]
    if apart is not None:
        others = {id(parameter) for parameter in apart.parameters}
        groups = [
            {"params": [parameter for parameter in parameters if id(parameter) not in others]},
            {"params": list(apart.parameters), "lr": apart.lr, "weight_decay": 0.0},
        ]
    if options.name == "sgd":
        return torch.optim.SGD(groups, options.lr, options.momentum, weight_decay=options.weight_decay)
    kind = torch.optim.AdamW if options.name == "adamw" else torch.optim.Adam
    return kind(groups, options.lr, weight_decay=options.weight_decay, foreach=True)


class Stepper:
    """One phase over one network: its optimiser, and what a step does."""

    def __init__(
        self,
        net: MultiDomainNet,
        source: Source,
        options: TrainOptions,
        phase: Phase,
        seed: int,
        apart: Apart | None = None,
    ) -> None:
        self.net, self.source, self.options, self.phase, self.seed = net, source, options, phase, seed
        self.trained = list(net.heads.parameters() if phase.heads_only else net.parameters())
        self.optimizer = optimizer_for(options.optimizer, self.trained, apart)
        self._rates = [float(group["lr"]) for group in self.optimizer.param_groups]
        self.stream = counted_seed("batches", seed, phase.name)
        self.steps = steps_per_epoch([source.size(owner, "train") for owner in net.owners], options.batch)
        self.precision = precision_of(options, source.device)
        weights = [source.weight(owner) for owner in net.owners] if phase.weighted else []
        # None where all weigh alike 1: then nothing is multiplied, and a step is bit for bit one without weights.
        self._weights = torch.tensor(weights, device=source.device) if any(one != 1 for one in weights) else None

    def epoch(self, epoch: int, done: int, keeper: Keeper, before: Callable[[int], None] = lambda step: None) -> None:
        """The steps of `epoch` that are not among the `done` first ones of the phase; `before(step)` each of them."""
        seen: list[Tensor] = []
        start, end = max(done, epoch * self.steps), (epoch + 1) * self.steps
        for step, batch in enumerate(self.batches(start, end), start):
            self.set_rates(step)
            before(step)
            seen.append(self.step(step, batch))
            due = step + 1 < end and keeper.due()
            if len(seen) == LOOK_EVERY or step + 1 == end or due:
                self.check(torch.stack(seen), step + 1 - len(seen))
                seen.clear()
            if due:
                keeper.keep(self.net, self.optimizer, step + 1)

    def batches(self, first_step: int, last_step: int) -> Iterator[Batch]:
        """What steps `first_step` .. `last_step - 1` train on."""
        return self.source.training(self.net.owners, self.stream, self.options.batch, first_step, last_step)

    def set_rates(self, step: int) -> None:
        """Learning rates where the schedule has them at `step`."""
        now = factor(self.options.schedule, step / (self.phase.epochs * self.steps))
        for group, rate in zip(self.optimizer.param_groups, self._rates, strict=True):
            group["lr"] = rate * now

    def step(self, step: int, batch: Batch, penalty: Tensor | None = None) -> Tensor:
        """One update; the losses [domains] before it, still on the device. `penalty`: what is added to their total."""
        losses = self.backward(step, batch, penalty)
        self.optimizer.step()
        return losses

    def backward(self, step: int, batch: Batch, penalty: Tensor | None = None) -> Tensor:
        """The gradients of a step, in `.grad` of all that is trained; the losses [domains], still on the device."""
        images, labels = batch
        logits = self.logits(step, images)
        losses = torch.stack([F.cross_entropy(part.float(), truth) for part, truth in zip(logits, labels, strict=True)])
        self.optimizer.zero_grad(set_to_none=True)
        total = self.total(losses) if penalty is None else self.total(losses) + penalty
        torch.autograd.backward(total, inputs=self.trained)
        return losses.detach()

    def total(self, losses: Tensor) -> Tensor:
        """What training minimises: the sum of `losses` [domains], each times its domain's weight."""
        return losses.sum() if self._weights is None else (losses * self._weights).sum()

    def logits(self, step: int, images: Tensor) -> list[Tensor]:
        """One [B, classes] per domain, in the precision of training."""
        # Dropout draws from the global generator, which the trial has forked: count it like everything else.
        seed_generator(self.source.device, counted_seed("dropout", self.seed, self.phase.name, step) % 2**63)
        with precise(self.precision, self.source.device):
            logits: list[Tensor] = self.net(images)
        return logits

    def check(self, losses: Tensor, first_step: int) -> None:
        finite = torch.isfinite(losses)
        if bool(finite.all()):
            return
        step, domain = (int(i) for i in (~finite).nonzero()[0])
        loss = losses[step, domain].item()
        raise diverged(self.net.owners[domain], first_step + step, self.phase.name, loss, "loss", self.options)


def seed_generator(device: torch.device, seed: int) -> None:
    """`torch.manual_seed` for one device: the call itself takes 0.2 ms, most of it to note who called for a GPU."""
    if device.type == "cuda":
        index = torch.cuda.current_device() if device.index is None else device.index
        torch.cuda.default_generators[index].manual_seed(seed)
    else:
        torch.default_generator.manual_seed(seed)


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


def precise(precision: str, device: torch.device) -> AbstractContextManager[object]:
    """Autocast where it is asked for. Switched off it would change nothing, and still be entered in every step."""
    return torch.autocast(device.type, torch.bfloat16) if precision == "bfloat16" else nullcontext()


def timed(nets: Mapping[Form, MultiDomainNet], source: Source, options: TrainOptions, turns: int) -> Seconds:
    """Seconds of `turns` training steps of each of `nets`, by turns on the same batches, whose making is not timed."""
    steppers = {form: Stepper(net.train(), source, options, PACE, 0) for form, net in nets.items()}
    seconds: Seconds = {form: [] for form in nets}
    for turn, batch in enumerate(next(iter(steppers.values())).batches(0, turns)):
        for form, stepper in steppers.items():
            began = time.perf_counter()
            stepper.step(turn, batch).sum().item()
            seconds[form].append(time.perf_counter() - began)
    return seconds


def paced(net: MultiDomainNet, source: Source, options: TrainOptions) -> float:
    """Seconds of one epoch of training and its val scores, from a few timed steps. Trains `net` a little."""
    stepper = Stepper(net.train(), source, options, PACE, 0)
    began = 0.0
    for step, batch in enumerate(stepper.batches(0, 2 * _PACE_STEPS + 1)):
        if step == _PACE_STEPS:
            began = time.perf_counter()
        if step == 2 * _PACE_STEPS:
            break
        stepper.step(step, batch).sum().item()
    a_step = (time.perf_counter() - began) / _PACE_STEPS
    began = time.perf_counter()
    scores_of(net, source, "val")
    return a_step * stepper.steps + time.perf_counter() - began
