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
# Instruction sets of x86 processors that compute in bf16. Others convert each value to float32 and
# back: measured, a training step then takes 7 to 11 times as long as in float32.
BF16_FLAGS = {"avx512_bf16", "amx_bf16"}
# Variables with which a user limits the instruction sets of PyTorch and of oneDNN.
LIMITS = ("ATEN_CPU_CAPABILITY", "ONEDNN_MAX_CPU_ISA")


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

    "auto" is bf16 where the device computes it natively, otherwise fp16 on a GPU and fp32 on a CPU.
    Any other one is taken as it is. UserError if there is none such, or it is fp16 on a CPU.
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
    name, native = "GPU" if kind == "cuda" else "processor", has_native_bf16(kind)
    if precision == "auto":
        why = "computes bf16 natively" if native else "does not compute bf16 natively"
        return f"{_automatic(kind)} (auto: this {name} {why})"
    if precision == "bf16" and not native:
        return f"bf16 (as configured; this {name} emulates it, which takes many times as long)"
    return f"{precision} (as configured)"


def has_native_bf16(kind: str) -> bool:
    """Whether a device ("cuda" or "cpu") computes in bf16 rather than emulating it.

    Of a processor Linux says so. Elsewhere, and where an environment variable limits the
    instruction sets, none is taken to.
    """
    if kind == "cuda":
        import torch

        return torch.cuda.is_bf16_supported(including_emulation=False)
    limited = any(name in os.environ for name in LIMITS)
    return kind == "cpu" and not limited and bool(BF16_FLAGS & cpu_flags())


def _automatic(kind: str) -> str:
    if has_native_bf16(kind):
        return "bf16"
    return "fp16" if kind == "cuda" else "fp32"


def cpu_flags() -> set[str]:
    """Instruction sets of the processor as Linux lists them; empty elsewhere."""
    return set(cpu_info("flags").split())


def cpu_info(key: str) -> str:
    """What Linux says of the processor under a key of /proc/cpuinfo; "" elsewhere."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(key)), "")


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
