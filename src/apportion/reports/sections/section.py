"""What a section of the page is."""

from collections.abc import Callable
from dataclasses import dataclass, field

from apportion.reports.page.figures import Figure
from apportion.reports.page.markup import Markup
from apportion.reports.results import Results


@dataclass(frozen=True)
class Fragment:
    """A section's content. A chart in `body` names its figure as `section.figure`, the figures here without section."""

    body: Markup
    figures: dict[str, Figure] = field(default_factory=dict)


@dataclass(frozen=True)
class Section:
    """`name` is the section's address on the page; `summary` says under the title what it shows.

    `render` must cope with a study that has no trials, only failures, or names made to do harm.
    """

    name: str
    title: str
    summary: str
    render: Callable[[Results], Fragment]
