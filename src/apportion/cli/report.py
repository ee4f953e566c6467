"""`apportion report`: write a run's report again, from its log alone."""

import json
from pathlib import Path

from rich.console import Console

from apportion.cli.summary import summary
from apportion.reports import ranked_table, results_of, write_report
from apportion.search.study import open_study


def report(run: Path, out: Path | None, quiet: bool, as_json: bool) -> None:
    """Read the log without a lock: a run that is still going is shown as far as it is."""
    study = open_study(run)
    written = write_report(study, out or (run if run.is_dir() else run.parent))
    results = results_of(study)
    if as_json:
        print(json.dumps(summary(study, results, written), indent=1))
        return
    if not quiet:
        Console().print(ranked_table(results))
    state = "finished" if study.finished else f"unfinished, {len(study.trials)} of {study.planned} trials"
    print(f"{run}: {state}. Report: {written['report.html']}")
