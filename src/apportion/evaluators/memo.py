"""Memo: an expensive step runs once per study; its tensors are kept as a hashed file that the log names.

Two workers that need the same step at once: one computes, the other waits on a file lock.
"""

import fcntl
import hashlib
import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from safetensors.torch import load, save
from torch import Tensor

from apportion.evaluators.measurement import Artifact
from apportion.files import write_durably

Tensors = dict[str, Tensor]


@dataclass
class _UnderWay:
    """A computation: the keys it asked for, the seconds that computing them took, and its own of earlier sittings."""

    began: float
    needs: dict[str, None] = field(default_factory=dict)
    seconds_of_others: float = 0.0
    seconds_before: float = 0.0

    def seconds(self) -> float:
        """Its own so far."""
        return self.seconds_before + time.perf_counter() - self.began - self.seconds_of_others


class Memo:
    """Artifacts below `folder`. Without a folder results live in memory only (tests, one-off use)."""

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        self._held: dict[str, tuple[Artifact, Tensors]] = {}
        self._under_way: list[_UnderWay] = []

    def __call__(self, key: str, compute: Callable[[], Tensors]) -> tuple[Artifact, Tensors]:
        """The tensors called `key`, computed if no sound file holds them yet. A damaged file is computed again.

        A computation may ask for others: what they take is theirs, and its artifact names them.
        """
        if self._under_way:
            self._under_way[-1].needs.setdefault(key)
        if key in self._held:
            return self._held[key]
        if self.folder is None:
            found = self._compute(key, compute)
        else:
            self.folder.mkdir(parents=True, exist_ok=True)
            with _locked(self._path(key).with_suffix(".lock")):
                found = self._read(key) or self._compute(key, compute)
        self._held[key] = found
        return found

    def charge(self, seconds: float) -> None:
        """Count `seconds` of an earlier sitting to what is being computed, if anything is."""
        if self._under_way:
            self._under_way[-1].seconds_before += seconds

    def spent(self) -> float:
        """Seconds so far of what is being computed, as they would be charged; 0 where nothing is."""
        return self._under_way[-1].seconds() if self._under_way else 0.0

    def _path(self, key: str) -> Path:
        assert self.folder is not None
        # Readable, and told apart by the key's own hash where two keys read alike.
        digest = hashlib.sha256(key.encode()).hexdigest()[:8]
        return self.folder / f"{re.sub(r'[^A-Za-z0-9_-]+', '-', key)}-{digest}.safetensors"

    def _read(self, key: str) -> tuple[Artifact, Tensors] | None:
        card, path = self.card(key), self._path(key)
        if card is None or not path.exists():
            return None
        content = path.read_bytes()
        # A flipped bit loads silently, from safetensors as from .pt: only the hash finds it.
        if hashlib.sha256(content).hexdigest() != card.sha256:
            return None
        return card, load(content)

    def _compute(self, key: str, compute: Callable[[], Tensors]) -> tuple[Artifact, Tensors]:
        own = _UnderWay(time.perf_counter())
        self._under_way.append(own)
        try:
            tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in compute().items()}
        finally:
            self._under_way.pop()
            seconds, needs = own.seconds(), tuple(own.needs)
            if self._under_way:
                self._under_way[-1].seconds_of_others += time.perf_counter() - own.began
        content = save(tensors)
        digest = hashlib.sha256(content).hexdigest()
        if self.folder is None:
            return Artifact(key, "", digest, seconds, needs), tensors
        path = self._path(key)
        write_durably(path, content)
        told = {"key": key, "sha256": digest, "seconds": seconds, "needs": needs}
        write_durably(path.with_suffix(".json"), json.dumps(told).encode())
        return Artifact(key, f"{path.parent.name}/{path.name}", digest, seconds, needs), tensors

    def card(self, key: str) -> Artifact | None:
        """What is known of `key` without loading its tensors; None where nothing sound is."""
        if key in self._held:
            return self._held[key][0]
        if self.folder is None:
            return None
        path = self._path(key)
        try:
            told = json.loads(path.with_suffix(".json").read_text())
            needs = tuple(told.get("needs", ()))
            return Artifact(key, f"{path.parent.name}/{path.name}", told["sha256"], float(told["seconds"]), needs)
        except (OSError, ValueError, KeyError, TypeError):
            return None


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
