"""The laboratory: what a controller may have computed with network and data before it proposes a pattern.

Every result is computed once per study, kept as an artifact that the log names, and charged to the trials that used it.
A computation goes on from its checkpoint after a stop or a crash. Importing this loads no torch.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel

from apportion.errors import InputError
from apportion.evaluators.measurement import Artifact
from apportion.evaluators.protocol import Evaluator, Stop, TrialFailed
from apportion.evaluators.scorers import scorers
from apportion.spaces.allocation import Allocation

if TYPE_CHECKING:
    from apportion.evaluators.memo import Memo, Tensors
    from apportion.evaluators.training.keeper import Keeper

CHECKPOINTS = "checkpoints"


@dataclass(frozen=True)
class Worth:
    """What owning each filter is worth to each owner, the more the better: `of[site]`, shape [owners, filters].

    `artifact`: the key of what it was computed from, for a proposal to name.
    """

    artifact: str
    of: tuple[npt.NDArray[np.float64], ...]


class Laboratory:
    """Runs scorers on the evaluator's own network and data. `stop`: whoever runs the study sets it.

    `folder` of the run: artifacts and checkpoints are kept below it; without one they live in memory.
    """

    def __init__(self, evaluator: Evaluator, folder: Path | None, memo: "Memo | None" = None) -> None:
        self.evaluator, self.folder, self._memo = evaluator, folder, memo
        self.stop: Stop | None = None

    @property
    def memo(self) -> "Memo":
        if self._memo is None:
            from apportion.evaluators.memo import Memo  # here, not above: it loads torch

            self._memo = Memo(self.folder / "artifacts" if self.folder is not None else None)
        return self._memo

    def card(self, key: str) -> Artifact | None:
        """What is known of an artifact."""
        return self.memo.card(key)

    def worth(self, scorer: str, options: BaseModel, seed: int) -> Worth:
        """The worth of every filter as `scorer` sees it. Raises Stopped where the study was stopped meanwhile."""
        entry = scorers.get(scorer)
        key = f"{scorer}/{_digest(options)}/seed-{seed}"
        artifact, tensors = self._computed(key, lambda: entry.load()(self, options, seed, key))
        sites = range(sum(name.startswith("worth.") for name in tensors))
        return Worth(artifact.key, tuple(tensors[f"worth.{i}"].double().numpy() for i in sites))

    def losses(
        self, scorer: str, options: BaseModel, seed: int, allocations: Sequence[Allocation]
    ) -> tuple[str, list[float]]:
        """The loss that a scorer of whole patterns predicts for each, and the key of the artifact."""
        entry = scorers.get(scorer)
        patterns = hashlib.sha256("".join(one.key() for one in allocations).encode()).hexdigest()[:8]
        key = f"{scorer}/{_digest(options)}/patterns-{patterns}/seed-{seed}"
        artifact, tensors = self._computed(key, lambda: entry.load()(self, options, seed, key, allocations))
        return artifact.key, tensors["losses"].double().tolist()

    def _computed(self, key: str, compute: "Callable[[], Tensors]") -> "tuple[Artifact, Tensors]":
        """Through the memo; an InputError where the training that it takes diverges. Checkpoints go once it is done."""
        try:
            found = self.memo(key, compute)
        except TrialFailed as failed:
            raise InputError(f"scorer {key.partition('/')[0]}", failed.reason, failed.message) from failed
        for name in (key, f"{key}/scores", *found[0].needs):
            path = self.checkpoint(name)
            if path is not None:
                path.unlink(missing_ok=True)
        return found

    def keeper(self, key: str, name: str | None = None) -> "Keeper":
        """What keeps the computation `key` while it trains; `name`: which part of it is under way."""
        from apportion.evaluators.training.keeper import Keeper  # here, not above: it loads torch

        return Keeper(self.checkpoint(key), self.stop, name or key, self.memo.charge)

    def checkpoint(self, key: str) -> Path | None:
        """Where an unfinished computation keeps its state."""
        if self.folder is None:
            return None
        (self.folder / CHECKPOINTS).mkdir(parents=True, exist_ok=True)
        return self.folder / CHECKPOINTS / f"{hashlib.sha256(key.encode()).hexdigest()[:16]}.checkpoint"


def _digest(options: BaseModel) -> str:
    content: dict[str, Any] = options.model_dump(mode="json")
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:8]
