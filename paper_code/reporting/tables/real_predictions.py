"""Real predictions of a good network on all of BreakHis: how much do its test images really say?

Others published what their network said about every test image of the official folds. The images
of one patient are right and wrong together, so the standard error over patients is larger than the
one over images. The square of the ratio is the design effect; test images over design effect is
the number of independent images that a test part is worth where its patients are new.
"""

import numpy as np
import pandas as pd

from paper_code.datasets.breakhis_lists import read_folds, read_index, read_votes
from paper_code.metrics import bootstrap_interval, statistic_interval
from paper_code.metrics.clusters import DesignEffect, design_effects, ratio_interval
from paper_code.metrics.resampling import group_codes, left_out_values
from paper_code.published import published_table
from paper_code.reporting.labels import DATASET_LABELS, METRIC_LABELS
from paper_code.reporting.markdown import (
    code_provenance_block,
    interval_text,
    markdown,
    number,
    write_table,
)

METRICS = (
    "accuracy",
    "balanced_accuracy",
    "mcc",
    "auc_roc",
    "sensitivity",
    "specificity",
)
SHOWN = ("accuracy", "balanced_accuracy", "auc_roc")
ALL = "breakhis"  # the four magnifications together
DECISIVE = 0.5  # share of a test part that has the clearest votes
NOTES = f"""A ResNet152 triplet network with a self-organising map (S. Calderaro et al., GrC_SOM on
GitHub: salvatorecalderaro/GrC_SOM---BreakHis, exsperiment/results/res_f1.csv to res_f5.csv) voted
on about 28 fragments of each test image of the five official folds, 13,665 predictions in all. The
probability of malignant is its share of the votes; a tie counts as benign.

- **Images** and **patients**: 95 % intervals (BCa) of the same value with images, or whole
  patients, drawn with replacement.
- **Design effect**: variance of accuracy over patients divided by that over images, both
  linearised. Over the folds: the ratio of the summed variances, with a 95 % interval from leaving
  out one patient at a time, in every fold alike (the folds' test parts overlap, so they are not
  five independent samples). In simulations it holds the truth in about nine of ten cases.
- **Effective images**: test images of Table VI over the design effect.
- **What it is for**: a statement about new patients. A patient-wise test part of Table VI's size
  has about 21 patients, with about as many images each as those here. It is not the error of a
  test part drawn by image, whose patients are those of the training part: as a statement about
  the same patients, its error is that of the images.
- A quarter to two fifths of these test images are of a slide number that is also in training, with
  other letters ([split_patients](split_patients.md)). "Without them" leaves such images out.
- **Does it hold for a better network?** The {DECISIVE:.0%} of each test part with the clearest
  votes has an accuracy as high as the paper prints; the correlation within patients is compared."""


def write(output: str, *, lists: str, resamples: int) -> None:
    """Write `output` (.csv) and its .md.

    Args:
        output: the CSV.
        lists: folder of the three lists (`paper_code.datasets.breakhis_lists`).
        resamples: of the bootstrap.

    Raises:
        UserError: a list is missing or wrong.
    """
    votes = load_votes(lists)
    scores, effects = score_rows(votes, resamples), effect_rows(votes, resamples)
    known = known_rows(votes, resamples)
    table = pd.concat([scores, effects, known], ignore_index=True)
    provenance = code_provenance_block("published votes on 13,665 test images of BreakHis")
    title = "Real predictions on BreakHis: what its test images are worth"
    blocks = [_effect_block(effects), _known_block(known), *_score_blocks(scores)]
    sections = [NOTES, *blocks, provenance]
    write_table(output, table, title, sections)


def load_votes(lists: str) -> pd.DataFrame:
    """The predictions with their images (`read_votes`), `right` (0 or 1) and `known`.

    `known` is whether the patient, a slide number, is also in the training part of the fold.
    """
    index = read_index(lists)
    folds = read_folds(lists, index)
    votes = read_votes(lists, folds)
    predicted = np.where(votes["probability"] > 0.5, "malignant", "benign")
    trained = set(folds.loc[folds["part"] == "train", ["fold", "patient"]].itertuples(index=False))
    tested = votes[["fold", "patient"]].itertuples(index=False)
    return votes.assign(
        right=(predicted == votes["label"]).astype(float),
        known=[pair in trained for pair in tested],
    )


