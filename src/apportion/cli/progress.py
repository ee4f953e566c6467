"""What a person sees while a study runs: a bar on a terminal, a line now and then elsewhere. Always on stderr."""

import time
from collections.abc import Iterable
from contextlib import AbstractContextManager
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Column

from apportion.evaluators.measurement import Measurement, Trial
from apportion.evaluators.objective import Objective
from apportion.search.run import Event, Started, Told

_LINE_EVERY_SECONDS = 30.0


class Shown(AbstractContextManager["Shown"]):
    """What is being tried, the best so far, and the time left."""

    def __init__(self, objective: Objective, trials: Iterable[Trial], planned: int, quiet: bool) -> None:
        self.objective, self.planned, self.quiet = objective, planned, quiet
        self.best: tuple[float, str] | None = None
        self.told = 0
        for trial in trials:
            self._count(trial)
        self.running: list[str] = []
        self.console = Console(stderr=True)
        self.began = self.last_line = time.monotonic()
        self.told_before = self.told
        self.bar: Progress | None = None
        if self.console.is_terminal and not quiet:
            self.bar = Progress(
                BarColumn(bar_width=16, table_column=Column(no_wrap=True)),
                MofNCompleteColumn(table_column=Column(no_wrap=True)),
                TimeRemainingColumn(compact=True, table_column=Column(no_wrap=True)),
                TextColumn("left,"),
                # The words take what is left of the line, and lose their end first.
                TextColumn("{task.description}", markup=False, table_column=Column(ratio=1, no_wrap=True)),
                console=self.console,
                expand=True,
            )
            self.task = self.bar.add_task("", total=planned, completed=self.told)

    def __enter__(self) -> "Shown":
        if self.bar is not None:
            self.bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.bar is not None:
            self.bar.stop()

    def event(self, event: Event) -> None:
        if isinstance(event, Started):
            self.running.append(event.proposal.id)
        elif isinstance(event, Told):
            self.running.remove(event.trial.proposal.id)
            self.planned = event.planned
            self._count(event.trial)
        if self.bar is not None:
            self.bar.update(self.task, description=self._words(), completed=self.told, total=self.planned)
        elif not self.quiet and time.monotonic() - self.last_line > _LINE_EVERY_SECONDS:
            self.last_line = time.monotonic()
            self.console.print(
                f"{self.told} of {self.planned} trials, {self._left()}, {self._words()}", markup=False, soft_wrap=True
            )

    def _count(self, trial: Trial) -> None:
        self.told += 1
        if isinstance(trial.outcome, Measurement) and trial.proposal.purpose == "search":
            value = self.objective(trial.outcome.splits["val"])
            if self.best is None or value < self.best[0]:
                self.best = value, trial.proposal.id

    def _words(self) -> str:
        best = f"best {self.best[0]:.4f} ({self.best[1]})" if self.best is not None else "nothing measured yet"
        return f"{best}; trying {self.running[0]}" if self.running else best

    def _left(self) -> str:
        done = self.told - self.told_before
        if not done:
            return "time left unknown"
        seconds = (time.monotonic() - self.began) / done * (self.planned - self.told)
        return f"about {seconds / 60:.0f} min left" if seconds >= 90 else f"about {seconds:.0f} s left"
