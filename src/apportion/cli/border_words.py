"""Pydantic's errors in plain words: what must hold, what was written, what to do."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any

from apportion.cli.border_schema import Spot, find, tags_of
from apportion.cli.yaml_reader import Path, short

# What a value must be, by pydantic's error type. Alternatives of a union are joined: "an integer or a list".
NOUNS = {
    "int_type": "an integer",
    "int_from_float": "an integer",
    "int_parsing": "an integer",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "string_type": "text",
    "path_type": "a path",
    "none_required": "null",
    "date_type": "a date such as 2026-01-31",
    "date_from_datetime_parsing": "a date such as 2026-01-31",
} | dict.fromkeys(("list_type", "tuple_type", "set_type", "frozen_set_type", "deque_type", "iterable_type"), "a list")
NOUNS |= dict.fromkeys(
    ("dict_type", "mapping_type", "model_type", "model_attributes_type", "dataclass_type", "dataclass_exact_type"),
    "a mapping (key: value)",
)

# Other rules; braces are filled from the error's context.
RULES = {
    "greater_than": "it must be greater than {gt}",
    "greater_than_equal": "it must be at least {ge}",
    "less_than": "it must be less than {lt}",
    "less_than_equal": "it must be at most {le}",
    "multiple_of": "it must be a multiple of {multiple_of}",
    "too_short": "it must have at least {min_length} items, not {actual_length}",
    "too_long": "it must have at most {max_length} items, not {actual_length}",
    "string_too_short": "it must have at least {min_length} characters",
    "string_too_long": "it must have at most {max_length} characters",
    "string_pattern_mismatch": "it must match the pattern {pattern}",
    "int_parsing_size": "it must be a smaller integer",
}
MISSING = frozenset(
    {"missing", "missing_argument", "missing_keyword_only_argument", "missing_positional_only_argument"}
)
UNKNOWN = frozenset({"extra_forbidden", "unexpected_keyword_argument", "no_such_attribute"})
NO_SUCH_KEY = "there is no such key here"
MOST_NAMES = 15


@dataclass(frozen=True)
class Mistake:
    """`noun`: for rules of the form "it must be <noun>", which the members of a union can share; `law`: any other.

    `meant`: the key that a misspelt one stands for.
    """

    path: Path
    kind: str
    value: str
    noun: str = ""
    law: str = ""
    remedy: str = ""
    branches: tuple[tuple[Path, str], ...] = ()
    meant: str = ""

    @property
    def rule(self) -> str:
        return self.law or f"it must be {self.noun}"


def mistake(model: Any, error: Mapping[str, Any]) -> Mistake:
    """One entry of `ValidationError.errors()` in plain words."""
    kind, loc, given = error["type"], error["loc"], error["input"]
    spot, context = find(model, loc), error.get("ctx", {})
    say = _Said(spot.path, kind, short(given), spot.branches)
    if kind in UNKNOWN:
        return _unknown_key(say, spot)
    if kind in MISSING:
        return say.law("it is required", value="missing")
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        return _wrong_tag(spot, kind, given, context)
    if kind in ("literal_error", "enum"):
        return _wrong_choice(say, given, _choices(context.get("expected", "")))
    if kind in ("value_error", "assertion_error"):
        text = str(context.get("error", ""))
        # pytest adds the values, many lines of them, to what an assertion says
        text = (text.split("\n")[0] if kind == "assertion_error" else text) or "it breaks a rule of this key"
        return say.law(text, value="these values" if isinstance(given, dict) else "")
    if "[key]" in loc[-1:]:
        return say.law(f"this key must be {NOUNS.get(kind, 'another')}", value=f"key {short(spot.path[-1])}")
    if kind in NOUNS:
        if isinstance(given, str) and given in tags_of(spot.shape.annotation, spot.shape.tag):
            return say.noun(NOUNS[kind], f"write {{{spot.shape.tag}: {given}}}")
        return say.noun(NOUNS[kind], _type_remedy(NOUNS[kind], given))
    if kind in RULES:
        return say.law(RULES[kind].format(**{name: _number(value) for name, value in context.items()}))
    return say.law(re.sub(r"^(Input|Value|String) should", "it must", error["msg"]))


@dataclass(frozen=True)
class _Said:
    """What all mistakes of one error share."""

    path: Path
    kind: str
    value: str
    branches: tuple[tuple[Path, str], ...]

    def law(self, law: str, remedy: str = "", value: str = "") -> Mistake:
        return Mistake(self.path, self.kind, value or self.value, law=law, remedy=remedy, branches=self.branches)

    def noun(self, noun: str, remedy: str = "") -> Mistake:
        return Mistake(self.path, self.kind, self.value, noun=noun, remedy=remedy, branches=self.branches)


def _wrong_tag(spot: Spot, kind: str, given: Any, context: Mapping[str, Any]) -> Mistake:
    """The key that chooses a member of a union is missing, misspelt, or has an unknown value."""
    tag = str(context.get("discriminator", "")).strip("'")
    choices = _choices(context.get("expected_tags", "")) or list(tags_of(spot.shape.annotation, spot.shape.tag))
    if not isinstance(given, dict):
        say = _Said(spot.path, kind, short(given), spot.branches)
        return say.noun("a mapping (key: value)")
    near = _near(tag, given)
    if tag not in given and near:
        say = _Said((*spot.path, near), kind, short(given[near]), spot.branches)
        return say.law(NO_SUCH_KEY, f"did you mean {tag!r}?")
    say = _Said((*spot.path, tag), kind, short(given.get(tag)), spot.branches)
    if tag not in given:
        return say.law(f"it is required: {_listed(choices)}", value="missing")
    return _wrong_choice(say, given[tag], choices)


def _wrong_choice(say: _Said, given: Any, choices: list[str]) -> Mistake:
    near = _near(str(given), choices)
    return say.noun(_listed(choices), f"did you mean {near!r}?" if near else _type_remedy("", given))


def _listed(choices: list[str]) -> str:
    return f"one of {_joined(choices)}" if len(choices) > 1 else (choices or ["another value"])[0]


def _joined(names: list[str]) -> str:
    return ", ".join(names[:MOST_NAMES] + (["..."] if len(names) > MOST_NAMES else []))


def _choices(expected: str) -> list[str]:
    """Pydantic lists choices as text: `'a', 'b' or 3`."""
    found = re.findall(r"'((?:[^'\\]|\\.)*)'|\"([^\"]*)\"|([^\s,'\"]+)", expected)
    return [single or double or bare for single, double, bare in found if bare != "or"]


def _unknown_key(say: _Said, spot: Spot) -> Mistake:
    near = _near(str(spot.path[-1]), spot.fields)
    if near:
        return replace(say.law(NO_SUCH_KEY, f"did you mean {near!r}?"), meant=near)
    return say.law(NO_SUCH_KEY, "known: " + _joined(sorted(spot.fields)) if spot.fields else "remove it")


def _near(name: str, known: Iterable[str]) -> str:
    """The nearest name, whatever its case and whether it has dashes or underscores."""
    plain = {_plain(one): one for one in known}
    near = get_close_matches(_plain(name), plain, n=1, cutoff=0.6)
    return plain[near[0]] if near else ""


def _plain(name: str) -> str:
    return name.lower().replace("-", "_")


def _number(value: Any) -> Any:
    """`1` where pydantic keeps 1.0: as people write bounds."""
    return f"{value:g}" if isinstance(value, float) and abs(value) < 1e6 else value


def _type_remedy(noun: str, given: Any) -> str:
    """What to write instead, for the usual slips."""
    if given is None:
        return "write a value after the colon, or remove the key"
    if noun == "true or false" and isinstance(given, str):
        return {"yes": "write true", "on": "write true", "no": "write false", "off": "write false"}.get(
            given.lower(), ""
        )
    if noun in ("an integer", "a number", "a finite number"):
        if isinstance(given, float) and given == given and abs(given) < 1e15 and given == int(given):
            return f"write {int(given)}"
        if isinstance(given, str) and re.match(r"[-+.]?\d", given):
            return "write plain decimal digits: no quotes, unit, colon or leading zero"
    if noun == "text" and isinstance(given, int | float):
        return f"put it in quotes: '{short(given)}'"
    if noun == "a list" and not isinstance(given, dict):
        item = given if isinstance(given, str) else short(given)
        return f"write [{item}]" if len(item) < 30 else ""
    return ""
