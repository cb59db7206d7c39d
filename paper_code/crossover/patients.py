"""One row for each test patient, arm and repeat: all that the tables are made from."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from paper_code.crossover.design import Repeat
from paper_code.crossover.sample import Sample
from paper_code.errors import UserError
from paper_code.files import read_csv

IMAGE_COLUMNS = ["image", "label", "patient", "network", "arm", "known", "margin"]
KEYS = ["dataset", "network", "training", "seed", "repeat", "arm", "patient"]
COLUMNS = [*KEYS, "label", "known", "images", "correct", "log_loss", "auc"]


def by_image(
    sample: Sample, repeat: Repeat, network: str, margins: dict[str, np.ndarray]
) -> pd.DataFrame:
    """What arms of a repeat say of each test image: `IMAGE_COLUMNS`.

    `margins` has for each of these arms T logits of malignant minus benign, in the order of
    `repeat.test`.
    """
    tested = sample.table.iloc[repeat.test]
    arms = [
        tested.assign(network=network, arm=arm, known=repeat.known[arm].astype(int), margin=margin)
        for arm, margin in margins.items()
    ]
    return pd.concat(arms, ignore_index=True)[IMAGE_COLUMNS].round({"margin": 5})


def by_patient(images: pd.DataFrame, **keys: object) -> pd.DataFrame:
    """Sum up the rows of `by_image` of one repeat by network, arm and patient: `COLUMNS`.

    `known` is 1 where the arm was trained on other images of the patient; `correct` and `log_loss`
    are sums over its `images`; `auc` is the probability that one of its images and one of a test
    patient of the other class, as known or unknown as itself, are put in the right order by the
    arm, all those patients weighing the same. `keys`: dataset, training, seed and repeat.
    """
    side = np.where(images["label"] == 1, images["margin"], -images["margin"])
    images = images.assign(correct=(side > 0).astype(int), log_loss=np.logaddexp(0, -side))
    parts = []
    for (network, arm, known), tested in images.groupby(["network", "arm", "known"], sort=False):
        rows = tested.groupby("patient", as_index=False).agg(
            label=("label", "first"),
            images=("label", "size"),
            correct=("correct", "sum"),
            log_loss=("log_loss", "sum"),
        )
        auc = rows["patient"].map(placements(tested))
        parts.append(rows.assign(network=network, arm=arm, known=known, auc=auc))
    found = pd.concat(parts, ignore_index=True).assign(**keys)
    return found[COLUMNS].round({"log_loss": 5, "auc": 5})


def read_patients(paths: Iterable[str | Path]) -> pd.DataFrame:
    """The rows of several files of `by_patient`.

    UserError if a file lacks a column, or a row is in two of them.
    """
    rows = pd.concat([read_csv(path, *COLUMNS, dtype=None) for path in paths], ignore_index=True)
    twice = rows[rows.duplicated(KEYS)]
    if len(twice):
        named = ", ".join(f"{key} {twice[key].iloc[0]}" for key in KEYS)
        raise UserError(f"Two of the files of patients hold the same row: {named}. Give one.")
    return rows


def placements(images: pd.DataFrame) -> dict[str, float]:
    """Of each patient, the mean share of pairs with each patient of the other class in order."""
    benign, malignant = (
        {name: rows["margin"].to_numpy() for name, rows in of_class.groupby("patient")}
        for _, of_class in images.groupby("label")
    )
    ordered = np.array(
        [[_in_order(low, high) for high in malignant.values()] for low in benign.values()]
    )
    return dict(zip(benign, ordered.mean(axis=1), strict=True)) | dict(
        zip(malignant, ordered.mean(axis=0), strict=True)
    )


def _in_order(low: np.ndarray, high: np.ndarray) -> float:
    """Share of pairs with the higher margin in `high`; ties count half."""
    return float(((high[:, None] > low) + 0.5 * (high[:, None] == low)).mean())
