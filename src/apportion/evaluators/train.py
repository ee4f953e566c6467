"""`train`: a pattern is worth what a network trained with it scores."""

import gc
import math
import resource
import statistics
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from typing import Any

import torch
from torch import nn

from apportion.errors import InputError
from apportion.evaluators.data import augmentations, opening
from apportion.evaluators.data.domain import SPLITS, DomainData
from apportion.evaluators.data.encoded import EncodedDomain
from apportion.evaluators.data.loading import LOADER_DIED
from apportion.evaluators.data.source import Source
from apportion.evaluators.data.streams import steps_per_epoch
from apportion.evaluators.domain_card import DomainCard
from apportion.evaluators.laboratory import Laboratory
from apportion.evaluators.measurement import Measurement, Scores, Split
from apportion.evaluators.memo import Memo, Tensors
from apportion.evaluators.proposal import Proposal
from apportion.evaluators.protocol import Outcome, Slot, Stop, Stopped, TrialFailed
from apportion.evaluators.task import Bench, Task, space_of
from apportion.evaluators.training.checkpoints import save_model
from apportion.evaluators.training.keeper import Keeper
from apportion.evaluators.training.loop import joint
from apportion.evaluators.training.options import TrainOptions
from apportion.evaluators.training.regimes import regimes
from apportion.evaluators.training.scoring import scores_of
from apportion.evaluators.training.stepper import Phase, diverged, paced, timed
from apportion.registry import suggestion
from apportion.spaces.allocation import Allocation
from apportion.spaces.backbones.probe import examined
from apportion.spaces.backbones.weights import load_weights
from apportion.spaces.budget import Budget
from apportion.spaces.network.forms import FORMS, Form
from apportion.spaces.network.mixed import MultiDomainNet
from apportion.spaces.orders import counted_seed
from apportion.spaces.shape import BackboneShape
from apportion.spaces.space import SharingSpace

_TURNS = 7


