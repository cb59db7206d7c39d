"""Draws docs/reference/phantoms.jpg: one row per class, the lesion outlined in the last column.

python docs/reference/phantom_contact_sheet.py
"""

import tempfile
from pathlib import Path

import cv2
import numpy as np

from paper_code.datasets.catalog import PAPER_DATASETS
from paper_code.datasets.images import load_image, load_mask
from paper_code.datasets.read import read_dataset
from paper_code.parallel import cores
from paper_code.phantoms import write_phantom

TILE = {"breakhis": (350, 230), "bach": (307, 230), "mini_ddsm": (230, 350)}
QUALITY = [cv2.IMWRITE_JPEG_QUALITY, 85]
COLUMNS = {"breakhis": 1, "bach": 4, "mini_ddsm": 5}


def tile(row, size: tuple[int, int], outline: bool) -> np.ndarray:
    image = load_image(row.path)
    pixels = np.asarray(image.resize(size)).copy()
    if outline and row.mask:
        mask = np.asarray(load_mask(row.mask, image.size).resize(size))
        contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(pixels, contours, -1, (0, 255, 0), 1)
    return cv2.copyMakeBorder(pixels, 3, 3, 3, 3, cv2.BORDER_CONSTANT, value=(255, 255, 255))


def main() -> None:
    blocks = []
    with tempfile.TemporaryDirectory() as folder:
        for family in TILE:
            root = Path(folder, family)
            write_phantom(family, root, images=48, height=460, seed=0, workers=cores())
            tables = [
                read_dataset(name, root)
                for name, dataset in PAPER_DATASETS.items()
                if dataset.family == family
            ]
            for label in tables[0].attrs["classes"]:
                rows = []
                for table in tables:
                    images = table[table["label"] == label]
                    if family == "mini_ddsm" and label != "normal":
                        images = images[images["mask"] != ""]
                    step = max(1, len(images) // COLUMNS[family])
                    rows += list(images.iloc[::step][: COLUMNS[family]].itertuples())
                tiles = [tile(row, TILE[family], row is rows[-1]) for row in rows]
                blocks.append(np.hstack(tiles))
    width = max(block.shape[1] for block in blocks)
    padded = [
        cv2.copyMakeBorder(
            block, 0, 0, 0, width - block.shape[1], cv2.BORDER_CONSTANT, value=(255, 255, 255)
        )
        for block in blocks
    ]
    sheet = cv2.resize(np.vstack(padded), None, fx=0.62, fy=0.62, interpolation=cv2.INTER_AREA)
    cv2.imwrite(str(Path(__file__).with_name("phantoms.jpg")), sheet[..., ::-1], QUALITY)


if __name__ == "__main__":
    main()
