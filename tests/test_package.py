"""What is shipped: the wheel and the source archive hold the program and its data, and the installed program runs."""

import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

from tests.cli.programs import SYNTHETIC, config

ROOT = Path(__file__).parents[1]
LINKS = ("spaces", "search", "evaluators", "reports")


@pytest.fixture(scope="module")
def archives(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A wheel and an sdist, built from what git would give to a clone."""
    folder = tmp_path_factory.mktemp("built")
    source = folder / "source"
    source.mkdir()
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    ).stdout
    for name in filter(None, listed.decode().split("\0")):
        target = source / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_symlink():
            target.symlink_to((ROOT / name).readlink())
        elif (ROOT / name).exists():
            target.write_bytes((ROOT / name).read_bytes())
    # Without isolation: the build needs nothing but setuptools, which is pinned and here.
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder / "dist"), str(source)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,), (sdist,) = (folder / "dist").glob("*.whl"), (folder / "dist").glob("*.tar.gz")
    return wheel, sdist


@pytest.mark.slow
def test_the_wheel_has_the_data_and_not_the_links(archives: tuple[Path, Path]) -> None:
    names = zipfile.ZipFile(archives[0]).namelist()
    assert {name.split("/")[0].split("-")[0] for name in names} == {"apportion"}
    assert sum("evaluators/data/pocket/" in name for name in names) >= 21
    assert any(name.endswith("reports/page/page.js") for name in names)
    assert "apportion/py.typed" in names
    assert not any(name.startswith("tests/") for name in names)


@pytest.mark.slow
def test_the_source_archive_has_the_data_and_not_the_links(archives: tuple[Path, Path]) -> None:
    with tarfile.open(archives[1]) as archive:
        names = [member.name.partition("/")[2] for member in archive.getmembers()]
    assert "LICENSE" in names
    assert any(name.startswith("src/apportion/evaluators/data/pocket/photos") for name in names)
    assert not set(LINKS) & {name.split("/")[0] for name in names}


@pytest.mark.slow
def test_the_installed_program_runs_a_study_and_finds_its_images(archives: tuple[Path, Path], tmp_path: Path) -> None:
    home = tmp_path / "venv"
    venv.create(home, with_pip=False, symlinks=True)
    python = home / "bin" / "python"
    site = Path(sysconfig.get_path("purelib", vars={"base": str(home), "platbase": str(home)}))
    # The dependencies of this environment, but not its editable apportion: a plain path runs no .pth files in it.
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    install = [sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", "--no-index", archives[0]]
    subprocess.run([str(word) for word in install], check=True, capture_output=True)
    code = (
        "import apportion, apportion.evaluators.data as data;"
        "print(apportion.__file__); print([len(d.train) for d in data.load(data.DataOptions())])"
    )
    out = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path).stdout
    where, counts = out.splitlines()
    assert Path(where).is_relative_to(home)
    assert counts == str([2000] * 5)
    program = subprocess.run(
        [home / "bin" / "apportion", "search", config(tmp_path, SYNTHETIC)],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert program.returncode == 0, program.stderr
    assert (tmp_path / "runs" / "study" / "report.html").exists()


def test_nothing_imports_the_root_links() -> None:
    """`import search` would work from a checkout alone: the links are for reading."""
    for path in [*ROOT.glob("src/**/*.py"), *ROOT.glob("tests/**/*.py"), *ROOT.glob("benchmarks/**/*.py")]:
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            words = line.split()
            if len(words) > 1 and words[0] in ("import", "from"):
                assert words[1].split(".")[0] not in LINKS, f"{path}:{number}"


@pytest.mark.parametrize("link", LINKS)
def test_the_root_links_lead_to_the_rooms(link: str) -> None:
    assert (ROOT / link).resolve() == ROOT / "src" / "apportion" / link
