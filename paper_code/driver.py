"""The GPUs that the driver shows, asked without PyTorch."""

import ctypes
import functools


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
