"""`rung1`: the val loss of each pattern after an epoch of training from the shared start.

From a warm start an epoch in which the learning rate falls to its end ranks 31 patterns of a small ResNet at Spearman
.92 to .95 with full runs, as well as a second full run does (DESIGN). The first epoch of the full schedule does not:
its learning rate has not fallen yet, and over the schemes of a study it measured noise (Spearman .05).
"""

from collections.abc import Sequence

from torch import Tensor

from apportion.evaluators.laboratory import Laboratory
from apportion.evaluators.measurement import Scores
from apportion.evaluators.protocol import TrialFailed
from apportion.evaluators.scorers.closed_form import closed_form_losses
from apportion.evaluators.scorers.options import Rung1Options
from apportion.evaluators.scorers.patterns import scored
from apportion.evaluators.scorers.start import at_work, epochs_of, started
from apportion.evaluators.synthetic import Synthetic
from apportion.evaluators.training.regimes import regimes
from apportion.evaluators.training.scoring import scores_of
from apportion.evaluators.training.stepper import Phase
from apportion.spaces.allocation import Allocation


def score(
    lab: Laboratory, options: Rung1Options, seed: int, key: str, allocations: Sequence[Allocation]
) -> dict[str, Tensor]:
    """See `patterns.scored`. Costs `epochs` a pattern. Patterns are paired: start, batches and crops are the same."""
    if isinstance(lab.evaluator, Synthetic):
        return closed_form_losses(lab.evaluator, seed, allocations)
    with at_work(lab, "rung1") as train:
        # Not annealed: bit for bit a trial's own rung. Annealed: the trial of a study of so many epochs.
        epochs = options.epochs if options.anneal else epochs_of(train, "rung1", options.epochs)
        phase = Phase("main", epochs if options.anneal else train.options.epochs)
        regime = regimes.get(train.options.regime).load()

        def trained(allocation: Allocation) -> Scores | None:
            net = started(lab, train, options.start, seed, allocation)
            keeper = lab.keeper(key, f"{key} {allocation.key()}")
            try:
                for _ in regime(net, train.source, train.options, phase, seed, epochs, keeper):
                    pass
            except TrialFailed as failed:
                if failed.reason != "diverged":
                    raise
                return None
            return scores_of(net, train.source, "val")

        return scored(lab, key, allocations, trained)
