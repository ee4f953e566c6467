"""Overrides equal editing the file; differences between two configs."""

import math
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict

from apportion.cli.border import ABSENT, config_differences, read_config
from apportion.cli.border_document import Document, Origin
from apportion.cli.overrides import with_overrides
from apportion.errors import InputError

TREE = {"a": {"b": 1, "c": [10, {"d": 2}]}, "e": "text", "f": None}


class Anything(BaseModel):
    model_config = ConfigDict(extra="allow")


def overridden(*overrides: str, tree: dict[str, Any] = TREE) -> Any:
    return with_overrides(Document("c.yaml", tree, {(): Origin(True, 1, "c.yaml:1")}), overrides).data


@pytest.mark.parametrize(
    ("override", "keys", "value"),
    [
        ("a.b=.3", ["a", "b"], 0.3),
        ("a.b=1e-3", ["a", "b"], 0.001),
        ("a.b=no", ["a", "b"], "no"),
        ("a.b=[1, {x: y}]", ["a", "b"], [1, {"x": "y"}]),
        ("a.b={x: 1}", ["a", "b"], {"x": 1}),
        ("a.b=null", ["a", "b"], None),
        ("a.b=''", ["a", "b"], ""),
        ("a.b=x=y", ["a", "b"], "x=y"),
        ("a.b=http://x", ["a", "b"], "http://x"),
        ("a.c.0=7", ["a", "c", 0], 7),
        ("a.c.1.d=7", ["a", "c", 1, "d"], 7),
        ("a.c=[]", ["a", "c"], []),
    ],
)
def test_an_override_writes_one_value(override: str, keys: list[Any], value: Any) -> None:
    found = overridden(override)
    for key in keys:
        found = found[key]
    assert found == value
    assert type(found) is type(value)


def test_the_document_itself_stays_as_it_was() -> None:
    overridden("a.b=3", "a.c.1.d=4")
    assert TREE == {"a": {"b": 1, "c": [10, {"d": 2}]}, "e": "text", "f": None}


def test_new_keys_are_added_and_later_overrides_win() -> None:
    assert overridden("g.h.i=1", "g.h.j=2", "f.x=3", tree={"f": None}) == {"f": {"x": 3}, "g": {"h": {"i": 1, "j": 2}}}
    assert overridden("e=1", "e=2")["e"] == 2


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("a.b", ["override 'a.b': no `=` in it", "write key.sub=value"]),
        ("", ["override ''", "write key.sub=value"]),
        ("=3", ["override '=3': the key ''", "write key.sub=value"]),
        ("a..b=3", ["the key 'a..b'", "between all dots"]),
        ("a.=3", ["the key 'a.'"]),
        ("a.b=", ["override 'a.b=': nothing after `=`", "write null"]),
        ("a.b=# x", ["nothing after `=`"]),
        ("a.b=[1, 2", ["override 'a.b=[1, 2'", "expected ',' or ']'"]),
        ("a.b=x: y", ["override 'a.b=x: y'", "stands on one line", "write {key: value}"]),
        ("a.b=- x", ["stands on one line"]),
        ("a.b=x: y: z", ["mapping values are not allowed"]),
        ("a.b=@x", ["cannot start any token", "in quotes"]),
        ("a.b=!!python/name:os.system", ["tag !!python/name", "remove the tag"]),
        ("a.b={x: 1, x: 2}", ["override 'a.b={x: 1, x: 2}': x:", "the same key"]),
        ("a.b={1: 2}", ["keys are text"]),
        ("a.b=1\n---\n2", ["a second document"]),
        ("a.b=\ud800", ["override"]),
        ("a.c.2=3", ["override 'a.c.2=3': index '2'", "a.c is a list", "0 to 1", "write a.c=[...]"]),
        ("a.c.-1=3", ["index '-1'"]),
        ("a.c.x=3", ["index 'x'"]),
        ("a.c.1_0=3", ["index '1_0'"]),
        ("a.c.\u0661=3", ["index '\u0661'"]),
        ("a.b.x=3", ["the key a.b.x", "a.b is 1 and has nothing inside", "write a.b=value"]),
        ("a.c.0.x=3", ["a.c.0 is 10"]),
    ],
)
def test_a_malformed_override_is_named(override: str, expected: list[str]) -> None:
    with pytest.raises(InputError) as caught:
        overridden(override)
    line = str(caught.value)
    assert "\n" not in line
    for piece in expected:
        assert piece in line, line


names = st.sampled_from(["a", "b", "lr", "no", "x-1"])
values = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.sampled_from(["no", "1:30", "ö"])
trees = st.recursive(values, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3))
paths = st.lists(names, min_size=1, max_size=3)


@given(st.dictionaries(names, trees, max_size=3), paths, trees)
def test_an_override_equals_editing_the_file(
    tmp_path_factory: pytest.TempPathFactory, tree: dict[str, Any], path: list[str], value: Any
) -> None:
    edited: dict[str, Any] = yaml.safe_load(yaml.safe_dump(tree))
    here = edited
    for depth, key in enumerate(path[:-1], start=1):
        if not isinstance(here.get(key), dict):
            here[key] = {}
        here = here[key]
        if not isinstance(_at(tree, path[:depth]), dict | None):
            return  # the override is refused there: tested above
    here[path[-1]] = value
    folder = tmp_path_factory.mktemp("configs")
    before, after = folder / "before.yaml", folder / "after.yaml"
    before.write_text(yaml.safe_dump({"z": 0, **tree}, sort_keys=False), encoding="utf-8")
    after.write_text(yaml.safe_dump({"z": 0, **edited}, sort_keys=False), encoding="utf-8")
    written = yaml.safe_dump(value, default_flow_style=True, width=10**9).removesuffix("...\n").strip()
    assert read_config(before, [f"{'.'.join(path)}={written}"], Anything) == read_config(after, [], Anything)


def _at(tree: Any, path: list[str]) -> Any:
    for key in path:
        tree = tree.get(key) if isinstance(tree, dict) else None
    return tree


def test_differences_are_dotted_keys_with_both_values() -> None:
    old = {"a": {"b": 1, "c": [1, {"d": 2}]}, "e": 1, "same": [1.0, math.nan], "gone": 1}
    new = {"a": {"b": 2, "c": [1, {"d": 3}]}, "e": True, "same": [1, math.nan], "new.key": None}
    assert config_differences(old, new) == [
        ("a.b", 1, 2),
        ("a.c.1.d", 2, 3),
        ("e", 1, True),
        ("gone", 1, ABSENT),
        ("'new.key'", ABSENT, None),
    ]
    assert config_differences({"a": [1]}, {"a": [1, 2]}) == [("a", [1], [1, 2])]
    assert config_differences({"a": {}}, {"a": 1}) == [("a", {}, 1)]
    assert repr(ABSENT) == "(absent)"


@given(st.dictionaries(names, trees))
def test_a_config_does_not_differ_from_itself(tree: dict[str, Any]) -> None:
    assert config_differences(tree, yaml.safe_load(yaml.safe_dump(tree))) == []
