"""What the header says of machine, versions and commit."""

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil

import apportion

PACKAGES = ("torch", "torchvision", "numpy", "scipy", "optuna", "pydantic", "safetensors")


def machine() -> str:
    """Processor, cores this process may use, memory."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{_processor()}, {cores} cores, {psutil.virtual_memory().total / 2**30:.0f} GiB, {platform.system()}"


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def versions() -> dict[str, str]:
    """apportion, Python and the packages that decide numbers."""
    found = {"apportion": apportion.__version__, "python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def commit() -> str:
    """The commit of the checkout this code runs from, `+changes` where files differ from it; "" elsewhere."""
    source = Path(apportion.__file__).parent
    try:
        head = _git(source, "rev-parse", "HEAD")
        return head + ("+changes" if _git(source, "status", "--porcelain", "--", str(source)) else "")
    except (OSError, subprocess.SubprocessError):
        return ""


def _git(folder: Path, *words: str) -> str:
    command = ["git", "-C", str(folder), *words]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=5).stdout.strip()


def device_for(asked: str) -> str:
    """`auto` is the first CUDA device where there is one, else the CPU. InputError for a device that is not there."""
    import torch

    from apportion.errors import InputError

    if asked == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if asked.startswith("cuda"):
        index = int(asked.partition(":")[2] or 0)
        if index >= torch.cuda.device_count():
            raise InputError(
                "device",
                repr(asked),
                f"torch {torch.__version__} sees {torch.cuda.device_count()} CUDA devices",
                "use cpu or auto",
            )
    return asked
