"""The kind of a controller: an end of the range, a scheme made by hand, or a search. One place decides it."""

from typing import Literal, get_args

Kind = Literal["anchor", "hand-made", "searched"]
KINDS: tuple[Kind, ...] = get_args(Kind)

ANCHORS = frozenset({"shared", "independent"})
HAND_MADE = frozenset({"top", "bottom", "random_filters", "uniform", "equal_spend"})


def kind_of(controller: str) -> Kind:
    """What `controller` counts as on every table and picture; a name nobody knows is a search."""
    if controller in ANCHORS:
        return "anchor"
    return "hand-made" if controller in HAND_MADE else "searched"
