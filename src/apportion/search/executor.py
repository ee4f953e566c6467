"""Executors: where evaluators run. In this process, or in spawned workers that each build their own from the task."""

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor, TimeoutError
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from multiprocessing.connection import wait
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Protocol

from apportion.evaluators.measurement import Failure
from apportion.evaluators.proposal import Proposal
from apportion.evaluators.protocol import Evaluator, Outcome, Slot, Stop, TrialFailed
from apportion.evaluators.registry import open_task
from apportion.evaluators.task import Task
from apportion.spaces import order_tables

Result = Callable[[], Outcome | Failure]
"""Waits for a trial. Raises Stopped where the trial was stopped."""

# How long a stopped worker may take to its next step and to write its checkpoint before it is killed.
_PATIENCE_SECONDS = 60.0


class Executor(Protocol):
    """Starts trials and hands back a function that waits for the result."""

    def submit(self, proposal: Proposal, slot: Slot) -> Result: ...

    def close(self) -> None:
        """Stop at once: what still runs is given up."""
        ...


def attempt(evaluator: Evaluator, proposal: Proposal, slot: Slot) -> Outcome | Failure:
    """Evaluate; an expected failure becomes a value. Bugs and bad input are not swallowed."""
    try:
        return evaluator(proposal, slot)
    except TrialFailed as failed:
        return Failure(failed.reason, failed.message)


class Inline:
    """Evaluates in this process, when the result is asked for."""

    def __init__(self, evaluator: Evaluator, stop: Stop) -> None:
        self.evaluator, self.stop = evaluator, stop

    def submit(self, proposal: Proposal, slot: Slot) -> Result:
        return lambda: attempt(self.evaluator, proposal, replace(slot, stop=self.stop))

    def close(self) -> None:
        """Nothing runs between results."""


class Spawned:
    """`workers` processes. They end by themselves when this process dies, however it dies.

    Each has a pool of its own, used by turns: trials are waited for in the order they were submitted, so the next free
    worker is always the next in turn, and a worker that dies (the kernel's answer to a lack of memory) takes one trial
    with it and no other.
    """

    def __init__(self, task: Task, workers: int, stop: Stop) -> None:
        self.task, self.stop = task, stop
        self.context = multiprocessing.get_context("spawn")
        self.told_to_stop = self.context.Event()
        self.pools = [self._pool() for _ in range(workers)]
        self.turn = 0

    def _pool(self) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(1, self.context, initializer=_open, initargs=(self.task, self.told_to_stop))

    def submit(self, proposal: Proposal, slot: Slot) -> Result:
        place = self.turn % len(self.pools)
        self.turn += 1
        future = self.pools[place].submit(_work, proposal, slot)
        return lambda: self._waited(future, place)

    def _waited(self, future: "Future[Outcome | Failure]", place: int) -> Outcome | Failure:
        patience = _PATIENCE_SECONDS
        while True:
            try:
                # In short waits: a signal's handler runs between them.
                return future.result(timeout=0.2)
            except TimeoutError:
                if self.stop.is_set():
                    self.told_to_stop.set()
                    patience -= 0.2
                if patience <= 0:
                    raise
            except BrokenProcessPool:
                self.pools[place] = self._pool()
                return Failure("worker died", "the worker was killed from outside, most likely for lack of memory")

    def close(self) -> None:
        workers = [worker for pool in self.pools for worker in (pool._processes or {}).values()]
        for pool in self.pools:
            pool.shutdown(wait=False, cancel_futures=True)
        for worker in workers:
            with contextlib.suppress(ProcessLookupError):
                worker.kill()
        for worker in workers:
            worker.join()


_evaluator: Evaluator | None = None
_stop: Event | None = None
_folder: Path | None = None


def _open(task: Task, stop: Event) -> None:
    """Start of a worker: leave signals to the parent, follow it into death, build the evaluator."""
    global _evaluator, _stop, _folder
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    threading.Thread(target=_die_with_parent, daemon=True).start()
    _evaluator, _stop, _folder = open_task(task).evaluator, stop, task.folder


def _die_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os._exit(1)


def _work(proposal: Proposal, slot: Slot) -> Outcome | Failure:
    assert _evaluator is not None
    if _folder is not None and proposal.allocation.order.table:
        order_tables.learn_from(_folder)  # an order may be younger than this worker
    return attempt(_evaluator, proposal, replace(slot, stop=_stop))


def executor_for(task: Task, evaluator: Evaluator, workers: int, stop: Stop) -> Executor:
    """One worker is this process itself; more are spawned."""
    return Inline(evaluator, stop) if workers == 1 else Spawned(task, workers, stop)
