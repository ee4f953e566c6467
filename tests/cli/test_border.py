"""Every mistake in a config is one line: file, line, key, value, law, and a remedy where there is one."""

import enum
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from apportion.cli.border import read_config
from apportion.cli.yaml_reader import short
from apportion.errors import InputError


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Sgd(Section):
    kind: Literal["sgd"]
    lr: float = Field(gt=0)
    momentum: float = Field(0.9, ge=0, lt=1)


class Adam(Section):
    kind: Literal["adam", "adamw"]
    lr: float = Field(gt=0)
    betas: tuple[float, float] = (0.9, 0.999)


class Evaluator(Section):
    optimizer: Annotated[Sgd | Adam, Field(discriminator="kind")]
    batch: int = Field(32, ge=1)
    amp: bool = False
    threads: Literal["auto"] | Annotated[int, Field(gt=0)] = "auto"
    widths: int | list[int] = 8


class Budget(Section):
    measure: Literal["owned", "live"] = "live"
    share: float = Field(ge=0, le=1)

    @field_validator("share")
    @classmethod
    def _is_not_a_percentage(cls, share: float) -> float:
        if share == 1:
            raise InputError(f"budget {share:g}", "the whole", "nothing is left to share", "write independent")
        return share


class Flip(enum.Enum):
    NEVER = "never"
    ALWAYS = "always"


class Domain(Section):
    root: Path
    flip: Flip = Flip.NEVER
    crop: int | None = Field(None, multiple_of=4)
    classes: tuple[str, ...] = ()
    size: tuple[int, int] = (28, 28)


@dataclass(frozen=True)
class Stop:
    after: int
    unit: Literal["epochs", "steps"] = "epochs"


class Config(Section):
    name: str = Field(min_length=3, max_length=20, pattern=r"^\S+$")
    backbone: str = "resnet8"
    seed: int = 0
    evaluator: Evaluator
    budgets: list[Budget] = Field(min_length=1, max_length=3)
    domains: dict[str, Domain] = {}
    stop: Stop | None = None
    objective: Sgd | Stop | list[str] = []
    levels: dict[int, float] = {}
    groups: dict[str, list[Budget | Stop] | Literal["none"]] = {}

    @model_validator(mode="after")
    def _has_a_lucky_seed(self) -> "Config":
        if self.seed == 13:
            raise ValueError("seed 13 is\nreserved")
        if self.seed == 14:
            raise InputError("the seed", "14", "it is reserved", "take 15")
        assert self.seed != 15, "seed 15 is taken"
        return self


GOOD = """\
name: quick
backbone: resnet8
seed: 3
evaluator:
  optimizer:
    kind: sgd
    lr: 1e-3
  batch: 32
budgets:
  - share: 0.2
  - {measure: owned, share: 1e-1}
domains:
  digits: {root: data/digits, flip: never}
  no:
    root: data/no
    crop: 8
    classes: [yes, off, 12:30]
    size: [28, 32]
"""

