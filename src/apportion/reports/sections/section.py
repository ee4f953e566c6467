"""What a section of the page is."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from apportion.reports.page.figures import Figure
from apportion.reports.page.markup import Markup
from apportion.reports.results import Results

Subject = TypeVar("Subject")
"""What a page is about: the `Results` of one run, or several `Runs` side by side."""


@dataclass(frozen=True)
class Fragment:
    """A section's content. A chart in `body` names its figure as `section.figure`, the figures here without section."""

    body: Markup
    figures: dict[str, Figure] = field(default_factory=dict)


def always(subject: Any) -> bool:
    """Shown on every page."""
    return True


@dataclass(frozen=True)
class SectionOf(Generic[Subject]):
    """`name` is the section's address on the page; `summary` says under the title what it shows.

    `render` must cope with a study that has no trials, only failures, or names made to do harm. `shown`: whether the
    page has this section at all.
    """

    name: str
    title: str
    summary: str
    render: Callable[[Subject], Fragment]
    shown: Callable[[Subject], bool] = always


Section = SectionOf[Results]
"""A section of the report of one run."""