@dataclass(frozen=True)
class Train:
    """The evaluator. `template(seed)` draws a plain backbone, or loads its weights; `about` goes into manifests."""

    template: Callable[[int], nn.Module]
    shape: BackboneShape
    space: SharingSpace
    source: Source
    options: TrainOptions
    memo: Memo
    about: dict[str, Any]
    form: Form = "compose"

    @property
    def rungs(self) -> int:
        return self.options.epochs

    def __call__(self, proposal: Proposal, slot: Slot) -> Outcome:
        """Train the first `rung` epochs and score val; retrained patterns and anchors are scored on test as well.

        Raises TrialFailed where training diverges, memory runs out or a process that decodes images dies.
        """
        on_gpu = self.source.device.type == "cuda"
        with torch.random.fork_rng(devices=[self.source.device] if on_gpu else []):
            try:
                with self._loading(slot.stop):
                    return self._run(proposal, slot)
            except (MemoryError, RuntimeError) as problem:
                if not _out_of_memory(problem):
                    raise
                peak, message = self._peak_bytes(), str(problem).split("\n")[0]
            # Outside the handler, which holds every tensor of the failed trial alive.
            gc.collect()
            if on_gpu:
                torch.cuda.empty_cache()
            remedy = "lower evaluator.batch or data.image_size"
            raise TrialFailed("out of memory", f"peak {peak:,} bytes: {message}; {remedy}")

    def _run(self, proposal: Proposal, slot: Slot) -> Outcome:
        net, used = self._started(proposal, slot.stop)
        if self.source.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self.source.device)
        keeper = Keeper(slot.checkpoint, slot.stop, _name_of(proposal))
        train = regimes.get(self.options.regime).load()
        phase = Phase("main", self.options.epochs)
        for epoch in train(net, self.source, self.options, phase, proposal.seed, proposal.rung, keeper):
            keeper.curve.append(self._checked(scores_of(net, self.source, "val"), epoch))
            if proposal.purpose == "table":
                keeper.test_curve.append(scores_of(net, self.source, "test"))
        splits: dict[Split, Scores] = {"val": keeper.curve[-1]}
        if proposal.final:
            splits["test"] = keeper.test_curve[-1] if keeper.test_curve else scores_of(net, self.source, "test")
        measurement = Measurement(
            splits, tuple(keeper.curve), keeper.seconds(), self._peak_bytes(), tuple(keeper.test_curve)
        )
        if slot.keep_weights and slot.folder is not None:
            save_model(slot.folder, net, {**self.about, **self._identity(net, proposal)})
        return Outcome(measurement, used)

    def _identity(self, net: MultiDomainNet, proposal: Proposal) -> dict[str, Any]:
        """Which trial a model is, and what its rows mean."""
        return {
            "trial": proposal.id,
            "seed": proposal.seed,
            "epochs": proposal.rung,
            "allocation": asdict(net.allocation),
            "parametrisation": self.options.parametrisation,
        }

    def _checked(self, scores: Scores, epoch: int) -> Scores:
        """A step's loss is looked at before its update: what the last update of an epoch broke shows in the scores."""
        for owner, score in scores.items():
            if not math.isfinite(score.cross_entropy):
                sizes = [self.source.size(name, "train") for name in self.space.owners]
                last = epoch * steps_per_epoch(sizes, self.options.batch) - 1
                raise diverged(owner, last, "main", score.cross_entropy, "val loss", self.options)
        return scores

    def _started(self, proposal: Proposal, stop: Stop | None) -> tuple[MultiDomainNet, tuple[str, ...]]:
        """The network before its first step, and the artifacts it came from."""
        net = self._net(proposal.allocation, proposal.seed)
        warm_up = self.options.warm_up
        if not (warm_up.shared_epochs or warm_up.head_epochs):
            return net, ()
        artifact, tensors = self.memo(f"warm-up/seed-{proposal.seed}", lambda: self._warm_up(proposal.seed, stop))
        shared = self._net(self.space.shared(), proposal.seed)
        shared.load_state_dict(tensors)
        net.start_from(shared)
        return net, (artifact.key,)

    def _warm_up(self, seed: int, stop: Stop | None) -> Tensors:
        """The all-shared network after its own epochs, then its heads alone: the common start of all patterns."""
        net = self._net(self.space.shared(), seed)
        for phase in (
            Phase("shared", self.options.warm_up.shared_epochs),
            Phase("heads", self.options.warm_up.head_epochs, heads_only=True),
        ):
            if phase.epochs:
                for _ in joint(net, self.source, self.options, phase, seed, phase.epochs, Keeper(None, stop, "")):
                    pass
        return net.state_dict()

    def _net(self, allocation: Allocation, seed: int) -> MultiDomainNet:
        classes = [self.source.class_count(owner) for owner in self.space.owners]
        template = self.template(seed)
        how, form = self.options.parametrisation, self.form
        net = MultiDomainNet(template, self.shape, self.space, allocation, classes, seed, how, form)
        return net.to(self.source.device)

    @contextmanager
    def _loading(self, stop: Stop | None = None) -> Iterator[None]:
        """Nothing that decodes images outlives what they were decoded for."""
        try:
            yield
        except TrialFailed as failed:
            # Whoever ends a job may send SIGTERM to all of its processes: then it is the trial that was stopped.
            if failed.reason == LOADER_DIED and stop is not None and stop.is_set():
                raise Stopped from None
            raise
        finally:
            self.source.close()

    def _peak_bytes(self) -> int:
        if self.source.device.type == "cuda":
            return torch.cuda.max_memory_allocated(self.source.device)
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

    def faster_form(self) -> Form:
        """The form whose training step is faster here, for an evenly spread pattern: the two by turns, a few steps."""
        pattern = self.space.decode([1.0] * self.space.dimension, Budget("live", 0.2))
        with torch.random.fork_rng(devices=[]), self._loading():
            nets = {form: replace(self, form=form)._net(pattern, 0) for form in FORMS}
            seconds = timed(nets, self.source, self.options, _TURNS)
        # The first turn pays for memory and for the choice of kernels.
        return min(FORMS, key=lambda form: statistics.median(seconds[form][1:]))

    def seconds_per_epoch(self, allocation: Allocation) -> float:
        """What one epoch of `allocation` takes here, its val scores included, from timing a few steps."""
        with torch.random.fork_rng(devices=[]), self._loading():
            return paced(self._net(allocation, 0), self.source, self.options)


