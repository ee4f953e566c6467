"""A run: the loop that asks, has evaluated and tells, with every step in the log before it counts.

Up to `workers` trials are in flight, and they are told strictly in the order they were asked, whichever ends first: so
the log depends on the config alone, and a run killed at any moment and resumed ends with an equal log.
"""

import contextlib
import shutil
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from apportion.errors import InputError
from apportion.evaluators.measurement import Failure, Trial
from apportion.evaluators.proposal import Proposal
from apportion.evaluators.protocol import Outcome, Slot, Stop, Stopped
from apportion.evaluators.task import Bench, Task
from apportion.search.cached import Cached, Repeated, ResultOrRepeat
from apportion.search.campaign import Campaign
from apportion.search.executor import executor_for
from apportion.search.models import disk_bytes, keep_best, model_folder
from apportion.search.options import RetrainOptions, SearchOptions
from apportion.search.replay import Replayed, replay
from apportion.search.study import Header, Study, study_of, to_json
from apportion.search.study_log import Reading, Record, StudyLog
from apportion.spaces import order_tables
from apportion.spaces.budget import Budget
from apportion.spaces.ledger import ledger_of

CHECKPOINTS = "checkpoints"


@dataclass(frozen=True)
class Plan:
    """What is to be run: the header's facts, and the parts of the config that decide the campaign."""

    header: Header
    task: Task
    budgets: tuple[Budget, ...]
    search: SearchOptions
    retrain: RetrainOptions
    workers: int

    def campaign(self, bench: Bench) -> Campaign:
        header, rungs = self.header, bench.evaluator.rungs
        return Campaign(header.space, self.budgets, header.objective, self.search, self.retrain, rungs, bench.lab)


@dataclass(frozen=True)
class Started:
    proposal: Proposal


@dataclass(frozen=True)
class Told:
    """`told` of `planned` trials are done."""

    trial: Trial
    told: int
    planned: int


Event = Started | Told


