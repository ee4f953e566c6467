"""The installed program as a person starts it, and small configs for it."""

import subprocess
import sys
from pathlib import Path

TINY = """
backbone: {name: resnet8, options: {width: 4, stem_stride: 2}}
budgets:
  - {measure: live, share: 0.3}
data: {domains: [digits, sketches], image_size: 16}
evaluator: {name: train, form: compose, epochs: 2, batch: 200, warm_up: {shared_epochs: 1}}
search: {controllers: [shared, bottom, {name: tpe, trials: 4}], rung: 1}
retrain: {seeds: 2}
"""

SYNTHETIC = """
budgets:
  - {measure: live, share: 0.2}
evaluator: {name: synthetic}
search: {controllers: [shared, independent, bottom, top, {name: tpe, trials: 6}]}
retrain: {seeds: 2}
"""


def config(folder: Path, text: str, name: str = "study.yaml") -> Path:
    """Write a config whose runs go below `folder`."""
    path = folder / name
    path.write_text(f"runs: {folder / 'runs'}\n{text}")
    return path


def started(*arguments: object, cwd: Path | None = None) -> "subprocess.Popen[str]":
    """`apportion ...`, running."""
    command = [sys.executable, "-m", "apportion", *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=cwd)


def ran(*arguments: object, cwd: Path | None = None) -> "subprocess.CompletedProcess[str]":
    """`apportion ...`, run to its end."""
    process = started(*arguments, cwd=cwd)
    out, err = process.communicate(timeout=240)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)
