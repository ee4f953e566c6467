"""One row per trial, pending ones included: the plain facts behind `trials.csv` and the table on the page."""

from dataclasses import dataclass
from typing import Literal

from apportion.evaluators.measurement import Failure, Scores, Trial
from apportion.evaluators.objective import mean_accuracy
from apportion.evaluators.proposal import Proposal
from apportion.reports.kinds import Kind, kind_of
from apportion.reports.results import Results
from apportion.reports.schemes import Price, scores_of
from apportion.search.study import Study

Status = Literal["measured", "failed", "pending"]


@dataclass(frozen=True)
class TrialRow:
    """`seconds` of this run alone: 0 for a duplicate. `message`: why a trial failed, else empty."""

    proposal: Proposal
    kind: Kind
    status: Status
    duplicate_of: str | None
    message: str
    val: Scores | None
    test: Scores | None
    loss_val: float | None
    loss_test: float | None
    price: Price
    seconds: float

    @property
    def accuracy(self) -> float | None:
        """Accuracy averaged over domains, on test images where there are any, else on validation images."""
        scores = self.test or self.val
        return mean_accuracy(scores) if scores else None


def trial_rows(results: Results) -> list[TrialRow]:
    """Told trials in the order of the log, then pending ones."""
    told = [_told(results, trial) for trial in results.study.trials]
    return told + [_pending(results, proposal) for proposal in results.study.pending]


def own_seconds(trial: Trial) -> float:
    """What running this trial took; a duplicate was never run."""
    return 0.0 if trial.duplicate_of else trial.outcome.seconds


def domains_of(study: Study) -> tuple[str, ...]:
    """Names of the domains, in the order of the study."""
    return tuple(domain.name for domain in study.header.domains)


def _told(results: Results, trial: Trial) -> TrialRow:
    objective, failure = results.study.header.objective, isinstance(trial.outcome, Failure)
    val, test = scores_of(trial, "val"), scores_of(trial, "test")
    return TrialRow(
        trial.proposal,
        kind_of(trial.proposal.controller),
        "failed" if failure else "measured",
        trial.duplicate_of,
        f"{trial.outcome.reason}: {trial.outcome.message}" if isinstance(trial.outcome, Failure) else "",
        val,
        test,
        objective(val) if val else None,
        objective(test) if test else None,
        results.price(trial.proposal.allocation),
        own_seconds(trial),
    )


def _pending(results: Results, proposal: Proposal) -> TrialRow:
    price = results.price(proposal.allocation)
    return TrialRow(proposal, kind_of(proposal.controller), "pending", None, "", None, None, None, None, price, 0.0)
