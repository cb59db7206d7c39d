"""One timed run at a time on a GPU, however many processes have been started."""

import contextlib
import fcntl
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import torch

from paper_code.driver import cuda_device_count
from paper_code.errors import UserError


@contextlib.contextmanager
def exclusive(device: torch.device) -> Iterator[None]:
    """Wait until no other process of this project holds `device`, and hold it.

    A lock on a file of the system's temporary folder, which ends with the process. Memory that
    PyTorch has kept for later goes back to the GPU, for the next process. A CPU is not locked:
    there Snakemake gives each run its own cores.
    """
    if device.type != "cuda":
        yield
        return
    with locked(str(torch.cuda.get_device_properties(device).uuid)):
        try:
            yield
        finally:
            torch.cuda.empty_cache()


@contextlib.contextmanager
def locked(name: str) -> Iterator[None]:
    """Hold this user's lock called `name`, waiting for it if need be.

    Another user's file could not be opened; runs of several users on one GPU are not kept apart.
    """
    path = Path(tempfile.gettempdir(), f"paper_code-{os.getuid()}-{name}.lock")
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def default_device() -> torch.device:
    """The first CUDA GPU, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def check_gpu() -> None:
    """That PyTorch can use the GPU that the driver shows, if it shows one.

    Otherwise what a GPU does in minutes would go on for days on the CPU, without a word.

    Raises:
        UserError: it cannot.
    """
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1")
    if hidden or torch.cuda.is_available() or not cuda_device_count():
        return
    try:
        torch.cuda.init()
        why = "torch.cuda.is_available() is false"
    except (AssertionError, RuntimeError) as error:  # a build without CUDA; a driver too old
        why = str(error).splitlines()[0].rstrip(".")
    raise UserError(
        f"The driver shows a GPU, but PyTorch {torch.__version__} cannot use it: {why}. Install a "
        "build of PyTorch for this driver's CUDA version, or set CUDA_VISIBLE_DEVICES=-1 to "
        "compute on the CPU."
    )


def checked_device() -> torch.device:
    """`default_device`, after `check_gpu`."""
    check_gpu()
    return default_device()


def use_float32() -> None:
    """Let "float32" mean float32 on a GPU, where cuDNN otherwise rounds to TF32 (10 bits).

    Mixed precision loses nothing by it: its convolutions and products are in 16 bits.
    """
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False


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