# What to replace in GOOD, by what, and what the line must hold.
MISTAKES: dict[str, tuple[str, str, list[str]]] = {
    "misspelt key": ("  batch:", "  bach:", ["c.yaml:8: evaluator.bach: 32", "no such key", "did you mean 'batch'?"]),
    "misspelt key, other case": ("  batch:", "  BATCH:", [":8: evaluator.BATCH: 32", "did you mean 'batch'?"]),
    "misspelt required key": ("name:", "nmae:", ["c.yaml:1: nmae: 'quick'", "did you mean 'name'?"]),
    "unknown key": ("seed:", "zzz:", ["c.yaml:3: zzz: 3", "no such key", "known: backbone, budgets"]),
    "unknown key in a list": ("- share: 0.2", "- {share: 0.2, uint: 1}", [":10: budgets.0.uint: 1", "known: measure"]),
    "unknown key in a dict": ("crop:", "corp:", ["c.yaml:16: domains.no.corp: 8", "did you mean 'crop'?"]),
    "unknown key in a tagged union": ("    lr:", "    lrr:", [":7: evaluator.optimizer.lrr:", "did you mean 'lr'?"]),
    "missing at the top": ("name: quick\n", "", ["c.yaml:1: name: missing", "it is required"]),
    "missing in a union": ("    lr: 1e-3\n", "", ["c.yaml:5: evaluator.optimizer.lr: missing", "required"]),
    "missing in a list": ("- share: 0.2", "- {}", ["c.yaml:10: budgets.0.share: missing", "required"]),
    "text for an integer": ("batch: 32", "batch: many", [":8: evaluator.batch: 'many'", "must be an integer"]),
    "quoted integer": ("batch: 32", "batch: '32'", [":8: evaluator.batch: '32'", "an integer", "no quotes"]),
    "sexagesimal": ("batch: 32", "batch: 12:30", [":8: evaluator.batch: '12:30'", "an integer", "plain decimal"]),
    "octal": ("batch: 32", "batch: 010", [":8: evaluator.batch: '010'", "an integer", "leading zero"]),
    "hexadecimal": ("batch: 32", "batch: 0x20", [":8: evaluator.batch: '0x20'", "an integer"]),
    "bool for an integer": ("batch: 32", "batch: true", [":8: evaluator.batch: true", "an integer"]),
    "float for an integer": ("batch: 32", "batch: 32.0", [":8: evaluator.batch: 32.0", "an integer", "write 32"]),
    "null for an integer": ("batch: 32", "batch:", [":8: evaluator.batch: null", "an integer", "write a value"]),
    "list for an integer": ("batch: 32", "batch: [32]", [":8: evaluator.batch: [32]", "an integer"]),
    "text for a number": ("1e-3", "fast", [":7: evaluator.optimizer.lr: 'fast'", "must be a number"]),
    "bool for a number": ("1e-3", "false", [":7: evaluator.optimizer.lr: false", "must be a number"]),
    "not positive": ("1e-3", "0", [":7: evaluator.optimizer.lr: 0", "greater than 0"]),
    "nan": ("1e-3", ".nan", [":7: evaluator.optimizer.lr: nan", "a finite number"]),
    "infinite": ("1e-3", ".inf", [":7: evaluator.optimizer.lr: inf", "a finite number"]),
    "too large to be finite": ("1e-3", "1e999", [":7: evaluator.optimizer.lr: inf", "a finite number"]),
    "too large": ("0.2", "1.5", ["c.yaml:10: budgets.0.share: 1.5", "it must be at most 1"]),
    "too small": ("1e-1", "-1", ["c.yaml:11: budgets.1.share: -1", "it must be at least 0"]),
    "not below": ("    lr:", "    momentum: 1\n    lr:", [":7: evaluator.optimizer.momentum: 1", "less than 1"]),
    "not a multiple": ("crop: 8", "crop: 6", [":16: domains.no.crop: 6", "a multiple of 4"]),
    "yes for a bool": ("batch: 32", "amp: yes", [":8: evaluator.amp: 'yes'", "true or false", "write true"]),
    "integer for a bool": ("batch: 32", "amp: 1", [":8: evaluator.amp: 1", "true or false"]),
    "number for text": ("backbone: resnet8", "backbone: 8", [":2: backbone: 8", "must be text", "quotes: '8'"]),
    "text too short": ("quick", "ab", ["c.yaml:1: name: 'ab'", "at least 3 characters"]),
    "text too long": ("quick", "a" * 300, ["c.yaml:1: name: 'aaa", "...'", "at most 20 characters"]),
    "text not matching": ("quick", "a b c", ["c.yaml:1: name: 'a b c'", "must match the pattern"]),
    "unknown choice": (
        "measure: owned",
        "measure: own",
        [":11: budgets.1.measure: 'own'", "one of owned, live", "'owned'"],
    ),
    "unknown enum": (
        "flip: never",
        "flip: nver",
        [":13: domains.digits.flip: 'nver'", "one of never, always", "'never'?"],
    ),
    "unknown tag": ("kind: sgd", "kind: adm", [":6: evaluator.optimizer.kind: 'adm'", "sgd, adam, adamw", "'adam'?"]),
    "tag of another type": ("kind: sgd", "kind: [3]", [":6: evaluator.optimizer.kind: [3]", "one of sgd, adam"]),
    "missing tag": ("    kind: sgd\n", "", [":5: evaluator.optimizer.kind: missing", "one of sgd, adam, adamw"]),
    "misspelt tag key": ("kind: sgd", "knid: sgd", [":6: evaluator.optimizer.knid: 'sgd'", "did you mean 'kind'?"]),
    "wrong member's key": (
        "kind: sgd",
        "kind: adamw\n    momentum: 0",
        [":7: evaluator.optimizer.momentum", "betas, kind"],
    ),
    "scalar for a mapping": ("evaluator:\n  opt", "evaluator: 3\nx:\n  opt", [":4: evaluator: 3", "must be a mapping"]),
    "scalar for a union": (
        "optimizer:\n    kind: sgd\n    lr: 1e-3",
        "optimizer: sgd",
        [":5: evaluator.optimizer: 'sgd'", "write {kind: sgd}"],
    ),
    "scalar for a model in a dict": ("no:\n", "no: 3\n  on:\n", ["c.yaml:14: domains.no: 3", "a mapping"]),
    "scalar for a list": ("[yes, off, 12:30]", "yes", [":17: domains.no.classes: 'yes'", "a list", "write [yes]"]),
    "tuple too long": ("[28, 32]", "[28, 32, 3]", [":18: domains.no.size: [28, 32, 3]", "at most 2 items, not 3"]),
    "tuple too short": ("[28, 32]", "[28]", [":18: domains.no.size.1: missing", "required"]),
    "wrong item": ("[28, 32]", "[28, wide]", [":18: domains.no.size.1: 'wide'", "an integer"]),
    "list too long": ("  - share: 0.2\n", "  - share: 0\n" * 4, [":9: budgets:", "at most 3 items, not 5"]),
    "path of a number": ("root: data/no", "root: 3", [":15: domains.no.root: 3", "must be text"]),
    "union of scalars": (
        "batch: 32",
        "threads: atuo",
        [":8: evaluator.threads: 'atuo'", "auto or an integer", "'auto'?"],
    ),
    "union, a bound": ("batch: 32", "threads: 0", [":8: evaluator.threads: 0", "greater than 0"]),
    "union, deep": ("batch: 32", "widths: [8, x]", [":8: evaluator.widths.1: 'x'", "must be an integer"]),
    "union, nothing fits": ("batch: 32", "widths: x", [":8: evaluator.widths: 'x'", "an integer or a list"]),
    "union of models": ("seed: 3", "objective: {after: x}", [":3: objective.after: 'x'", "must be an integer"]),
    "union of models, bad key": (
        "seed: 3",
        "objective: {after: 3, uint: 1}",
        ["objective.uint", "did you mean 'unit'?"],
    ),
    "dataclass": ("seed: 3", "stop: {after: 1, unit: epoch}", [":3: stop.unit: 'epoch'", "'epochs'?"]),
    "dataclass, missing": ("seed: 3", "stop: {}", [":3: stop.after: missing", "required"]),
    "wrong key of a dict": ("seed: 3", "levels: {a: 1}", [":3: levels.a: key 'a'", "this key must be an integer"]),
    "key that is no word": ("seed: 3", "'a\\nb c': 1", ["c.yaml:3: 'a\\\\nb c': 1", "no such key"]),
    "rule of a model, ValueError": ("seed: 3", "seed: 13", ["c.yaml:1: these values, but", "seed 13 is reserved"]),
    "rule of a model, assertion": ("seed: 3", "seed: 15", ["c.yaml:1: these values, but", "seed 15 is taken"]),
    "rule of a model, InputError": ("seed: 3", "seed: 14", ["c.yaml:1: the seed: 14, but it is reserved; take 15"]),
    "rule deep inside": (
        "seed: 3",
        "groups: {a: none, b: [{after: 1}, {share: 1}]}",
        [":3: groups.b.1.share: budget 1:"],
    ),
    "rule of a field, InputError": (
        "1e-1",
        "1",
        ["c.yaml:11: budgets.1.share: budget 1: the whole", "write independent"],
    ),
}


