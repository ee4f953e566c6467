"""Text to plain data, strictly: the part of YAML that means the same to everyone, with the line of every key.

PyYAML follows YAML 1.1, whose guesses hurt in a config. Here, after YAML 1.2's core schema:
`yes no on off` are text (a domain may be called `no`), `1e-3` is a number, dates are text; `12:30`, `010`, `0x1F`
and `0o17` are text and never a number nobody meant, so that a model that wants a number refuses them. `250_000` is a
number as in Python; `.inf` and `.nan` are numbers, which the model refuses where they make no sense.
Anchors, aliases and merge keys (`<<: *base`) work; each use is a copy of its own.
"""

import re
from typing import Any

import yaml

Path = tuple[str | int, ...]
"""Keys and list indexes from the top: `("budgets", 0, "share")`."""

# An alias bomb of 300 bytes stands for 10^9 values, and deep nesting ends Python's stack: both are bounded.
MOST_VALUES = 20_000
MOST_LEVELS = 40
MOST_DIGITS = 400

STANDARD = "tag:yaml.org,2002:"
WHOLE = r"(?:0|[1-9](?:_?[0-9])*)"
NUMBER = rf"[-+]?(?:(?:{WHOLE}\.[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?|{WHOLE}[eE][-+]?[0-9]+)"
PLAIN = {
    "null": (re.compile(r"(?:~|null|Null|NULL|)\Z"), ["~", "n", "N", ""]),
    "bool": (re.compile(r"(?:true|True|TRUE|false|False|FALSE)\Z"), list("tTfF")),
    "int": (re.compile(rf"[-+]?{WHOLE}\Z"), list("-+0123456789")),
    "float": (re.compile(rf"(?:{NUMBER}|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))\Z"), list("-+.0123456789")),
    "merge": (re.compile(r"<<\Z"), ["<"]),
}
TAGS: dict[type, set[str]] = {
    yaml.ScalarNode: {STANDARD + kind for kind in (*PLAIN, "str")},
    yaml.MappingNode: {STANDARD + "map"},
    yaml.SequenceNode: {STANDARD + "seq"},
}


class YamlProblem(Exception):
    """Text that is refused: where (line and column from 1), what stands there, why, and what to do."""

    def __init__(self, line: int, value: str, law: str, remedy: str = "", path: Path = ()) -> None:
        super().__init__(f"line {line}: {value}: {law}")
        self.line, self.value, self.law, self.remedy, self.path = line, value, law, remedy, path


class StrictLoader(yaml.SafeLoader):
    """A SafeLoader that recognises plain values as above and stops early when the text is too deep or too long."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 (PyYAML's own way)

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._level = self._values = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        self._level, self._values = self._level + 1, self._values + 1
        _check_size(self._level, self._values, self.line + 1)
        node: yaml.Node | None = super().compose_node(parent, index)
        self._level -= 1
        return node


for _name, (_pattern, _first) in PLAIN.items():
    StrictLoader.add_implicit_resolver(STANDARD + _name, _pattern, _first)


def compose(text: str) -> yaml.Node | None:
    """The node tree of the single document in `text`; None where there is none. Raises YamlProblem."""
    loader: StrictLoader | None = None
    try:
        loader = StrictLoader(text)
        return loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        raise _syntax_problem(text, error) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        found = f"character U+{ord(text[error.position]):04X}"
        raise YamlProblem(line, found, "YAML text is printable", "write it as an escape in double quotes") from None
    except (ValueError, OverflowError):  # chr() on an escape such as "\UFFFFFFFF"
        line = loader.line + 1 if loader else 1
        raise YamlProblem(line, "an escape in double quotes", "it stands for no character") from None


def data_and_lines(root: yaml.Node) -> tuple[Any, dict[Path, int]]:
    """Plain data (dict, list, str, int, float, bool, None) and the line of every key and item. Raises YamlProblem."""
    reading = _Reading()
    return reading.value(root, ()), reading.lines


class _Reading:
    """One walk over a node tree."""

    def __init__(self) -> None:
        self.lines: dict[Path, int] = {}
        self._values = 0
        self._open: set[int] = set()

    def value(self, node: yaml.Node, path: Path) -> Any:
        line = _line(node)
        self.lines.setdefault(path, line)
        self._values += 1
        _check_size(len(path), self._values, self.lines[path])
        if node.tag not in TAGS[type(node)]:
            shown = node.tag.replace(STANDARD, "!!")
            raise YamlProblem(line, f"tag {shown}", "a config holds plain data only", "remove the tag", path)
        if isinstance(node, yaml.ScalarNode):
            return _scalar(node, path)
        if id(node) in self._open:
            raise YamlProblem(line, "an alias of itself", "a value cannot contain itself", "write it out", path)
        self._open.add(id(node))
        try:
            if isinstance(node, yaml.MappingNode):
                return self._mapping(node, path)
            assert isinstance(node, yaml.SequenceNode)
            return [self.value(item, (*path, index)) for index, item in enumerate(node.value)]
        finally:
            self._open.discard(id(node))

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        own: dict[str, tuple[int, yaml.Node]] = {}
        merged: list[yaml.Node] = []
        for key_node, value_node in node.value:
            if key_node.tag == STANDARD + "merge":
                merged.append(value_node)
                continue
            key, line = _key(key_node, path), _line(key_node)
            if key in own:
                law = f"line {own[key][0]} has the same key"
                raise YamlProblem(line, "a second value", law, "keep one of the two", (*path, key))
            own[key] = (line, value_node)
        result = self._merged(merged, set(own), path)
        for key, (line, value_node) in own.items():
            self.lines[(*path, key)] = line
            result[key] = self.value(value_node, (*path, key))
        return result

    def _merged(self, sources: list[yaml.Node], taken: set[str], path: Path) -> dict[str, Any]:
        """What `<<: *base` or `<<: [*first, *second]` brings in: keys that nothing before has taken."""
        result: dict[str, Any] = {}
        for source in [one for node in sources for one in (node.value if node.tag == STANDARD + "seq" else [node])]:
            if not isinstance(source, yaml.MappingNode):
                raise YamlProblem(_line(source), "`<<`", "it merges mappings only", "write `<<: *name`", path)
            outside, self.lines = self.lines, {}
            brought = self.value(source, path)
            inside, self.lines = self.lines, outside
            fresh = brought.keys() - taken
            result |= {key: item for key, item in brought.items() if key in fresh}
            for at, line in inside.items():
                if len(at) > len(path) and at[len(path)] in fresh:
                    self.lines[at] = line
            taken |= fresh
        return result


def _key(node: yaml.Node, path: Path) -> str:
    """Keys are text: `1:` or `true:` would be 1 and True in Python, and text again in the study log's JSON."""
    if isinstance(node, yaml.ScalarNode) and node.tag == STANDARD + "str":
        return _text(node, path)
    shown = f"key {node.value}" if isinstance(node, yaml.ScalarNode) else "a key that is itself a list or mapping"
    remedy = f"write '{node.value}': in quotes" if isinstance(node, yaml.ScalarNode) and node.value else ""
    raise YamlProblem(_line(node), shown, "keys are text", remedy, path)