def score_rows(votes: pd.DataFrame, resamples: int) -> pd.DataFrame:
    """Metrics of each magnification and fold with both intervals, one row each."""
    rows = []
    for (dataset, fold), part in _parts(votes):
        y_true = (part["label"] == "malignant").to_numpy(int)
        y_prob = np.column_stack([1 - part["probability"], part["probability"]])
        by_image, by_patient = (
            bootstrap_interval(y_true, y_prob, groups, METRICS, resamples).set_index("metric")
            for groups in (None, part["patient"])
        )
        for metric in METRICS:
            image, patient = by_image.loc[metric], by_patient.loc[metric]
            row = {"dataset": dataset, "fold": str(fold), "metric": metric}
            row |= {"value": image["value"]}
            row |= {f"{end}_images": image[end] for end in ("low", "high")}
            row |= {f"{end}_patients": patient[end] for end in ("low", "high")}
            rows.append(row | _sizes(part))
    return pd.DataFrame(rows).round(6)


def effect_rows(votes: pd.DataFrame, resamples: int) -> pd.DataFrame:
    """Design effects: of each magnification and fold, then over the folds with intervals.

    Metrics `design_effect`, `error_images` and `error_patients` (standard errors of accuracy) and
    `correlation` within patients; over the folds also `effective_images` of Table VI's test part,
    the effect without patients known from training (`_new`), and accuracy and correlation of the
    most decisive images (`_decisive`).
    """
    cells = dict(_parts(votes))
    rows = []
    for (dataset, fold), part in cells.items():
        effect = DesignEffect(*cell_effects(part)[0])
        for metric, value in {
            "design_effect": effect.effect,
            "error_images": effect.error_images,
            "error_patients": effect.error_patients,
            "correlation": effect.correlation,
        }.items():
            row = {"dataset": dataset, "fold": str(fold), "metric": metric, "value": value}
            rows.append(row | _sizes(part))
    datasets = list(dict.fromkeys(dataset for dataset, _ in cells))
    for dataset in [*datasets, ALL]:
        chosen = [part for (name, _), part in cells.items() if dataset in (name, ALL)]
        rows += _pooled_rows(dataset, chosen, resamples)
    return pd.DataFrame(rows).round(6)


def known_rows(votes: pd.DataFrame, resamples: int) -> pd.DataFrame:
    """Accuracy on images of known and of new patients in each class, over all folds.

    Metrics `accuracy_LABEL_known`, `accuracy_LABEL_new` and `difference_LABEL` (known minus new),
    with intervals from patients drawn with replacement.
    """
    rows = []
    for label, images in votes.groupby("label"):
        known = images["known"].to_numpy()
        right = images["right"].to_numpy()
        codes = group_codes(images["patient"], len(images))

        def statistic(weights, known=known, right=right):
            with np.errstate(invalid="ignore"):
                sides = [
                    (weights * side * right).sum(axis=1) / (weights * side).sum(axis=1)
                    for side in (known, ~known)
                ]
            return np.column_stack([*sides, sides[0] - sides[1]])

        names = (f"accuracy_{label}_known", f"accuracy_{label}_new", f"difference_{label}")
        found = statistic_interval(statistic, names, codes, resamples)
        found = found.rename(columns={"low": "low_patients", "high": "high_patients"})
        counts = (known.sum(), (~known).sum(), len(known))
        patients = [images.loc[side, "patient"].nunique() for side in (known, ~known)]
        found["images"], found["patients"] = counts, [*patients, images["patient"].nunique()]
        rows.append(found.assign(dataset=ALL, fold="all"))
    return pd.concat(rows, ignore_index=True).round(6)


