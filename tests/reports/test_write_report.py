"""Writing the report: all files, whole files, and no heavy import on the way."""

import subprocess
import sys
from pathlib import Path

import pytest

from apportion.reports import write_report
from apportion.reports.files import write_atomically
from tests.reports.builders import hostile, simulated, study


def test_a_report_is_four_files_and_can_be_written_again(tmp_path: Path) -> None:
    written = write_report(simulated(seeds=2), tmp_path / "new")
    assert set(written) == {"report.html", "trials.csv", "front.png", "front.svg"}
    before = {name: path.read_bytes() for name, path in written.items()}
    again = write_report(simulated(seeds=2), tmp_path / "new")
    assert before == {name: path.read_bytes() for name, path in again.items()}
    assert sorted(p.name for p in (tmp_path / "new").iterdir()) == sorted(before)


@pytest.mark.parametrize("make", [study, hostile], ids=["empty", "hostile"])
def test_a_report_is_written_for_any_study(make: object, tmp_path: Path) -> None:
    written = write_report(make(), tmp_path)  # type: ignore[operator]
    assert all(path.stat().st_size > 0 for path in written.values())


def test_a_write_that_fails_leaves_the_old_file_and_no_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = write_atomically(tmp_path / "f", b"old")

    def broken(self: Path, target: Path) -> Path:
        raise OSError("disk gone")

    monkeypatch.setattr(Path, "replace", broken)
    with pytest.raises(OSError, match="disk gone"):
        write_atomically(target, b"new")
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


def test_importing_the_room_loads_nothing_heavy() -> None:
    heavy = ("torch", "optuna", "matplotlib", "plotly", "moocore", "scipy")
    script = f"import sys, apportion.reports; print([m for m in {heavy} if m in sys.modules])"
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_writing_a_report_loads_no_torch(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from tests.reports.builders import simulated\n"
        "from apportion.reports import write_report\n"
        f"write_report(simulated(seeds=2), Path({str(tmp_path)!r}))\n"
        "print([m for m in ('torch', 'optuna') if m in sys.modules])"
    )
    root = Path(__file__).resolve().parents[2]
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=root)
    assert result.stdout.strip() == "[]"
