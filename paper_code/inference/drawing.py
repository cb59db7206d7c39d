"""Pictures of maps and lesions: over an image as files, and small ones for a page."""

import difflib

import cv2
import numpy as np
from PIL import Image

from paper_code.errors import UserError

OUTLINE_SHARE = 1 / 250  # width of a lesion's outline, of the image's shorter side
GAP_SHARE = 1 / 50  # between pictures side by side, of the image's width
# Sides of an embedded picture (px), and the pixels of all of them, which keep the page small.
LARGEST, SMALLEST = 1000, 320
PIXELS = 40_000_000
MOST_IMAGES = PIXELS // SMALLEST**2
QUALITY = 85  # of JPEG
COLORMAPS = {
    name.removeprefix("COLORMAP_").lower(): getattr(cv2, name)
    for name in dir(cv2)
    if name.startswith("COLORMAP_")
}


def check_look(colormap: str, opacity: float) -> None:
    """UserError for a colormap that OpenCV lacks, or an opacity outside [0, 1]."""
    if colormap not in COLORMAPS:
        near = difflib.get_close_matches(colormap.lower(), COLORMAPS, n=1)
        hint = f" Did you mean {near[0]}?" if near else ""
        known = ", ".join(sorted(COLORMAPS))
        raise UserError(f"--colormap {colormap}: is none of {known}.{hint}")
    if not 0 <= opacity <= 1:
        raise UserError(f"--opacity {opacity:g}: is not from 0 to 1.")


def coloured(heat: np.ndarray, colormap: str) -> np.ndarray:
    """A map, H x W in [0, 1], as colours: H x W x 3 uint8 in OpenCV's order (blue first)."""
    levels = (heat.clip(0, 1) * 255).round().astype(np.uint8)
    return cv2.applyColorMap(levels, COLORMAPS[colormap])


def stops(colormap: str) -> list[str]:
    """Colours of the values from 0 to 1 in equal steps, as in CSS."""
    colours = coloured(np.linspace(0, 1, 9)[None], colormap)[0, :, ::-1]
    return [f"#{red:02x}{green:02x}{blue:02x}" for red, green, blue in colours]


def overlay(
    image: np.ndarray, heat: np.ndarray, mask: np.ndarray | None, colormap: str, opacity: float
) -> np.ndarray:
    """Blend a map over an image; outline the lesion, white with a dark edge.

    `image` is H x W x 3 uint8 RGB, `heat` S x S in [0, 1], enlarged to it, `mask` H x W, true in
    the lesion. Returns H x W x 3 uint8 in OpenCV's order.
    """
    heat = cv2.resize(heat, image.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    plain, colours = image[..., ::-1].copy(), coloured(heat, colormap)
    blended = cv2.addWeighted(plain, 1 - opacity, colours, opacity, 0)
    if mask is not None:
        width = max(1, round(min(mask.shape) * OUTLINE_SHARE))
        lines = outlines(mask)
        cv2.drawContours(blended, lines, -1, (0, 0, 0), 3 * width, cv2.LINE_AA)
        cv2.drawContours(blended, lines, -1, (255, 255, 255), width, cv2.LINE_AA)
    return blended


def side_by_side(pictures: list[np.ndarray]) -> np.ndarray:
    """Pictures of one size, each H x W x 3 uint8, in a row with white gaps between them."""
    height, width = pictures[0].shape[:2]
    gap = np.full((height, max(2, round(width * GAP_SHARE)), 3), 255, np.uint8)
    row = [part for picture in pictures for part in (gap, picture)]
    return np.concatenate(row[1:], axis=1)


def outlines(mask: np.ndarray) -> list[np.ndarray]:
    """The outlines of a mask, H x W, true in the lesion: arrays of K x 1 x 2 (x, y), in px."""
    found, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
    return list(found)


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
