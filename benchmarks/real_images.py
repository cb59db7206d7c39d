"""What colour alone tells on real images: why a split by image flatters on one set and not another.

    python benchmarks/real_images.py PREPARED [PREPARED ...]

For each prepared data set of two classes: its patients, and how well the mean and the deviation of
the three colour channels of an image predict its class, by logistic regression in ten
three-fold cross-validations that keep patients together or do not. If colour separates the classes
between patients, a split by patient costs a network little; if it only tells patients apart, a
split by image flatters. Also the nearest image by colour: of the same patient, and, among other
patients, of the same class.

Results go to benchmarks/results/real_images.{csv,md}: numbers about the images, no image.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score, roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold, cross_val_predict
from sklearn.neighbors import NearestNeighbors
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from paper_code.files import write_csv, write_text
from paper_code.provenance import commit, versions
from paper_code.reporting.labels import DATASET_LABELS
from paper_code.reporting.markdown import markdown, number
from paper_code.runs import load_manifest

RESULTS = Path(__file__).parent / "results"
REPEATS, FOLDS = 10, 3
WAYS = {"image": StratifiedKFold, "patient": StratifiedGroupKFold}


def colour_features(images: np.ndarray) -> np.ndarray:
    """N x 6 standardised means and deviations of the channels of N x 3 x H x W bytes."""
    pixels = images.astype(np.float64) / 255
    features = np.concatenate([pixels.mean((2, 3)), pixels.std((2, 3))], axis=1)
    return StandardScaler().fit_transform(features)


def describe(folder: str | Path) -> dict[str, object]:
    """One row of the table for a prepared data set of two classes with known patients."""
    manifest, source = load_manifest(folder)
    features = colour_features(np.load(Path(folder) / "images.npy", mmap_mode="r"))
    labels = (manifest["label"] == source["classes"][-1]).to_numpy().astype(int)
    patients = manifest["group"].to_numpy()
    per_class = manifest.groupby("label")["group"].nunique()
    row = {
        "dataset": source["dataset"],
        "data": source["description"],
        "images": len(labels),
        "patients": " + ".join(f"{per_class[name]} {name}" for name in source["classes"]),
        "largest_class": max(labels.mean(), 1 - labels.mean()),
    }
    for way in WAYS:
        scores = [
            _cross_validated(features, labels, patients, way, seed) for seed in range(REPEATS)
        ]
        row[f"auc_{way}"], row[f"balanced_accuracy_{way}"] = np.mean(scores, axis=0)
        row[f"auc_{way}_sd"] = np.std([auc for auc, _ in scores], ddof=1)
    return row | _neighbours(features, labels, patients)


def _cross_validated(features, labels, patients, way: str, seed: int) -> tuple[float, float]:
    folds = WAYS[way](FOLDS, shuffle=True, random_state=seed)
    groups = patients if way == "patient" else None
    model = make_pipeline(StandardScaler(), LogisticRegression(class_weight="balanced"))
    p = cross_val_predict(model, features, labels, groups=groups, cv=folds, method="predict_proba")[
        :, 1
    ]
    return roc_auc_score(labels, p), balanced_accuracy_score(labels, p > 0.5)


def _neighbours(features, labels, patients) -> dict[str, float]:
    """Shares of images whose nearest by colour is of the same patient, or class elsewhere."""
    order = NearestNeighbors(n_neighbors=len(labels)).fit(features).kneighbors(features)[1][:, 1:]
    other = patients[order] != patients[:, None]
    elsewhere = order[np.arange(len(order)), other.argmax(axis=1)]
    return {
        "nearest_same_patient": float((patients[order[:, 0]] == patients).mean()),
        "nearest_elsewhere_same_class": float((labels[elsewhere] == labels).mean()),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("prepared", nargs="+", help="folders of prepared data sets")
    table = pd.DataFrame([describe(folder) for folder in parser.parse_args().prepared]).round(4)
    write_csv(RESULTS / "real_images.csv", table)
    lines = [
        {
            "Data set": DATASET_LABELS.get(row["dataset"], row["dataset"]),
            "Images": row["images"],
            "Patients": row["patients"],
            "Largest class": number(row["largest_class"]),
            **{
                f"AUC of colour, by {way}": f"{number(row[f'auc_{way}'])} ± "
                f"{number(row[f'auc_{way}_sd'])}"
                for way in WAYS
            },
            "Nearest image: same patient": number(row["nearest_same_patient"]),
            "Nearest of another patient: same class": number(row["nearest_elsewhere_same_class"]),
        }
        for _, row in table.iterrows()
    ]
    installed = ", ".join(f"{name} {version}" for name, version in versions().items())
    blocks = [
        "# What colour alone tells on real images",
        f"Means and deviations of the three channels; {REPEATS} cross-validations of {FOLDS} "
        "folds, ± standard deviation between them.",
        markdown(pd.DataFrame(lines)),
        f"Commit {commit()}; {installed}.",
    ]
    write_text(RESULTS / "real_images.md", "\n\n".join(blocks) + "\n")


if __name__ == "__main__":
    main()