def magnification_effects(votes: pd.DataFrame) -> dict[str, float]:
    """The design effect of accuracy at each magnification, over the folds: {data set: effect}."""
    effects = {}
    for dataset, images in votes.groupby("dataset", sort=False):
        parts = [part for _, part in images.groupby("fold")]
        effects[dataset] = float(_pooled([cell_effects(part) for part in parts])[0, 0])
    return effects


def table_vi_test_images(dataset: str) -> int:
    """Test images of a data set in Table VI."""
    sizes = published_table("06")
    row = sizes[(sizes["dataset"] == dataset) & (sizes["part"] == "test")]
    return int(row["value"].iloc[0])


def cell_effects(part: pd.DataFrame, weights: np.ndarray | None = None) -> np.ndarray:
    """`design_effects` of one test part: R x 6 for R x N weights of its images; 1 x 6 without."""
    codes = group_codes(part["patient"], len(part))
    weights = np.ones((1, len(part))) if weights is None else weights
    return design_effects(part["right"].to_numpy()[None], codes, weights)


def _parts(votes: pd.DataFrame):
    """((data set, fold), its test images), by magnification and fold."""
    for (_, fold), part in votes.groupby(["magnification", "fold"]):
        yield (part["dataset"].iloc[0], fold), part


def _pooled(cells: list[np.ndarray]) -> np.ndarray:
    """R x 2: the design effect and the correlation over several test parts of R x 6 effects.

    The effect is the ratio of the summed variances; the correlation is weighted likewise.
    """
    stacked = np.array(cells)  # cells x R x 6
    fields = DesignEffect._fields
    images = stacked[..., fields.index("error_images")] ** 2
    patients = stacked[..., fields.index("error_patients")] ** 2
    correlation = stacked[..., fields.index("correlation")]
    known = np.where(np.isnan(correlation), 0, images)
    with np.errstate(invalid="ignore", divide="ignore"):
        effect = np.nansum(patients, axis=0) / np.nansum(images, axis=0)
        mean = np.nansum(correlation * known, axis=0) / known.sum(axis=0)
    return np.column_stack([effect, mean])


def _pooled_rows(dataset: str, parts: list[pd.DataFrame], resamples: int) -> list[dict]:
    """Design effect, correlation and effective images over test parts, with intervals.

    A draw of patients weighs each patient alike in every part.
    """
    decisive = [_decisive(part) for part in parts]
    new = [part[~part["known"]] for part in parts]
    patients = pd.unique(pd.concat([part["patient"] for part in parts]))

    def effects(chosen: list[pd.DataFrame], weights: np.ndarray) -> list[np.ndarray]:
        places = [pd.Index(patients).get_indexer(part["patient"]) for part in chosen]
        return [cell_effects(p, weights[:, c]) for p, c in zip(chosen, places, strict=True)]

    def statistic(weights: np.ndarray) -> np.ndarray:
        """R x 5: the metrics of `names`."""
        clear = effects(decisive, weights)
        with np.errstate(invalid="ignore"):
            accuracy = np.nanmean([cell[:, 0] for cell in clear], axis=0)
        return np.column_stack(
            [
                _pooled(effects(parts, weights)),
                _pooled(effects(new, weights))[:, 0],
                accuracy,
                _pooled(clear)[:, 1],
            ]
        )

    names = (
        "design_effect",
        "correlation",
        "design_effect_new",
        "accuracy_decisive",
        "correlation_decisive",
    )
    codes, images = np.arange(len(patients)), max(map(len, parts))
    found = statistic_interval(statistic, names, codes, resamples, images=images)
    found = found.rename(columns={"low": "low_patients", "high": "high_patients"})
    left_out = left_out_values(statistic, codes, images)
    for place, name in enumerate(names):
        if name.startswith("design_effect"):
            ends = ratio_interval(found["value"].iloc[place], left_out[:, place])
            found.loc[place, ["low_patients", "high_patients"]] = ends
    sizes = {
        "images": round(np.mean([len(part) for part in parts])),
        "patients": round(np.mean([part["patient"].nunique() for part in parts])),
    }
    rows = [{"dataset": dataset, "fold": "all"} | row for row in found.to_dict("records")]
    rows = [row | sizes for row in rows]
    if dataset != ALL:
        images = table_vi_test_images(dataset)
        effect = rows[0]
        effective = {
            "metric": "effective_images",
            "value": images / effect["value"],
            "low_patients": images / effect["high_patients"],
            "high_patients": images / effect["low_patients"],
            "images": images,
        }
        rows.append(effect | effective)
    return rows


