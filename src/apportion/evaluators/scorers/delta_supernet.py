"""`delta_supernet`: one network trained under ever other patterns, then scored under each that is asked about.

Every step draws a pattern and switches the deltas that it owns on: w_d = shared + mask_d * delta_d. (Supernets in which
owned filters replace shared ones rank patterns at Spearman .10 to .27, those with deltas at .80 to .91; DESIGN.)
BatchNorm's statistics belong to a pattern, so they are taken anew, from training batches, before a pattern is scored.
Drawing only first filters ranks patterns of first filters a little better (at one seed, over ShareBench's 81 common
patterns, .95 against .93), and says nothing of others.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from apportion.evaluators.laboratory import Laboratory
from apportion.evaluators.measurement import Scores
from apportion.evaluators.scorers.closed_form import closed_form_losses
from apportion.evaluators.scorers.masked import Mask, MaskedNet, masks_of
from apportion.evaluators.scorers.options import DeltaSupernetOptions
from apportion.evaluators.scorers.patterns import scored
from apportion.evaluators.scorers.start import at_work, started
from apportion.evaluators.synthetic import Synthetic
from apportion.evaluators.train import Train
from apportion.evaluators.training.scoring import scores_of
from apportion.evaluators.training.stepper import Phase, Stepper
from apportion.spaces.allocation import Allocation
from apportion.spaces.budget import Budget
from apportion.spaces.network.norm import DomainBatchNorm2d
from apportion.spaces.orders import counted_seed
from apportion.spaces.space import SharingSpace

# Uniform wishes would give every drawn pattern about the same spread over the sites; their powers differ.
_UNEVEN = 4


def score(
    lab: Laboratory, options: DeltaSupernetOptions, seed: int, key: str, allocations: Sequence[Allocation]
) -> dict[str, Tensor]:
    """See `patterns.scored`. Costs `epochs` of the independent network, then a second or so a pattern."""
    if isinstance(lab.evaluator, Synthetic):
        return closed_form_losses(lab.evaluator, seed, allocations)
    with at_work(lab, "delta_supernet") as train:
        for one in options.budgets:
            train.space.check_budget(one.budget())
        masked = MaskedNet(started(lab, train, options.start, seed, train.space.independent()), train.space)
        _trained(lab, train, options, seed, key, masked)
        statistics = Stepper(masked.net, train.source, train.options, Phase("statistics", 1), seed)

        def scores(allocation: Allocation) -> Scores:
            masked.wear(masks_of(train.space, allocation))
            _take_statistics(statistics, options.statistics_batches)
            return scores_of(masked.net, train.source, "val")

        return scored(lab, key, allocations, scores)


def _trained(
    lab: Laboratory, train: Train, options: DeltaSupernetOptions, seed: int, key: str, masked: MaskedNet
) -> None:
    """Train `masked` in place, the learning rate's whole way within the epochs."""
    epochs = options.epochs or train.options.epochs
    stepper = Stepper(masked.net, train.source, train.options, Phase("supernet", epochs), seed)
    keeper = lab.keeper(key)
    done = keeper.restored(masked.net, stepper.optimizer)
    masked.net.train()
    for epoch in range(done // stepper.steps, epochs):
        stepper.epoch(epoch, done, keeper, lambda step: masked.wear(drawn(train.space, options, seed, step)))
    if done < epochs * stepper.steps:
        # Scoring follows: whoever is killed there need not train again.
        keeper.keep(masked.net, stepper.optimizer, epochs * stepper.steps)


def drawn(space: SharingSpace, options: DeltaSupernetOptions, seed: int, step: int) -> list[Mask]:
    """The pattern of a step, on its budget. Filters drawn at random are the same for all owners, so costs stay."""
    generator = np.random.Generator(np.random.Philox(counted_seed("supernet", seed, step)))
    budgets = [one.budget() for one in options.budgets] or [Budget("live", float(generator.random()))]
    budget = budgets[int(generator.integers(len(budgets)))]
    masks = masks_of(space, space.decode(generator.random(space.dimension) ** _UNEVEN, budget))
    if options.filters == "space":
        return masks
    return [mask[:, generator.permutation(mask.shape[1])] for mask in masks]


@torch.no_grad()
def _take_statistics(stepper: Stepper, batches: int) -> None:
    """Means over `batches` training batches, the same for every pattern, in place of BatchNorm's running statistics."""
    net = stepper.net.eval()
    norms = [module for module in net.modules() if isinstance(module, DomainBatchNorm2d)]
    for number, (images, _) in enumerate(stepper.batches(0, batches), start=1):
        for norm in norms:
            norm.train()
            norm.momentum = 1 / number
        stepper.logits(number, images)
