"""The joint regime: all domains in every step, the loss the sum of their mean cross-entropies, each times its weight.

The sum (not the mean) makes `independent` equal D separate trainings. Weights come from the data (1 by default).
"""

from collections.abc import Iterator

from apportion.evaluators.data.source import Source
from apportion.evaluators.training.keeper import Keeper
from apportion.evaluators.training.options import TrainOptions
from apportion.evaluators.training.stepper import Phase, Stepper
from apportion.spaces.network.mixed import MultiDomainNet


def joint(
    net: MultiDomainNet,
    source: Source,
    options: TrainOptions,
    phase: Phase,
    seed: int,
    until: int,
    keeper: Keeper,
) -> Iterator[int]:
    """Train `net` in place through the first `until` epochs of `phase`; yields the number of epochs done after each.

    Goes on where `keeper` left off. Raises TrialFailed where a domain's loss is NaN or Inf, naming domain, step and
    value, and Stopped when the keeper was told to stop.
    """
    stepper = Stepper(net, source, options, phase, seed)
    done = keeper.restored(net, stepper.optimizer)
    for epoch in range(done // stepper.steps, until):
        net.train()
        stepper.epoch(epoch, done, keeper)
        yield epoch + 1
