"""What a split lets through: patients in several parts, and images nearly alike across parts."""

import cv2
import numpy as np
import pandas as pd

SIDE = 32  # px of the grey copies that are compared
THRESHOLD = 0.98  # correlation from which two images count as nearly alike
_CHUNK = 2048  # rows of correlations held at once


def shared_patients(split: pd.DataFrame) -> dict[str, int]:
    """Patients of a split (columns group, part) and how many of them have images in several parts.

    Returns `patients`, `patients_shared`, `test_images`, and `test_images_known`: those whose
    patient also has images in the training set. Images without a patient ("") are not counted.
    """
    known = split[split["group"] != ""]
    parts = known.groupby("group")["part"].nunique()
    trained = set(known.loc[known["part"] == "train", "group"])
    test = known[known["part"] == "test"]
    return {
        "patients": len(parts),
        "patients_shared": int((parts > 1).sum()),
        "test_images": int((split["part"] == "test").sum()),
        "test_images_known": int(test["group"].isin(trained).sum()),
    }


def near_duplicates(
    images: np.ndarray, first: np.ndarray, second: np.ndarray, threshold: float = THRESHOLD
) -> pd.DataFrame:
    """Pairs of images, one of each set, that are nearly alike.

    Each image is made grey, shrunk to `SIDE` x `SIDE` px by area means and standardised; a pair
    counts if the correlation of the copies is at least `threshold`, as they are or with one
    mirrored left to right. So brightness, contrast, compression and noise do not hide a copy; a
    shift by more than a few per cent of the width, or a rotation, does.

    Args:
        images: uint8 N x 3 x S x S.
        first, second: row numbers of the two sets; a pair of a row with itself is left out.
        threshold: from -1 to 1.

    Returns:
        DataFrame: first, second (row numbers) and correlation, the highest first.
    """
    copies, mirrored = _copies(images[first]), _copies(images[second][..., ::-1])
    others = _copies(images[second])
    found = []
    for start in range(0, len(copies), _CHUNK):
        rows = copies[start : start + _CHUNK]
        likeness = np.maximum(rows @ others.T, rows @ mirrored.T)
        one, other = np.nonzero(likeness >= threshold)
        found.append(
            pd.DataFrame(
                {
                    "first": first[one + start],
                    "second": second[other],
                    "correlation": likeness[one, other],
                }
            )
        )
    pairs = pd.concat(found, ignore_index=True) if found else _NONE
    pairs = pairs[pairs["first"] != pairs["second"]]
    return pairs.sort_values("correlation", ascending=False, ignore_index=True)


_NONE = pd.DataFrame({"first": [], "second": [], "correlation": []})


def _copies(images: np.ndarray) -> np.ndarray:
    """N x SIDE² unit vectors with zero mean; a uniform image gives zeros."""
    grey = [cv2.cvtColor(np.moveaxis(image, 0, 2), cv2.COLOR_RGB2GRAY) for image in images]
    small = [cv2.resize(g, (SIDE, SIDE), interpolation=cv2.INTER_AREA).ravel() for g in grey]
    vectors = np.array(small, dtype=np.float32).reshape(-1, SIDE * SIDE)
    vectors -= vectors.mean(axis=1, keepdims=True)
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.where(length > 0, length, 1)
