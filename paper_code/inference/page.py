"""What is on the page of `explain`: images in rows, methods in columns, pictures embedded."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from paper_code.inference.drawing import coloured, outlines

# Sides of an embedded picture (px), and the pixels of all of them, which keep the page small.
LARGEST, SMALLEST = 1000, 320
PIXELS = 40_000_000
MOST_IMAGES = PIXELS // SMALLEST**2
QUALITY = 85  # of JPEG
# Scores of a map beside a mask, as in `explanations.csv`.
SCORES = {"iou": "IoU", "pointing_game": "Pointing game", "energy_inside": "Energy inside"}


@dataclass(frozen=True)
class Explained:
    """One image with its maps."""

    path: Path
    true: str  # class by folder or manifest; empty where none gives one
    probabilities: Mapping[str, float]  # by class
    predicted: str
    explained: str
    maps: Mapping[str, np.ndarray]  # S x S float32 in [0, 1], by method
    mask: np.ndarray | None  # H x W bool at the file's size
    lesion: float | None  # the mask's share of the image


@dataclass(frozen=True)
class Cell:
    """One map: its picture (JPEG), the names of its files, and scores if there is a lesion."""

    picture: bytes
    files: Mapping[str, str]
    empty: bool
    scores: Mapping[str, float]


@dataclass(frozen=True)
class Row:
    """One image on the page."""

    one: Explained  # without its maps
    size: tuple[int, int]  # width and height in px, of the file
    photo: bytes  # the image as JPEG, scaled down
    photo_size: tuple[int, int]
    cells: Mapping[str, Cell]  # by method
    outline: str  # the mask's, as an SVG path in px of the photo


def photo_side(images: int) -> int:
    """The longer side in px of each of so many embedded pictures."""
    return int(np.clip((PIXELS / images) ** 0.5, SMALLEST, LARGEST))


def photo(image: Image.Image, side: int) -> tuple[bytes, tuple[int, int]]:
    """An RGB image as JPEG, no side longer than `side` px, and its width and height."""
    small = image.copy()
    small.thumbnail((side, side), Image.Resampling.BILINEAR)
    return _jpeg(np.asarray(small)[..., ::-1]), small.size


def map_picture(heat: np.ndarray, colormap: str) -> bytes:
    """An S x S map in [0, 1] as JPEG in colours; the browser enlarges it to the image."""
    return _jpeg(coloured(heat, colormap))


def outline_path(mask: np.ndarray, size: tuple[int, int]) -> str:
    """The outline of an H x W mask as an SVG path in an image of `size` (width, height) px."""
    scale = np.array([size[0] / mask.shape[1], size[1] / mask.shape[0]])
    tolerance = 0.5 / scale.max()  # half a px of the picture
    parts = []
    for line in outlines(mask):
        points = (cv2.approxPolyDP(line, tolerance, True)[:, 0] + 0.5) * scale
        parts.append("M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points) + "Z")
    return "".join(parts)


def _jpeg(pixels: np.ndarray) -> bytes:
    options = [cv2.IMWRITE_JPEG_QUALITY, QUALITY]
    return cv2.imencode(".jpg", np.ascontiguousarray(pixels), options)[1].tobytes()
