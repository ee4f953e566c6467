"""Executors: where evaluators run. In this process, or in spawned workers that each build their own from the task."""

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing.connection import wait
from typing import Protocol

from apportion.errors import InputError
from apportion.evaluators.measurement import Failure
from apportion.evaluators.proposal import Proposal
from apportion.evaluators.protocol import Evaluator, Outcome, Slot, TrialFailed
from apportion.evaluators.registry import open_task
from apportion.evaluators.task import Task

Result = Callable[[], Outcome | Failure]


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

    def __init__(self, evaluator: Evaluator) -> None:
        self.evaluator = evaluator

    def submit(self, proposal: Proposal, slot: Slot) -> Result:
        return lambda: attempt(self.evaluator, proposal, slot)

    def close(self) -> None:
        """Nothing runs between results."""


class Spawned:
    """`workers` processes. They end by themselves when this process dies, however it dies."""

    def __init__(self, task: Task, workers: int) -> None:
        context = multiprocessing.get_context("spawn")
        self.pool = ProcessPoolExecutor(workers, context, initializer=_open, initargs=(task,))

    def submit(self, proposal: Proposal, slot: Slot) -> Result:
        future: Future[Outcome | Failure] = self.pool.submit(_work, proposal, slot)
        return future.result

    def close(self) -> None:
        workers = list((self.pool._processes or {}).values())
        self.pool.shutdown(wait=False, cancel_futures=True)
        for worker in workers:
            with contextlib.suppress(ProcessLookupError):
                worker.kill()
        for worker in workers:
            worker.join()


_evaluator: Evaluator | None = None


def _open(task: Task) -> None:
    """Start of a worker: leave Ctrl-C to the parent, follow it into death, build the evaluator."""
    global _evaluator
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_die_with_parent, daemon=True).start()
    _evaluator = open_task(task).evaluator


def _die_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os._exit(1)


def _work(proposal: Proposal, slot: Slot) -> Outcome | Failure:
    assert _evaluator is not None
    return attempt(_evaluator, proposal, slot)


def executor_for(task: Task, evaluator: Evaluator, workers: int) -> Executor:
    """One worker is this process itself; more are spawned."""
    if workers < 1:
        raise InputError("workers", str(workers), "at least one process must work")
    return Inline(evaluator) if workers == 1 else Spawned(task, workers)
