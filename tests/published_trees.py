"""The smallest contents that pass for the published archives, under published names."""

import os

TREE = "BreaKHis_v1/histology_slides/breast"
PHOTOS = "ICIAR2018_BACH_Challenge/Photos"


def breakhis_files(size: int) -> dict[str, bytes]:
    """One image of each class and magnification: `size` bytes that cannot be compressed."""
    files = {}
    for magnification in (40, 100, 200, 400):
        for letter, folder, subtype, slide in (
            ("B", "benign/SOB/adenosis", "A", "14-22549AB"),
            ("M", "malignant/SOB/ductal_carcinoma", "DC", "14-2523"),
        ):
            stem = f"SOB_{letter}_{subtype}-{slide}"
            name = f"SOB_{letter}_{subtype}_{slide}/{magnification}X/{stem}-{magnification}-001.png"
            files[f"{TREE}/{folder}/{name}"] = os.urandom(size)
    return files


def bach_files(size: int) -> dict[str, bytes]:
    """One image of each class: `size` bytes that cannot be compressed."""
    names = ("Normal/n001", "Benign/b001", "InSitu/is001", "Invasive/iv001")
    return {f"{PHOTOS}/{name}.tif": os.urandom(size) for name in names}
