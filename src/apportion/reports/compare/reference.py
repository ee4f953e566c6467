"""What every controller is compared with: the scheme somebody named, or the best one made by hand."""

from statistics import fmean

from apportion.reports.compare.runs import Runs
from apportion.reports.kinds import kind_of
from apportion.spaces.budget import Budget


def reference_at(runs: Runs, budget: Budget) -> str | None:
    """The reference's name; None where none of the runs has retrained one.

    By default the hand-made scheme with the least mean validation loss over the runs and seeds that all candidates
    have: test losses, which are compared, have no say in it.
    """
    if runs.against is not None:
        return runs.against if any(runs.scheme(i, runs.against, budget) for i in runs.settled) else None
    losses = {
        name: {
            (i, seed): loss
            for i in runs.settled
            if (scheme := runs.scheme(i, name, budget)) is not None and scheme.budget == budget
            for seed, loss in scheme.validation_losses.items()
        }
        for name in runs.controllers
        if kind_of(name) == "hand-made"
    }
    candidates = {name: found for name, found in losses.items() if found}
    if not candidates:
        return None
    most = max(len({run for run, _ in found}) for found in candidates.values())
    candidates = {name: f for name, f in candidates.items() if len({run for run, _ in f}) == most}
    common = set.intersection(*(set(found) for found in candidates.values()))
    return min(
        candidates, key=lambda name: (fmean(candidates[name][cell] for cell in common or candidates[name]), name)
    )
