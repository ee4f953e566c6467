"""What can be said about numbers that were measured a few times, one idea a file.

Each function says when it may be used. Where that does not hold it returns `NotShown`, which says why in words, and
never a number. Values that are missing (None, NaN, infinite) are counted, never dropped in silence. None of the
intervals is corrected for how many of them a page shows: a claim needs comparisons declared beforehand, and `holm`.
"""

from apportion.reports.statistics.agreement import Agreement, kendall, spearman
from apportion.reports.statistics.bootstrap import bca_interval
from apportion.reports.statistics.crossed import crossed_interval
from apportion.reports.statistics.holm import holm, pairs_for
from apportion.reports.statistics.hypervolume import Hypervolume, hypervolume
from apportion.reports.statistics.intervals import CONFIDENCE, Interval, mean_interval, paired_difference, student_t
from apportion.reports.statistics.not_shown import NotShown
from apportion.reports.statistics.power import more_pairs, pairs_needed, power_of
from apportion.reports.statistics.samples import differences, finite
from apportion.reports.statistics.wilcoxon import SignedRank, signed_rank

__all__ = [
    "CONFIDENCE",
    "Agreement",
    "Hypervolume",
    "Interval",
    "NotShown",
    "SignedRank",
    "bca_interval",
    "crossed_interval",
    "differences",
    "finite",
    "holm",
    "hypervolume",
    "kendall",
    "mean_interval",
    "more_pairs",
    "paired_difference",
    "pairs_for",
    "pairs_needed",
    "power_of",
    "signed_rank",
    "spearman",
    "student_t",
]