def _name_of(proposal: Proposal) -> str:
    """What a checkpoint must agree with to be taken up."""
    return f"{proposal.id} {proposal.allocation.key()} rung {proposal.rung} seed {proposal.seed}"


def _out_of_memory(problem: BaseException) -> bool:
    """True for a GPU's and for the CPU allocator's complaint, which is a bare RuntimeError."""
    return isinstance(problem, MemoryError | torch.OutOfMemoryError) or "DefaultCPUAllocator" in str(problem)


def shape_and_space(task: Task) -> tuple[BackboneShape, SharingSpace]:
    """The backbone's shape and its space. Weights are checked here, before anything is paid."""
    template, backbone = _template(task, trusted=False)
    return backbone, _space(task, template, backbone)


def _space(task: Task, template: Callable[[int], nn.Module], backbone: BackboneShape) -> SharingSpace:
    def norms() -> dict[str, list[float]]:
        weights = {site.name: template(0).get_submodule(site.name).get_parameter("weight") for site in backbone.sites}
        return {name: weight.detach().flatten(1).norm(dim=1).tolist() for name, weight in weights.items()}

    return space_of(task, backbone, tuple(augmentations(task.data)), norms if task.backbone.weights else None)


def opened(task: Task) -> Bench:
    """Read the images, build the evaluator. Sets the process's number of threads."""
    torch.set_num_threads(task.threads)
    template, backbone = _template(task)
    space = _space(task, template, backbone)
    options: TrainOptions = task.evaluator
    known = space.operator.parametrisations
    if options.parametrisation not in known:
        law = f"operator {space.operator.name} has no such parametrisation"
        remedy = suggestion(options.parametrisation, known)
        raise InputError("evaluator.parametrisation", repr(options.parametrisation), law, remedy)
    memo = Memo(task.folder / "artifacts" if task.folder is not None else None)
    images = opening.opened(task.data, task.device, memo, task.images)
    cards = tuple(_card(domain) for domain in images.domains)
    about = {
        "backbone": task.backbone.model_dump(mode="json"),
        "image_size": task.data.image_size,
        "classes": {domain.name: list(domain.classes) for domain in images.domains},
        "normalisation": {name: images.source.normalisation(name) for name in images.source.names},
        "space": asdict(space),
    }
    evaluator = Train(template, backbone, space, images.source, options, memo, about)
    form = task.form or (None if options.form == "auto" else options.form)
    if form is None:
        form = evaluator.faster_form() if len(space.owners) > 1 and space.dimension else "compose"
    evaluator = replace(evaluator, form=form)
    lab = Laboratory(evaluator, task.folder, memo)
    return Bench(backbone, space, cards, evaluator, memo, form, images.placement, lab)


def _card(domain: DomainData | EncodedDomain) -> DomainCard:
    train, val, test = (domain.sizes[split] for split in SPLITS)
    return DomainCard(domain.name, domain.class_count, train, val, test, domain.sha256, dict(domain.skipped))


def _template(task: Task, trusted: bool = True) -> tuple[Callable[[int], nn.Module], BackboneShape]:
    """A function seed -> plain network, and the network's shape. Not `trusted`: the network is probed first."""
    options = task.backbone
    entry = options.entry(task.allow_plugins)

    def built(seed: int) -> nn.Module:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(counted_seed("weights", seed) % 2**63)
            return entry.build(2, options.options)

    shape = examined(entry, built(0), task.data.image_size, trusted)

    @lru_cache(maxsize=2)
    def drawn(seed: int) -> nn.Module:
        network = built(seed)
        if options.weights is not None:
            load_weights(network, entry.name, shape.head, options.weights)
        return network

    # Weights that do not fit are refused here, before anything is paid.
    drawn(0)
    return drawn, shape
