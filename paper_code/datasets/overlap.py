"""What a split lets through: patients in several parts."""

import pandas as pd


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
