"""The program as a person meets it: what it prints, how it ends, how long that takes."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from apportion.search.study import LOG_NAME
from apportion.search.study_log import equal, read_log
from tests.cli.programs import SYNTHETIC, TINY, config, ran, started


def line_of(result: "subprocess.CompletedProcess[str]", code: int = 2) -> str:
    """The one line on stderr that a refusal prints."""
    assert result.returncode == code, result.stderr
    assert "Traceback" not in result.stderr
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1, lines
    return lines[0]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished synthetic study; tests read it only."""
    folder = tmp_path_factory.mktemp("finished")
    path = config(folder, SYNTHETIC)
    result = ran("search", path)
    assert result.returncode == 0, result.stderr
    return path


def run_of(path: Path) -> Path:
    return path.parent / "runs" / path.stem


def test_help_takes_half_a_second_at_most() -> None:
    # The least of three: other processes can only add time.
    times = []
    for _ in range(3):
        began = time.perf_counter()
        assert "search" in ran("--help").stdout
        times.append(time.perf_counter() - began)
    assert min(times) <= 0.5


def test_a_search_prints_a_ranked_table_and_the_path_of_the_report(tmp_path: Path) -> None:
    result = ran("search", config(tmp_path, SYNTHETIC))
    assert result.returncode == 0, result.stderr
    assert all(name in result.stdout for name in ("tpe", "bottom", "independent", "95 %"))
    assert all(len(line) <= 80 for line in result.stdout.splitlines()[:-1])
    report = result.stdout.split("Report: ")[1].strip()
    assert Path(report).read_text(encoding="utf-8").lower().startswith("<!doctype html>")


def test_a_finished_run_says_so_and_runs_nothing(finished: Path) -> None:
    before = (run_of(finished) / LOG_NAME).read_bytes()
    result = ran("search", finished, "-q")
    assert result.returncode == 0
    assert "finished before; nothing was run" in result.stdout
    assert (run_of(finished) / LOG_NAME).read_bytes() == before


def test_json_is_the_whole_of_stdout(finished: Path) -> None:
    for command in (("search", finished), ("report", run_of(finished)), ("plan", finished), ("list",)):
        told = json.loads(ran(*command, "--json").stdout)
        assert told
    schemes = json.loads(ran("report", run_of(finished), "--json").stdout)["schemes"]
    assert {scheme["controller"] for scheme in schemes} == {"shared", "independent", "bottom", "top", "tpe"}
    assert all(scheme["loss"]["n"] == 2 for scheme in schemes)


def test_a_changed_config_is_refused_with_the_keys_that_differ(finished: Path) -> None:
    line = line_of(ran("search", finished, "search.seed=5", "evaluator.world=1"))
    assert "search.seed (0 -> 5)" in line
    assert "evaluator.world (0 -> 1)" in line


def test_more_trials_and_seeds_are_an_amendment(tmp_path: Path) -> None:
    path = config(tmp_path, SYNTHETIC)
    assert ran("search", path, "-q").returncode == 0
    more = ("search.controllers.4.trials=9", "retrain.seeds=3")
    assert "say so with --amend" in line_of(ran("search", path, "-q", *more))
    assert ran("search", path, "-q", "--amend", *more).returncode == 0
    told = json.loads(ran("search", path, "--json", *more).stdout)
    assert told["finished"]
    assert told["trials"] == told["planned"]
    tpe = next(scheme for scheme in told["schemes"] if scheme["controller"] == "tpe")
    assert tpe["loss"]["n"] == 3
    # Fewer again is no amendment.
    assert "may be added" in line_of(ran("search", path, "-q", "--amend"))


def test_an_amended_study_replays(tmp_path: Path) -> None:
    path = config(tmp_path, SYNTHETIC)
    more = ("search.controllers.4.trials=9", "retrain.seeds=3")
    assert ran("search", path, "-q").returncode == 0
    assert ran("search", path, "-q", "--amend", *more).returncode == 0
    log = run_of(path) / LOG_NAME
    whole = read_log(log)
    # As if it had been killed four records before the end.
    log.write_bytes(b"".join(log.read_bytes().splitlines(keepends=True)[:-4]))
    assert ran("search", path, "-q", *more).returncode == 0
    assert equal(read_log(log), whole)


