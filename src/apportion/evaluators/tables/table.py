"""A table in memory: from a pattern and a seed to the measurement that training it gave."""

import csv
import gzip
import io
import json
from collections.abc import Iterable
from functools import cache, cached_property, lru_cache
from statistics import fmean

from apportion.evaluators.measurement import Measurement, Score, Scores
from apportion.evaluators.tables.card import Card, card_of, folder_of
from apportion.spaces.allocation import Allocation

# One run: the scores after each epoch, [epoch][split][domain], and the seconds of all of it.
Run = tuple[list[dict[str, Scores]], float]


class Table:
    """`runs[pattern][seed]`; `patterns`: levels by name. Loading takes .1 s, an answer microseconds."""

    def __init__(self, card: Card, patterns: dict[str, Allocation], runs: dict[str, dict[int, Run]]) -> None:
        self.card, self.patterns, self.runs = card, patterns, runs
        self._measured = lru_cache(maxsize=None)(self._measure)

    @cached_property
    def name_of(self) -> dict[str, str]:
        """Names of patterns by the key of their allocation."""
        return {allocation.key(): name for name, allocation in self.patterns.items()}

    def measured(self, pattern: str, seed: int | None, rung: int, final: bool) -> Measurement:
        """The first `rung` epochs of a run, or of the mean over all seeds; with test scores if `final`."""
        return self._measured(pattern, seed, rung, final)

    def _measure(self, pattern: str, seed: int | None, rung: int, final: bool) -> Measurement:
        runs = list(self.runs[pattern].values()) if seed is None else [self.runs[pattern][seed]]
        curve = tuple(_mean(epochs[k]["val"] for epochs, _ in runs) for k in range(rung))
        tested = _mean(epochs[rung - 1]["test"] for epochs, _ in runs)
        # A rung's seconds are its share of the run's: epochs of one pattern cost the same.
        seconds = fmean(seconds for _, seconds in runs) * rung / self.card.epochs
        return Measurement({"val": curve[-1], "test": tested} if final else {"val": curve[-1]}, curve, seconds)


def _mean(scores: Iterable[Scores]) -> Scores:
    every = list(scores)
    return {
        owner: Score(
            first.n,
            fmean(one[owner].accuracy for one in every),
            fmean(one[owner].cross_entropy for one in every),
            first.classes,
        )
        for owner, first in every[0].items()
    }


@cache
def table_of(name: str) -> Table:
    """Read a table of the package."""
    card, folder = card_of(name), folder_of(name)
    with io.StringIO((folder / "patterns.csv").read_text(encoding="utf-8")) as file:
        patterns = {
            row["pattern"]: Allocation(tuple(map(tuple, json.loads(row["levels"])))) for row in csv.DictReader(file)
        }
    runs: dict[str, dict[int, Run]] = {name: {} for name in patterns}
    text = gzip.decompress((folder / "rows.csv.gz").read_bytes()).decode()
    for row in csv.DictReader(io.StringIO(text)):
        epochs, _ = runs[row["pattern"]].setdefault(int(row["seed"]), ([], float(row["seconds"])))
        epochs.append({split: _scores(row, split, card) for split in ("val", "test")})
    return Table(card, patterns, runs)


def _scores(row: dict[str, str], split: str, card: Card) -> Scores:
    return {
        domain.name: Score(
            domain.val if split == "val" else domain.test,
            float(row[f"{domain.name}.{split}.accuracy"]),
            float(row[f"{domain.name}.{split}.loss"]),
            domain.classes,
        )
        for domain in card.domains
    }
