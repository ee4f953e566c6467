"""Every domain's own gradient at a shared start, filter by filter.

In the network that shares nothing each domain has a copy of every filter, and at the start all copies are equal: so one
backward pass of the summed loss gives each domain the gradient of its own loss at the shared point.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from apportion.evaluators.laboratory import Laboratory
from apportion.evaluators.protocol import TrialFailed
from apportion.evaluators.scorers.options import FisherOptions, GradientVarianceOptions
from apportion.evaluators.scorers.start import at_work, owned_rows, started
from apportion.evaluators.train import Train
from apportion.evaluators.training.stepper import Phase, Stepper


@dataclass(frozen=True)
class Gradients:
    """Of each domain's cross-entropy / ln(classes), over `batches` batches of its images, for every site.

    A domain's weight in training (`data.per_domain.NAME.weight`) does not count here.

    `sums` [owners, filters, weights of a filter]; `squares` [owners, filters]: sums of squared norms. Float64.
    """

    batches: int
    sums: tuple[Tensor, ...]
    squares: tuple[Tensor, ...]

    @property
    def energies(self) -> list[Tensor]:
        """The mean squared norm of one batch's gradient at each site, [owners, filters]."""
        return [squares / self.batches for squares in self.squares]


class _Sums(nn.Module):
    """Running sums of gradients `rows` [owners, filters, weights], as buffers, so that a keeper can keep them."""

    def __init__(self, rows: Sequence[Tensor]) -> None:
        super().__init__()
        for i, row in enumerate(rows):
            self.register_buffer(f"sum_{i}", torch.zeros_like(row))
            self.register_buffer(f"squares_{i}", row.new_zeros(row.shape[:2], dtype=torch.float64))

    def add(self, rows: Sequence[Tensor]) -> None:
        for i, row in enumerate(rows):
            self.get_buffer(f"sum_{i}").add_(row)
            self.get_buffer(f"squares_{i}").add_(row.square().sum(-1))


def gradients(
    lab: Laboratory, scorer: str, options: FisherOptions | GradientVarianceOptions, seed: int, key: str
) -> Gradients:
    """Over training batches as trials see them: augmented, norms on the batch's own statistics. No step is taken.

    Raises TrialFailed where a gradient is not finite.
    """
    with at_work(lab, scorer) as train:
        net = started(lab, train, options.start, seed, train.space.independent()).train()
        how = train.options.model_copy(update={"batch": options.batch or train.options.batch})
        stepper = Stepper(net, train.source, how, Phase("gradients", 1, weighted=False), seed)
        sums = _Sums([rows.detach() for rows in owned_rows(net, train.space)])
        # Sums are kept, not a training: this optimiser has no state.
        keeper, nothing = lab.keeper(key), torch.optim.SGD([torch.zeros(1)], 1.0)
        done = keeper.restored(sums, nothing)
        for step, batch in enumerate(stepper.batches(done, options.batches), done):
            stepper.backward(step, batch)
            sums.add(owned_rows(net, train.space, gradient=True))
            if step + 1 < options.batches and keeper.due():
                keeper.keep(sums, nothing, step + 1)
        return _of_normalised_loss(train, sums, options.batches)


def _of_normalised_loss(train: Train, sums: _Sums, batches: int) -> Gradients:
    """The unit of the default objective, in which domains of many and of few classes weigh alike."""
    units = torch.tensor([1 / math.log(train.source.class_count(owner)) for owner in train.space.owners]).double()
    sites = range(len(train.space.sites))
    total = tuple(sums.get_buffer(f"sum_{i}").cpu().double() * units[:, None, None] for i in sites)
    squares = tuple(sums.get_buffer(f"squares_{i}").cpu() * units[:, None].square() for i in sites)
    for site, found in zip(train.space.sites, squares, strict=True):
        if not bool(torch.isfinite(found).all()):
            raise TrialFailed("diverged", f"site {site.name}: a gradient that is not finite, at the scorer's start")
    return Gradients(batches, total, squares)
