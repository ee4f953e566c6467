"""kill -9 while gates are trained: what was finished is not repeated, and the study ends as if nothing had happened."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from apportion.cli.main import app
from apportion.search.study import LOG_NAME
from apportion.search.study_log import equal, read_log
from tests.cli.programs import config, ran
from tests.cli.test_kill import weights

GATES = """
name: study
backbone: {name: resnet8, options: {width: 4, stem_stride: 2}}
space: {granularity: per_site_and_domain}
budgets:
  - {measure: live, share: 0.3}
data: {domains: [digits, sketches], image_size: 16}
evaluator: {name: train, form: compose, epochs: 1, batch: 200, warm_up: {shared_epochs: 1}}
search: {controllers: [bottom, {name: taps, options: {rounds: 2, epochs: 2}}]}
retrain: {seeds: 1}
"""

# The program itself, but for how often it writes a checkpoint: after every step, so that there is one when it dies.
PROGRAM = """
import sys
from apportion.evaluators.training import keeper
from apportion.cli.main import main
keeper._EVERY_SECONDS = 0.0
sys.argv = ["apportion", "search", sys.argv[1], "-q"]
main()
"""


@pytest.mark.slow
def test_a_study_killed_while_its_gates_train_repeats_nothing_and_ends_equal(tmp_path: Path) -> None:
    (tmp_path / "undisturbed").mkdir()
    whole = CliRunner().invoke(app, ["search", str(config(tmp_path / "undisturbed", GATES)), "-q"])
    assert whole.exit_code == 0, whole.output
    reference = tmp_path / "undisturbed" / "runs" / "study"

    study = config(tmp_path, GATES)
    run = tmp_path / "runs" / "study"
    killed_in(study, run, "round-2")
    before = finished(run)
    assert len(before) == 2, "the warm-up and the first round of gates"
    # It had not asked for the pattern yet: the gates say which it is.
    assert [record.kind for record in read_log(run / LOG_NAME).records] == ["header", "ask", "artifact", "tell"]

    resumed = ran("search", study, "-q")
    assert resumed.returncode == 0, resumed.stderr
    assert finished(run).items() > before.items(), "something that was finished was computed again"
    assert equal(read_log(run / LOG_NAME), read_log(reference / LOG_NAME))
    assert weights(run) == weights(reference)
    assert {name: content for name, (content, _) in finished(run).items()} == {
        name: content for name, (content, _) in finished(reference).items()
    }
    assert list((run / "checkpoints").iterdir()) == []


def finished(run: Path) -> dict[str, tuple[bytes, int]]:
    """The tensors of every artifact, and when they were written."""
    files = sorted((run / "artifacts").glob("*.safetensors"))
    return {
        path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in files if path.with_suffix(".json").exists()
    }


def killed_in(study: Path, run: Path, part: str) -> None:
    """Start the program, and kill it when its gates have trained for three steps of that round."""
    process = subprocess.Popen([sys.executable, "-c", PROGRAM, str(study)])
    try:
        while (steps := steps_done(run, part)) < 3:
            assert process.poll() is None, "it ended before it could be killed"
            time.sleep(0.002)
    finally:
        process.kill()
        process.wait()
    assert steps_done(run, part) >= steps


def steps_done(run: Path, part: str) -> int:
    """Of the computation that is called so, by its checkpoint; 0 where there is none."""
    for path in (run / "checkpoints").glob("*.checkpoint"):
        try:
            facts = json.loads(path.read_bytes().split(b"\n", 2)[1])
        except FileNotFoundError:
            continue  # its computation has just ended
        if str(facts["name"]).endswith(part):
            return int(facts["done"])
    return 0
