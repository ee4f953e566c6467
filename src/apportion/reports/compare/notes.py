"""What must be said beside every comparison: what is missing, how to read it, why some numbers are not shown."""

from apportion.reports import words
from apportion.reports.compare.comparison import Comparison
from apportion.reports.statistics import NotShown

UNITS = {
    "seeds": "retraining seeds (the patterns are the same in all runs)",
    "runs": "runs",
    "crossed": "runs and retraining seeds together",
}


def state(comparison: Comparison) -> list[str]:
    """What is missing from these runs, and what n = 1 means."""
    runs, said = comparison.runs, []
    for name, study in zip(runs.names, runs.studies, strict=True):
        if not study.finished:
            of = f" of {study.planned:,}" if study.planned else ""
            told = f"{len(study.trials):,}{of} trials"
            said.append(f"Run {words.shown(name)} is unfinished ({told}): curves end where the first of the runs ends.")
    if len(runs.names) == 1:
        said.append("n = 1 run: nothing here says how another search seed would have fared.")
    if not runs.searched:
        said.append("No controller searched in these runs.")
    if not runs.settled:
        said.append("Nothing was retrained yet: only losses that the searches themselves chose are shown.")
    elif not any(row.reference for row in comparison.rows):
        said.append("No scheme made by hand was retrained, so there is nothing to compare with; see --against.")
    return said


def reading(comparison: Comparison) -> list[str]:
    """How to read the numbers."""
    made = [row.declared for row in comparison.rows if row.declared is not None]
    said = [
        "Best found is the least validation loss of the search trials: mean over runs, with its 95 % Student-t interval"
        " from two runs on. Charged is the time of the search trials, with each step that they share."
    ]
    if made:
        units = dict.fromkeys(UNITS[item.paired.unit] for item in made)
        said.append(
            "Loss is that of the final retraining on"
            f" {words.SPLIT_WORDS[comparison.runs.split]}. Differences are controller \N{MINUS SIGN} reference, paired,"
            f" over {', or '.join(units)}: below 0 the controller is better. p is of the exact two-sided Wilcoxon"
            f" test, after Holm's correction over all {words.plural(len(made), 'declared comparison')}."
        )
    return said


def not_shown(comparison: Comparison) -> list[str]:
    """Why a p is not shown: each reason once, with the controllers that it concerns."""
    reasons: dict[str, list[str]] = {}
    for row in comparison.rows:
        if row.declared is not None and isinstance(row.declared.p, NotShown) and row.declared.verdict != "same pattern":
            reasons.setdefault(row.declared.p.reason, []).append(words.shown(row.controller, 24))
    return [f"No p for {', '.join(dict.fromkeys(controllers))}: {reason}." for reason, controllers in reasons.items()]
