"""`apportion compare` on real runs: the same search from several seeds, and every way to start it wrong."""

import json
import re
import threading
from pathlib import Path
from typing import Any

import pytest

from apportion.cli.compare import compare
from apportion.cli.config import config_from
from apportion.cli.search import prepare
from apportion.errors import InputError
from apportion.search.run import Run
from apportion.search.study import LOG_NAME
from apportion.search.study_log import Reading
from tests.cli.programs import config, ran
from tests.cli.test_main import line_of

SEARCH = """
budgets:
  - {measure: live, share: 0.2}
evaluator: {name: synthetic, sites: 6, noise: 0.004}
search: {controllers: [shared, bottom, equal_spend, {name: tpe, trials: 6}, {name: random_search, trials: 6}]}
retrain: {seeds: 3}
"""


def searched(folder: Path, name: str, *overrides: str, text: str = SEARCH) -> Path:
    """A finished run called `name`, without the report that `apportion search` would draw."""
    chosen, reading = config_from(config(folder, text, f"{name}.yaml"), list(overrides)), Reading((), b"", "")
    plan, bench = prepare(chosen, reading, False)
    chosen.run.mkdir(parents=True)
    for _ in Run(chosen.run, plan, bench, reading).events(threading.Event()):
        pass
    return chosen.run


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Three search seeds, each retrained with seeds of its own. Tests read them only."""
    folder = tmp_path_factory.mktemp("compared")
    seeds = [(f"search.seed={i}", f"retrain.first_seed={1 + 3 * i}") for i in range(3)]
    return [searched(folder, f"seed{i}", *overrides) for i, overrides in enumerate(seeds)]


def told(capsys: pytest.CaptureFixture[str], *runs: Path, out: Path, against: str | None = None) -> dict[str, Any]:
    """What --json prints, which is the whole of stdout."""
    capsys.readouterr()
    compare(runs, against, out, False, True)
    printed = capsys.readouterr()
    assert not printed.err
    plain: dict[str, Any] = json.loads(printed.out)
    return plain


def refusal(*runs: Path, against: str | None = None) -> str:
    with pytest.raises(InputError) as raised:
        compare(runs, against, None, True, False)
    return str(raised.value)


def test_three_seeds_are_compared_and_a_page_is_written_beside_the_first(runs: list[Path]) -> None:
    result = ran("compare", *runs)
    assert result.returncode == 0, result.stderr
    page = runs[0].parent / "comparison" / "comparison.html"
    assert result.stdout.strip().splitlines()[-1] == f"3 runs compared. Page: {page}"
    text = page.read_text(encoding="utf-8")
    assert text.lower().startswith("<!doctype html>") and "seed0, seed1, seed2" in text
    assert all(name in result.stdout for name in ("tpe", "random_search", "equal_spend", "reference", "live 20 %"))
    # Three runs cannot reach p < .05: said in words, not printed as a number.
    assert "the exact Wilcoxon test needs 6" in re.sub(r"\s+", " ", result.stdout)
    assert all(len(line) <= 80 for line in result.stdout.splitlines()[:-1])


def test_a_wrong_start_is_one_line_and_exit_2(runs: list[Path]) -> None:
    assert "a run counts once" in line_of(ran("compare", runs[0], runs[0]))


def test_json_holds_curves_and_reasons(runs: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plain = told(capsys, *runs, out=tmp_path / "page")
    assert Path(plain["page"]) == tmp_path / "page" / "comparison.html" and Path(plain["page"]).exists()
    assert [run["name"] for run in plain["runs"]] == ["seed0", "seed1", "seed2"] and plain["split"] == "test"
    rows = {row["controller"]: row for row in plain["rows"]}
    assert set(rows) == {"bottom", "equal_spend", "tpe", "random_search"}
    tpe = rows["tpe"]
    assert (tpe["runs"], tpe["trials"], tpe["best_found"]["n"]) == (3, 6, 3)
    assert tpe["difference"]["unit"] == "runs" and tpe["difference"]["interval"]["n"] == 3
    assert "needs 6" in tpe["difference"]["p_wilcoxon"]["not_shown"]
    curve = next(curve for curve in plain["curves"] if curve["controller"] == "tpe")
    assert [point[0] for point in curve["by_trials"]] == [1, 2, 3, 4, 5, 6]
    means = [point[2] for point in curve["by_trials"]]
    assert means == sorted(means, reverse=True) and means[-1] == pytest.approx(tpe["best_found"]["mean"])
    assert curve["by_seconds"][-1][0] <= tpe["charged_seconds"]["mean"] + 1e-12


def test_the_mean_of_the_best_is_that_of_the_logs(
    runs: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Computed here from the raw records, in another way."""
    best = []
    for run in runs:
        records = [json.loads(line) for line in (run / LOG_NAME).read_text().splitlines()]
        ids = {r["proposal"]["id"] for r in records if r["kind"] == "ask" and r["proposal"]["purpose"] == "search"}
        tells = [r for r in records if r["kind"] == "tell" and r["id"] in ids and r["id"].startswith("tpe/")]
        values = [[s["cross_entropy"] for s in r["outcome"]["splits"]["val"].values()] for r in tells]
        best.append(min(sum(losses) / len(losses) for losses in values) / 2.302585092994046)  # ln of 10 classes
    rows = {row["controller"]: row for row in told(capsys, *runs, out=tmp_path)["rows"]}
    assert rows["tpe"]["best_found"]["mean"] == pytest.approx(sum(best) / 3)


