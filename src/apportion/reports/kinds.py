"""The kind of a controller, as its registry says: an end of the range, a scheme made by hand, or a search."""

from typing import get_args

from apportion.search.controllers import controllers
from apportion.search.controllers.protocol import Kind

__all__ = ["KINDS", "Kind", "kind_of"]

KINDS: tuple[Kind, ...] = get_args(Kind)


def kind_of(controller: str) -> Kind:
    """What `controller` counts as on every table and picture; a name that is not registered is a search.

    What stands behind a colon tells several of one controller apart: `listed:mine`.
    """
    name = controller.partition(":")[0]
    return controllers.get(name).kind if name in controllers else "searched"
