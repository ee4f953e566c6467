"""The page in a real browser, where one is installed: charts draw under the policy, the switch and sorting work."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from apportion.reports import write_report
from apportion.reports.compare import comparison_of, write_comparison
from tests.reports.builders import hostile, simulated

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
OPTIONS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--enable-logging=stderr",
    "--v=0",
    "--virtual-time-budget=6000",
    "--dump-dom",
]

pytestmark = [pytest.mark.slow, pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed")]

# Stands in for a person: chooses another axis, sorts the trials by loss. Only in a copy without the policy.
VISITOR = """<script>
document.querySelector('.switch input[value=live]').click();
const head = document.querySelectorAll('#trials ~ div th')[7];
head.querySelector('button').click();
document.title = [
  document.querySelector('[data-figure="front.loss"]').layout.xaxis.title.text,
  head.getAttribute('aria-sort'),
  Array.from(document.querySelectorAll('#trials ~ div tbody tr'), r => r.cells[7].textContent).join(' '),
  document.documentElement.scrollWidth <= window.innerWidth,
].join('|');
</script></body>"""


def visit(path: Path, tmp_path: Path, width: int = 1280) -> tuple[str, list[str]]:
    """The page after its scripts ran, and what its console said."""
    command = [str(BROWSER), *OPTIONS, f"--user-data-dir={tmp_path / 'profile'}", f"--window-size={width},900"]
    result = subprocess.run([*command, path.as_uri()], capture_output=True, text=True, timeout=60, check=True)
    return result.stdout, [line for line in result.stderr.splitlines() if "CONSOLE" in line]


def test_charts_draw_under_the_policy_and_hostile_names_run_nothing(tmp_path: Path) -> None:
    dom, console = visit(write_report(hostile(), tmp_path)["report.html"], tmp_path)
    assert console == []
    assert 'data-ready="yes"' in dom
    assert len(re.findall(r'class="main-svg"', dom)) >= len(re.findall("data-figure=", dom)) > 5


def test_a_comparison_draws_its_charts_and_fits_a_phone(tmp_path: Path) -> None:
    page = write_comparison(comparison_of([simulated(seeds=2), hostile()], ["one", "two"]), tmp_path)
    asked = "<script>document.title = document.documentElement.scrollWidth <= window.innerWidth;</script></body>"
    text = page.read_text(encoding="utf-8").replace('http-equiv="Content-Security-Policy"', "")
    page.write_text(text.replace("</body>", asked), encoding="utf-8")
    dom, console = visit(page, tmp_path, width=500)
    assert console == [] and "<title>true</title>" in dom
    assert len(re.findall(r'class="main-svg"', dom)) >= len(re.findall("data-figure=", dom)) >= 4


def test_a_visitor_can_switch_the_axis_and_sort_and_need_not_scroll_sideways(tmp_path: Path) -> None:
    report = write_report(simulated(seeds=2), tmp_path)["report.html"]
    text = report.read_text(encoding="utf-8").replace('http-equiv="Content-Security-Policy"', "")
    copy = tmp_path / "copy.html"
    copy.write_text(text.replace("</body>", VISITOR), encoding="utf-8")
    dom, _ = visit(copy, tmp_path, width=500)
    title = re.search(r"<title>(.*?)</title>", dom)
    assert title is not None
    axis, state, losses, fits = title[1].split("|")
    assert axis == "live backbones (1 = all shared)" and state == "ascending" and fits == "true"
    assert len(losses.split()) > 20
    assert losses.split() == sorted(losses.split())