class Run:
    """One sitting of a study. The caller holds the run's lock."""

    def __init__(self, folder: Path, plan: Plan, bench: Bench, reading: Reading) -> None:
        self.folder, self.plan, self.bench = folder, plan, bench
        if bench.space.order.table:
            order_tables.keep(bench.space.order.table, folder)
        self.campaign = plan.campaign(bench)
        self.log = StudyLog(folder / "study.jsonl", reading)
        self.replayed = self._replay(reading)
        self.trials = list(self.replayed.trials)
        self.test_opened = self.replayed.test_opened
        self.artifacts = {r.fields["artifact"]["key"] for r in reading.records if r.kind == "artifact"}

    def _replay(self, reading: Reading) -> Replayed:
        if not reading.records:
            self.log.append("header", header=to_json(self.plan.header), planned=self.campaign.planned)
            self.log.sync()
        replayed = replay(self.campaign, reading.records, self._apply_amendment)
        if replayed.differed_at is not None:
            self.log.append("amend", warning=f"replay differed at record {replayed.differed_at}; the log was followed")
        return replayed

    def _apply_amendment(self, record: Record) -> None:
        if "search" in record.fields:
            search = SearchOptions.model_validate_json(record.fields["search"])
            retrain = RetrainOptions.model_validate_json(record.fields["retrain"])
            self.campaign.amend(search, retrain)

    def amend(self, changes: list[tuple[str, Any, Any]], search: SearchOptions, retrain: RetrainOptions) -> None:
        """Record that the study may run longer, and let it."""
        self.campaign.amend(search, retrain)
        self.log.append(
            "amend",
            changes=[list(change) for change in changes],
            search=search.model_dump_json(),
            retrain=retrain.model_dump_json(),
            planned=self.campaign.planned,
        )
        self.log.sync()

    def events(self, stop: Stop) -> Generator[Event, None, None]:
        """Run to the end; yields as trials start and are told. Closing the generator kills the workers.

        Raises Stopped soon after `stop` is set, the trials under way kept in checkpoints.
        """
        self._check_disk()
        if self.bench.lab is not None:
            self.bench.lab.stop = stop
        executor = Cached(executor_for(self.plan.task, self.bench.evaluator, self.plan.workers, stop))
        for trial in self.trials:
            executor.learn(trial)
        waiting: deque[tuple[Proposal, ResultOrRepeat]] = deque()
        try:
            for proposal in self.replayed.open:
                waiting.append((proposal, executor.submit(proposal, self._slot(proposal))))
                yield Started(proposal)
            while True:
                try:
                    asked = self._asked(self.plan.workers - len(waiting))
                except Stopped:
                    _wait_for_checkpoints(waiting)
                for proposal in asked:
                    waiting.append((proposal, executor.submit(proposal, self._slot(proposal))))
                    yield Started(proposal)
                if not waiting:
                    break
                if stop.is_set():
                    _wait_for_checkpoints(waiting)
                proposal, result = waiting.popleft()
                try:
                    trial = self._tell(proposal, result())
                except Stopped:
                    _wait_for_checkpoints(waiting)
                yield Told(trial, len(self.trials), self.campaign.planned)
            kept = keep_best(self.folder, self.trials, self.plan.header.objective)
            self.log.append("final", trials=len(self.trials), models=[to_json(item) for item in kept])
        finally:
            executor.close()
            self.log.close()

    def _asked(self, room: int) -> list[Proposal]:
        """The next proposals, durable in the log before any of them starts."""
        asked: list[Proposal] = []
        while len(asked) < room:
            proposal = self.campaign.ask()
            if not isinstance(proposal, Proposal):
                break
            if proposal.final and not self.test_opened:
                self.log.append("open_test", reason="the final retrain of the chosen patterns begins")
                self.test_opened = True
            if proposal.allocation.order.table:
                order_tables.keep(proposal.allocation.order.table, self.folder)
            self.log.append("ask", proposal=to_json(proposal))
            asked.append(proposal)
        self.log.sync()
        return asked

    def _slot(self, proposal: Proposal) -> Slot:
        keep = proposal.final and proposal.purpose != "table"
        checkpoint = self.folder / CHECKPOINTS / (proposal.id.replace("/", "_") + ".checkpoint")
        return Slot(model_folder(self.folder, proposal), keep, checkpoint)

    def _tell(self, proposal: Proposal, result: Outcome | Failure | Repeated) -> Trial:
        repeated = result.of if isinstance(result, Repeated) else None
        outcome = result.outcome if isinstance(result, Repeated) else result
        used = outcome.artifacts if isinstance(outcome, Outcome) else ()
        artifacts = tuple(dict.fromkeys(self._with_needs((*proposal.artifacts, *used))))
        value = outcome.measurement if isinstance(outcome, Outcome) else outcome
        trial = Trial(proposal, value, 0.0 if repeated else value.seconds, artifacts, repeated)
        for key in artifacts:
            self._name_artifact(key)
        self.log.append(
            "fail" if isinstance(value, Failure) else "tell",
            id=proposal.id,
            outcome=to_json(value),
            cost_seconds=trial.cost_seconds,
            artifacts=list(artifacts),
            duplicate_of=repeated,
        )
        self.log.sync()
        # Only now: a trial that ended but could not be told before a stop goes on from its checkpoint.
        checkpoint = self._slot(proposal).checkpoint
        assert checkpoint is not None
        checkpoint.unlink(missing_ok=True)
        self.campaign.tell(trial)
        self.trials.append(trial)
        if proposal.final:
            keep_best(self.folder, self.trials, self.plan.header.objective)
        return trial

    def _with_needs(self, keys: Iterable[str]) -> Iterator[str]:
        """Artifacts, each after those that it was made from."""
        for key in keys:
            card = self.bench.lab.card(key) if self.bench.lab is not None else None
            if card is not None:
                yield from self._with_needs(card.needs)
            yield key

    def _name_artifact(self, key: str) -> None:
        """Record an artifact when the first trial that used it is told."""
        card = self.bench.lab.card(key) if self.bench.lab is not None else None
        if key not in self.artifacts and card is not None:
            self.log.append("artifact", artifact=to_json(card))
            self.artifacts.add(key)

    def _check_disk(self) -> None:
        """Refuse to start what cannot be kept: models of all schemes, warm-ups of all seeds, log and report."""
        header = self.plan.header
        whole = ledger_of(header.shape, header.space, header.space.independent(), header.classes).stored_bytes
        left = max(1, self.campaign.planned - len(self.trials))
        needed = disk_bytes(whole, len(self.campaign.tracks) + self.plan.workers, self.plan.retrain.seeds, left)
        free = shutil.disk_usage(self.folder).free
        if free < needed:
            raise InputError(
                f"run {self.folder}",
                f"{free:,} bytes free",
                f"the run needs up to {needed:,}",
                "free some space, or put `runs:` on another disk",
            )

    def study(self) -> Study:
        """What the log says now."""
        from apportion.search.study_log import read_log

        return study_of(read_log(self.log.path).records, self.log.path)


def _wait_for_checkpoints(waiting: deque[tuple[Proposal, ResultOrRepeat]]) -> None:
    """Let the other trials under way stop as well. One that still ended is told when the study goes on."""
    for _, result in waiting:
        with contextlib.suppress(Stopped):
            result()
    raise Stopped
