"""Results: a study read as schemes. Every section, table and plot starts here, so that all show the same numbers."""

from collections.abc import Iterable
from dataclasses import dataclass

from apportion.evaluators.measurement import Split, Trial
from apportion.reports.kinds import KINDS, Kind, kind_of
from apportion.reports.over_front import Key, over_budgets, over_front
from apportion.reports.schemes import Pricer, Scheme, loss_on, mean_price, pricer, scores_of
from apportion.search.study import Study
from apportion.spaces.budget import Budget


@dataclass(frozen=True)
class Results:
    """`schemes`: anchors first, then by budget. `split`: the images that all their scores were read on.

    `provisional`: nothing was retrained yet, so every scheme is its best search trial so far, on validation images.
    """

    study: Study
    split: Split
    provisional: bool
    schemes: tuple[Scheme, ...]
    price: Pricer

    @property
    def measured(self) -> tuple[Scheme, ...]:
        """Schemes with at least one seed measured."""
        return tuple(scheme for scheme in self.schemes if scheme.loss.n)

    @property
    def budgets(self) -> tuple[Budget, ...]:
        """Budgets that some scheme was given, the smaller ones first."""
        found = dict.fromkeys(scheme.budget for scheme in self.schemes if scheme.budget is not None)
        return tuple(sorted(found, key=self._size))

    def of(self, controller: str, budget: Budget | None = None) -> Scheme | None:
        """The scheme of that controller and budget, if it was measured."""
        for scheme in self.measured:
            if scheme.controller == controller and scheme.budget == budget:
                return scheme
        return None

    def at(self, budget: Budget, kind: Kind) -> tuple[Scheme, ...]:
        """The measured schemes of one kind at one budget."""
        return tuple(scheme for scheme in self.measured if scheme.budget == budget and scheme.kind == kind)

    def _size(self, budget: Budget) -> tuple[str, int]:
        return budget.measure, self.study.header.space.limit(budget)


def results_of(study: Study) -> Results:
    """Read a study: the retrained patterns and anchors, or what the search holds so far where there are none."""
    final = [trial for trial in study.trials if trial.proposal.final]
    provisional = not any(trial.proposal.purpose in ("retrain", "table") for trial in study.trials)
    split: Split = "val" if provisional else common_split(final)
    price = pricer(study.header)
    groups = _groups(study, final)
    if provisional:
        searched = [trial for trial in study.trials if not trial.proposal.final]
        for key, trials in _groups(study, searched).items():
            groups[key] = [_best(study, trials)]
    schemes = [_scheme(study, key, trials, split, price) for key, trials in groups.items()]
    results = Results(study, split, provisional, (), price)
    order = {budget: i for i, budget in enumerate(Results(study, split, provisional, tuple(schemes), price).budgets)}
    schemes.sort(key=lambda s: (KINDS.index(s.kind) > 0, order.get(s.budget, -1) if s.budget else -1))
    return Results(results.study, split, provisional, tuple(schemes), price)


def common_split(trials: Iterable[Trial]) -> Split:
    """`test` when every measured trial carries it, else `val`: schemes are never compared across splits."""
    measured = [trial for trial in trials if scores_of(trial, "val") or scores_of(trial, "test")]
    return "test" if measured and all(scores_of(trial, "test") for trial in measured) else "val"


def _scheme(study: Study, key: Key, trials: list[Trial], split: Split, price: Pricer) -> Scheme:
    controller, budget = key
    counted = one_per_seed(trials)
    choice = _chosen_trial(study, counted[-1])
    scores = scores_of(choice, "val") if choice else None
    pending = [p for p in study.pending if (p.controller, p.budget) == key and p.final]
    return Scheme(
        controller,
        kind_of(controller),
        budget,
        tuple(counted),
        mean_price(price(trial.proposal.allocation) for trial in counted),
        split,
        study.header.objective,
        study.header.objective(scores) if scores else None,
        len(pending),
        len(trials) - len(counted),
    )


def one_per_seed(trials: list[Trial]) -> list[Trial]:
    """One trial per seed, by seed. Where a later search changed the pattern, only trials of the last one count.

    The last one: those with the parent of the last trial. A controller that draws a pattern for every seed has many
    parents but runs no seed twice, and keeps them all.
    """
    seeds = [trial.proposal.seed for trial in trials]
    if len(set(seeds)) < len(seeds):
        trials = [trial for trial in trials if trial.proposal.parent == trials[-1].proposal.parent]
    last = {trial.proposal.seed: trial for trial in trials}
    return [last[seed] for seed in sorted(last)]


def _chosen_trial(study: Study, retrained: Trial) -> Trial | None:
    """The search trial whose pattern was retrained."""
    if not retrained.proposal.final:
        return retrained
    for trial in study.trials:
        if trial.proposal.id == retrained.proposal.parent:
            return trial
    return None


def _best(study: Study, trials: list[Trial]) -> Trial:
    """The trial with the least validation loss among those trained longest; the last one where all failed."""
    losses = {i: loss_on(trial, "val", study.header.objective) for i, trial in enumerate(trials)}
    measured = {i: loss for i, loss in losses.items() if loss is not None}
    if not measured:
        return trials[-1]
    longest = max(trials[i].proposal.rung for i in measured)
    return trials[min((loss, i) for i, loss in measured.items() if trials[i].proposal.rung == longest)[1]]


def _groups(study: Study, trials: list[Trial]) -> dict[Key, list[Trial]]:
    """Trials by controller and budget; search trials over the front under every budget that holds them."""
    groups: dict[Key, list[Trial]] = {}
    for trial in trials:
        if not over_front(trial.proposal):
            groups.setdefault((trial.proposal.controller, trial.proposal.budget), []).append(trial)
    return groups | over_budgets(study, trials)
