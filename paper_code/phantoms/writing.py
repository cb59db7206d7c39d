"""Trees of phantom files that appear whole or not at all."""

import contextlib
import functools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from paper_code.errors import UserError
from paper_code.files import replacing_together
from paper_code.workers import map_parallel

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
    """Yield a temporary folder that replaces what `root` holds if the block succeeds.

    UserError if `root` holds files and no phantom's note (it may be a real data set), or the disk
    is full.
    """
    root = Path(root)
    earlier = [path.name for path in root.iterdir()] if root.exists() else []
    earlier = [name for name in earlier if not name.startswith(".new-")]  # of a killed process
    if earlier and NOTE not in earlier:
        raise UserError(
            f"{root}: not a phantom (no {NOTE} in it), so it is not replaced. "
            "Write the phantom elsewhere or move this folder away."
        )
    with replacing_together(root, earlier) as tree:
        yield tree
        note = "Synthetic images drawn by paper_code. No patient's data.\n"
        (tree / NOTE).write_text(note, encoding="utf-8")


def draw_all(draw: Callable, jobs: list, label: str, tree: Path, drawing: Drawing) -> None:
    """Call `draw(job, tree, drawing)` for each job, in processes with one OpenCV thread each."""
    work = functools.partial(draw, tree=tree, drawing=drawing)
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)  # inherited by the processes
    try:
        for _ in map_parallel(work, jobs, f"{label} phantom", drawing.workers):
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
