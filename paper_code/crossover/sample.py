"""The images of a crossover: one data set, or several of the same patients together."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from paper_code.datasets.catalog import find_dataset
from paper_code.datasets.images import load_image
from paper_code.datasets.prepare import resize_image
from paper_code.datasets.read import read_dataset
from paper_code.errors import UserError


@dataclass(frozen=True)
class Sample:
    """N images of two classes with their patients."""

    name: str  # of the data set, or names joined by "+"
    table: pd.DataFrame  # N rows of image, label (0 benign, 1 malignant) and patient
    images: np.ndarray  # uint8, N x 3 x S x S
    among: tuple[str, ...]  # the patients that may be tested: those of every data set


def read_sample(names: Sequence[str], roots: Sequence[str | Path], size: int) -> Sample:
    """Read and resize (to `size` px) the images of data sets with known patients, put together.

    UserError if files are missing or wrong, a class is not one of two, or a patient is unknown.
    """
    tables, images = [], []
    for name, root in zip(names, roots, strict=True):
        found = read_dataset(name, root)
        classes, colour = found.attrs["classes"], find_dataset(name).colour
        if len(classes) != 2 or (found["group"] == "").any():
            raise UserError(
                f"{name}: the crossover needs two classes and the patient of each image."
            )
        label = (found["label"] == classes[1]).astype(int)
        tables.append(found[["image"]].assign(label=label, patient=found["group"]))
        images += [resize_image(load_image(path, colour), size) for path in found["path"]]
    among = set.intersection(*[set(table["patient"]) for table in tables])
    return Sample(
        "+".join(names),
        pd.concat(tables, ignore_index=True),
        np.stack(images),
        tuple(sorted(among)),
    )
