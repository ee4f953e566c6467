"""How the program ends: what went wrong as one line on stderr, and the exit code that belongs to it."""

import contextlib
import errno
import os
import sys
from collections.abc import Iterator

import typer

from apportion.errors import InputError

# A path that a person gave and that cannot be used; other OSErrors are a broken machine and keep their traceback.
_PATHS = frozenset({errno.ENOENT, errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.EISDIR, errno.EROFS, errno.EEXIST})


class Terminated(KeyboardInterrupt):
    """SIGTERM: stop as Ctrl-C does, with another exit code."""


@contextlib.contextmanager
def exit_codes() -> Iterator[None]:
    """0 done, 2 bad input, 130 Ctrl-C, 143 SIGTERM. Anything else is a bug: traceback and 1."""
    try:
        yield
    except InputError as problem:
        _end(str(problem), 2)
    except KeyboardInterrupt as stopped:
        _end("stopped; the same command goes on from here", 143 if isinstance(stopped, Terminated) else 130)
    except BrokenPipeError:
        # The reader (head, less) went away: nothing is wrong with us.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(0) from None
    except OSError as problem:
        if problem.errno in _PATHS and problem.filename is not None:
            _end(f"{problem.filename}: {problem.strerror}, but it must be usable; check the path", 2)
        if problem.errno == errno.ENOSPC:
            _end(f"{problem.filename or 'disk'}: no space left; free some and start the same command again", 2)
        raise


def _end(line: str, code: int) -> None:
    print(f"apportion: {line}", file=sys.stderr)
    raise typer.Exit(code) from None
