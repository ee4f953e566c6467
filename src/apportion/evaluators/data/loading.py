"""Pictures decoded by worker processes, in the order in which they are asked for, whatever the number of workers."""

import contextlib
import os
import signal
import warnings
from collections.abc import Iterable, Iterator, Sequence
from multiprocessing import resource_tracker
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from apportion.errors import InputError
from apportion.evaluators.data.encoded import Pictures, Rows
from apportion.evaluators.protocol import TrialFailed

LOADER_DIED = "loader died"
Request = tuple[tuple[int, Rows], ...]
"""Domains by number, and which of their pictures are wanted."""


class Decoder(Dataset[Tensor | InputError]):
    """Answers a request with all its pixels in one tensor: one block of shared memory to hand over."""

    def __init__(self, pictures: Sequence[Pictures], channels: Sequence[int], size: int) -> None:
        self.pictures, self.channels, self.size = tuple(pictures), tuple(channels), size

    def __getitem__(self, request: Request) -> Tensor | InputError:
        """uint8, flat: see `parts`. A fault comes back as a value: a loader would change what is raised."""
        answer = torch.empty(sum(self._bytes(domain, rows) for domain, rows in request), dtype=torch.uint8)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # Pillow's; what is wrong with a file was said when it was scanned
                for (domain, rows), part in zip(request, self.parts(answer, request), strict=True):
                    into = part.numpy()
                    for place, row in enumerate(rows.tolist()):
                        pixels = self.pictures[domain][row]
                        into[place] = np.moveaxis(pixels, 2, 0)[: len(into[place])]
        except InputError as fault:
            return fault
        return answer

    def parts(self, answer: Tensor, request: Request) -> list[Tensor]:
        """Each domain's images as a view, [B, C, S, S]."""
        pieces = answer.split([self._bytes(domain, rows) for domain, rows in request])
        shapes = [(len(rows), self.channels[domain], self.size, self.size) for domain, rows in request]
        return [piece.view(shape) for piece, shape in zip(pieces, shapes, strict=True)]

    def _bytes(self, domain: int, rows: Rows) -> int:
        return len(rows) * self.channels[domain] * self.size**2


class Loader:
    """Keeps its worker processes until it is closed; 0 workers: decodes in this process. One pass at a time."""

    def __init__(self, decoder: Decoder, workers: int) -> None:
        self.decoder, self.workers = decoder, workers
        self._wanted = _Wanted()
        self._loader: DataLoader[Tensor | InputError] | None = None
        self._passes = 0

    def __call__(self, requests: Iterable[Request]) -> Iterator[list[Tensor]]:
        """The answers, in order. `requests` is walked ahead, twice: once for the workers, once beside the answers.

        InputError for a picture that cannot be had; TrialFailed where a worker has died.
        """
        self._passes += 1
        number = self._passes
        self._wanted.requests = requests
        guarded = _deaths_told if self.workers else contextlib.nullcontext
        with guarded():
            answers = self._begun()
        for request in requests:
            if number != self._passes:
                raise RuntimeError("a second pass was begun before this one ended")
            with guarded():
                answer = next(answers)
            if isinstance(answer, InputError):
                raise answer
            yield self.decoder.parts(answer, request)

    def _begun(self) -> Iterator[Tensor | InputError]:
        """What answers `self._wanted`; the workers are started if they do not run."""
        if self._loader is not None and self.workers:
            return iter(self._loader)
        heard = signal.getsignal(signal.SIGCHLD)
        with warnings.catch_warnings(), _signals_wait():
            # As many workers as were asked for, on few cores too: they may wait for a disk or a network.
            warnings.filterwarnings("ignore", message="This DataLoader will create")
            self._loader = self._made()
            answers = iter(self._loader)
        if heard is not None and signal.getsignal(signal.SIGCHLD) is not heard:
            # PyTorch's handler raises wherever the program happens to be when a worker dies, in the middle of a
            # checkpoint too. Without it a death is found where the answer is waited for, within 5 seconds.
            signal.signal(signal.SIGCHLD, heard)
        return answers

    def _made(self) -> DataLoader[Tensor | InputError]:
        # Without a generator of its own a loader draws from the global one, once a pass.
        how: dict[str, Any] = {"sampler": self._wanted, "batch_size": None, "generator": torch.Generator()}
        if self.workers:
            # Spawned: a fork would copy locks that threads hold, and keep the study's lock file open.
            more = {"multiprocessing_context": "spawn", "persistent_workers": True, "worker_init_fn": _start}
            how |= {"num_workers": self.workers, **more}
        return DataLoader(self.decoder, **how)

    def close(self) -> None:
        """End the workers, whatever still holds this loader's passes."""
        loader, self._loader = self._loader, None
        iterator: Any = None if loader is None else loader._iterator
        self._passes += 1
        if iterator is None:
            return
        # PyTorch ends persistent workers when the last reference to their iterator goes; a traceback may hold one.
        iterator._shutdown_workers()
        for worker in iterator._workers:
            if worker.is_alive():
                worker.kill()
            worker.join()
            worker.close()


class _Wanted(Sampler[Request]):
    """What the next pass asks for: a loader that keeps its workers keeps its sampler, too."""

    def __init__(self) -> None:
        self.requests: Iterable[Request] = ()

    def __iter__(self) -> Iterator[Request]:
        return iter(self.requests)


@contextlib.contextmanager
def _deaths_told() -> Iterator[None]:
    """TrialFailed where a worker process has died: a bare RuntimeError of PyTorch's, or a connection that breaks."""
    try:
        yield
    except (RuntimeError, OSError, EOFError) as problem:
        said = (str(problem) or type(problem).__name__).split("\n")[0].strip()
        if isinstance(problem, RuntimeError) and not said.startswith(("DataLoader worker", "Too many open files")):
            raise
        law = "all worker processes that decode images are needed; most likely memory ran out"
        remedy = "lower data.loader_workers or evaluator.batch, or enlarge /dev/shm"
        raise TrialFailed(LOADER_DIED, f"{said}: {law}; {remedy}") from None


# Ctrl-C and SIGTERM may go to a whole group of processes. The one that trains decides what becomes of them; a worker
# must answer until it is closed, so it leaves the group, and is deaf until it has.
_FOR_THE_GROUP = (signal.SIGINT, signal.SIGTERM)


@contextlib.contextmanager
def _signals_wait() -> Iterator[None]:
    """Hold signals back meanwhile: a process that is spawned here begins without hearing them."""
    resource_tracker.ensure_running()  # else it is started by the first process, and lets the signals in again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _FOR_THE_GROUP)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _start(worker: int) -> None:
    os.setpgrp()
    for number in _FOR_THE_GROUP:
        signal.signal(number, signal.SIG_IGN)  # forgets what has come meanwhile
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _FOR_THE_GROUP)
    # Python ends what it left running by SIGTERM when it exits, and waits for it.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
