"""Several runs of one search side by side: who finds the better patterns, at what cost, and how sure is that."""

from pathlib import Path

from apportion.reports.compare.comparison import Comparison, comparison_of
from apportion.reports.compare.data import comparison_data
from apportion.reports.compare.origin import ORIGIN
from apportion.reports.compare.outcome import OUTCOME
from apportion.reports.compare.searching import SEARCHING
from apportion.reports.compare.table import comparison_table
from apportion.reports.files import write_atomically

__all__ = ["Comparison", "comparison_data", "comparison_of", "comparison_table", "write_comparison"]

NAMED = 4
"""Runs that the title names."""

SECTIONS = (OUTCOME, SEARCHING, ORIGIN)


def write_comparison(comparison: Comparison, folder: Path) -> Path:
    """Write the page, `comparison.html`, into `folder`."""
    from apportion.reports.page.build import document

    shown, rest = comparison.runs.names[:NAMED], comparison.runs.names[NAMED:]
    names = ", ".join(shown) + (f" and {len(rest)} more" if rest else "")
    several = f"{len(comparison.runs.names)} runs side by side" if len(comparison.runs.names) > 1 else "One run"
    summary = f"{several}: at each budget, which controller finds the better pattern, and at what cost?"
    text = document(f"comparison of {names}", summary, SECTIONS, comparison)
    return write_atomically(folder / "comparison.html", text.encode("utf-8", "replace"))
