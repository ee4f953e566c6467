"""Ctrl-C and SIGTERM: the first asks the trials under way to stop at their next step, the second ends at once."""

import contextlib
import signal
import sys
from collections.abc import Iterator
from types import FrameType

from apportion.cli.exits import Terminated
from apportion.evaluators.protocol import Stopped


class Wish:
    """The wish to stop: set by a signal, looked at by trials after every step."""

    def __init__(self) -> None:
        self.signal: int | None = None

    def is_set(self) -> bool:
        return self.signal is not None


@contextlib.contextmanager
def stopping() -> Iterator[Wish]:
    """Ctrl-C or SIGTERM: stop at the next training step. Once more: stop at once, without checkpoints."""
    wish = Wish()

    def hear(number: int, frame: FrameType | None) -> None:
        if wish.signal is None:
            wish.signal = number
            print("apportion: stopping at the next step; once more to stop at once", file=sys.stderr)
        else:
            raise Terminated if number == signal.SIGTERM else KeyboardInterrupt

    before = {number: signal.signal(number, hear) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield wish
    except Stopped:
        raise (Terminated if wish.signal == signal.SIGTERM else KeyboardInterrupt) from None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
