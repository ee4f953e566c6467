"""Markup that cannot be injected into."""

import html
import json
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apportion.reports.page.markup import Markup, element, embedded_json, join, label
from apportion.reports.words import shown
from tests.reports.builders import HOSTILE


class Reader(HTMLParser):
    """Tags, attributes and text of a piece of HTML."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text += data


@given(st.text(st.characters(exclude_characters="\r\x00", exclude_categories=["Cs"])))
def test_whatever_the_text_it_stays_text(text: str) -> None:
    read = Reader(element("p", text, title=text))
    assert read.tags == ["p"]
    assert read.text == text
    assert read.attributes == [("title", text)]


@given(
    st.recursive(
        st.text() | st.floats() | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_embedded_json_holds_no_character_that_html_reads(value: object) -> None:
    text = embedded_json(value)
    assert not set(text) & set("<>&\u2028\u2029")
    assert text.isascii()
    json.loads(text)


def test_embedded_json_keeps_its_value_but_for_numbers_that_json_lacks() -> None:
    value = {"</script>": ["<!--", "a & b", "\u2028"], "n": [1.5, 2, None, True]}
    assert json.loads(embedded_json(value)) == value
    assert json.loads(embedded_json([float("nan"), float("inf"), 1.0])) == [None, None, 1.0]


def test_markup_inside_markup_is_not_escaped_twice() -> None:
    assert element("p", element("b", "x & y"), "<") == "<p><b>x &amp; y</b>&lt;</p>"
    assert join(Markup("<br>"), None, 3) == "<br>3"


def test_attributes_that_are_off_are_left_out() -> None:
    assert element("input", type="radio", checked=True, title=None, hidden=False) == '<input type="radio" checked>'


@pytest.mark.parametrize("name", HOSTILE)
def test_a_label_shows_the_name_on_one_line(name: str) -> None:
    assert "\n" not in label(name)
    assert Reader(label(name)).tags == ["span"]


def test_a_long_name_is_cut_and_stands_whole_in_its_title() -> None:
    name = "layer." * 20
    assert shown(name).endswith("…")
    assert f'title="{html.escape(name)}"' in label(name)
