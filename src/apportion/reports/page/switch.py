"""The switch between the three ways to lay out costs. All switches on a page move together."""

from apportion.reports.axes import AXES
from apportion.reports.page.markup import Markup, element


def axis_switch(place: str) -> Markup:
    """Radio buttons; `place` keeps the groups of two sections apart."""
    choices = []
    for i, axis in enumerate(AXES):
        button = element("input", type="radio", name=f"axis-{place}", value=axis.field, checked=i == 0)
        choices.append(element("label", button, " ", axis.short))
    return element("div", "across: ", *choices, class_="switch", role="radiogroup", aria_label="cost axis")