def test_an_altered_log_is_refused_with_the_record(finished: Path, tmp_path: Path) -> None:
    lines = (run_of(finished) / LOG_NAME).read_bytes().splitlines(keepends=True)
    lines[7] = lines[7].replace(b'"seed":0', b'"seed":9')
    run = tmp_path / "runs" / "study"
    run.mkdir(parents=True)
    (run / LOG_NAME).write_bytes(b"".join(lines))
    path = config(tmp_path, SYNTHETIC)
    assert f"{LOG_NAME}, record 7: its content does not match its checksum" in line_of(ran("search", path))
    assert "record 7" in line_of(ran("report", run))


def test_a_torn_tail_is_set_aside_in_one_line_and_the_study_goes_on(finished: Path, tmp_path: Path) -> None:
    content = (run_of(finished) / LOG_NAME).read_bytes()
    run = tmp_path / "runs" / "study"
    run.mkdir(parents=True)
    torn = content[: content[:-900].rindex(b"\n") + 100]
    (run / LOG_NAME).write_bytes(torn)
    result = ran("search", config(tmp_path, SYNTHETIC))
    assert result.returncode == 0
    assert "the last record was torn (99 bytes)" in result.stderr
    assert (run / "study.jsonl.bak").read_bytes() == torn
    assert equal(read_log(run / LOG_NAME), read_log(run_of(finished) / LOG_NAME))


def test_a_run_folder_in_use_names_the_process(tmp_path: Path) -> None:
    path = config(tmp_path, TINY)
    first = started("search", path, "-q")
    try:
        log = tmp_path / "runs" / "study" / LOG_NAME
        deadline = time.monotonic() + 60
        while not log.exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        assert f"in use by pid {first.pid}" in line_of(ran("search", path, "-q"))
    finally:
        first.kill()
        first.communicate()


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_study_says_how_to_go_on(tmp_path: Path, sent: signal.Signals, code: int) -> None:
    process = started("search", config(tmp_path, f"workers: 2\n{TINY}"))
    log = tmp_path / "runs" / "study" / LOG_NAME
    deadline = time.monotonic() + 60
    while not (log.exists() and b'"kind":"tell"' in log.read_bytes()) and time.monotonic() < deadline:
        time.sleep(0.02)
    os.kill(process.pid, sent)
    _, err = process.communicate(timeout=60)
    assert process.returncode == code
    assert err.strip().endswith("stopped; the same command goes on from here")
    assert "Traceback" not in err
    # What was told is kept, and an unfinished run has a report that says so.
    result = ran("report", log.parent)
    assert "unfinished, " in result.stdout
    assert (log.parent / "report.html").exists()


def test_plan_says_what_it_would_cost_and_writes_nothing(tmp_path: Path) -> None:
    path = config(tmp_path, TINY)
    told = json.loads(ran("plan", path, "--json").stdout)
    assert told["dimension"] == len(told["sites"]) == 9
    assert told["trials"] == 1 + 4 + 3 * 2
    # Warm-ups of three seeds, five search trials of one epoch, three schemes at two seeds of two epochs.
    assert told["epochs"] == 3 + 5 + 12
    assert 0 < told["seconds"] < 600
    (budget,) = told["budgets"]
    assert budget["least"] == told["backbone_parameters"]
    assert budget["greatest"] == 2 * told["backbone_parameters"]
    assert not (tmp_path / "runs").exists()
    assert "about" in ran("plan", path).stdout


def test_a_full_disk_is_refused_with_the_bytes_needed(tmp_path: Path) -> None:
    if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "t", tmp_path]).returncode:
        pytest.skip("mounting a small file system needs root")
    try:
        line = line_of(ran("search", config(tmp_path, SYNTHETIC)))
        assert "bytes free" in line
        assert "the run needs up to" in line
    finally:
        subprocess.run(["umount", tmp_path], check=True)


def test_list_shows_runs_and_their_state(finished: Path) -> None:
    result = ran("list", "runs", "--runs", finished.parent / "runs")
    assert "finished" in result.stdout
    assert "did you mean 'runs'?" in line_of(ran("list", "run"))
