"""Maps and lesions drawn over an image."""

import cv2
import numpy as np

OPACITY = 0.45  # of the map over the image
OUTLINE_SHARE = 1 / 250  # width of a lesion's outline, of the image's shorter side


def coloured(heat: np.ndarray) -> np.ndarray:
    """A map, H x W in [0, 1], as colours: H x W x 3 uint8 in OpenCV's order, blue 0 and red 1."""
    return cv2.applyColorMap((heat.clip(0, 1) * 255).round().astype(np.uint8), cv2.COLORMAP_JET)


def outlines(mask: np.ndarray) -> list[np.ndarray]:
    """The outlines of a mask, H x W, true in the lesion: arrays of K x 1 x 2 (x, y), in px."""
    found, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
    return list(found)


def overlay(image: np.ndarray, heat: np.ndarray, mask: np.ndarray | None = None) -> np.ndarray:
    """Blend a map over an image of any size; draw the lesion's outline, white with a dark edge.

    Args:
        image: H x W x 3 uint8 RGB.
        heat: S x S in [0, 1]; enlarged to the image.
        mask: H x W, true in the lesion.

    Returns:
        H x W x 3 uint8 in OpenCV's order (blue first).
    """
    heat = cv2.resize(heat, image.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    blended = cv2.addWeighted(image[..., ::-1].copy(), 1 - OPACITY, coloured(heat), OPACITY, 0)
    if mask is not None:
        width = max(1, round(min(mask.shape) * OUTLINE_SHARE))
        lines = outlines(mask)
        cv2.drawContours(blended, lines, -1, (0, 0, 0), 3 * width, cv2.LINE_AA)
        cv2.drawContours(blended, lines, -1, (255, 255, 255), width, cv2.LINE_AA)
    return blended
