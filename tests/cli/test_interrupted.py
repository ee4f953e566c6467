"""Ctrl-C in the middle of a training, once and twice: the study goes on, and ends as if nothing had happened."""

import re
import signal
import subprocess
import time
from pathlib import Path

from apportion.cli.config import config_from
from apportion.cli.search import search
from apportion.search.study import LOG_NAME
from apportion.search.study_log import Reading, equal, read_log
from tests.cli.programs import config, started

STUDY = """
name: study
backbone: {name: resnet8, options: {width: 4, stem_stride: 2}}
budgets:
  - {measure: live, share: 0.3}
data: {domains: [digits, sketches], image_size: 16}
evaluator: {name: train, form: compose, epochs: 2, batch: 100}
search: {controllers: [bottom, top], rung: 1}
retrain: {seeds: 1}
"""


def finished(path: Path) -> Reading:
    asked = config_from(path, [])
    search(asked, quiet=True, as_json=False, amend=False, allow_plugins=False)
    return read_log(asked.run / LOG_NAME)


def interrupted(path: Path, asks: int, times: int) -> tuple[int, str]:
    """Exit code and stderr of a study that hears Ctrl-C `times` times in its trial number `asks`."""
    log = path.parent / "runs" / "study" / LOG_NAME
    process = started("search", path, "-q")
    deadline = time.monotonic() + 60
    while not (log.exists() and log.read_bytes().count(b'"kind":"ask"') >= asks) and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    assert process.stderr is not None
    said = process.stderr.readline()
    for _ in range(times - 1):
        process.send_signal(signal.SIGINT)
    try:
        said += process.communicate(timeout=60)[1]
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    return process.returncode, said


def test_a_study_that_hears_ctrl_c_once_and_twice_goes_on_and_ends_with_an_equal_log(tmp_path: Path) -> None:
    (tmp_path / "whole").mkdir()
    expected = finished(config(tmp_path / "whole", STUDY))
    path = config(tmp_path, STUDY)
    code, said = interrupted(path, asks=1, times=1)
    assert code == 130
    assert re.fullmatch("apportion: stopping at the next step; .*\napportion: stopped; the same command .*\n", said)
    assert list((tmp_path / "runs").rglob("*.checkpoint*"))
    code, said = interrupted(path, asks=2, times=2)
    # Where the second comes while Python takes itself down, the signal ends it: 130 to a shell as well.
    assert code in (130, -signal.SIGINT)
    assert "once more to stop at once" in said and "Traceback" not in said
    assert read_log(tmp_path / "runs" / "study" / LOG_NAME).records[-1].kind != "final"
    assert equal(finished(path), expected)
