"""Trees of phantom files that appear whole or not at all."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from paper_code.errors import UserError
from paper_code.files import clear_leftovers, naming_full_disk
from paper_code.parallel import map_parallel

NOTE = "PHANTOM.txt"  # tells a phantom from a real data set, which is never replaced


class Drawing(NamedTuple):
    """How a phantom is drawn: see `write_phantom`."""

    height: int
    seed: int
    lesion_scale: float = 1.0
    patient_signal: float = 1.0
    workers: int = 1


@contextlib.contextmanager
def new_tree(root: str | Path) -> Iterator[Path]:
    """Yield a temporary folder beside `root` that replaces `root` if the block succeeds.

    UserError if `root` holds files and no phantom's note (it may be a real data set), or the disk
    is full.
    """
    root = Path(root)
    if root.exists() and any(root.iterdir()) and not (root / NOTE).exists():
        raise UserError(
            f"{root}: not a phantom (no {NOTE} in it), so it is not replaced. "
            "Write the phantom elsewhere or move this folder away."
        )
    root.parent.mkdir(parents=True, exist_ok=True)
    prefix = f".{root.name}.new-"
    clear_leftovers(root.parent, prefix)
    temporary = Path(tempfile.mkdtemp(dir=root.parent, prefix=f"{prefix}{os.getpid()}-"))
    try:
        with naming_full_disk(root, root.parent):
            yield temporary
            note = "Synthetic images drawn by paper_code. No patient's data.\n"
            (temporary / NOTE).write_text(note, encoding="utf-8")
            shutil.rmtree(root, ignore_errors=True)
            temporary.chmod(0o755)
            temporary.rename(root)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def draw_all(work: Callable, jobs: list, label: str, workers: int) -> None:
    """Call `work` for each job, in processes with one OpenCV thread each."""
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)  # inherited by the processes
    try:
        for _ in map_parallel(work, jobs, f"{label} phantom", workers):
            pass
    finally:
        cv2.setNumThreads(threads)


def save_image(path: Path, pixels: np.ndarray, quality: int = 95) -> None:
    """Write uint8 pixels (RGB or grey), or a bool mask as 0 and 255, creating the folder.

    Args:
        path: its suffix gives the format.
        quality: of a JPEG.
    """
    pixels = pixels.astype(np.uint8) * 255 if pixels.dtype == bool else pixels
    pixels = pixels[..., ::-1] if pixels.ndim == 3 else pixels  # OpenCV's order of channels
    options = {
        ".jpg": [cv2.IMWRITE_JPEG_QUALITY, quality],
        ".tif": [cv2.IMWRITE_TIFF_COMPRESSION, 1],  # none
    }
    _, encoded = cv2.imencode(path.suffix, pixels, options.get(path.suffix, []))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encoded)
