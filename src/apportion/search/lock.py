"""One writer per run: an flock on a file beside the log, which the kernel drops when its holder dies."""

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

from apportion.errors import InputError

LOCK_NAME = "study.lock"


@contextlib.contextmanager
def only_writer(run: Path) -> Iterator[None]:
    """Hold the run folder; an InputError names the process that holds it already.

    The lock is on a file of its own: the log itself may be replaced or copied. Workers must be spawned, not forked: a
    forked child would keep the lock alive after its parent was killed.
    """
    run.mkdir(parents=True, exist_ok=True)
    with (run / LOCK_NAME).open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.seek(0)
            holder = _holder(file.read())
            raise InputError(
                f"run {run}", f"in use by {holder}", "one process at a time writes a run", "wait for it, or stop it"
            ) from None
        file.truncate(0)
        file.write(json.dumps({"pid": os.getpid(), "started": round(time.time())}))
        file.flush()
        yield


def _holder(text: str) -> str:
    try:
        told = json.loads(text)
        since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(told["started"]))
        return f"pid {told['pid']} since {since}"
    except (ValueError, KeyError):
        return "another process"
