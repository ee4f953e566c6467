"""kill -9 at any moment: the study goes on, and ends as if nothing had happened."""

import random
import subprocess
import time
from pathlib import Path

import psutil
import pytest

from apportion.search.study import LOG_NAME
from apportion.search.study_log import equal, read_log
from tests.cli.programs import TINY, config, ran, started

KILLS = 20


def weights(run: Path) -> dict[str, bytes]:
    """Every saved model of a run, by place."""
    return {str(path.relative_to(run)): path.read_bytes() for path in sorted(run.glob("models/**/model.safetensors"))}


@pytest.mark.slow
def test_a_study_killed_twenty_times_ends_with_an_equal_log_and_equal_weights(tmp_path: Path) -> None:
    undisturbed = config(tmp_path, f"name: undisturbed\nworkers: 2\n{TINY}", "undisturbed.yaml")
    assert ran("search", undisturbed, "-q").returncode == 0
    reference = tmp_path / "runs" / "undisturbed"
    expected, wanted = read_log(reference / LOG_NAME), weights(reference)
    assert expected.records[-1].kind == "final"
    assert len(wanted) == 3

    draw, kills, studies = random.Random(20261120), 0, 0
    while kills < KILLS:
        studies += 1
        # The name in the log is the undisturbed one's, so that the headers can be equal.
        place = tmp_path / f"disturbed{studies}"
        place.mkdir()
        disturbed = config(place, f"name: undisturbed\nworkers: 2\n{TINY}")
        run = place / "runs" / "undisturbed"
        ended = False
        while not ended:
            process = started("search", disturbed, "-q")
            if kills < KILLS:
                kills += _killed(process, draw.uniform(0.5, 4.0))
            process.communicate(timeout=240)
            ended = process.returncode == 0
        assert equal(read_log(run / LOG_NAME), expected)
        assert weights(run) == wanted


def _killed(process: "subprocess.Popen[str]", after: float) -> bool:
    """Kill `process` after `after` seconds; False where it ended before. Its workers must follow it."""
    deadline = time.monotonic() + after
    while time.monotonic() < deadline:
        if process.poll() is not None:
            return False
        time.sleep(0.01)
    try:
        workers = psutil.Process(process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return False
    process.kill()
    process.wait()
    _, alive = psutil.wait_procs(workers, timeout=10)
    assert not alive, "a worker outlived the killed study"
    return True