def _scalar(node: yaml.ScalarNode, path: Path) -> Any:
    text, kind = node.value, node.tag.removeprefix(STANDARD)
    if kind not in PLAIN or kind == "merge":
        return _text(node, path)
    if not PLAIN[kind][0].match(text) and not (kind == "float" and PLAIN["int"][0].match(text)):
        raise YamlProblem(_line(node), repr(text), f"the tag !!{kind} does not fit it", "remove the tag", path)
    if kind == "null":
        return None
    if kind == "bool":
        return text.lower() == "true"
    if len(text) > MOST_DIGITS:
        raise YamlProblem(_line(node), f"a number of {len(text)} digits", f"the most is {MOST_DIGITS}", path=path)
    if kind == "int":
        return int(text)
    return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))


def _text(node: yaml.ScalarNode, path: Path) -> str:
    r"""Half a surrogate pair, as in "\ud800", is not text: no file name or JSON could hold it."""
    text: str = node.value
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise YamlProblem(_line(node), ascii(text), "half a surrogate pair is not text", "write the character", path)
    return text


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _check_size(levels: int, values: int, line: int) -> None:
    if levels > MOST_LEVELS:
        raise YamlProblem(line, f"more than {MOST_LEVELS} levels", "a config is nested less deeply")
    if values > MOST_VALUES:
        remedy = "look for aliases (*name) that hold each other"
        raise YamlProblem(line, f"more than {MOST_VALUES:,} values", "a config holds fewer", remedy)


def _syntax_problem(text: str, error: yaml.MarkedYAMLError) -> YamlProblem:
    """PyYAML's complaint with the line as it is written and, for the usual slips, what to do."""
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line, mark.column) if mark else (0, 0)
    lines = text.splitlines()
    written = lines[line].strip() if line < len(lines) else ""
    problem = error.problem or error.context or "it cannot be read"
    if "single document" in (error.context or ""):
        return YamlProblem(line + 1, "a second document (---)", "a config is one document", "remove the line ---")
    value = f"column {column + 1} of {short(written)}" if written else "the end of the text"
    if "\\t" in problem:
        return YamlProblem(line + 1, value, "YAML allows no tab there", "use spaces")
    remedy = ""
    if "mapping values are not allowed" in problem:
        remedy = "put text that holds ': ' in quotes, or check the indentation"
    elif "cannot start any token" in problem:
        remedy = "put the value in quotes"
    elif "undefined alias" in problem:
        remedy = "text that starts with * needs quotes"
    elif "expected" in problem:
        remedy = "check brackets, quotes and indentation up to there"
    return YamlProblem(line + 1, value, f"YAML says: {problem}", remedy)


def short(value: object, most: int = 60) -> str:
    """A value as one would write it, at most that many characters."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    text = repr(value)
    return text if len(text) <= most else text[: most - 4] + "..." + text[-1]