def refuse(folder: Path, text: str, *overrides: str) -> str:
    """The one line with which `text` is refused."""
    file = folder / "c.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        read_config(file, overrides, Config)
    line = str(caught.value)
    assert "\n" not in line
    assert "pydantic" not in line
    assert "Input should" not in line
    return line


def test_the_good_config_is_read_with_types_of_its_model(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_text(GOOD, encoding="utf-8")
    config = read_config(file, [], Config)
    assert config.evaluator.optimizer == Sgd(kind="sgd", lr=1e-3, momentum=0.9)
    assert config.budgets == [Budget(share=0.2), Budget(measure="owned", share=0.1)]
    assert list(config.domains) == ["digits", "no"]
    no = Domain(root=Path("data/no"), crop=8, classes=("yes", "off", "12:30"), size=(28, 32))
    assert config.domains["no"] == no
    assert config.domains["digits"].flip is Flip.NEVER


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_is_one_line_with_file_line_key_and_remedy(tmp_path: Path, case: str) -> None:
    before, after, expected = MISTAKES[case]
    assert GOOD.count(before) >= 1
    line = refuse(tmp_path, GOOD.replace(before, after, 1))
    assert re.search(r"c\.yaml:\d+: ", line)
    for piece in expected:
        assert piece in line, line
    assert len(line) < 300 + len(str(tmp_path))


@pytest.mark.parametrize("case", ["misspelt key", "misspelt required key", "union of scalars", "unknown tag"])
def test_one_mistake_is_counted_once(tmp_path: Path, case: str) -> None:
    before, after, _ = MISTAKES[case]
    assert "more)" not in refuse(tmp_path, GOOD.replace(before, after, 1))


def test_of_several_mistakes_the_first_line_is_told_and_the_others_are_counted(tmp_path: Path) -> None:
    text = GOOD.replace("crop: 8", "crop: x").replace("batch: 32", "bach: 32").replace("1e-1", "7")
    line = refuse(tmp_path, text)
    assert line.endswith(
        "c.yaml:8: evaluator.bach: 32, but there is no such key here; did you mean 'batch'? (and 2 more)"
    )


def test_an_error_in_an_override_names_the_override_and_comes_first(tmp_path: Path) -> None:
    line = refuse(tmp_path, GOOD.replace("name: quick", "name: 3"), "seed=5", "evaluator.batch=many")
    assert line.startswith("override 'evaluator.batch=many': evaluator.batch: 'many', but it must be an integer (and 1")


def test_a_lost_key_is_placed_where_its_section_was_written(tmp_path: Path) -> None:
    assert refuse(tmp_path, GOOD, "budgets.0={}").startswith("override 'budgets.0={}': budgets.0.share: missing")
    line = refuse(tmp_path, GOOD, "evaluator.optimizer={kind: adam}", "evaluator.optimizer.betas=[1, 1]")
    assert line.startswith("override 'evaluator.optimizer={kind: adam}': evaluator.optimizer.lr: missing")


def test_an_input_error_of_a_rule_names_the_override(tmp_path: Path) -> None:
    line = refuse(tmp_path, GOOD, "budgets.0.share=1")
    assert line.startswith("override 'budgets.0.share=1': budgets.0.share: budget 1: the whole, but nothing is left")


flow = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(["sgd", "adam", "auto", "yes", "1e3", "ü"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["kind", "lr", "share", "after", "x.y"]), inner, max_size=3)
    ),
    max_leaves=6,
)
PATHS = [
    "name evaluator evaluator.optimizer evaluator.optimizer.kind evaluator.optimizer.lr evaluator.threads budgets",
    "evaluator.widths budgets.0 budgets.1.share domains domains.no domains.no.size domains.no.size.1 domains.new",
    "domains.digits.flip stop stop.after objective levels levels.3 groups groups.a seed seeds x.y.z",
]


@settings(max_examples=300)
@given(st.sampled_from(" ".join(PATHS).split()), flow)
def test_any_value_anywhere_is_taken_or_refused_in_one_line(
    tmp_path_factory: pytest.TempPathFactory, path: str, value: Any
) -> None:
    file = tmp_path_factory.getbasetemp() / "any.yaml"
    file.write_text(GOOD, encoding="utf-8")
    written = yaml.safe_dump(value, default_flow_style=True, width=10**9).removesuffix("...\n").strip()
    try:
        read_config(file, [f"{path}={written}"], Config)
    except InputError as error:
        line = str(error)
        assert "\n" not in line
        assert "pydantic" not in line
        assert "[" not in error.place.removeprefix(document_place(f"{path}={written}"))
        assert line.startswith(document_place(f"{path}={written}")) or ":1: the" in line or "missing" in line, line


def document_place(override: str) -> str:
    return f"override {short(override, 80)}"
