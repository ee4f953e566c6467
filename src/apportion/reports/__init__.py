"""What people look at: fronts, statistics, tables, plots and the page. Loads no torch."""

from pathlib import Path

from apportion.reports.files import write_atomically
from apportion.reports.results import Results, results_of
from apportion.reports.tables import ranked_table
from apportion.search.study import Study

__all__ = ["Results", "ranked_table", "results_of", "write_report"]


def write_report(study: Study, folder: Path) -> dict[str, Path]:
    """Write `report.html`, `trials.csv`, `front.png` and `front.svg` into `folder`; returns name -> path.

    Works for unfinished studies too. Each file is replaced whole, so a reader never meets half of one.
    """
    from apportion.reports.page.build import page
    from apportion.reports.plots import front_picture
    from apportion.reports.trials_csv import trials_csv

    results = results_of(study)
    contents = {
        "trials.csv": trials_csv(results).encode("utf-8", "replace"),
        "front.png": front_picture(results, "png"),
        "front.svg": front_picture(results, "svg"),
        "report.html": page(results).encode("utf-8", "replace"),
    }
    return {name: write_atomically(folder / name, content) for name, content in contents.items()}
