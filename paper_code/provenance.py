"""Where a number comes from: hardware, package versions, commit."""

import functools
import importlib.metadata
import platform
import subprocess
from pathlib import Path

from paper_code.workers import cores

PACKAGES = ("torch", "torchvision", "timm", "numpy", "scikit-learn", "imbalanced-learn")


@functools.cache
def commit() -> str:
    """The commit, with "+changes" where tracked files differ from it; "unknown" without git."""
    root = Path(__file__).resolve().parents[1]
    if not (root / ".git").exists():  # installed, perhaps inside the repository of something else
        return "unknown"
    try:
        run = functools.partial(
            subprocess.run, cwd=root, capture_output=True, text=True, check=True, timeout=10
        )
        revision = run(["git", "rev-parse", "--short=12", "HEAD"]).stdout.strip()
        changed = run(["git", "status", "--porcelain", "--untracked-files=no"]).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return revision + ("+changes" if changed else "")


def versions() -> dict[str, str]:
    """Python's version and those of the packages that decide results."""
    found = {"python": platform.python_version()}
    return found | {name: importlib.metadata.version(name) for name in PACKAGES}


def processor() -> str:
    """The processor's model and how many of its cores are used."""
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        lines = info.read_text(encoding="utf-8").splitlines()
        model = next((x.split(":")[1].strip() for x in lines if x.startswith("model name")), model)
    return f"{model}, {cores()} cores"


def hardware(device) -> str:
    """The device that a run used, as in "NVIDIA H100 80GB HBM3" or "AMD EPYC, 2 cores"."""
    import torch

    device = torch.device(device)
    return torch.cuda.get_device_name(device) if device.type == "cuda" else processor()


def provenance(device) -> dict:
    """Hardware, versions and commit as one record for `run.json`."""
    return {"hardware": hardware(device), "versions": versions(), "commit": commit()}
