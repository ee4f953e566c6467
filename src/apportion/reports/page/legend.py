"""The key to the charts, drawn once in HTML: it cannot cover a point, and it wraps on a phone."""

from apportion.reports.page.markup import Markup, element, join

SHAPES = {
    "anchor": ('<rect x="2" y="2" width="10" height="10" fill="#111111"/>', "anchors: all shared, nothing shared"),
    "hand-made": (
        '<circle cx="7" cy="7" r="4.6" fill="#ffffff" stroke="#4f6d8f" stroke-width="1.8"/>',
        "made by hand",
    ),
    "searched": ('<path d="M7 1.5 L12.6 12 L1.4 12 Z" fill="#b3261e"/>', "found by search"),
    "interval": (
        '<path d="M7 1 V13 M4 1 H10 M4 13 H10" stroke="#444444" stroke-width="1.3" fill="none"/>',
        "95 % interval over seeds",
    ),
    "front": (
        '<path d="M0 3 H7 V11 H14" stroke="#b9b9b9" stroke-width="3.4" fill="none"/>',
        "the front: nothing is both smaller and better",
    ),
}


def key() -> Markup:
    """Shapes and what they stand for."""
    return element("ul", *(_entry(name) for name in SHAPES), class_="key")


def _entry(name: str) -> Markup:
    drawing, meaning = SHAPES[name]
    shape = element("svg", Markup(drawing), viewBox="0 0 14 14", width=14, height=14, aria_hidden="true")
    return element("li", join(shape, " ", meaning))
