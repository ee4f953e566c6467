"""The keeper: saves a training that is under way, so that it can be stopped at any step and taken up again, bit-equal.

Randomness is counted, so a checkpoint needs weights, statistics, the optimiser's state, the number of steps done and
the scores so far; no generator. It is one file: the hash of what follows, a line of JSON, tensors as safetensors.
"""

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load, save
from torch import Tensor, nn

from apportion.evaluators.measurement import Score, Scores
from apportion.evaluators.protocol import Stop, Stopped
from apportion.files import write_durably

_EVERY_SECONDS = 60.0


class Keeper:
    """Keeps one trial. A checkpoint is taken up only under the same `name`; without a `path` there is only `stop`.

    `charge` is told the seconds of earlier sittings when their checkpoint is taken up.
    """

    def __init__(
        self, path: Path | None, stop: Stop | None, name: str, charge: Callable[[float], None] | None = None
    ) -> None:
        self.path, self.stop, self.name, self._charge = path, stop, name, charge
        self.curve: list[Scores] = []
        self.test_curve: list[Scores] = []
        self._seconds_before = 0.0
        self._began = self._kept_at = time.perf_counter()

    def seconds(self) -> float:
        """Spent on the trial, in this sitting and those before."""
        return self._seconds_before + time.perf_counter() - self._began

    def due(self) -> bool:
        """True when somebody asked to stop, or a minute has passed since the last checkpoint."""
        if self.stop is not None and self.stop.is_set():
            return True
        return self.path is not None and time.perf_counter() - self._kept_at >= _EVERY_SECONDS

    def keep(self, net: nn.Module, optimizer: torch.optim.Optimizer, done: int) -> None:
        """Write a checkpoint after `done` steps; raise Stopped if that is what it was due for."""
        if self.path is not None:
            facts = {
                "name": self.name,
                "done": done,
                "seconds": self.seconds(),
                "curve": _curve_as_json(self.curve),
                "test_curve": _curve_as_json(self.test_curve),
            }
            content = json.dumps(facts).encode() + b"\n" + save(_tensors_of(net, optimizer))
            write_durably(self.path, hashlib.sha256(content).hexdigest().encode() + b"\n" + content)
        self._kept_at = time.perf_counter()
        if self.stop is not None and self.stop.is_set():
            raise Stopped

    def restored(self, net: nn.Module, optimizer: torch.optim.Optimizer) -> int:
        """Bring net, optimiser and curve to where the checkpoint left them; the steps done, 0 where there is none."""
        found = self._read()
        if found is None:
            return 0
        facts, tensors = found
        net.load_state_dict({key[4:]: tensor for key, tensor in tensors.items() if key.startswith("net.")})
        state: dict[int, dict[str, Tensor]] = {}
        for key, tensor in tensors.items():
            if key.startswith("optimizer."):
                _, index, name = key.split(".", 2)
                state.setdefault(int(index), {})[name] = tensor
        optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
        self.curve[:] = _curve_from_json(facts["curve"])
        self.test_curve[:] = _curve_from_json(facts["test_curve"])
        self._seconds_before = float(facts["seconds"])
        if self._charge is not None:
            self._charge(self._seconds_before)
        return int(facts["done"])

    def _read(self) -> tuple[dict[str, Any], dict[str, Tensor]] | None:
        """A checkpoint of this very trial; None for a missing, damaged or foreign one (the trial then starts anew)."""
        if self.path is None or not self.path.exists():
            return None
        digest, _, content = self.path.read_bytes().partition(b"\n")
        if hashlib.sha256(content).hexdigest().encode() != digest:
            return None
        line, _, tensors = content.partition(b"\n")
        facts: dict[str, Any] = json.loads(line)
        return (facts, load(tensors)) if facts["name"] == self.name else None


def _curve_as_json(curve: list[Scores]) -> list[Any]:
    return [{owner: asdict(score) for owner, score in scores.items()} for scores in curve]


def _curve_from_json(curve: list[Any]) -> list[Scores]:
    return [{owner: Score(**score) for owner, score in scores.items()} for scores in curve]


def _tensors_of(net: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    tensors = {f"net.{name}": tensor for name, tensor in net.state_dict().items()}
    for index, values in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{index}.{name}": value for name, value in values.items() if isinstance(value, Tensor)}
    return {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