def test_one_run_is_a_comparison_too_and_says_so(
    runs: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    compare([runs[0] / LOG_NAME], None, tmp_path, False, False)
    printed = capsys.readouterr().out
    assert "n = 1 run" in printed and "1 run compared" in printed


def test_quiet_is_one_line_and_a_reference_can_be_named(
    runs: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    compare(runs, "random_search", tmp_path, True, False)
    assert len(capsys.readouterr().out.splitlines()) == 1
    assert "compared with <span" in (tmp_path / "comparison.html").read_text(encoding="utf-8")
    rows = told(capsys, *runs, out=tmp_path, against="shared")["rows"]
    assert {row["reference"] for row in rows} == {"shared"}


def test_an_unfinished_run_is_shown_as_far_as_it_is(
    runs: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cut = tmp_path / "cut"
    cut.mkdir()
    lines = (runs[1] / LOG_NAME).read_bytes().splitlines(keepends=True)
    (cut / LOG_NAME).write_bytes(b"".join(lines[:-8]))
    compare([runs[0], cut], None, tmp_path / "page", False, False)
    assert "Run cut is unfinished (" in capsys.readouterr().out


def test_runs_of_different_controllers_stand_on_one_page(
    runs: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = SEARCH.replace("{name: tpe, trials: 6}, ", "")
    more = searched(tmp_path, "more", "search.seed=5", "retrain.first_seed=40", text=text)
    rows = {row["controller"]: row for row in told(capsys, runs[0], more, out=tmp_path)["rows"]}
    assert (rows["tpe"]["runs"], rows["random_search"]["runs"]) == (1, 2)


def test_a_run_without_search_still_compares_schemes_made_by_hand(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = re.sub(r"controllers: \[.*\]", "controllers: [bottom, top]", SEARCH)
    plain = told(capsys, searched(tmp_path, "hand", text=text), out=tmp_path)
    assert "No controller searched in these runs." in plain["notes"]
    assert [row["controller"] for row in plain["rows"]] == ["bottom", "top"] and plain["curves"] == []


@pytest.mark.parametrize(
    ("overrides", "apart"),
    [
        (["evaluator.sites=5"], "evaluator.sites (6 and 5)"),
        (["budgets.0.share=0.3"], "budgets.0.share (0.2 and 0.3)"),
        (["space.granularity=per_stage"], "space.granularity ('per_site' and 'per_stage')"),
        (["search.rung=2"], "search.rung (None and 2)"),
        (["search.controllers.3={name: tpe, trials: 9, options: {startup_trials: 3}}"], "tpe ("),
    ],
)
def test_runs_that_answer_other_questions_are_refused_with_what_differs(
    runs: list[Path], tmp_path: Path, overrides: list[str], apart: str
) -> None:
    line = refusal(runs[0], searched(tmp_path, "other", "search.seed=7", *overrides))
    assert line.startswith(f"compare seed0 and other: they differ in {apart}") and "search.seed" in line


def test_the_same_run_or_the_same_seed_counts_once(runs: list[Path], tmp_path: Path) -> None:
    for again in (runs[0], runs[0] / LOG_NAME, runs[0].parent / "seed1" / ".." / "seed0"):
        assert "a run counts once" in refusal(runs[0], again)
    copy = tmp_path / "copy"
    copy.mkdir()
    (copy / LOG_NAME).write_bytes((runs[0] / LOG_NAME).read_bytes())
    line = refusal(runs[0], copy)
    assert "both searched random_search with search.seed 0" in line and "a search.seed of its own" in line


def test_what_is_not_there_is_named(runs: list[Path], tmp_path: Path) -> None:
    assert "no study.jsonl" in refusal(tmp_path / "nowhere")
    assert "no study.jsonl" in refusal(runs[0], tmp_path)
    line = refusal(runs[0], against="botom")
    assert "--against: 'botom', but run seed0 holds no trial of such a controller; did you mean 'bottom'?" in line
