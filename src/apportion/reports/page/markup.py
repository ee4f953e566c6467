"""HTML that cannot be injected into: text is escaped unless it is Markup, and only `element` makes Markup."""

import html
import json
import math
from typing import Any

from apportion.reports.words import shown

VOID = frozenset({"input", "meta", "br"})


class Markup(str):
    """Text that is already HTML."""

    __slots__ = ()


Child = Markup | str | int | None


def escaped(text: str) -> Markup:
    """Data made harmless, in content and in attributes."""
    return Markup(html.escape(text, quote=True))


def join(*children: Child) -> Markup:
    """Children one after the other; None is left out."""
    return Markup("".join(c if isinstance(c, Markup) else escaped(str(c)) for c in children if c is not None))


def element(tag: str, *children: Child, **attributes: str | int | bool | None) -> Markup:
    """`<tag attributes>children</tag>`. `class_` and `for_` lose the underscore, others become hyphens.

    True writes a bare attribute; False and None leave it out. `tag` and the attributes' names are ours, never data.
    """
    parts = [tag]
    for key, value in attributes.items():
        name = key.rstrip("_").replace("_", "-")
        if value is True:
            parts.append(name)
        elif value is not None and value is not False:
            parts.append(f'{name}="{escaped(str(value))}"')
    opening = "<" + " ".join(parts) + ">"
    return Markup(opening if tag in VOID else f"{opening}{join(*children)}</{tag}>")


def label(name: str) -> Markup:
    """A name that somebody chose, on one line, escaped, whole in its title where it was cut."""
    short = shown(name)
    return element("span", short, class_="name", title=None if short == name else shown(name, 400))


def embedded_json(value: Any) -> Markup:
    """JSON fit for a <script> element: no byte of it can end the element or start a comment. NaN becomes null."""
    text = json.dumps(_finite(value), separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
