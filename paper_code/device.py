"""The device that a run computes on, alone if it is a GPU, and the precision it computes in.

Functions import PyTorch, which takes seconds: the first lines of a run do without it.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import functools
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from paper_code.errors import UserError

if TYPE_CHECKING:
    import torch

PRECISIONS = ("auto", "fp32", "bf16", "fp16")


@functools.cache
def cuda_device_count() -> int:
    """CUDA devices that the driver shows, asked without importing torch (which takes seconds)."""
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return 0
    count = ctypes.c_int(0)
    if driver.cuInit(0) != 0 or driver.cuDeviceGetCount(ctypes.byref(count)) != 0:
        return 0
    return count.value


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
    import torch

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
    import torch

    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def check_gpu() -> None:
    """UserError if PyTorch cannot use the GPU that the driver shows.

    Otherwise what a GPU does in minutes would go on for days on the CPU, without a word.
    """
    import torch

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
    import torch

    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False


def resolve_precision(precision: str, device: torch.device) -> str:
    """The precision that a setting stands for on a device, for training and maps alike.

    "auto" is fp32 on a CPU, where bf16 is emulated or seldom faster; on a GPU it is bf16 if that is
    native, else fp16. Any other one is taken as it is. UserError if there is none such, or it is
    fp16 on a CPU.
    """
    if precision not in PRECISIONS:
        raise UserError(f"precision: {precision!r} is not one of {', '.join(PRECISIONS)}.")
    if precision == "auto":
        return _automatic(device.type)
    if precision == "fp16" and device.type == "cpu":
        raise UserError("precision=fp16 needs a GPU. Use fp32, bf16 or auto.")
    return precision


def explain_precision(precision: str, kind: str) -> str:
    """What `resolve_precision` makes of a setting on a device ("cuda" or "cpu"), in words."""
    if precision == "auto":
        return f"{_automatic(kind)} (auto, on a {'GPU' if kind == 'cuda' else 'processor'})"
    if precision == "bf16" and kind == "cpu":
        return "bf16 (as configured; most processors take longer with it than with fp32)"
    return f"{precision} (as configured)"


def _automatic(kind: str) -> str:
    if kind != "cuda":
        return "fp32"
    import torch

    return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp16"


def autocast(device: torch.device, precision: str) -> torch.autocast:
    """Mixed precision for one device; no-op for fp32. `precision` as in `resolve_precision`."""
    import torch

    precision = resolve_precision(precision, device)
    dtype = torch.float16 if precision == "fp16" else torch.bfloat16
    return torch.autocast(device.type, dtype=dtype, enabled=precision != "fp32")


def clock(device: torch.device) -> float:
    """Seconds, read after all work queued on the device is done."""
    if device.type == "cuda":
        import torch

        torch.cuda.synchronize(device)
    return time.perf_counter()
