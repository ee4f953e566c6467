"""The card of a table: what its rows are about and how they came to be."""

from dataclasses import dataclass
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any

from pydantic import TypeAdapter

from apportion.evaluators.domain_card import DomainCard
from apportion.spaces.shape import BackboneShape


@dataclass(frozen=True)
class Card:
    """`grid`: the `space` options under which every pattern is in the table. `seeds`: those that each pattern has.

    `study`: the config it was trained with. `made`: machine, versions, commit, date, seconds. `spread`: variances of
    the final loss between patterns and between seeds, and the reliability of the mean over seeds.
    """

    name: str
    title: str
    shape: BackboneShape
    domains: tuple[DomainCard, ...]
    epochs: int
    seeds: tuple[int, ...]
    patterns: int
    grid: dict[str, Any]
    study: dict[str, Any]
    made: dict[str, Any]
    spread: dict[str, Any]
    terms: str

    @property
    def owners(self) -> tuple[str, ...]:
        return tuple(domain.name for domain in self.domains)


def names() -> tuple[str, ...]:
    """The tables that the package holds."""
    folders = resources.files(__package__).iterdir()
    return tuple(sorted(folder.name for folder in folders if (folder / "card.json").is_file()))


def folder_of(name: str) -> Traversable:
    """Where the files of a table lie."""
    return resources.files(__package__) / name


@cache
def card_of(name: str) -> Card:
    """The card of a table that `names` lists."""
    return TypeAdapter(Card).validate_json((folder_of(name) / "card.json").read_bytes())
