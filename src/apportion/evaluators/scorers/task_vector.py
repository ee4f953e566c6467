"""`task_vector`: how far each domain moves a filter when it trains alone.

worth[d, f] = |w_{d,f} - w_{0,f}|^2 after an independent run from the shared start w_0 (a task vector, Ilharco et al.
2023, "Editing models with task arithmetic", section 2, taken filter by filter), or |w_{d,f} - mean_e w_{e,f}|^2: where
domains drift together a common filter would have drifted with them.
"""

from torch import Tensor

from apportion.evaluators.laboratory import Laboratory
from apportion.evaluators.scorers.closed_form import closed_form_worth
from apportion.evaluators.scorers.options import TaskVectorOptions
from apportion.evaluators.scorers.scale import scaled
from apportion.evaluators.scorers.start import at_work, epochs_of, owned_rows, started
from apportion.evaluators.synthetic import Synthetic
from apportion.evaluators.training.regimes import regimes
from apportion.evaluators.training.stepper import Phase


def score(lab: Laboratory, options: TaskVectorOptions, seed: int, key: str) -> dict[str, Tensor]:
    """`worth.<site>` [owners, filters], never below 0. Costs `epochs` of the independent network, without scores."""
    if isinstance(lab.evaluator, Synthetic):
        return closed_form_worth(lab.evaluator)
    with at_work(lab, "task_vector") as train:
        epochs, phase = epochs_of(train, "task_vector", options.epochs), Phase("main", train.options.epochs)
        net = started(lab, train, options.start, seed, train.space.independent())
        before = [rows.detach().cpu().double() for rows in owned_rows(net, train.space)]
        regime = regimes.get(train.options.regime).load()
        keeper = lab.keeper(key)
        for _ in regime(net, train.source, train.options, phase, seed, epochs, keeper):
            pass
        after = [rows.detach().cpu().double() for rows in owned_rows(net, train.space)]
    if options.against == "mean":
        before = [rows.mean(0, keepdim=True) for rows in after]
    squares = [(new - old).square().sum(-1) for new, old in zip(after, before, strict=True)]
    return scaled(squares, squares, options.scale)
