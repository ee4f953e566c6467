"""Who may import what, and what an import may load."""

import subprocess
import sys

import pytest

HEAVY = ("torch", "optuna", "nni", "matplotlib", "plotly", "torchvision")


def loaded_by(statement: str) -> set[str]:
    """Heavy packages in memory after `statement` ran in a fresh interpreter."""
    code = f"{statement}\nimport sys\nprint(*[name for name in {HEAVY!r} if name in sys.modules])"
    return set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split())


@pytest.mark.parametrize(
    "statement",
    [
        "import apportion.reports",
        "import apportion.search.controllers, apportion.search.campaign, apportion.search.run",
        "import apportion.spaces.space, apportion.spaces.ledger, apportion.spaces.backbones",
        "import apportion.evaluators.synthetic, apportion.evaluators.registry",
        "import apportion.cli.main, apportion.cli.config",
    ],
)
def test_no_tensors_are_loaded_where_there_are_none(statement: str) -> None:
    assert not loaded_by(statement)


def test_that_test_can_fail() -> None:
    assert "torch" in loaded_by("import apportion.spaces.network.mixed")
