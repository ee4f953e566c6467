"""Hand-made patterns as candidates of a race: those known beforehand, and `bottom_by_need`, which has two runs made."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Annotated

from pydantic import AfterValidator, Strict

from apportion.errors import InputError
from apportion.evaluators.proposal import Proposal
from apportion.registry import suggestion
from apportion.search.controllers.halving import Candidate
from apportion.search.controllers.protocol import Context, ControllerEntry, Use
from apportion.spaces.budget import Budget


def schemes() -> dict[str, ControllerEntry]:
    """All controllers that ask for one hand-made pattern at a budget."""
    from apportion.search.controllers import controllers  # here, not above: the registry imports this file's users

    entries = [entry for entry in controllers if entry.kind == "hand-made" and entry.bound]
    return {entry.name: entry for entry in entries if entry.asks(entry.options()) == 1}


def checked(names: tuple[str, ...], known: Collection[str], option: str) -> tuple[str, ...]:
    """`names` of hand-made schemes, each in `known` and none twice; an InputError at `option` otherwise."""
    for i, name in enumerate(names):
        if name not in known:
            law = "no hand-made controller has this name"
            raise InputError(f"options.{option}.{i}", repr(name), law, suggestion(name, known))
        if name in names[:i]:
            raise InputError(f"options.{option}.{i}", repr(name), "each pattern is measured once", "remove one")
    return names


def _known(names: tuple[str, ...]) -> tuple[str, ...]:
    return checked(names, schemes(), "starts")


Starts = Annotated[tuple[str, ...], Strict(False), AfterValidator(_known)]
"""An option: names of hand-made controllers."""


def candidates_of(context: Context, starts: Sequence[str], budget: Budget) -> list[Candidate]:
    """Their patterns at `budget`; one that repeats an earlier one only adds what it cost."""
    found: dict[str, Candidate] = {}
    for name in fitting(context, starts):
        entry = schemes()[name]
        asked = entry.build(replace(context, budgets=(budget,)), entry.options()).ask()
        assert isinstance(asked, Proposal), "a hand-made scheme knows its pattern"
        enter(found, Candidate(name, asked.allocation, asked.artifacts))
    return list(found.values())


def enter(found: dict[str, Candidate], candidate: Candidate) -> None:
    """Add a candidate to those `found` by pattern. What a pattern was made from is charged even where it is known."""
    known = found.setdefault(candidate.allocation.key(), candidate)
    if known is not candidate:
        known.artifacts = tuple(dict.fromkeys([*known.artifacts, *candidate.artifacts]))


def uses_of(context: Context, starts: Sequence[str]) -> list[Use]:
    """What the laboratory has to do for them."""
    entries = [schemes()[name] for name in fitting(context, starts)]
    return [use for entry in entries if entry.uses is not None for use in entry.uses(context, entry.options())]


def fitting(context: Context, starts: Sequence[str]) -> list[str]:
    """Those that this space has room for: `bottom_by_need` gives domains budgets of their own.

    An InputError where that leaves none.
    """
    per_domain = context.space.granularity == "per_site_and_domain" and context.lab is not None
    found = [name for name in starts if name != "bottom_by_need" or per_domain]
    if not found:
        law = "it trains a network and gives every domain a budget of its own"
        raise InputError("options.starts", ", ".join(starts), law, "set space.granularity: per_site_and_domain")
    return found
