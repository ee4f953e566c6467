"""`primary`: the comparison that a study is made for is declared with it, and never afterwards."""

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from apportion.cli.config import config_from
from apportion.cli.main import app
from apportion.search.study import LOG_NAME
from apportion.search.study_log import equal, read_log
from tests.cli.programs import SYNTHETIC, config

PRIMARY = "\nprimary: {scheme: tpe/live-0.2, against: bottom/live-0.2}\n"


def searched(path: Path) -> Result:
    return CliRunner().invoke(app, ["search", str(path), "-q"])


def test_a_config_without_one_records_no_such_key(tmp_path: Path) -> None:
    assert "primary" not in config_from(config(tmp_path, SYNTHETIC), []).recorded()


def test_a_declared_one_is_recorded(tmp_path: Path) -> None:
    recorded = config_from(config(tmp_path, SYNTHETIC + PRIMARY), []).recorded()
    assert recorded["primary"] == {"scheme": "tpe/live-0.2", "against": "bottom/live-0.2"}


@pytest.mark.parametrize("against", ["shared", "bottom/live-0.2", "tpe:wide/live-0.2"])
def test_a_scheme_is_named_as_reports_name_it(tmp_path: Path, against: str) -> None:
    more = "name: tpe, label: wide, trials: 6"
    text = SYNTHETIC.replace("{name: tpe, trials: 6}", f"{{name: tpe, trials: 6}}, {{{more}}}")
    assert text != SYNTHETIC
    path = config(tmp_path, text + PRIMARY.replace("bottom/live-0.2", against))
    assert config_from(path, []).primary is not None


def test_a_log_from_before_there_was_such_a_key_is_resumed_and_takes_none_afterwards(tmp_path: Path) -> None:
    path = config(tmp_path, SYNTHETIC)
    assert searched(path).exit_code == 0
    log = tmp_path / "runs" / "study" / LOG_NAME
    assert b'"primary"' not in log.read_bytes()
    expected, lines = read_log(log), log.read_bytes().splitlines(keepends=True)
    log.write_bytes(b"".join(lines[: len(lines) // 2]))
    assert searched(path).exit_code == 0
    assert equal(read_log(log), expected)
    # What is declared after the fact is no declaration.
    log.write_bytes(b"".join(lines[: len(lines) // 2]))
    late = searched(config(tmp_path, SYNTHETIC + PRIMARY))
    assert late.exit_code == 2
    assert "primary" in late.stderr
    assert "a run keeps its config" in late.stderr
