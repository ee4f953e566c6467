"""What the strict YAML reader takes, what it refuses, and the place it names."""

import os
import re
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict

from apportion.cli.border import read_config
from apportion.cli.yaml_reader import NUMBER, YamlProblem, compose, data_and_lines
from apportion.errors import InputError


class Anything(BaseModel):
    model_config = ConfigDict(extra="allow")


def data(text: str) -> Any:
    root = compose(text)
    assert root is not None
    return data_and_lines(root)[0]


def refusal(file: Path) -> str:
    with pytest.raises(InputError) as caught:
        read_config(file, [], Anything)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 0.001),
        ("1E5", 1e5),
        (".3", 0.3),
        ("-2.", -2.0),
        ("+7", 7),
        ("-0", 0),
        ("250_000", 250_000),
        ("-.inf", float("-inf")),
        ("true", True),
        ("FALSE", False),
        ("~", None),
        ("yes", "yes"),
        ("no", "no"),
        ("on", "on"),
        ("Off", "Off"),
        ("y", "y"),
        ("12:30", "12:30"),
        ("190:20:30.15", "190:20:30.15"),
        ("010", "010"),
        ("0o17", "0o17"),
        ("0x1F", "0x1F"),
        ("0b11", "0b11"),
        ("1_", "1_"),
        ("_1", "_1"),
        ("1.2.3", "1.2.3"),
        ("2001-01-01", "2001-01-01"),
        ("=", "="),
        ("'5'", "5"),
        ("!!str 5", "5"),
        ("!!float 5", 5.0),
        ("a#b", "a#b"),
    ],
)
def test_a_plain_value_means_what_it_looks_like(text: str, value: Any) -> None:
    found = data(f"key: {text}")["key"]
    assert found == value
    assert type(found) is type(value)


def test_every_key_and_item_has_its_line() -> None:
    root = compose("a: 1\nb:\n  - x\n  - c: {d: 1,\n      e: 2}\n\nf:\n\n  1.5\n")
    assert root is not None
    assert data_and_lines(root)[1] == {
        (): 1,
        ("a",): 1,
        ("b",): 2,
        ("b", 0): 3,
        ("b", 1): 4,
        ("b", 1, "c"): 4,
        ("b", 1, "c", "d"): 4,
        ("b", 1, "c", "e"): 5,
        ("f",): 7,
    }


def test_aliases_and_merge_keys_give_copies_with_the_lines_of_what_they_name() -> None:
    text = "base: &b\n  x: 1\n  y: {z: 2}\none:\n  <<: *b\n  x: 3\ntwo: *b\nthree: {<<: [{x: 9}, *b]}\n"
    root = compose(text)
    assert root is not None
    found, lines = data_and_lines(root)
    assert found["one"] == {"x": 3, "y": {"z": 2}}
    assert found["two"] == found["base"] == {"x": 1, "y": {"z": 2}}
    assert found["two"]["y"] is not found["base"]["y"]
    assert found["three"] == {"x": 9, "y": {"z": 2}}
    assert [lines[key] for key in (("one", "x"), ("one", "y"), ("two",), ("two", "y"))] == [6, 3, 7, 3]