def _decisive(part: pd.DataFrame) -> pd.DataFrame:
    """The share `DECISIVE` of a test part with the clearest votes; ties by file name."""
    order = part.assign(margin=(part["probability"] - 0.5).abs())
    order = order.sort_values(["margin", "image"], ascending=[False, True])
    return part.loc[order.index[: int(len(part) * DECISIVE)]]


def _sizes(part: pd.DataFrame) -> dict:
    return {"images": len(part), "patients": part["patient"].nunique()}


def _effect_block(effects: pd.DataFrame) -> str:
    lines = []
    for dataset, rows in effects[effects["fold"] == "all"].groupby("dataset", sort=False):
        of_folds = effects[(effects["dataset"] == dataset) & (effects["metric"] == "design_effect")]
        of_folds = of_folds.loc[of_folds["fold"] != "all", "value"]
        cells = rows.set_index("metric")

        def shown(metric: str, digits: int, cells: pd.DataFrame = cells) -> str:
            if metric not in cells.index:
                return "–"
            value, low, high = cells.loc[metric, ["value", "low_patients", "high_patients"]]
            return f"{value:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"

        lines.append(
            {
                "Test part": DATASET_LABELS.get(dataset, "All four"),
                "Design effect": shown("design_effect", 1),
                "in single folds": f"{of_folds.min():.1f} to {of_folds.max():.1f}"
                if len(of_folds)
                else "–",
                "without known patients": shown("design_effect_new", 1),
                "Test images (Table VI)": f"{cells.loc['effective_images', 'images']:.0f}"
                if "effective_images" in cells.index
                else "–",
                "Effective images": shown("effective_images", 0),
                "Correlation within patients": shown("correlation", 2),
                "Accuracy of the decisive half": shown("accuracy_decisive", 3),
                "Correlation there": shown("correlation_decisive", 2),
            }
        )
    return f"## Design effect of accuracy\n\n{markdown(pd.DataFrame(lines))}"


def _known_block(known: pd.DataFrame) -> str:
    cells = known.set_index("metric")
    lines = []
    for label in ("benign", "malignant"):
        line = {"Class": label}
        for side, heading in (("known", "Number also in training"), ("new", "Number not there")):
            row = cells.loc[f"accuracy_{label}_{side}"]
            text = interval_text(row["value"], row["low_patients"], row["high_patients"])
            line[heading] = f"{text}, {row['images']:,} predictions, {row['patients']} patients"
        row = cells.loc[f"difference_{label}"]
        line["Difference"] = interval_text(row["value"], row["low_patients"], row["high_patients"])
        lines.append(line)
    return (
        "## Accuracy on slide numbers that are also in training\n\nAll folds and magnifications; "
        "intervals over patients. The patients differ between the columns, so this is no "
        f"measurement of leakage.\n\n{markdown(pd.DataFrame(lines))}"
    )


def _score_blocks(scores: pd.DataFrame) -> list[str]:
    blocks = []
    for dataset, rows in scores.groupby("dataset", sort=False):
        lines = []
        for fold, cells in rows.groupby("fold", sort=False):
            first = cells.iloc[0]
            line = {"Fold": fold, "Images": str(first["images"])}
            line |= {"Patients": str(first["patients"])}
            for metric in SHOWN:
                row = cells.set_index("metric").loc[metric]
                line[f"{METRIC_LABELS[metric]} (images)"] = interval_text(
                    row["value"], row["low_images"], row["high_images"]
                )
                line["patients" + " " * SHOWN.index(metric)] = (
                    f"[{number(row['low_patients'])}, {number(row['high_patients'])}]"
                )
            lines.append(line)
        blocks.append(f"## {DATASET_LABELS[dataset]}\n\n{markdown(pd.DataFrame(lines))}")
    return blocks
