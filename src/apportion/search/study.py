"""A study as its log tells it: what was asked, what came of it, what it made. Rebuilt from records, never stored."""

import copy
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal, cast

from pydantic import TypeAdapter

from apportion.errors import InputError
from apportion.evaluators.domain_card import DomainCard
from apportion.evaluators.measurement import Artifact, Failure, Measurement, Trial
from apportion.evaluators.objective import Objective
from apportion.evaluators.proposal import Proposal
from apportion.search.study_log import Record, read_log
from apportion.spaces import order_tables
from apportion.spaces.shape import BackboneShape
from apportion.spaces.space import SharingSpace

SCHEMA = 1
LOG_NAME = "study.jsonl"


@dataclass(frozen=True)
class Header:
    """The first record: everything that decides the numbers that follow."""

    schema_version: int
    name: str
    config: dict[str, Any]
    versions: dict[str, str]
    commit: str
    domains: tuple[DomainCard, ...]
    shape: BackboneShape
    space: SharingSpace
    objective: Objective
    form: Literal["compose", "interleaved"] | None
    threads: int
    device: str
    machine: str

    @property
    def classes(self) -> dict[str, int]:
        return {domain.name: domain.classes for domain in self.domains}


@dataclass(frozen=True)
class Study:
    """A log's content. `pending`: asked, not yet told. `finished`: the `final` record stands last."""

    header: Header
    trials: tuple[Trial, ...]
    pending: tuple[Proposal, ...]
    artifacts: dict[str, Artifact]
    finished: bool
    test_opened: bool
    planned: int
    """Trials that the configured run has in all, as far as the log knows (0: not yet known)."""
    path: Path | None = None
    amendments: tuple[dict[str, Any], ...] = field(default=())

    @property
    def config(self) -> dict[str, Any]:
        """The header's config with all amendments made to it."""
        config = copy.deepcopy(self.header.config)
        for amendment in self.amendments:
            for key, _, new in amendment.get("changes", ()):
                *parents, leaf = key.split(".")
                place: Any = config
                for part in parents:
                    place = place[int(part)] if isinstance(place, list) else place[part]
                place[leaf] = new
        return config


@cache
def _adapter(kind: Hashable) -> TypeAdapter[Any]:
    adapter: TypeAdapter[Any] = TypeAdapter(cast(Any, kind))
    return adapter


def to_json(value: Any) -> Any:
    """A frozen value as plain JSON data."""
    return _adapter(cast(Hashable, type(value))).dump_python(value, mode="json")


def from_json(kind: type[Any], data: Any) -> Any:
    """The inverse of `to_json`."""
    return _adapter(cast(Hashable, kind)).validate_python(data)


def study_of(records: Iterable[Record], path: Path | None = None) -> Study:
    """Fold records into a study."""
    header: Header | None = None
    asked: dict[str, Proposal] = {}
    trials: dict[str, Trial] = {}
    artifacts: dict[str, Artifact] = {}
    amendments: list[dict[str, Any]] = []
    finished, test_opened, planned = False, False, 0
    for record in records:
        fields = record.fields
        if record.kind == "header":
            header = from_json(Header, fields["header"])
            planned = int(fields.get("planned", 0))
        elif record.kind == "ask":
            proposal: Proposal = from_json(Proposal, fields["proposal"])
            asked[proposal.id] = proposal
        elif record.kind in ("tell", "fail"):
            trials[fields["id"]] = trial_of(record, asked[fields["id"]])
        elif record.kind == "artifact":
            artifact: Artifact = from_json(Artifact, fields["artifact"])
            artifacts[artifact.key] = artifact
        elif record.kind == "amend":
            amendments.append(fields)
            planned, finished = int(fields.get("planned", planned)), False
        elif record.kind == "open_test":
            test_opened = True
        elif record.kind == "final":
            # A scheme whose trials all failed is not retrained, an amended one may be twice: now the number is known.
            finished, planned = True, len(trials)
    if header is None:
        raise InputError(f"study log {path}", "no header", "a study's first record is its header", "start a new run")
    pending = tuple(proposal for name, proposal in asked.items() if name not in trials)
    return Study(
        header, tuple(trials.values()), pending, artifacts, finished, test_opened, planned, path, tuple(amendments)
    )


def trial_of(record: Record, proposal: Proposal) -> Trial:
    """The trial that a `tell` or `fail` record stands for."""
    kind = Measurement if record.kind == "tell" else Failure
    return Trial(
        proposal,
        from_json(kind, record.fields["outcome"]),
        float(record.fields.get("cost_seconds", 0.0)),
        tuple(record.fields.get("artifacts", ())),
        record.fields.get("duplicate_of"),
    )


def open_study(run: Path) -> Study:
    """The study in the folder `run` (or of the log file itself), for reading: no lock is taken."""
    path = run / LOG_NAME if run.is_dir() else run
    if not path.exists():
        raise InputError(
            f"run {run}", "no study.jsonl", "a run folder holds its study log", "see `apportion list runs`"
        )
    order_tables.learn_from(path.parent)
    return study_of(read_log(path).records, path)
