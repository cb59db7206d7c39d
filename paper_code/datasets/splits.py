"""Train, validation and test sets (Table VI), image-wise or patient-wise, as CSV files."""

from pathlib import Path

import numpy as np
import pandas as pd

from paper_code.datasets.tables import PARTS, read_listed
from paper_code.errors import UserError
from paper_code.files import write_csv
from paper_code.progress import count_text

FRACTIONS = np.array([0.6, 0.1, 0.3])
TRIALS = 2000  # random assignments of patients before the nearest to 6:1:3 so far is taken
TOLERANCE = 0.05  # a class's share in a part may be so far from 6:1:3
TEST_PATIENTS = 2  # of each class in train and in test: one patient says nothing about others


def part_sizes(total: int) -> tuple[int, int, int]:
    """Images in train, val and test: 60 % rounded, 10 % rounded down, the rest.

    This rule gives every count of Table VI: 1995 -> 1197, 199, 599.
    """
    train = (6 * total + 5) // 10
    val = total // 10
    return train, val, total - train - val


def split_by_image(labels: np.ndarray, seed: int) -> np.ndarray:
    """Assign images to parts at random, stratified by label, with exactly `part_sizes`.

    N labels -> N part names. UserError if a class has too few images to stand in every part.
    """
    from sklearn.model_selection import train_test_split  # slow to import

    labels = np.asarray(labels)
    train, val, test = part_sizes(len(labels))
    index = np.arange(len(labels))
    try:
        rest, in_test = train_test_split(index, test_size=test, stratify=labels, random_state=seed)
        in_train, in_val = train_test_split(
            rest, train_size=train, test_size=val, stratify=labels[rest], random_state=seed
        )
    except ValueError as error:
        counts = pd.Series(labels).value_counts().to_dict()
        raise UserError(f"Too few images to split 6:1:3 by class: {counts} ({error}).") from error
    parts = np.empty(len(labels), dtype=object)
    parts[in_train], parts[in_val], parts[in_test] = PARTS
    counts = pd.crosstab(labels, parts)
    for label in counts.index[(counts == 0).any(axis=1)]:
        raise UserError(
            f"Too few images of class '{label}' to split 6:1:3: {counts.loc[label].to_dict()}."
        )
    return parts


def split_by_patient(labels: np.ndarray, groups: np.ndarray, seed: int) -> np.ndarray:
    """Assign whole patients to parts near 6:1:3 in every class, at random: N part names.

    Patients are placed in random order, each where its images are most lacking. The first
    assignment is taken that puts every class within `TOLERANCE` of 6:1:3 and at least
    `TEST_PATIENTS` of its patients into train and into test; the nearest of all `TRIALS` is taken
    where none does. Taking the nearest always would give different seeds much the same patients.
    Images with the group "" are patients of their own.

    UserError if a class has fewer than three patients, so that some part would lack it.
    """
    labels, groups = np.asarray(labels), np.asarray(groups, dtype=object)
    groups = np.where(groups == "", [f"image {i}" for i in range(len(groups))], groups)
    table = pd.crosstab(groups, labels)
    for label in table.columns:
        patients = int((table[label] > 0).sum())
        if patients < len(PARTS):
            raise UserError(
                f"Class '{label}' has images of {count_text(patients, 'patient')}; a "
                "patient-wise split needs at least 3. Use splits=image."
            )
    counts = table.to_numpy(float) / table.to_numpy().sum(axis=0)  # share of each class
    rng = np.random.default_rng(seed)
    best, nearest = None, np.inf
    for trial in range(2 * TRIALS):
        if trial >= TRIALS and best is not None:
            break
        # A class of three patients never reaches val by absolute need: then ask for relative need.
        scale = 1.0 if trial < TRIALS else FRACTIONS
        assignment, filled = np.empty(len(counts), int), np.zeros((len(PARTS), counts.shape[1]))
        for patient in rng.permutation(len(counts)):
            lacking = (FRACTIONS[:, None] - filled) @ counts[patient] / scale
            assignment[patient] = lacking.argmax()
            filled[assignment[patient]] += counts[patient]
        if not filled.all():
            continue
        deviation = np.abs(filled - FRACTIONS[:, None])
        if deviation.sum() < nearest:
            best, nearest = assignment, deviation.sum()
        patients = [(counts[assignment == part] > 0).sum(axis=0) for part in (0, 2)]  # train, test
        if deviation.max() <= TOLERANCE and np.min(patients) >= TEST_PATIENTS:
            best = assignment
            break
    if best is None:
        raise UserError("No patient-wise split puts every class into every part. Use splits=image.")
    part_of = dict(zip(table.index, np.array(PARTS, dtype=object)[best], strict=True))
    return np.array([part_of[group] for group in groups], dtype=object)


def official_split(table: pd.DataFrame, seed: int) -> np.ndarray:
    """The parts that a manifest's own column `split` gives; val is drawn from train if it has none.

    `table` has label, group and split ("train", "val" or "test") of N images. The draw takes whole
    patients: the val of a split of train by patient. Returns N part names. UserError for a split of
    another name, none for an image, no test or train image, a patient in two of them, or a class
    without an image in one.
    """
    parts = table["split"].to_numpy(dtype=object)
    unknown = sorted(set(parts) - set(PARTS))
    if unknown:
        raise UserError(f"split '{unknown[0]}' is not one of {', '.join(PARTS)}.")
    for part in ("train", "test"):
        if part not in parts:
            raise UserError(f"the column split has no image for {part}.")
    known = table[table["group"] != ""]
    crossing = known.groupby("group")["split"].nunique()
    if (crossing > 1).any():
        raise UserError(f"patient '{crossing.index[crossing > 1][0]}' is in two parts of 'split'.")
    if "val" not in parts:
        train = np.flatnonzero(parts == "train")
        rest = table.iloc[train]
        drawn = split_by_patient(rest["label"].to_numpy(), rest["group"].to_numpy(), seed)
        parts[train[drawn == "val"]] = "val"
    counts = pd.crosstab(table["label"], parts)[list(PARTS)]
    for label, row in counts[(counts == 0).any(axis=1)].iterrows():
        raise UserError(f"the column split has no image of class '{label}' for {row.idxmin()}.")
    return parts


def make_split(manifest: str | Path, output: str | Path, *, by: str, seed: int) -> None:
    """Write a split as CSV: image, label, group, part, by, seed; rows as in the manifest.

    `by` ("image" or "patient") and `seed` are the same in every row: the file itself says how it
    was made. A manifest of one's own may have a column `split` (train, val, test), which is then
    kept if `by` is "patient". UserError if there are too few images or patients.
    """
    table = read_listed(manifest, "image", "label", "group")
    try:
        if by == "patient" and "split" in table:
            parts = official_split(table, seed)
        elif by == "patient":
            parts = split_by_patient(table["label"], table["group"], seed)
        else:
            parts = split_by_image(table["label"], seed)
    except UserError as error:
        raise UserError(f"{manifest}: {error}") from error
    write_csv(output, table[["image", "label", "group"]].assign(part=parts, by=by, seed=seed))


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
