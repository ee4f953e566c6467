"""Training gates with the weights: the joint regime (004, equation 4) with a penalty on the gates.

Held out, a part of every domain's train split gives the gates their gradient and the rest gives the weights theirs, in
one batch and one pass forward: what a departure gains on images that it was not fitted to.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from apportion.evaluators.data.source import Batch, Source
from apportion.evaluators.data.streams import indices
from apportion.evaluators.protocol import TrialFailed
from apportion.evaluators.scorers.relaxations.gated import Gated
from apportion.evaluators.scorers.relaxations.options import GateOptions
from apportion.evaluators.train import Train
from apportion.evaluators.training.keeper import Keeper
from apportion.evaluators.training.stepper import LOOK_EVERY, Apart, Phase, Stepper
from apportion.spaces.orders import counted_seed


def train_gates(gated: Gated, train: Train, phase: Phase, seed: int, options: GateOptions, keeper: Keeper) -> None:
    """Train network and gates in place through `phase`, going on where `keeper` left off.

    Raises TrialFailed where a loss or a score is not finite, Stopped when the keeper was told to stop.
    """
    stepper = Stepper(gated.net, train.source, train.options, phase, seed, Apart(gated.scores, options.lr))
    others = {id(scores) for scores in gated.scores}
    weights = [parameter for parameter in stepper.trained if id(parameter) not in others]
    rows = HeldOut(train.source, gated.net.owners, options.held_out, seed) if options.held_out else None
    gated.train()
    done, end = keeper.restored(gated, stepper.optimizer), phase.epochs * stepper.steps
    seen: list[Tensor] = []
    for step, batch in enumerate(stepper.batches(done, end), done):
        gated.look(step)
        gated.draw(seed, phase.name, step)
        stepper.set_rates(step)
        if rows is None:
            losses = stepper.backward(step, batch, gated.penalty())
        else:
            apart = rows.of(stepper.stream, step, train.options.batch)
            losses = _backward_apart(stepper, step, batch, apart, weights, gated)
        if step < options.wait * end:
            gated.hold()
        else:
            gated.press()
        stepper.optimizer.step()
        seen.append(losses)
        due = step + 1 < end and keeper.due()
        if len(seen) == LOOK_EVERY or step + 1 == end or due:
            stepper.check(torch.stack(seen), step + 1 - len(seen))
            seen.clear()
        if due:
            keeper.keep(gated, stepper.optimizer, step + 1)
    gated.look(end)
    if not all(bool(scores.isfinite().all()) for scores in gated.scores):
        raise TrialFailed("diverged", f"phase {phase.name}: a gate's score is not finite; lower the gates' lr")


def _backward_apart(
    stepper: Stepper, step: int, batch: Batch, apart: Sequence[Tensor], weights: list[nn.Parameter], gated: Gated
) -> Tensor:
    """As `Stepper.backward`, where the rows `apart` [B] of each domain train the gates and the others the weights."""
    images, labels = batch
    logits = stepper.logits(step, images)
    each = [F.cross_entropy(part.float(), truth, reduction="none") for part, truth in zip(logits, labels, strict=True)]
    # A batch may have no such row of a small domain: then nothing is added for it.
    of_weights, of_gates = (
        torch.stack([(loss * row).sum() / row.sum().clamp_min(1) for loss, row in zip(each, rows, strict=True)])
        for rows in ([(~row).float() for row in apart], [row.float() for row in apart])
    )
    stepper.optimizer.zero_grad(set_to_none=True)
    torch.autograd.backward(stepper.total(of_weights), inputs=weights, retain_graph=True)
    torch.autograd.backward(stepper.total(of_gates) + gated.penalty(), inputs=gated.scores)
    return of_weights.detach()


class HeldOut:
    """Which training images are kept apart for the gates: the part `share` of each domain's, drawn by seed."""

    def __init__(self, source: Source, owners: Sequence[str], share: float, seed: int) -> None:
        self._device = source.device
        self._apart: dict[str, npt.NDArray[np.bool_]] = {}
        for owner in owners:
            count = source.size(owner, "train")
            generator = np.random.Generator(np.random.Philox(counted_seed("held out", seed, owner)))
            self._apart[owner] = np.zeros(count, dtype=bool)
            self._apart[owner][generator.permutation(count)[: max(1, round(share * count))]] = True

    def of(self, stream: int, step: int, batch: int) -> list[Tensor]:
        """For each owner, which rows of a step's batch are kept apart: bool [batch]."""
        rows = [apart[indices(stream, owner, len(apart), step, batch)] for owner, apart in self._apart.items()]
        return [torch.from_numpy(row).to(self._device) for row in rows]