BOMB = "a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1]\n" + "".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)
MERGES = "a: &a {x: 1}\n" + "".join(
    f"{new}: &{new} {{<<: [{', '.join([f'*{old}'] * 9)}]}}\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)

TEXTS: dict[str, tuple[str | bytes, list[str]]] = {
    "empty": ("", ["c.yaml:1: an empty file", "a mapping", "key: value"]),
    "comments only": ("# nothing\n\n", ["c.yaml:1: an empty file"]),
    "null": ("---\n", ["c.yaml:1: an empty file"]),
    "a list": ("# x\n- 1\n", ["c.yaml:2: [1]", "a config is a mapping"]),
    "a scalar": ("hello\n", ["c.yaml:1: 'hello'", "a config is a mapping"]),
    "duplicate key": ("a:\n  b: 1\n  c: 2\n  b: 3\n", ["c.yaml:4: a.b:", "line 2 has the same key", "keep one"]),
    "duplicate key, quoted": ("a: 1\n'a': 1\n", ["c.yaml:2: a:", "line 1 has the same key"]),
    "python object": ("a: 1\nb: !!python/object/apply:os.system [ls]\n", ["c.yaml:2: b: tag !!python/object/apply"]),
    "python name": ("b: !!python/name:os.system\n", ["c.yaml:1: b: tag !!python/name", "plain data", "remove the tag"]),
    "own tag": ("a: [1, !foo 2]\n", ["c.yaml:1: a.1: tag !foo", "remove the tag"]),
    "binary": ("a: !!binary aGk=\n", ["c.yaml:1: a: tag !!binary"]),
    "set": ("a: !!set {b}\n", ["c.yaml:1: a: tag !!set"]),
    "tag that does not fit": ("a: !!int 12:30\n", ["c.yaml:1: a: '12:30'", "!!int does not fit"]),
    "tag of another kind": ("a: !!map text\n", ["c.yaml:1: a: tag !!map"]),
    "key is a number": ("a:\n  1: x\n", ["c.yaml:2: a: key 1", "keys are text", "'1': in quotes"]),
    "key is a bool": ("true: x\n", ["c.yaml:1: key true", "keys are text"]),
    "key is null": ("~: x\n", ["c.yaml:1: key ~", "keys are text"]),
    "key is a list": ("? [a, b]\n: x\n", ["c.yaml:1: a key that is itself a list", "keys are text"]),
    "two documents": ("a: 1\n---\nb: 2\n", ["c.yaml:2: a second document", "one document", "remove the line"]),
    "tab": ("a:\n\tb: 1\n", ["c.yaml:2: column 1 of 'b: 1'", "no tab", "use spaces"]),
    "colon in text": ("a: b: c\n", ["c.yaml:1: column 5 of 'a: b: c'", "mapping values are not allowed", "in quotes"]),
    "open bracket": ("a: [1, 2\nb: 3\n", ["c.yaml:2: column", "expected ',' or ']'", "check brackets"]),
    "open quote": ("a: 'x\n", ["c.yaml:", "end of", "YAML says"]),
    "reserved character": ("a: @home\n", ["c.yaml:1: column 4", "cannot start any token", "in quotes"]),
    "unknown alias": ("a: *b\n", ["c.yaml:1: column 4", "undefined alias", "needs quotes"]),
    "bad indentation": ("a: 1\n  b: 2\n", ["c.yaml:2: column 4", "YAML says"]),
    "bad escape": ('a: "\\q"\n', ["c.yaml:1: column 6", "YAML says"]),
    "escape beyond Unicode": ('\na: "\\UFFFFFFFF"\n', ["c.yaml:2: an escape", "no character"]),
    "half a surrogate": ('a: "\\ud800"\n', ["c.yaml:1: a: '\\ud800'", "surrogate"]),
    "half a surrogate in a key": ('"\\ud800": 1\n', ["c.yaml:1: '\\ud800'", "surrogate"]),
    "control character": ("a: 1\nb: \x07\n", ["c.yaml:2: character U+0007", "printable"]),
    "zero byte": ("a: \x00\n", ["c.yaml:1: character U+0000"]),
    "alias bomb": (BOMB, ["c.yaml:", "more than 20,000 values", "aliases"]),
    "merge bomb": (MERGES, ["c.yaml:", "more than 20,000 values", "aliases"]),
    "alias of itself": ("a: &a [1, *a]\n", ["c.yaml:1: a.1: an alias of itself", "cannot contain itself"]),
    "merge of itself": ("a: &a {<<: *a}\n", ["c.yaml:1: a: an alias of itself"]),
    "merge of a number": ("a: {<<: 3}\n", ["c.yaml:1: a: `<<`", "merges mappings only"]),
    "deep": ("a: " + "[" * 5000 + "]" * 5000, ["c.yaml:1: more than 40 levels"]),
    "deep and open": ("a: " + "{b: " * 100_000, ["c.yaml:1: more than 40 levels"]),
    "long list": ("a: [" + "1," * 300_000 + "]", ["c.yaml:1: more than 20,000 values"]),
    "long number": ("a: " + "9" * 5000, ["c.yaml:1: a: a number of 5000 digits"]),
    "large": ("a: " + "x" * 1_000_000, ["c.yaml: more than 1,000,000 bytes", "right file"]),
    "Latin-1": ("a: 1\nb: caf\xe9\n".encode("latin-1"), ["c.yaml:2: byte 0xe9", "UTF-8"]),
    "UTF-16": ("a: 1\n".encode("utf-16"), ["c.yaml:1: byte 0xff", "UTF-8"]),
}


@pytest.mark.parametrize("case", TEXTS)
def test_text_that_is_no_config_is_refused_with_its_line_and_soon(tmp_path: Path, case: str) -> None:
    text, expected = TEXTS[case]
    file = tmp_path / "c.yaml"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    start = time.monotonic()
    line = refusal(file)
    assert time.monotonic() - start < 5  # idle: 0.6 s for the slowest
    for piece in expected:
        assert piece in line, line
    assert len(line) < 300 + len(str(tmp_path))


def test_a_byte_order_mark_and_windows_line_ends_are_no_mistakes(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_bytes(b"\xef\xbb\xbfa: 1\r\nb: 2\r\n")
    assert read_config(file, [], Anything).model_dump() == {"a": 1, "b": 2}


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "quickstart.yaml").write_text("a: 1")
    assert "no such file" in (line := refusal(tmp_path / "quikstart.yaml"))
    assert f"did you mean '{tmp_path / 'quickstart.yaml'}'?" in line
    assert f"there is no folder {tmp_path / 'none'}" in refusal(tmp_path / "none" / "c.yaml")
    assert "a folder" in refusal(tmp_path)
    assert "Not a directory" in refusal(tmp_path / "quickstart.yaml" / "c.yaml")
    assert "too long" in refusal(tmp_path / ("x" * 300))
    assert "null byte" in refusal(Path("a\0b"))
    (tmp_path / "loop").symlink_to("loop")
    assert "symbolic links" in refusal(tmp_path / "loop")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_named(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_text("a: 1")
    file.chmod(0)
    assert "no permission" in refusal(file)


def test_a_file_without_permission_is_named_even_to_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse_to_open(*_: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse_to_open)
    assert "c.yaml: no permission to read it" in refusal(tmp_path / "c.yaml")


# PyYAML writes the texts `1e3` and `1e-3` without quotes, since YAML 1.1 takes them for text.
texts = st.text(st.characters(codec="utf-8"), max_size=8).filter(lambda text: not re.fullmatch(NUMBER, text))
scalars = st.none() | st.booleans() | st.integers(-(10**12), 10**12) | st.floats(allow_nan=False) | texts
trees = st.dictionaries(
    texts,
    st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3)),
    max_size=4,
)


@given(trees, st.booleans())
def test_what_pyyaml_writes_is_read_as_it_was(tree: dict[str, Any], flow: bool) -> None:
    assert data(yaml.safe_dump(tree, default_flow_style=flow, sort_keys=False)) == tree
    assert data(yaml.safe_dump(tree, default_style='"', allow_unicode=True)) == tree


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        root = compose(text)
        if root is not None:
            data_and_lines(root)
    except YamlProblem as problem:
        assert problem.line >= 1
