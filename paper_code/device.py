"""One timed run at a time on a GPU, however many processes have been started."""

import contextlib
import fcntl
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import torch

from paper_code.errors import UserError


@contextlib.contextmanager
def exclusive(device: torch.device) -> Iterator[None]:
    """Wait until no other process of this project holds `device`, and hold it.

    A lock on a file of the system's temporary folder, which ends with the process. A CPU is not
    locked: there Snakemake gives each run its own cores.
    """
    if device.type != "cuda":
        yield
        return
    with locked(str(torch.cuda.get_device_properties(device).uuid)):
        yield


@contextlib.contextmanager
def locked(name: str) -> Iterator[None]:
    """Hold the lock called `name`, waiting for it if need be."""
    path = Path(tempfile.gettempdir(), f"paper_code-{name}.lock")
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def default_device() -> torch.device:
    """The first CUDA GPU, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def resolve_precision(precision: str, device: torch.device) -> str:
    """Replace "auto": bf16 where the device computes it natively, else fp16 (GPU) or fp32 (CPU)."""
    if precision != "auto":
        if precision == "fp16" and device.type == "cpu":
            raise UserError("precision=fp16 needs a GPU. Use fp32, bf16 or auto.")
        return precision
    if device.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp16"
    return "bf16" if {"avx512_bf16", "amx_bf16"} & cpu_flags() else "fp32"


def cpu_flags() -> set[str]:
    """Instruction sets of the processor as Linux lists them; empty elsewhere."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    return set(next((line for line in lines if line.startswith("flags")), "").split())


def autocast(device: torch.device, precision: str) -> torch.autocast:
    """Mixed precision for one device; no-op for fp32."""
    dtype = torch.float16 if precision == "fp16" else torch.bfloat16
    return torch.autocast(device.type, dtype=dtype, enabled=precision != "fp32")


def clock(device: torch.device) -> float:
    """Seconds, read after all work queued on the device is done."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()
