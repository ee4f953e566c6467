"""The two ends: what they own is known without a budget, and they ask once."""

from hypothesis import given, settings

from apportion.search.controllers import ControllerEntry, Done
from apportion.spaces.space import SharingSpace
from tests.conformance.controllers.builders import failed, proposals
from tests.conformance.controllers.entries import ANCHORS, built, named
from tests.strategies import spaces


@named(ANCHORS)
@settings(max_examples=20)
@given(space=spaces())
def test_anchors_are_the_two_ends_and_know_no_budget(entry: ControllerEntry, space: SharingSpace) -> None:
    controller = built(entry, space, None)
    proposal = proposals(controller.ask())
    assert proposal.budget is None
    assert proposal.purpose == "anchor"
    full = 0 if entry.name == "shared" else 1
    assert proposal.allocation.levels == tuple((full * one.max_level,) * len(space.owners) for one in space.sites)
    controller.tell(failed(proposal))
    assert isinstance(controller.ask(), Done)
